"""From the files under ``benchmarks/`` to the records of `bench.spec`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

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
    MetricChoice,
    Pair,
    Paper,
    Row,
    Split,
    Table,
    Train,
)
from core_eval import InputError

if TYPE_CHECKING:
    from core_eval import Kind


@dataclass(frozen=True)
class Catalogue:
    """The specifications below a folder, read when they are asked for. Raises `InputError` for anything malformed."""

    folder: Path

    @cached_property
    def papers(self) -> Mapping[str, Paper]:
        top = read_toml(self.folder / "papers.toml")
        return {key: _paper(key, keys) for key, keys in ((key, top.inner(key)) for key in top.table)}

    @cached_property
    def files(self) -> Mapping[str, Path]:
        """Table files by table id."""
        found: dict[str, Path] = {}
        for file in sorted(self.folder.glob("*/*.toml")):
            if file.name == "benchmark.toml":
                continue
            if file.stem in found:
                raise InputError(f"two tables are called {file.stem!r}, here and in {found[file.stem]}", file=file)
            found[file.stem] = file
        return found

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Benchmark keys, sorted."""
        return tuple(sorted(file.parent.name for file in self.folder.glob("*/benchmark.toml")))

    def benchmark(self, key: str) -> Benchmark:
        if key not in self.keys:
            raise InputError(f"unknown benchmark {key!r}{nearest(key, self.keys)}")
        return _benchmark(self.folder / key / "benchmark.toml")

    def table(self, name: str) -> Table:
        if name not in self.files:
            raise InputError(f"unknown table {name!r}{nearest(name, self.files)}")
        file = self.files[name]
        table = _table(file, self.benchmark(file.parent.name))
        if table.paper not in self.papers:
            raise InputError(
                f"unknown paper {table.paper!r}{nearest(table.paper, self.papers)}", file=file, field="paper"
            )
        return table

    def tables(self, benchmark: str) -> list[Table]:
        return [self.table(name) for name, file in self.files.items() if file.parent.name == benchmark]


def _paper(key: str, keys: Keys) -> Paper:
    paper = Paper(
        key=key,
        title=keys.text("title"),
        authors=keys.texts("authors"),
        year=keys.get("year", int),
        venue=keys.text("venue"),
        code=keys.text("code"),
    )
    keys.done()
    return paper


def _benchmark(file: Path) -> Benchmark:
    top = read_toml(file)
    data = top.text_map("data")
    for kind in data:
        if kind not in KINDS:
            raise InputError(f"unknown kind of data {kind!r}{nearest(kind, KINDS)}", file=file, field=f"data.{kind}")
    benchmark = Benchmark(
        key=file.parent.name,
        title=top.text("title"),
        description=top.text("description"),
        data=cast("Mapping[Kind, str]", data),
        train=_train(top),
        splits={name: _split(name, keys) for name, keys in top.each("splits")},
        metrics={name: _metric(name, keys) for name, keys in top.each("metrics", {})},
        notes=top.texts("notes", ()),
        file=file,
    )
    top.done()
    return benchmark


def _train(top: Keys) -> Train | None:
    if "train" not in top.table:
        return None
    keys = top.inner("train")
    train = Train(keys.text("dataset"), keys.text("split", "train"), keys.text("valid", "valid"))
    keys.done()
    return train


def _split(name: str, keys: Keys) -> Split:
    counts = {kind: keys.get(kind, int) for kind in KINDS if kind in keys.table}
    split = Split(name, keys.text("description"), counts, keys.text("box", "none"), keys.text("note", ""))
    keys.done()
    return split


def _metric(name: str, keys: Keys) -> MetricChoice:
    if not name or "|" in name or not name.isprintable():
        raise keys.error("a metric's name must be printable and without '|'", "metric")
    source = keys.one_of("source", ("paper", "choice"))
    choice = MetricChoice(
        name=name,
        metric=keys.text("metric"),
        options=keys.options("options"),
        source="paper" if source == "paper" else "choice",
        ranked=keys.get("ranked", bool, True),
        note=keys.text("note", ""),
    )
    keys.done()
    return choice


def _table(file: Path, protocol: Benchmark) -> Table:
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
        row = _row(keys, columns)
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
        train=_train(top),
        budgets={name: _budget(keys) for name, keys in top.each("budgets", {})},
        figure=Figure(figure.text("x"), figure.get("log", bool, False)) if figure else None,
        file=file,
    )
    for name in table.budgets:
        _known(top, "budgets", name, BUDGETS, "budget")
    if figure:
        figure.done()
    top.done()
    return table


def _budget(keys: Keys) -> BudgetChange:
    change = BudgetChange(keys.get("seeds", int, 1), keys.options("options"))
    if change.seeds < 1:
        raise keys.error(f"expected at least one seed, got {change.seeds}", "seeds")
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


def _row(keys: Keys, columns: Mapping[str, Column]) -> Row:
    reported = keys.text_map("reported")
    able = keys.texts("columns") if "columns" in keys.table else None
    for name, found in (("reported", reported), ("columns", able or ())):
        for column in found:
            _known(keys, f"{name}.{column}" if name == "reported" else name, column, columns, "column")
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
    pair = Pair(named, keys.texts("better"), keys.texts("worse"))
    for column in named:
        _known(keys, "columns", column, columns, "column")
    for side in ("better", "worse"):
        for label in getattr(pair, side):
            _known(keys, side, label, rows, "row")
    if keys.path.endswith("]") and ".pairs[" in keys.path:
        keys.done()
    return pair


def _known(keys: Keys, key: str, name: str, known: Iterable[str], what: str) -> None:
    names = list(known)
    if name not in names:
        raise keys.error(f"unknown {what} {name!r}{nearest(name, names)}", key)


assert set(HOLDS) == set(get_args(Holds))
