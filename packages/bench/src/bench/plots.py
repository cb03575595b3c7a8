"""Curves as SVG, the same bytes on every machine with the same matplotlib.

Axis letters: S seeds, N samples, T thresholds.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import texts
from bench.report import Measured, contributions, unit
from core_eval.ced import ced_curve

THRESHOLDS = 201
STYLE: Any = {
    "svg.hashsalt": "bench",
    "svg.fonttype": "path",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "figure.constrained_layout.use": True,
}


def plots(measured: Measured) -> Iterator[tuple[str, Callable[[], Any]]]:
    """(name, what draws it) of everything that a table shows: error curves, or its sweep if it is a figure."""
    stem = f"{measured.table.id}-{measured.data}-{measured.budget}"
    if measured.table.figure is not None:
        yield f"sweep-{stem}", partial(sweep, measured)
        return
    for column in measured.table.columns.values():
        metric = measured.metric(column.key)
        if metric is not None and metric.signature.startswith("ced-auc|") and _curves(measured, column.key):
            yield f"ced-{stem}-{column.key}", partial(ced, measured, column.key)


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


def _curves(measured: Measured, column: str) -> list[tuple[float, str, NDArray[np.float64]]]:
    """(value, row, errors (S, N)) of the rows whose per-sample values are kept, best first."""
    metric, found = measured.metric(column), []
    for row in measured.table.rows:
        cell = measured.cell(row, column)
        kept = contributions(cell, metric.name, measured.load) if metric and cell.value is not None else None
        if kept is not None:
            found.append((cell.value or 0.0, row, kept.values))
    return sorted(found, key=lambda one: -one[0])


def ced(measured: Measured, column: str) -> Any:
    """Share of images below an error, one curve per row: the mean over seeds, and their range as a band."""
    metric = measured.metric(column)
    assert metric is not None
    limit = float(dict(part.partition(":")[::2] for part in metric.signature.split("|"))["limit"])
    thresholds = np.linspace(0.0, limit, THRESHOLDS)
    figure, (axes,) = _axes(1, 6.4, 3.8)
    places = texts.decimals(measured, measured.table.columns[column])
    for value, row, errors in _curves(measured, column):
        per_seed = [ced_curve(one, thresholds) for one in errors]
        (line,) = axes.plot(thresholds, np.mean(per_seed, axis=0), label=f"{row} ({value:.{places}f})", linewidth=1.5)
        if len(per_seed) > 1:
            axes.fill_between(
                thresholds, np.min(per_seed, axis=0), np.max(per_seed, axis=0), color=line.get_color(), alpha=0.2
            )
    axes.set(
        xlim=(0, limit),
        ylim=(0, 1),
        xlabel="normalised error of an image",
        ylabel="share of images",
        title=f"{measured.table.where}, {measured.data} data, budget {measured.budget}",
    )
    axes.legend(title=f"system ({measured.table.columns[column].title})", loc="best", frameon=False)
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
        for name, points in series.items():
            x, value, low, high = np.array(sorted(points)).T
            errors = np.maximum(0.0, [value - low, high - value])
            if len(x) == 1:  # a reference: a line across
                axes.axhline(value[0], linestyle="--", linewidth=1, color="0.4", label=name)
                continue
            axes.errorbar(x, value, errors, marker="o", markersize=4, linewidth=1.5, capsize=2, label=name)
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
