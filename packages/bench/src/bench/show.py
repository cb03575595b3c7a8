"""A report as the terminal shows it, and as one JSON document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from bench import grids, speeds, texts
from bench.console import grid
from bench.dryrun import Preview
from bench.report import Cell, Measured, unit
from bench.reproduce import Report, duration
from bench.verdicts import ClaimReport

COLOURS = {
    "holds": "green",
    "fails": "red",
    "undecided": "yellow",
    "match": "green",
    "close": "green",
    "off": "red",
    "failed": "red",
}


def show(console: Console, report: Report) -> None:
    """The whole report of a reproduction."""
    measured = report.measured
    for part in grids.results(measured, console.width):
        console.print(part)
    console.print(claims(report.claims, measured))
    for line in footer(report):
        console.print(Text(line, style="dim"))


def claims(reports: tuple[ClaimReport, ...], measured: Measured) -> Grid:
    """Verdict and evidence of every claim."""
    shown = grid(
        "Verdict", "Claim and weakest comparison", "In the paper", title=f"Claims, tested on {measured.data} data"
    )
    for report in reports:
        text = Text(report.claim.text + ("" if report.claim.claimed_by_paper else " (our claim)"))
        evidence = texts.evidence(report, measured)
        details = "; ".join(part for part in (report.coverage, evidence) if part and (report.tested or report.left_out))
        if details:
            text.append(f"\n{details}", style="dim")
        verdict = Text(report.finding, style=COLOURS.get(report.finding, "dim"))
        shown.add_row(verdict, text, Text(report.claim.holds_in_paper, style="dim"))
    return shown


def footer(report: Report) -> list[str]:
    """Budget, cost, device, signatures and where it was recorded."""
    measured = report.measured
    found = measured.results
    devices = sorted({result.provenance.device for result in found})
    lines = [f"budget {measured.budget} · {measured.data} data · this call took {duration(report.seconds)}"]
    if found:
        runs = {result.provenance.run: result.provenance for result in found}
        peak = max(result.provenance.peak_memory_mib for result in found)
        lines[0] += f" · {len(runs)} runs, peak memory {peak / 1024:.1f} GiB, {', '.join(devices)}"
        lines.append(f"trained on {', '.join(sorted({result.provenance.trained_on for result in found}))}")
        partial = sorted({result.provenance.partial for result in found} - {""})
        lines += [f"incomplete copy: {text}" for text in partial]
    if measured.left_out:
        lines.append(f"{texts.columns(measured)} (`--columns all` runs the whole table)")
    lines += speeds.lines((outcome.run.row, outcome.speeds) for outcome in report.outcomes if outcome.speeds)
    lines += texts.signatures(measured)
    lines.append("gain > 0: the row named first is better; p-values are Holm-adjusted over the table's comparisons")
    lines.append(f"{report.recorded} new lines in {report.file}" if report.recorded else "nothing new to record")
    return lines


def document(report: Report) -> dict[str, Any]:
    """The report as one JSON document."""
    measured = report.measured
    table = measured.table
    return {
        "table": table.id,
        "paper": table.paper,
        "where": table.where,
        "title": table.title,
        "data": measured.data,
        "budget": measured.budget,
        "left_out": [column.key for column in measured.left_out],
        "columns": {
            key: {
                "title": column.title,
                "unit": unit(column, measured.metric(key)),
                "metric": column.metric,
                "signature": metric.signature if (metric := measured.metric(key)) else None,
            }
            for key, column in table.columns.items()
        },
        "rows": [
            {
                "label": row.label,
                "method": row.method,
                "cells": {key: _cell(measured.cell(row.label, key)) for key in table.columns},
            }
            for row in table.rows.values()
        ],
        "claims": [
            {
                "text": one.claim.text,
                "claimed_by_paper": one.claim.claimed_by_paper,
                "holds_in_paper": one.claim.holds_in_paper,
                "verdict": one.finding,
                "coverage": one.coverage,
                "comparisons": [asdict(comparison) for comparison in one.comparisons],
            }
            for one in report.claims
        ],
        "failed": {outcome.run.label: outcome.results[0].error for outcome in report.failed},
        "seconds": round(report.seconds, 1),
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "reported": cell.reported or None,
        "status": cell.status,
        "value": cell.value,
        "low": cell.low,
        "high": cell.high,
        "n": cell.n,
        "seeds": [result.seed for result in cell.results],
        "verdict": cell.verdict or None,
        "error": cell.error or None,
    }


def plan(found: Preview) -> list[Grid | Text]:
    """A dry run."""
    # Columns are named where they tell runs apart: those of one row with other training or prediction.
    apart = len({(step.row, step.seed, step.split) for step in found.steps}) < len(found.steps)
    columns = ["Columns"] if apart else []
    steps = grid("System", *columns, "Seed", "Split", "Model", "Predictions", "Time", "Memory", title="Runs")
    for step in found.steps:
        cached = step.predictions == "cached"
        steps.add_row(
            Text(step.row),
            *([Text(", ".join(found.titles[key] for key in step.columns))] if apart else []),
            str(step.seed),
            step.split,
            step.model,
            step.predictions,
            "" if cached else _unknown(step.seconds, duration),
            "" if cached else _unknown(step.memory_mib, _memory),
        )
    data = grid("Data", "State")
    for name, state in found.data.items():
        data.add_row(name, state)
    if not found.steps:
        return [Text("nothing to run: no row of this table has a method yet for this data")]
    todo = sum(step.predictions != "cached" for step in found.steps)
    total = f"{todo} of {len(found.steps)} runs to do"
    if todo:
        total += f", time {_unknown(found.seconds, duration)}, peak memory {_unknown(found.memory_mib, _memory)}"
    if found.left_out:
        total += (
            f"\nColumns {', '.join(found.titles.values())}; left out at {found.budget}: "
            f"{', '.join(found.left_out.values())} (`--columns all` runs the whole table)"
        )
    return [steps, data, Text(total)]


def _unknown(value: float | None, form: Callable[[float], str]) -> str:
    return "unknown" if value is None else f"about {form(value)}"


def _memory(mib: float) -> str:
    return f"{mib / 1024:.1f} GiB"
