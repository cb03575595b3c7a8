"""Markdown of the leaderboards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

from bench import plots, rank, texts
from bench.markdown import DO_NOT_EDIT, bullets, grid
from bench.report import Cell, Measured, better, unit
from bench.reproduce import duration
from bench.spec import Paper, Table
from bench.verdicts import ClaimReport
from core_eval import Kind

if TYPE_CHECKING:
    from bench.leaderboard import Board

DATA: dict[Kind, str] = {"real": "real data", "stand-in": "stand-in data"}


def benchmark(board: Board, papers: Mapping[str, Paper]) -> str:
    """The page of a benchmark: protocol, rankings, then every table with what was measured beside what was printed."""
    spec = board.benchmark
    parts = [DO_NOT_EDIT, f"# {spec.title}", spec.description]
    parts += [*_rankings(board), *_protocol(board)]
    for table in board.tables:
        parts += _table(board, table, papers[table.paper])
    return "\n\n".join(part for part in parts if part) + "\n"


def _protocol(board: Board) -> list[str]:
    spec = board.benchmark
    signs = {"paper": "the paper", "choice": "us"}
    return [
        "## Protocol",
        grid(
            ("Metric", "Unit", "Better", "Chosen by", "Signature"),
            [
                (name, metric.unit, metric.better, signs[spec.metrics[name].source], f"`{metric.signature}`")
                for name, metric in board.metrics.items()
            ],
        )
        if board.metrics
        else "",
        grid(
            ("Split", "What", "Box", "Samples (real, stand-in)"),
            [
                (one.name, one.description, one.box, ", ".join(str(one.counts.get(kind, "–")) for kind in DATA))
                for one in spec.splits.values()
            ],
        ),
        bullets(
            [
                *spec.notes,
                *(f"{one.name}: {one.note}" for one in spec.splits.values() if one.note),
                *(f"{one.name}: {one.note}" for one in spec.metrics.values() if one.note),
            ]
        ),
    ]


def _rankings(board: Board) -> list[str]:
    parts = ["## Rankings"]
    found = list(rank.rankings(board.measured, board.benchmark, board.metrics))
    for kind, words in DATA.items():
        mine = [one for one in found if one.data == kind]
        if not mine:
            parts.append(f"On {words}: nothing has been measured yet.")
        for one in mine:
            parts += _ranking(board, one, words)
    return parts


def _ranking(board: Board, one: rank.Ranking, words: str) -> list[str]:
    headings = ["", "System", "Table", "Budget", "Seeds"]
    for name in one.metrics:
        metric = board.metrics[name]
        headings.append(f"{name} ({metric.unit}) {'↑' if metric.better == 'higher' else '↓'}")
    rows = []
    for entry in one.entries.to_dict("records"):
        label = " · ".join(part for part in (entry["row"], entry["condition"]) if part)
        place = "" if entry["rank"] != entry["rank"] else f"{entry['rank']:.0f}"
        row = [place, label, entry["table"], entry["budget"], str(entry["seeds"])]
        for name in one.metrics:
            places = 4 if board.metrics[name].unit != "percent" else 2
            value, low, high = (entry[f"{part} {name}"] for part in ("value", "low", "high"))
            row.append(_with_interval(value, low, high, places))
        rows.append(row)
    about = [
        f"split `{one.split}` ({one.fingerprint[:12]}), {rows_of(one)} samples",
        f"trained on `{one.trained_on}`",
        f"box: {one.box}",
        "brackets: 95 % bootstrap interval over test units and seeds",
    ]
    if one.partial:
        about.append(f"**incomplete copy**: {one.partial}")
    return [
        f"### On {words}, by {one.by}",
        "; ".join(about) + ".",
        grid(headings, rows, right=(0, 4, *range(5, len(headings)))),
    ]


def rows_of(one: rank.Ranking) -> str:
    return " or ".join(str(n) for n in sorted(set(one.entries["n"])))


def _with_interval(value: float, low: float, high: float, places: int) -> str:
    if value != value:  # pandas marks what is not there with NaN
        return ""
    text = texts.number(value, places)
    return text if low != low or low is None else f"{text} [{texts.number(low, places)}, {texts.number(high, places)}]"


def _table(board: Board, table: Table, paper: Paper) -> list[str]:
    authors = paper.authors[0] + (" et al." if len(paper.authors) > 1 else "")
    parts = [
        f"## {table.where}: {table.title}",
        f"{authors}, *{paper.title}*, {paper.venue}, {paper.year} (`{table.id}`)",
    ]
    measured = board.of(table)
    if not measured:
        parts.append(_cells(table, [], board))
    for one in measured:
        parts.append(f"### Measured on {DATA[one.data]}, budget {one.budget}")
        if one.data == "stand-in":
            parts.append("Rendered stand-ins: to be compared with each other, not with the printed numbers.")
        parts += [_cells(table, [one], board), _cost(one)]
        parts += [f"![{name}]({board.benchmark.key}/{name}.svg)" for name, _ in plots.plots(one)]
        parts.append(_claims(board.claims[table.id, one.data, one.budget], one))
        details = _comparisons(board.claims[table.id, one.data, one.budget], one)
        if details:
            parts += ["<details><summary>All comparisons</summary>", details, "</details>"]
    if not measured and table.claims:
        parts.append(
            grid(
                ("Claim", "In the paper", "Verdict"),
                [(texts.claim(one), texts.in_paper(one), texts.untested(one)) for one in table.claims],
            )
        )
    notes = [*table.notes, *(f"{column.title}: {column.note}" for column in table.columns.values() if column.note)]
    notes += _together({row.label: row.note for row in table.rows.values()})
    waiting = {row.label: row.needs for row in table.rows.values() if not row.method}
    notes += [
        f"{line} (not run yet)"
        for line in _together({label: f"needs {what}" for label, what in waiting.items() if what})
    ]
    outdated = board.outdated(table)
    if outdated:
        notes.append(f"{outdated} results under older signatures are kept in the results file and not shown.")
    return [*parts, bullets(notes)] if notes else parts


def _together(notes: Mapping[str, str]) -> list[str]:
    """``"A; B: note"`` for labels that share a note; empty notes are left out."""
    shared: dict[str, list[str]] = {}
    for label, note in notes.items():
        if note:
            shared.setdefault(note, []).append(label)
    return [f"{'; '.join(labels)}: {note}" for note, labels in shared.items()]


def _cells(table: Table, measured: list[Measured], board: Board) -> str:
    """The table; printed values, then measured ones."""
    headings, right = ["System"], []
    for column in table.columns.values():
        metric = board.metrics.get(column.metric or "")
        arrow = {"higher": " ↑", "lower": " ↓"}.get(better(column, metric), "")
        sign = unit(column, metric)
        sign = {"percent": "" if "%" in column.title else " (%)", "fraction": "", "category": ""}.get(
            sign, f" ({sign})"
        )
        if any(column.key in row.reported for row in table.rows.values()):
            right.append(len(headings))
            headings.append(f"{column.title}{sign}{arrow}{' printed' if measured else ''}")
        for one in measured:
            if column.metric is not None:
                right.append(len(headings))
                headings.append(f"{column.title}{sign}{arrow} {'measured' if one.data == 'real' else 'stand-in'}")
    rows = []
    for row in table.rows.values():
        line = [row.label]
        for column in table.columns.values():
            if any(column.key in other.reported for other in table.rows.values()):
                line.append(row.reported.get(column.key, ""))
            if column.metric is not None:
                line += [_cell(one, one.cell(row.label, column.key)) for one in measured]
        rows.append([*line, _remark(table, row.label, measured)])
    return grid([*headings, ""], rows, right)


def _cell(one: Measured, cell: Cell) -> str:
    places = texts.decimals(one, one.table.columns[cell.column])
    parts = (texts.value(cell, places), texts.interval(cell, places), f"**{cell.verdict}**" if cell.verdict else "")
    return " ".join(part for part in parts if part)


def _remark(table: Table, label: str, measured: list[Measured]) -> str:
    row = table.rows[label]
    if measured:
        return texts.state(measured[0], row) or row.role
    return "not run yet" if row.needs or row.method else row.role


def _cost(one: Measured) -> str:
    runs = {result.provenance.run: result.provenance for result in one.results}
    seeds = sorted({cell.seeds for cell in one.cells.values() if cell.seeds})
    dirty = any(run.dirty for run in runs.values())
    commits = sorted({run.commit[:10] for run in runs.values()})
    partial = sorted({run.partial for run in runs.values()} - {""})
    seconds = duration(median(run.seconds for run in runs.values()))
    memory = max(run.peak_memory_mib for run in runs.values()) / 1024
    devices = "; ".join(sorted({run.device for run in runs.values()}))
    trained = ", ".join(sorted({f"`{run.trained_on}`" for run in runs.values()}))
    text = (
        f"{len(runs)} runs with {' or '.join(map(str, seeds))} seeds a row, median {seconds} a run, peak memory "
        f"{memory:.1f} GiB, on {devices}; trained on {trained}; commit {', '.join(commits)}"
        f"{' with uncommitted changes' if dirty else ''}."
    )
    return text + "".join(f" **Incomplete copy**: {words}." for words in partial)


def _claims(reports: Sequence[ClaimReport], one: Measured) -> str:
    rows = []
    for report in reports:
        evidence = "; ".join(part for part in (report.coverage, texts.evidence(report, one)) if part)
        rows.append((texts.claim(report.claim), texts.in_paper(report.claim), texts.verdict(report), evidence))
    return grid(("Claim", "In the paper", f"On {DATA[one.data]}", "Weakest comparison, Holm-adjusted"), rows)


def _comparisons(reports: Sequence[ClaimReport], one: Measured) -> str:
    rows = []
    for number, report in enumerate(reports, 1):
        for comparison in report.tested:
            column = one.table.columns[comparison.column]
            rows.append(
                (
                    str(number),
                    comparison.better,
                    comparison.worse,
                    column.title,
                    texts.gain(comparison, texts.decimals(one, column)),
                    texts.p_value(comparison),
                    f"{comparison.n} in {comparison.groups}",
                    " and ".join(map(str, dict.fromkeys(comparison.seeds))),
                    comparison.finding,
                )
            )
    headings = ("Claim", "Better", "Worse", "Column", "Gain", "p", "n in groups", "Seeds", "Finding")
    return grid(headings, rows) if rows else ""
