"""The table of a report on a terminal of any width: whole where it fits, else in parts that repeat the labels.

A table with more columns than systems is turned, so that systems stand side by side and each column is a line.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import zip_longest
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table as Grid
from rich.text import Text

from bench import texts
from bench.console import grid
from bench.report import Cell, Measured
from bench.spec import Column, Row

NARROWEST = 16
"""Of the labels: beyond that, and beyond a third of the terminal, they are wrapped."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Columns of the terminal that stay together: what is printed and measured of one column, or of one system.

    `lines` has a text per heading for each line of the table.
    """

    headings: tuple[tuple[str, Literal["left", "right"]], ...]
    lines: tuple[tuple[Text, ...], ...]


def results(measured: Measured, width: int) -> list[Text | Grid]:
    """Title, then printed beside measured values in grids of at most `width` letters (more only if a value needs it).

    Intervals stand beside the values if everything fits in one grid, else below them.
    """
    real = measured.data == "real"
    where = "real data" if real else "stand-in data: not comparable with the printed numbers"
    title = Text(f"{measured.table.where}: {measured.table.title} · {where}", style="bold")
    rows = list(measured.table.rows.values())
    labels = [row.label for row in rows]
    for between in (" ", "\n"):
        groups = _columns(measured, rows, between)
        if _width(whole := _grid("System", labels, groups, width)) <= width:
            return [title, whole]
    if len(groups) <= len(rows):
        return [title, *_fold("System", labels, groups, width)]
    columns = list(measured.table.columns.values())
    labels = [texts.heading(column, measured.metric(column.key)) for column in columns]
    return [title, *_fold("", [*labels, ""], _systems(measured, columns), width)]


def _columns(measured: Measured, rows: Sequence[Row], between: str) -> list[_Group]:
    """A group for each column, and one for the remarks on the systems."""
    groups = []
    for column in measured.table.columns.values():
        printed = any(column.key in row.reported for row in rows)
        filled = column.metric is not None and column not in measured.left_out
        heading = texts.heading(column, measured.metric(column.key))
        found = [_texts(measured, row, column, between) for row in rows]
        groups.append(_group(heading, measured, found, printed=printed, filled=filled, wrapped=between == "\n"))
    remarks = tuple((Text(_remark(measured, row.label), style="dim"),) for row in rows)
    return [*groups, _Group((("", "left"),), remarks)]


def _systems(measured: Measured, columns: Sequence[Column]) -> list[_Group]:
    """A group for each system; the last line holds the remarks."""
    groups = []
    for row in measured.table.rows.values():
        found = [_texts(measured, row, column, "\n") for column in columns]
        remark = Text(_remark(measured, row.label), style="dim")
        filled = any(measured.cell(row.label, column.key).status in ("measured", "failed") for column in columns)
        filled = filled or not row.reported
        one = _group(row.label, measured, found, printed=bool(row.reported), filled=filled, wrapped=True)
        blank = [Text() for _ in one.headings[1:]]
        groups.append(_Group(one.headings, (*one.lines, (*blank, remark))))
    return groups


def _group(
    heading: str,
    measured: Measured,
    found: Sequence[tuple[Text, Text]],
    *,
    printed: bool,
    filled: bool,
    wrapped: bool,
) -> _Group:
    headings: list[tuple[str, Literal["left", "right"]]] = []
    if printed:
        headings.append((f"{_heading(heading, 8 if wrapped else None)}\nprinted", "right"))
    if filled:
        kind = "measured" if measured.data == "real" else "stand-in"
        headings.append((f"{_heading(heading, 16 if wrapped else None)}\n{kind} [dim]\\[95 %][/dim]", "left"))
    lines = tuple(tuple(text for text, shown in zip(pair, (printed, filled), strict=True) if shown) for pair in found)
    return _Group(tuple(headings), lines)


def _heading(text: str, width: int | None) -> str:
    """As markup, broken between words into lines of that many letters."""
    return escape(text if width is None else textwrap.fill(text, width, break_long_words=False))


def _texts(measured: Measured, row: Row, column: Column, between: str) -> tuple[Text, Text]:
    """What is printed in a cell, and what was measured."""
    cell = measured.cell(row.label, column.key)
    places = texts.decimals(measured, column)
    value = Text(texts.value(cell, places), style=_style(cell)) if column.metric is not None else Text()
    edges = texts.interval(cell, places)
    return Text(cell.reported, style="dim"), value.append(between + edges if edges else "", style="not bold dim")


def _fold(corner: str, labels: Sequence[str], groups: Sequence[_Group], width: int) -> list[Grid]:
    """As few grids as hold the groups in their order, with about as many groups in each."""
    parts: list[list[_Group]] = [[]]
    for group in groups:
        if parts[-1] and _width(_grid(corner, labels, [*parts[-1], group], width)) > width:
            parts.append([])
        parts[-1].append(group)
    even = -(-len(groups) // len(parts))
    evenly = [list(groups[start : start + even]) for start in range(0, len(groups), even)]
    fits = all(_width(_grid(corner, labels, part, width)) <= width for part in evenly)
    return [_grid(corner, labels, part, width) for part in (evenly if fits else parts)]


def _grid(corner: str, labels: Sequence[str], groups: Sequence[_Group], width: int) -> Grid:
    shown = grid()
    shown.add_column(corner, max_width=max(NARROWEST, width // 3))
    for group in groups:
        for heading, justify in group.headings:
            shown.add_column(heading, justify=justify)
    lines = zip_longest(*(group.lines for group in groups), fillvalue=())
    for label, parts in zip(labels, lines, strict=True):
        shown.add_row(Text(label), *(text for part in parts for text in part))
    return shown


def _width(shown: Grid) -> int:
    """Letters that the grid needs if nothing but labels is wrapped."""
    endless = Console(width=10**6, file=StringIO())
    return Measurement.get(endless, endless.options, shown).maximum


def _style(cell: Cell) -> str:
    return "red" if cell.status == "failed" else "bold" if cell.value is not None else "dim"


def _remark(measured: Measured, label: str) -> str:
    row = measured.table.rows[label]
    state = texts.state(measured, row)
    verdicts = [cell.verdict for key in measured.table.columns if (cell := measured.cell(label, key)).verdict]
    seeds = {cell.seeds for key in measured.table.columns if (cell := measured.cell(label, key)).seeds}
    parts = [state, " ".join(verdicts)]
    if seeds:
        parts.append(f"{max(seeds)} seed{'s' * (max(seeds) != 1)}")
    return ", ".join(part for part in parts if part)
