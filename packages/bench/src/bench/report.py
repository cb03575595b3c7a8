"""A table with what was measured beside what was printed: the one record behind terminal, JSON and leaderboard page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench import resampled
from bench.naming import recipe
from bench.plan import options_of
from bench.samples import Samples
from bench.spec import Benchmark, Column, Row, Table
from core_eval import Budget, InputError, Kind, Metric, Result

Status = Literal["measured", "failed", "not run", "reported only", "not applicable", "no data"]
Verdict = Literal["match", "close", "off", ""]
Loader = Callable[[Result], Samples | None]

_UNITS = {"fraction": ("share", 1.0), "percent": ("share", 0.01), "mm": ("length", 1.0), "cm": ("length", 10.0)} | {
    "m": ("length", 1000.0),
    "milliseconds": ("time", 0.001),
    "seconds": ("time", 1.0),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: printed text, and value with 95 % interval over test units and seeds, in the column's unit.

    `results` are the lines that were pooled, one per seed, of one edition: same code, data, training and signature.
    """

    column: str
    reported: str
    status: Status
    value: float | None = None
    low: float | None = None
    high: float | None = None
    verdict: Verdict = ""
    error: str = ""
    results: tuple[Result, ...] = ()

    @property
    def n(self) -> int:
        return self.results[0].n if self.results else 0

    @property
    def seeds(self) -> int:
        return len(self.results)


@dataclass(frozen=True, slots=True)
class Measured:
    """A table's cells on one kind of data under one budget."""

    table: Table
    benchmark: Benchmark
    data: Kind
    budget: Budget
    metrics: Mapping[str, Metric]  # by metric name
    cells: Mapping[tuple[str, str], Cell]  # by (row, column)
    load: Loader

    def cell(self, row: str, column: str) -> Cell:
        return self.cells[row, column]

    def metric(self, column: str) -> Metric | None:
        return self.metrics.get(self.table.columns[column].metric or "")

    @property
    def results(self) -> tuple[Result, ...]:
        return tuple(result for cell in self.cells.values() for result in cell.results)

    @property
    def left_out(self) -> tuple[Column, ...]:
        """Columns that the budget does not fill, and that nobody asked for."""
        return tuple(
            column
            for column in self.table.left_out(self.budget)
            if not any(self.cell(row, column.key).status in ("measured", "failed") for row in self.table.rows)
        )

    @property
    def ran(self) -> bool:
        return bool(self.results)


def unit(column: Column, metric: Metric | None) -> str:
    return column.unit or (metric.unit if metric else "")


def better(column: Column, metric: Metric | None) -> str:
    return column.better or (metric.better if metric else "")


def scale(column: Column, metric: Metric) -> float:
    """Factor from the metric's unit to the column's. Raises `InputError` for units that do not convert."""
    wanted = unit(column, metric)
    if wanted == metric.unit:
        return 1.0
    source, target = _UNITS.get(metric.unit), _UNITS.get(wanted)
    if source is None or target is None or source[0] != target[0]:
        raise InputError(f"a value in {metric.unit} cannot be shown in {wanted}", field=f"columns.{column.key}.unit")
    return source[1] / target[1]


def measure(
    table: Table,
    benchmark: Benchmark,
    metrics: Mapping[str, Metric],
    results: Iterable[Result],
    load: Loader,
    data: Kind,
    budget: Budget,
) -> Measured:
    """Pool the results of a table on one kind of data under one budget into cells.

    `load` gives the per-sample values of a result's run, or None where they are not kept (then there is no interval).
    """
    mine: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        if result.data == data and result.budget == budget:
            mine.setdefault((result.row, result.column), []).append(result)
    cells = {
        (row.label, column.key): _cell(
            table, benchmark, row, column, metrics, mine.get((row.label, column.key), []), load, data, budget
        )
        for row in table.rows.values()
        for column in table.columns.values()
    }
    return Measured(table, benchmark, data, budget, metrics, cells, load)


