"""Markdown of the pages over all benchmarks: the claims and the index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bench import texts
from bench.catalogue import natural
from bench.markdown import DO_NOT_EDIT, bullets, grid
from bench.pages import DATA
from bench.report import Measured
from bench.spec import Paper, Table

if TYPE_CHECKING:
    from bench.leaderboard import Board

EXPLANATION = """\
Every ordering that the papers state (and a few of ours), tested with a paired bootstrap over test units and seeds,
Holm-corrected within a table. *holds*: every comparison that could be tested favours it (adjusted p < 0.05); *fails*:
one speaks against it; *undecided*: neither; *not run*: no comparison could be tested, because a system in it has no
implementation or no result yet; *not testable*: no comparison expresses it. In brackets: comparisons tested of all,
budget. The last column says whether the paper's own printed numbers support the claim, and what speaks against it."""


def claims(boards: Sequence[Board], papers: Mapping[str, Paper]) -> str:
    """Every claim of every paper and its verdict."""
    parts = [
        DO_NOT_EDIT,
        "# Claims",
        EXPLANATION,
    ]
    for key, paper in papers.items():
        tables = [(board, table) for board in boards for table in board.tables if table.paper == key]
        tables.sort(key=lambda one: (natural(one[1].where), one[1].id))
        rows = [_claim_row(board, table, index) for board, table in tables for index in range(len(table.claims))]
        if rows:
            parts += [f"## {paper.title}", grid(("Table", "Claim", "Stand-in data", "Real data", "In the paper"), rows)]
            if paper.notes:
                parts += ["Where the paper contradicts itself or leaves something open, apart from its tables:"]
                parts += [bullets(paper.notes)]
    return "\n\n".join(parts) + "\n"


def _claim_row(board: Board, table: Table, index: int) -> tuple[str, ...]:
    claim = table.claims[index]
    found = []
    for kind in ("stand-in", "real"):
        one = board.best(table, kind)
        if one is None:
            found.append(texts.untested(claim))
            continue
        report = board.claims[table.id, one.data, one.budget][index]
        tested = f" ({len(report.tested)} of {len(report.comparisons)}, {one.budget})" if report.tested else ""
        found.append(texts.verdict(report) + tested)
    return (f"[{table.where}]({board.benchmark.key}.md)", texts.claim(claim), *found, texts.in_paper(claim))


def index(boards: Sequence[Board]) -> str:
    """The list of pages."""
    rows = []
    for board in boards:
        systems = Counter(one.data for one in board.measured for row in one.table.rows if _ran(one, row))
        rows.append(
            (
                f"[{board.benchmark.title}]({board.benchmark.key}.md)",
                "; ".join(table.where for table in board.tables),
                *(str(systems[kind]) for kind in DATA),
            )
        )
    findings = Counter(
        report.finding
        for board in boards
        for table in board.tables
        if (one := board.best(table, "stand-in")) is not None
        for report in board.claims[table.id, one.data, one.budget]
    )
    told = ", ".join(f"{count} {finding}" for finding, count in sorted(findings.items()))
    return (
        "\n\n".join(
            [
                DO_NOT_EDIT,
                "# Leaderboards",
                grid(("Benchmark", "Tables", "Systems on real data", "Systems on stand-in data"), rows, right=(2, 3)),
                f"[Claims of the papers and their verdicts](claims.md); on stand-in data: {told or 'none tested yet'}.",
            ]
        )
        + "\n"
    )


def _ran(one: Measured, row: str) -> bool:
    return any(one.cell(row, column).status == "measured" for column in one.table.columns)
