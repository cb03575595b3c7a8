"""The pages under ``leaderboards/``: a pure function of ``benchmarks/`` and ``results/``."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench import jobs, overview, pages, plots
from bench.files import write_bytes, write_text
from bench.markdown import pictures
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
    store: Store

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
    for table in tables:
        results[table.id] = found = store.read(key, table.id)
        table_of(found, table.id, list(table.rows), store.file(key, table.id))
        for data in KINDS:
            for budget in SHOWN:
                one = measure(table, benchmark, metrics, found, kept, data, budget)
                if one.ran:
                    measured.append(one)
    return Board(benchmark, tables, metrics, results, tuple(measured), store)


def texts(workspace: Workspace) -> dict[Path, str]:
    """Every text page, by path below ``leaderboards/``."""
    catalogue = workspace.catalogue
    boards = [load(workspace, key) for key in catalogue.keys]
    made = {Path(f"{board.benchmark.key}.md"): pages.benchmark(board, catalogue.papers) for board in boards}
    made[Path("claims.md")] = overview.claims(boards, catalogue.papers)
    made[Path("README.md")] = overview.index(boards)
    return made


def figures(workspace: Workspace) -> Iterator[tuple[Path, bytes]]:
    """Every plot as SVG, by path below ``leaderboards/``."""
    for key in workspace.catalogue.keys:
        for measured in load(workspace, key).measured:
            for name, draw in plots.plots(measured):
                yield Path(key, f"{name}.svg"), plots.svg(draw())


def build(workspace: Workspace) -> Counter[str]:
    """Write all pages and plots, and remove those that nothing makes any more; counts what was done."""
    done: Counter[str] = Counter()
    kept = set()
    for path, text in texts(workspace).items():
        kept.add(path)
        file = workspace.leaderboards / path
        if not file.exists() or file.read_text("utf-8") != text:
            write_text(file, text)
            done["written"] += 1
    for path, content in figures(workspace):
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


def check(workspace: Workspace) -> str:
    """The difference between the pages and what they should be; empty if there is none.

    Text is compared character by character. Of plots only the existence is: their bytes depend on the version of
    matplotlib.
    """
    lines: list[str] = []
    made = texts(workspace)
    for path, text in made.items():
        file = workspace.leaderboards / path
        before = file.read_text("utf-8") if file.exists() else ""
        lines += difflib.unified_diff(
            before.splitlines(), text.splitlines(), f"leaderboards/{path}", "what it should be", lineterm="", n=1
        )
        lines += [
            f"leaderboards/{path} shows {link}, which is missing"
            for link in pictures(text)
            if not (file.parent / link).exists()
        ]
    for file in _generated(workspace):
        path = file.relative_to(workspace.leaderboards)
        if file.suffix == ".md" and path not in made:
            lines.append(f"leaderboards/{path} is made by nothing")
    return "\n".join(lines)


def _generated(workspace: Workspace) -> list[Path]:
    return sorted([*workspace.leaderboards.glob("*.md"), *workspace.leaderboards.glob("*/*.svg")])