@dataclass(frozen=True, slots=True)
class Contributions:
    """Ids (N), groups (N) and values (S, N, ...) of a cell, one row of values per seed."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    values: NDArray[np.float64]


def contributions(cell: Cell, metric: str, load: Loader) -> Contributions | None:
    """What a cell's samples contributed; None if a seed's values are not kept or the seeds' samples differ."""
    loaded = [one for result in cell.results if (one := load(result)) is not None and metric in one.values]
    if not loaded or len(loaded) < len(cell.results) or any(one.ids != loaded[0].ids for one in loaded):
        return None
    return Contributions(loaded[0].ids, loaded[0].groups, np.stack([one.values[metric] for one in loaded]))


def _cell(
    table: Table,
    benchmark: Benchmark,
    row: Row,
    column: Column,
    metrics: Mapping[str, Metric],
    results: Sequence[Result],
    load: Loader,
    data: Kind,
    budget: Budget,
) -> Cell:
    reported = row.reported.get(column.key, "")
    if row.method is None or column.metric is None:
        waiting = bool(row.needs) or (row.method is not None and not reported)
        return Cell(column.key, reported, "not run" if waiting else "reported only")
    if not table.measurable(row, column):
        return Cell(column.key, reported, "not applicable")
    if data not in column.data:
        return Cell(column.key, reported, "no data")
    metric = metrics[column.metric]
    expected = recipe(row.method, *options_of(table, row, column, budget))
    fitting = [r for r in results if r.signature == metric.signature and r.provenance.method == expected]
    pooled = _pool([result for result in fitting if result.value is not None])
    if not pooled:
        errors = [result.error for result in fitting if result.error]
        return Cell(column.key, reported, "failed" if errors else "not run", error=errors[-1] if errors else "")
    factor = scale(column, metric)
    value = factor * float(np.mean([result.value for result in pooled]))
    low = high = None
    bare = Cell(column.key, reported, "measured", value, results=pooled)
    values = contributions(bare, metric.name, load)
    if values is not None:
        names = ("interval", table.id, row.label, column.key, data, budget)
        code = resampled.code_of(metric, benchmark)
        interval = resampled.interval(values.values, values.groups, metric.reduce, metric.terms, names, code)
        low, high = factor * interval.low, factor * interval.high
    # An incomplete copy is another test set: its number says nothing about the printed one.
    whole = not any(result.provenance.partial for result in pooled)
    verdict = compare(reported, value, low, high) if data == "real" and whole else ""
    return Cell(column.key, reported, "measured", value, low, high, verdict, results=pooled)


def _pool(results: Sequence[Result]) -> tuple[Result, ...]:
    """The newest result and the newest of each other seed that shares its edition, by seed."""
    if not results:
        return ()
    edition = _edition(results[-1])
    by_seed = {result.seed: result for result in results if _edition(result) == edition}
    return tuple(by_seed[index] for index in sorted(by_seed))


def _edition(result: Result) -> tuple[object, ...]:
    """What results must share to be repetitions of one experiment: data, training, and the code behind the method."""
    origin = result.provenance
    code = sorted(item for item in origin.versions.items() if _SOURCE.search(item[1]))
    return (result.split, origin.fingerprint, origin.trained_on, origin.partial, code)


_SOURCE = re.compile(r"\+[0-9a-f]{12}$")
"""Local packages carry the hash of their source (`bench.usage.versions`); another Python or torch is no new edition."""


def compare(reported: str, value: float, low: float | None, high: float | None) -> Verdict:
    """A measured value against printed digits: half of the last digit, then the interval."""
    try:
        printed = Decimal(reported)
    except InvalidOperation:
        return ""
    exponent = printed.as_tuple().exponent
    half = 0.5 * 10.0 ** (exponent if isinstance(exponent, int) else 0)
    if abs(value - float(printed)) <= half * (1 + 1e-9):
        return "match"
    if low is not None and high is not None and low <= float(printed) <= high:
        return "close"
    return "off"
