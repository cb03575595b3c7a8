"""The pages under ``leaderboards/``: a pure function of ``benchmarks/``, ``results/`` and the strips of samples.

Strips (`bench.gallery`) are drawn by `build` where the predictions are in the cache, and are committed like results;
everything else can be made anew from a clone.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench import gallery, jobs, markdown, overview, pages, plots, rank, submissions, webpage
from bench.cache import default_root
from bench.document import Page, pictures
from bench.files import write_bytes
from bench.report import Measured, measure
from bench.reproduce import kept_samples
from bench.spec import KINDS, Benchmark, Table
from bench.store import Store, table_of
from bench.verdicts import ClaimReport, judge
from bench.workspace import Workspace
from core_eval import Budget, Metric, Result

SHOWN: tuple[Budget, ...] = ("paper", "standard", "quick")
"""Budgets that are published, best first; a smoke run tests the machinery, not the method."""


@dataclass(frozen=True)
class Board:
    """A benchmark with everything that was measured on it."""

    benchmark: Benchmark
    tables: tuple[Table, ...]
    metrics: dict[str, Metric]
    results: Mapping[str, list[Result]]
    measured: tuple[Measured, ...]  # only those with a measured cell
    submitted: tuple[Measured, ...]  # rows that others submitted, per table and kind of data
    store: Store
    folder: Path  # of the pages, where strips of samples are looked for

    @cached_property
    def rankings(self) -> list[rank.Ranking]:
        return list(rank.rankings((*self.measured, *self.submitted), self.benchmark, self.metrics))

    @cached_property
    def claims(self) -> Mapping[tuple[str, str, str], tuple[ClaimReport, ...]]:
        """Claims by (table, data, budget)."""
        return {(one.table.id, one.data, one.budget): judge(one) for one in self.measured}

    def of(self, table: Table) -> list[Measured]:
        return [one for one in self.measured if one.table.id == table.id]

    def best(self, table: Table, data: str) -> Measured | None:
        """The one of the highest budget."""
        return next((one for one in self.of(table) if one.data == data), None)

    def outdated(self, table: Table) -> int:
        """Results whose signature is no longer that of the protocol."""
        signatures = {name: metric.signature for name, metric in self.metrics.items()}
        return sum(signatures.get(result.metric) != result.signature for result in self.results[table.id])


def load(workspace: Workspace, key: str) -> Board:
    """Read a benchmark's tables and results. Raises `InputError` for anything malformed."""
    catalogue, store = workspace.catalogue, Store(workspace.results)
    benchmark = catalogue.benchmark(key)
    tables = tuple(catalogue.tables(key))
    metrics = {name: jobs.metric(choice) for name, choice in benchmark.metrics.items()}
    kept = kept_samples(store, benchmark, metrics)
    results: dict[str, list[Result]] = {}
    measured: list[Measured] = []
    submitted: list[Measured] = []
    for table in tables:
        file = store.file(key, table.id)
        results[table.id] = found = store.read(key, table.id)
        others = submissions.submitted(found)
        theirs = submissions.table_of(table, others, file)
        table_of(found, table.id, [*table.rows, *theirs.rows], file)
        for data in KINDS:
            for budget in SHOWN:
                one = measure(table, benchmark, metrics, found, kept, data, budget)
                if one.ran:
                    measured.append(one)
            one = measure(theirs, benchmark, metrics, others, kept, data, submissions.BUDGET)
            if one.ran:
                submitted.append(one)
    return Board(benchmark, tables, metrics, results, tuple(measured), tuple(submitted), store, workspace.leaderboards)


def boards(workspace: Workspace) -> list[Board]:
    """Every benchmark, in the order of the index."""
    return [load(workspace, key) for key in workspace.catalogue.keys]


def documents(workspace: Workspace, found: list[Board]) -> list[Page]:
    """Every page: the index, the benchmarks, the claims."""
    papers = workspace.catalogue.papers
    return [
        overview.index(found),
        *(pages.benchmark(board, papers) for board in found),
        overview.claims(found, papers),
    ]


def figures(found: list[Board]) -> Iterator[tuple[Path, bytes]]:
    """Every plot as SVG, by path below ``leaderboards/``."""
    for board in found:
        for measured in board.measured:
            for plot in plots.plots(measured):
                yield Path(board.benchmark.key, f"{plot.name}.svg"), plots.svg(plot.draw())


def report(workspace: Workspace) -> str:
    """All pages as one HTML file."""
    found = boards(workspace)
    drawn = {str(path): content for path, content in figures(found)}

    def file(name: str) -> bytes:
        return drawn[name] if name in drawn else (workspace.leaderboards / name).read_bytes()

    measured = frozenset(board.benchmark.key for board in found if board.measured or board.submitted)
    return webpage.render(documents(workspace, found), measured, file)


def build(workspace: Workspace) -> Counter[str]:
    """Write all pages, plots and strips, and remove those that nothing makes any more; counts what was done."""
    found, done = boards(workspace), Counter[str]()
    kept = {path for board in found for path in _strips(workspace, board, done)}
    made = {Path(f"{page.key}.md"): markdown.render(page).encode() for page in documents(workspace, found)}
    for path, content in (*made.items(), *figures(found)):
        kept.add(path)
        file = workspace.leaderboards / path
        if not file.exists() or file.read_bytes() != content:
            write_bytes(file, content)
            done["written"] += 1
    for file in _generated(workspace):
        if file.relative_to(workspace.leaderboards) not in kept:
            file.unlink()
            done["removed"] += 1
    done["unchanged"] = len(kept) - done["written"]
    return done


def _strips(workspace: Workspace, board: Board, done: Counter[str]) -> Iterator[Path]:
    """Draw the strips of samples that are missing, where that can be done; the paths of those that are there."""
    place = jobs.Place(default_root(), None, False, "", False)
    for measured in board.measured:
        for strip in gallery.strips(measured) if measured.data == "stand-in" else ():
            path = Path(board.benchmark.key, strip.name)
            file = workspace.leaderboards / path
            if not file.exists():
                content = gallery.draw(strip, measured, place)
                if content is None:
                    done["strips of samples that cannot be drawn here"] += 1
                    continue
                write_bytes(file, content)
                done["written"] += 1
            yield path


def check(workspace: Workspace) -> str:
    """The difference between the pages and what they should be; empty if there is none.

    Text is compared character by character. Of pictures only the existence is: the bytes of plots depend on the version
    of matplotlib, and strips of samples cannot be made from a clone.
    """
    lines: list[str] = []
    found = boards(workspace)
    made = {Path(f"{page.key}.md"): page for page in documents(workspace, found)}
    shown = {Path(picture.file) for page in made.values() for picture in pictures(page.blocks)}
    for path, page in made.items():
        file = workspace.leaderboards / path
        before = file.read_text("utf-8") if file.exists() else ""
        after = markdown.render(page)
        lines += difflib.unified_diff(
            before.splitlines(), after.splitlines(), f"leaderboards/{path}", "what it should be", lineterm="", n=1
        )
        lines += [
            f"leaderboards/{path} shows {picture.file}, which is missing"
            for picture in pictures(page.blocks)
            if not (workspace.leaderboards / picture.file).exists()
        ]
    for file in _generated(workspace):
        path = file.relative_to(workspace.leaderboards)
        if path not in made and path not in shown:
            lines.append(f"leaderboards/{path} is made by nothing")
    return "\n".join(lines)


def _generated(workspace: Workspace) -> list[Path]:
    forms = ("*.md", "*/*.svg", "*/samples-*.webp")
    return sorted(file for form in forms for file in workspace.leaderboards.glob(form))
