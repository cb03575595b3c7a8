"""From the files under ``benchmarks/`` to the records of `bench.spec`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bench.reading import Keys, nearest, read_toml
from bench.spec import KINDS, Benchmark, Interval, MetricChoice, Paper, Split, Table, Where
from bench.tablefile import read_table, read_train
from core_eval import InputError

if TYPE_CHECKING:
    from core_eval import Kind


_HEAD = re.compile(r"^(?:title|paper|where)\s*=.*$", re.MULTILINE)
_ROWS = (re.compile(r"^\[\[rows\]\]", re.MULTILINE), re.compile(r"^method\s*=", re.MULTILINE))


@dataclass(frozen=True, slots=True)
class Head:
    """A table's title and place, its number of rows, and how many of them have a method."""

    title: str
    paper: str
    where: str
    rows: int
    able: int


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
        if key not in self._benchmarks:
            self._benchmarks[key] = _benchmark(self.folder / key / "benchmark.toml")
        return self._benchmarks[key]

    @cached_property
    def _benchmarks(self) -> dict[str, Benchmark]:
        return {}

    def table(self, name: str) -> Table:
        if name not in self.files:
            raise InputError(f"unknown table {name!r}{nearest(name, self.files)}")
        file = self.files[name]
        table = read_table(file, self.benchmark(file.parent.name))
        if table.paper not in self.papers:
            raise InputError(
                f"unknown paper {table.paper!r}{nearest(table.paper, self.papers)}", file=file, field="paper"
            )
        return table

    def head(self, name: str) -> Head:
        """What a listing shows of a table. Only the lines that say it are parsed: the rest would take most of the time.

        A file that does not hold them line by line is read in full. Raises `InputError` as `table` does, but finds
        nothing wrong in what it does not read.
        """
        try:
            text = self.files[name].read_text("utf-8")
            top, _, rest = text.partition("\n[")
            words = tomllib.loads("\n".join(_HEAD.findall(top)))
            return Head(words["title"], words["paper"], words["where"], *(len(one.findall(rest)) for one in _ROWS))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError):
            table = self.table(name)
            able = sum(row.method is not None for row in table.rows.values())
            return Head(table.title, table.paper, table.where, len(table.rows), able)

    def tables(self, benchmark: str) -> list[Table]:
        """The tables of a benchmark, by paper and by where they stand in it (Table 2 before Table 10)."""
        found = [self.table(name) for name, file in self.files.items() if file.parent.name == benchmark]
        return sorted(found, key=lambda table: (self.papers[table.paper].code, natural(table.where), table.id))


def natural(where: str) -> list[str | int]:
    """Text and numbers in turn, so that numbers compare as numbers."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", where)]


def _paper(key: str, keys: Keys) -> Paper:
    paper = Paper(
        key=key,
        title=keys.text("title"),
        authors=keys.texts("authors"),
        year=keys.get("year", int),
        venue=keys.text("venue"),
        code=keys.text("code"),
        notes=keys.texts("notes", ()),
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
        train=read_train(top),
        splits={name: _split(name, keys) for name, keys in top.each("splits")},
        metrics={name: _metric(name, keys) for name, keys in top.each("metrics", {})},
        notes=top.texts("notes", ()),
        file=file,
    )
    top.done()
    for name, split in benchmark.splits.items():
        whole = benchmark.splits.get(split.part_of)
        if split.part_of and (whole is None or whole.part_of):
            raise InputError(f"{split.part_of!r} is no split that has parts", file=file, field=f"splits.{name}.part_of")
    return benchmark


def _split(name: str, keys: Keys) -> Split:
    counts = {kind: keys.get(kind, int) for kind in KINDS if kind in keys.table}
    part_of = keys.text("part_of", "")
    where: Where = ()
    if part_of:
        where = tuple((key, _values(key, value, keys)) for key, value in sorted(keys.options("where").items()))
        if not where or counts:
            raise keys.error("a part of a split says 'where', and is counted with the whole", "part_of")
    split = Split(
        name, keys.text("description"), counts, keys.text("box", "none"), keys.text("note", ""), part_of, where
    )
    keys.done()
    return split


def _values(name: str, value: object, keys: Keys) -> tuple[int, ...] | Interval:
    """Whole numbers, or an interval: ``{ from = 0, below = 15, absolute = true }``."""
    if isinstance(value, dict):
        inner = Keys(value, keys.file, keys.where(f"where.{name}"))
        found = Interval(inner.get("from", float), inner.get("below", float), inner.get("absolute", bool, False))
        inner.done()
        if not found.low < found.high:
            raise keys.error(f"an interval from {found.low:g} to below {found.high:g} is empty", f"where.{name}")
        return found
    values = value if isinstance(value, list) else [value]
    if not values or not all(type(one) is int for one in values):
        raise keys.error(f"expected a whole number or several, got {value!r}", f"where.{name}")
    return tuple(values)


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
