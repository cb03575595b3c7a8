"""What the files under ``benchmarks/`` say, as frozen records.

A benchmark is a protocol (data, splits, metrics with their choices); a table is one printed table of one paper, scored
by that protocol. The records are plain data: ids of methods, data sets and metrics are resolved by `bench.registry`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from core_eval import Kind  # at run time it would import numpy, and with it slow down every listing

Holds = Literal["yes", "no", "partly", "not-checkable", "figure-only", "trend", "judgement"]
HOLDS: tuple[Holds, ...] = ("yes", "no", "partly", "not-checkable", "figure-only", "trend", "judgement")
KINDS: tuple[Kind, ...] = ("real", "stand-in")
BETTER = ("higher", "lower", "none")
BUDGETS = ("smoke", "quick", "standard", "paper")
Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper. `code` is its number in the project's list of papers, `notes` what it contradicts itself in."""

    key: str
    title: str
    authors: tuple[str, ...]
    year: int
    venue: str
    code: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers of at least `low` and below `high`, by their size whatever their sign if `absolute`."""

    low: float
    high: float
    absolute: bool = False


Where = tuple[tuple[str, tuple[int, ...] | Interval], ...]
"""Names of numbers in the target, and for each the values, or the interval, that belong to a part."""


@dataclass(frozen=True, slots=True)
class Split:
    """Test samples; `counts` is how many a complete copy has, `box` what tells a method where the object is.

    With `part_of`, the samples of that split for which every target[name] of `where` is one of the values, or in the
    interval.
    """

    name: str
    description: str
    counts: Mapping[Kind, int]
    box: str
    note: str
    part_of: str = ""
    where: Where = ()


@dataclass(frozen=True, slots=True)
class MetricChoice:
    """A metric with every choice made. `source`: whether the paper fixes the choices, or we do."""

    name: str
    metric: str
    options: Options
    source: Literal["paper", "choice"]
    ranked: bool
    note: str


@dataclass(frozen=True, slots=True)
class Train:
    """What methods learn from. Where they are scored on real data, that is `real`, unless it is empty."""

    dataset: str
    split: str
    valid: str
    real: str = ""

    def on(self, data: Kind) -> Train:
        """What they learn from where they are scored on that kind of data."""
        return Train(self.real, self.split, self.valid) if data == "real" and self.real else self


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A protocol. `data` maps a kind of data to a data set's id."""

    key: str
    title: str
    description: str
    data: Mapping[Kind, str]
    train: Train | None
    splits: Mapping[str, Split]
    metrics: Mapping[str, MetricChoice]
    notes: tuple[str, ...]
    file: Path


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        metric: a metric of the protocol; None where nothing measures the column (yet), or it holds words.
        unit: as printed; a measured value is converted to it. Empty: the metric's own.
        better: needed without a metric; ``none`` for words.
        data: kinds of data that can fill the column.
        options, predict: added to those of the row, for a column that is a training or test condition.
    """

    key: str
    title: str
    metric: str | None
    split: str
    unit: str
    better: str
    data: tuple[Kind, ...]
    options: Options
    predict: Options
    note: str


@dataclass(frozen=True, slots=True)
class Row:
    """A system. `reported` keeps the printed digits; `columns` names those it can fill (None: all).

    `options` go to the method's factory and make another model; `predict` goes to its prediction and does not. `needs`
    says what a row without a method waits for; `series` and `x` place the row in a figure. `splits` names the split of
    a column where it is not the column's own, for rows that are test subjects.
    """

    label: str
    method: str | None
    options: Options
    predict: Options
    reported: Mapping[str, str]
    columns: tuple[str, ...] | None
    role: str
    needs: str
    note: str
    series: str
    x: float | None
    splits: Mapping[str, str] = field(default_factory=dict)

    def split(self, column: Column) -> str:
        """What the row is measured on in that column."""
        return self.splits.get(column.key, column.split)


@dataclass(frozen=True, slots=True)
class Pair:
    """Every row of `better` is compared with every row of `worse` in every column.

    `against`: columns of the worse rows, one for each of `columns`; empty where they are the same.
    `more_than`: columns, one for each of `columns`, where the better rows gain less over the worse ones; empty where
    rows are compared and not gains.
    """

    columns: tuple[str, ...]
    better: tuple[str, ...]
    worse: tuple[str, ...]
    against: tuple[str, ...] = ()
    more_than: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """(column of the better rows, column of the worse ones), or (column, that of the smaller gain)."""
        return tuple(zip(self.columns, self.against or self.more_than or self.columns, strict=True))


@dataclass(frozen=True, slots=True)
class Claim:
    """An ordering that a paper states, or that we add (`claimed_by_paper` false)."""

    text: str
    pairs: tuple[Pair, ...]
    claimed_by_paper: bool
    holds_in_paper: Holds
    comment: str
    counterexamples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BudgetChange:
    """What a table changes in a budget.

    Attributes:
        seeds: default number.
        options: added to every row's.
        columns: those that are filled unless others are asked for; None: all.
    """

    seeds: int = 1
    options: Options = field(default_factory=dict)
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """How the rows are drawn: one line per `series` over `x`."""

    x: str
    log: bool


@dataclass(frozen=True, slots=True)
class Table:
    """One printed table or figure of a paper."""

    id: str
    title: str
    paper: str
    where: str
    protocol: str
    columns: Mapping[str, Column]
    rows: Mapping[str, Row]
    claims: tuple[Claim, ...]
    notes: tuple[str, ...]
    train: Train | None
    budgets: Mapping[str, BudgetChange]
    figure: Figure | None
    file: Path

    def budget(self, name: str) -> BudgetChange:
        return self.budgets.get(name, BudgetChange())

    def left_out(self, budget: str) -> tuple[Column, ...]:
        """Measurable columns that the budget does not fill by itself."""
        filled = self.budget(budget).columns
        return tuple(
            column
            for key, column in self.columns.items()
            if filled is not None and column.metric is not None and key not in filled
        )

    def fills(self, row: Row, column: Column) -> bool:
        """Whether the row has, or could have, a value in the column."""
        if column.key in row.reported:
            return True
        return row.method is not None and column.metric is not None and self.measurable(row, column)

    @staticmethod
    def measurable(row: Row, column: Column) -> bool:
        return column.metric is not None and (row.columns is None or column.key in row.columns)
