"""Curves as SVG, the same bytes on every machine with the same matplotlib.

Axis letters: S seeds, N samples, T thresholds.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import curves, texts
from bench.report import Measured, contributions, unit

MOST = 4
"""Curve plots of one table; a table of training conditions would have ten that look alike."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C")
"""Told apart with any colour vision (Okabe and Ito 2008), on white and on black."""
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))
STYLE: Any = {
    "svg.hashsalt": "bench",
    "svg.fonttype": "path",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.5,
    "grid.linewidth": 0.6,
    "figure.constrained_layout.use": True,
    "text.parse_math": False,
}


@dataclass(frozen=True, slots=True)
class Plot:
    """Its file's name without suffix, what it shows in words, and what draws it."""

    name: str
    about: str
    draw: Callable[[], Any]


def plots(measured: Measured) -> Iterator[Plot]:
    """Everything that a table shows: the curves behind its numbers, or its sweep if it is a figure."""
    table = measured.table
    stem = f"{table.id}-{measured.data}-{measured.budget}"
    where = f"{table.where}, {measured.data} data, budget {measured.budget}"
    if table.figure is not None:
        yield Plot(f"sweep-{stem}", f"{table.title} ({where})", partial(sweep, measured))
        return
    count = 0
    for column in table.columns.values():
        metric = measured.metric(column.key)
        curve = curves.behind(metric) if metric is not None else None
        if curve is None or count == MOST:
            continue
        shown = _kept(measured, column.key)
        if shown:
            count += 1
            order = ", ".join(row for _, row, _ in shown)
            about = f"{curve.title}, {column.title} ({where}); from best to worst: {order}"
            yield Plot(f"{curve.kind}-{stem}-{column.key}", about, partial(rising, measured, column.key))


def svg(figure: Any) -> bytes:
    """The figure's bytes, without date and version."""
    return _saved(figure, "svg", metadata={"Date": None, "Creator": None})


def png(figure: Any) -> bytes:
    """The figure as pixels, to look at."""
    return _saved(figure, "png", dpi=110)


def _saved(figure: Any, kind: str, **options: Any) -> bytes:
    from matplotlib import rc_context

    stream = io.BytesIO()
    with rc_context(STYLE):
        figure.savefig(stream, format=kind, **options)
    return stream.getvalue()


def _axes(count: int, width: float, height: float) -> tuple[Any, list[Any]]:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(width, height))
        axes = figure.subplots(1, count, squeeze=False)[0]
    return figure, list(axes)


def _kept(measured: Measured, column: str) -> list[tuple[float, str, NDArray[np.float64]]]:
    """(value, row, contributions (S, N, ...)) of the rows whose per-sample values are kept, best first."""
    metric, found = measured.metric(column), []
    assert metric is not None
    for row in measured.table.rows:
        cell = measured.cell(row, column)
        kept = contributions(cell, metric.name, measured.load) if cell.value is not None else None
        if kept is not None:
            found.append((cell.value or 0.0, row, kept.values))
    return sorted(found, key=lambda one: one[0] if metric.better == "lower" else -one[0])


def rising(measured: Measured, column: str) -> Any:
    """The curve behind a column, one line per row: the mean over seeds, and their range as a band."""
    metric = measured.metric(column)
    curve = curves.behind(metric) if metric is not None else None
    assert curve is not None
    places = texts.decimals(measured, measured.table.columns[column])
    shown = _kept(measured, column)
    figure, (axes,) = _axes(1, 4.8, 3.3 + 0.19 * len(shown))
    for index, (value, row, kept) in enumerate(shown):
        per_seed = [curve.of(one) for one in kept]
        colour, dash = COLOURS[index % len(COLOURS)], DASHES[index % len(DASHES)]
        label = f"{row} ({texts.number(value, places)})"
        axes.plot(curve.thresholds, np.mean(per_seed, axis=0), label=label, color=colour, linestyle=dash, linewidth=1.6)
        if len(per_seed) > 1:
            edges = (np.min(per_seed, axis=0), np.max(per_seed, axis=0))
            axes.fill_between(curve.thresholds, *edges, color=colour, alpha=0.2, linewidth=0)
    axes.set(xlim=(0, curve.thresholds[-1]), ylim=(0, 1), xlabel=curve.x, ylabel=curve.y)
    axes.set_title(f"{measured.table.where}, {measured.data} data, budget {measured.budget}", fontsize=9)
    title = f"{measured.table.columns[column].title}, best first"
    figure.legend(title=title, loc="outside lower left", fontsize=8.5, alignment="left", frameon=False)
    return figure


def sweep(measured: Measured) -> Any:
    """Every measured column over the rows' `x`, one line per `series`, with intervals."""
    table = measured.table
    assert table.figure is not None
    shown = [
        column
        for column in table.columns.values()
        if any(measured.cell(row, column.key).status == "measured" for row in table.rows)
    ]
    figure, panels = _axes(max(1, len(shown)), 3.6 * max(1, len(shown)), 3.4)
    for axes, column in zip(panels, shown, strict=False):
        series: dict[str, list[tuple[float, float, float, float]]] = {}
        for row in table.rows.values():
            cell = measured.cell(row.label, column.key)
            if cell.value is not None and row.x is not None:
                low, high = (cell.value if edge is None else edge for edge in (cell.low, cell.high))
                series.setdefault(row.series or row.label, []).append((row.x, cell.value, low, high))
        for index, (name, points) in enumerate(series.items()):
            x, value, low, high = np.array(sorted(points)).T
            errors = np.maximum(0.0, [value - low, high - value])
            if len(x) == 1:  # a reference: a line across
                axes.axhline(value[0], linestyle="--", linewidth=1, color="0.4", label=name)
                continue
            colour, dash = COLOURS[index % len(COLOURS)], DASHES[index % len(DASHES)]
            axes.errorbar(
                x, value, errors, marker="o", markersize=4, capsize=2, label=name, color=colour, linestyle=dash
            )
        ticks = sorted({row.x for row in table.rows.values() if row.x is not None})
        if table.figure.log:
            axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        metric = measured.metric(column.key)
        axes.set(xlabel=table.figure.x, title=f"{column.title} ({unit(column, metric)})")
    named = {label: line for axes in panels for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    figure.suptitle(f"{table.where}, {measured.data} data, budget {measured.budget}", fontsize=10)
    return figure
