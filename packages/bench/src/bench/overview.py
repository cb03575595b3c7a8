"""The pages over all benchmarks: the claims and the index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bench import texts
from bench.catalogue import natural
from bench.document import Block, Bullets, Emphasis, Grid, Heading, Line, Link, Page, Paragraph, join
from bench.report import Measured
from bench.sections import DATA
from bench.spec import Paper, Table

if TYPE_CHECKING:
    from bench.leaderboard import Board

EXPLANATION: Line = (
    "Every ordering that the papers state (and a few of ours), tested with a paired bootstrap over test units and "
    "seeds, Holm-corrected within a table. ",
    Emphasis("holds"),
    ": every comparison that could be tested favours it (adjusted p < 0.05); ",
    Emphasis("fails"),
    ": one speaks against it; ",
    Emphasis("undecided"),
    ": neither; ",
    Emphasis("not run"),
    ": no comparison could be tested, because a system in it has no implementation or no result yet; ",
    Emphasis("not testable"),
    ": no comparison expresses it. In brackets: comparisons tested of all, budget. The last column says whether the "
    "paper's own printed numbers support the claim, and what speaks against it.",
)


def claims(boards: Sequence[Board], papers: Mapping[str, Paper]) -> Page:
    """Every claim of every paper and its verdict."""
    blocks: list[Block] = [Paragraph(EXPLANATION)]
    for key, paper in papers.items():
        tables = [(board, table) for board in boards for table in board.tables if table.paper == key]
        tables.sort(key=lambda one: (natural(one[1].where), one[1].id))
        rows = [_claim_row(board, table, index) for board, table in tables for index in range(len(table.claims))]
        if rows:
            headings = ("Table", "Claim", "Stand-in data", "Real data", "In the paper")
            blocks += [Heading(2, paper.title, key), Grid(f"Claims of {paper.title}", headings, rows)]
            if paper.notes:
                text = "Where the paper contradicts itself or leaves something open, apart from its tables:"
                blocks += [Paragraph(text), Bullets(paper.notes)]
    return Page("claims", "Claims", blocks)


def _claim_row(board: Board, table: Table, index: int) -> tuple[Line, ...]:
    claim = table.claims[index]
    found: list[Line] = []
    for kind in ("stand-in", "real"):
        one = board.best(table, kind)
        if one is None:
            found.append((texts.untested(claim),))
            continue
        report = board.claims[table.id, one.data, one.budget][index]
        inside = f": {', '.join(report.inside)}" if report.inside else ""
        tested = f" ({len(report.tested)} of {len(report.comparisons)}, {one.budget}{inside})" if report.tested else ""
        found.append((texts.verdict(report), tested))
    where = (Link(table.where, board.benchmark.key, table.id),)
    return (where, texts.claim(claim), *found, texts.in_paper(claim))


def index(boards: Sequence[Board]) -> Page:
    """The list of pages."""
    rows: list[tuple[Line, ...]] = []
    for board in boards:
        key = board.benchmark.key
        measured = (*board.measured, *board.submitted)
        systems = Counter(one.data for one in measured for row in one.table.rows if _ran(one, row))
        tables: list[Line] = [(Link(table.where, key, table.id),) for table in board.tables]
        where = (Link(board.benchmark.title, key),)
        rows.append((where, join(tables, "; "), *(str(systems[kind]) for kind in DATA)))
    findings = Counter(
        report.finding
        for board in boards
        for table in board.tables
        if (one := board.best(table, "stand-in")) is not None
        for report in board.claims[table.id, one.data, one.budget]
    )
    told = ", ".join(f"{count} {finding}" for finding, count in sorted(findings.items()))
    headings = ("Benchmark", "Tables", "Systems on real data", "Systems on stand-in data")
    link = Link("Claims of the papers and their verdicts", "claims")
    blocks: list[Block] = [
        Grid("Benchmarks", headings, rows, (2, 3)),
        Paragraph((link, f"; on stand-in data: {told or 'none tested yet'}.")),
    ]
    return Page("README", "Leaderboards", blocks)


def _ran(one: Measured, row: str) -> bool:
    return any(one.cell(row, column).status == "measured" for column in one.table.columns)
