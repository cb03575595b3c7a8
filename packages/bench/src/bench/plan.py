"""Which runs a table needs. Pure: no data, no models, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from bench.naming import recipe, seed
from bench.reading import nearest
from bench.spec import Benchmark, Column, Row, Table, Train
from core_eval import Budget, InputError, Kind

EVERY = "all"
"""Names every measured column."""


@dataclass(frozen=True, slots=True)
class Run:
    """One prediction file: a row's method, trained once with one seed, on one split; it fills some columns.

    Two runs with equal `model` share a trained model.
    """

    benchmark: str
    table: str
    row: str
    columns: tuple[str, ...]
    split: str
    method: str
    options: dict[str, Any]
    predict: dict[str, Any]
    repetition: int
    seed: int
    budget: Budget
    data: Kind
    dataset: str
    train: Train

    @property
    def model(self) -> tuple[object, ...]:
        """What makes the model, except the hashes of data and code."""
        train = (self.train.dataset, self.train.split, self.train.valid)
        return (self.method, self.options, self.seed, self.budget, *train)

    @property
    def recipe(self) -> str:
        return recipe(self.method, self.options, self.predict)

    @property
    def package(self) -> str:
        return self.method.partition(":")[0]

    @property
    def label(self) -> str:
        return f"{self.row}, seed {self.repetition}"


def plan(
    table: Table,
    benchmark: Benchmark,
    *,
    data: Kind,
    budget: Budget,
    seeds: int | None = None,
    first_seed: int = 0,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
) -> tuple[Run, ...]:
    """The runs of a table, row by row, models that are shared next to each other.

    `rows` and `columns` are as in `select` and `select_columns`; repetitions are counted from `first_seed`. Raises
    `InputError` for an unknown row or column, a kind of data the benchmark lacks, a number of seeds below one, or a
    first one below zero.
    """
    if data not in benchmark.data:
        raise InputError(f"{benchmark.key} has no {data} data", file=benchmark.file, field=f"data.{data}")
    count = table.budget(budget).seeds if seeds is None else seeds
    if count < 1:
        raise InputError(f"expected at least one seed, got {count}")
    if first_seed < 0:
        raise InputError(f"seeds are counted from 0, got {first_seed} as the first")
    wanted = select_columns(table, columns, budget)
    runs: list[Run] = []
    for row in select(table, rows):
        for repetition in range(first_seed, first_seed + count):
            runs += _runs(table, benchmark, row, wanted, data, budget, repetition)
    order = {model: index for index, model in reversed(list(enumerate(map(_model_key, runs))))}
    return tuple(sorted(runs, key=lambda run: order[_model_key(run)]))


def select(table: Table, names: Sequence[str]) -> list[Row]:
    """The rows of those labels (all if none is named), case aside, in table order. Raises `InputError` for others."""
    known = {label.casefold(): label for label in table.rows}
    wanted = set()
    for name in names:
        if name.casefold() not in known:
            raise InputError(f"unknown row {name!r}{nearest(name, table.rows)}", file=table.file, field="rows")
        wanted.add(known[name.casefold()])
    return [row for label, row in table.rows.items() if not names or label in wanted]


def select_columns(table: Table, names: Sequence[str], budget: str) -> list[Column]:
    """The columns of those keys or titles, case aside, in table order: ``all`` for every measured one, and those that
    the budget fills if none is named. Raises `InputError` for others."""
    measured = [column for column in table.columns.values() if column.metric is not None]
    if not names:
        left_out = table.left_out(budget)
        return [column for column in measured if column not in left_out]
    wanted: set[str] = set()
    for name in names:
        word = name.casefold()
        called = {one.key for one in measured if word in (EVERY, one.key.casefold(), one.title.casefold())}
        if not called:
            known = [*(one.key for one in measured), EVERY]
            raise InputError(
                f"unknown or unmeasured column {name!r}{nearest(name, known)}", file=table.file, field="columns"
            )
        wanted |= called
    return [column for column in measured if column.key in wanted]


def options_of(table: Table, row: Row, column: Column, budget: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Training and prediction options of a cell: the row's, then the column's, then the table's for the budget."""
    training = {**row.options, **column.options, **table.budget(budget).options}
    return training, {**row.predict, **column.predict}


def _runs(
    table: Table,
    benchmark: Benchmark,
    row: Row,
    columns: Sequence[Column],
    data: Kind,
    budget: Budget,
    repetition: int,
) -> list[Run]:
    if row.method is None:
        return []
    train = table.train or benchmark.train
    if train is None:
        raise InputError("neither table nor benchmark says what methods learn from", file=table.file, field="train")
    groups: dict[str, tuple[Column, list[str]]] = {}
    for column in columns:
        if data in column.data and table.measurable(row, column):
            same = recipe(row.split(column), *options_of(table, row, column, budget))
            groups.setdefault(same, (column, []))[1].append(column.key)
    runs = []
    for column, keys in groups.values():
        options, predict = options_of(table, row, column, budget)
        runs.append(
            Run(
                benchmark=benchmark.key,
                table=table.id,
                row=row.label,
                columns=tuple(keys),
                split=row.split(column),
                method=row.method,
                options=options,
                predict=predict,
                repetition=repetition,
                seed=seed(row.method, options, repetition),
                budget=budget,
                data=data,
                dataset=benchmark.data[data],
                train=train.on(data),
            )
        )
    return runs


def _model_key(run: Run) -> str:
    return recipe(run.method, run.options, {"repetition": run.repetition})


def budget_of(name: str) -> Budget:
    return cast(Budget, name)
