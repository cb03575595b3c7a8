"""From a table file to its records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bench.reading import Keys, nearest, read_toml
from bench.spec import (
    BETTER,
    BUDGETS,
    HOLDS,
    KINDS,
    Benchmark,
    BudgetChange,
    Claim,
    Column,
    Figure,
    Holds,
    Pair,
    Row,
    Table,
    Train,
)
from core_eval import InputError

if TYPE_CHECKING:
    from core_eval import Kind


def read_table(file: Path, protocol: Benchmark) -> Table:
    """Read and check a table file against its protocol. Raises `InputError` naming file and key path."""
    top = read_toml(file)
    named = top.text("protocol")
    if named != protocol.key:
        raise top.error(
            f"the table lies in the folder of {protocol.key!r} but names the protocol {named!r}", "protocol"
        )
    split = top.one_of("split", protocol.splits, "")
    columns = {key: _column(key, keys, protocol, split) for key, keys in top.each("columns")}
    rows: dict[str, Row] = {}
    for keys in top.rows("rows"):
        row = _row(keys, columns, protocol)
        if row.label in rows:
            raise keys.error(f"two rows are labelled {row.label!r}", "label")
        rows[row.label] = row
    if not columns or not rows:
        raise InputError("a table needs columns and rows", file=file, field="columns" if not columns else "rows")
    printed = tuple(key for key in columns if any(key in row.reported for row in rows.values()))
    figure = top.inner("figure") if "figure" in top.table else None
    table = Table(
        id=file.stem,
        title=top.text("title"),
        paper=top.text("paper"),
        where=top.text("where"),
        protocol=named,
        columns=columns,
        rows=rows,
        claims=tuple(_claim(keys, columns, rows, printed or tuple(columns)) for keys in top.rows("claims")),
        notes=top.texts("notes", ()),
        train=read_train(top),
        budgets={name: _budget(keys, columns) for name, keys in top.each("budgets", {})},
        figure=Figure(figure.text("x"), figure.get("log", bool, False)) if figure else None,
        file=file,
    )
    for name in table.budgets:
        _known(top.inner("budgets"), name, name, BUDGETS, "budget")
    if figure:
        figure.done()
    top.done()
    return table


def _budget(keys: Keys, columns: Mapping[str, Column]) -> BudgetChange:
    filled = keys.texts("columns") if "columns" in keys.table else None
    change = BudgetChange(keys.get("seeds", int, 1), keys.options("options"), filled)
    if change.seeds < 1:
        raise keys.error(f"expected at least one seed, got {change.seeds}", "seeds")
    if filled == ():
        raise keys.error("a budget fills at least one column", "columns")
    for column in filled or ():
        _known(keys, "columns", column, columns, "column")
        if columns[column].metric is None:
            raise keys.error(f"nothing measures the column {column!r}", "columns")
    keys.done()
    return change


def _column(key: str, keys: Keys, protocol: Benchmark, split: str) -> Column:
    metric = keys.text("metric") if "metric" in keys.table else None
    if metric is not None:
        _known(keys, "metric", metric, protocol.metrics, "metric")
    kinds = keys.texts("data", KINDS)
    for kind in kinds:
        _known(keys, "data", kind, KINDS, "kind of data")
    column = Column(
        key=key,
        title=keys.text("title", key),
        metric=metric,
        split=keys.one_of("split", protocol.splits, split),
        unit=keys.text("unit") if metric is None else keys.text("unit", ""),
        better=keys.one_of("better", BETTER) if metric is None else keys.one_of("better", BETTER, ""),
        data=cast("tuple[Kind, ...]", kinds),
        options=keys.options("options"),
        predict=keys.options("predict"),
        note=keys.text("note", ""),
    )
    if metric is not None and not column.split:
        raise keys.error("a measured column needs a split, its own or the table's", "split")
    keys.done()
    return column


def _row(keys: Keys, columns: Mapping[str, Column], protocol: Benchmark) -> Row:
    reported = keys.text_map("reported")
    able = keys.texts("columns") if "columns" in keys.table else None
    for column in reported:
        _known(keys.inner("reported"), column, column, columns, "column")
    for column in able or ():
        _known(keys, "columns", column, columns, "column")
    splits = keys.text_map("splits")
    for column, split in splits.items():
        _known(keys.inner("splits"), column, column, columns, "column")
        _known(keys.inner("splits"), column, split, protocol.splits, "split")
    row = Row(
        label=keys.text("label"),
        method=keys.text("method") if "method" in keys.table else None,
        options=keys.options("options"),
        predict=keys.options("predict"),
        reported=reported,
        columns=able,
        role=keys.text("role", ""),
        needs=keys.text("needs", ""),
        note=keys.text("note", ""),
        series=keys.text("series", ""),
        x=keys.get("x", float) if "x" in keys.table else None,
        splits=splits,
    )
    if row.method is None and not reported and not row.needs:
        raise keys.error("a row has a method, reported cells, or says in 'needs' what it waits for", "method")
    keys.done()
    return row


def _claim(keys: Keys, columns: Mapping[str, Column], rows: Mapping[str, Row], every: tuple[str, ...]) -> Claim:
    inline = [keys] if "better" in keys.table else []
    pairs = tuple(_pair(part, columns, rows, every) for part in (*inline, *keys.rows("pairs")))
    claim = Claim(
        text=keys.text("text"),
        pairs=pairs,
        claimed_by_paper=keys.get("claimed_by_paper", bool, True),
        holds_in_paper=cast(Holds, keys.one_of("holds_in_paper", HOLDS)),
        comment=keys.text("comment", ""),
        counterexamples=keys.texts("counterexamples", ()),
    )
    keys.done()
    return claim


def _pair(keys: Keys, columns: Mapping[str, Column], rows: Mapping[str, Row], every: tuple[str, ...]) -> Pair:
    named = every if keys.table.get("columns", "all") == "all" else keys.texts("columns")
    keys.get("columns", object, "all")
    others = {key: keys.texts(key) for key in ("against", "more_than") if key in keys.table}
    if len(others) > 1:
        raise keys.error("gains have no columns of their own for the worse rows", "against")
    pair = Pair(named, keys.texts("better"), keys.texts("worse"), **others)
    for key, those in {"columns": named, **others}.items():
        for column in those:
            _known(keys, key, column, columns, "column")
    for key, those in others.items():
        if len(those) != len(named):
            raise keys.error(f"{len(named)} columns, but {len(those)} to compare them with", key)
        for one, other in pair.places:
            if columns[one].metric != columns[other].metric:
                raise keys.error(f"the columns {one!r} and {other!r} are measured in different ways", key)
    for side in ("better", "worse"):
        for label in getattr(pair, side):
            _known(keys, side, label, rows, "row")
    if keys.path.endswith("]") and ".pairs[" in keys.path:
        keys.done()
    return pair


def read_train(top: Keys) -> Train | None:
    """The optional ``[train]`` of a benchmark or table."""
    if "train" not in top.table:
        return None
    keys = top.inner("train")
    train = Train(keys.text("dataset"), keys.text("split", "train"), keys.text("valid", "valid"), keys.text("real", ""))
    keys.done()
    return train


def _known(keys: Keys, key: str, name: str, known: Iterable[str], what: str) -> None:
    names = list(known)
    if name not in names:
        raise keys.error(f"unknown {what} {name!r}{nearest(name, names)}", key)
