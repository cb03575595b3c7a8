"""What a page shows of one printed table: cells, cost, curves, samples, claims, provenance, notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

from bench import gallery, plots, speeds, texts
from bench.document import (
    Block,
    Bullets,
    Code,
    Details,
    Emphasis,
    Grid,
    Heading,
    Line,
    Paragraph,
    Picture,
    Region,
    Source,
    Span,
    Strong,
    join,
)
from bench.report import Cell, Measured, better, unit
from bench.reproduce import duration
from bench.spec import Paper, Table
from bench.verdicts import ClaimReport
from core_eval import Kind

if TYPE_CHECKING:
    from bench.leaderboard import Board

DATA: dict[Kind, str] = {"real": "real data", "stand-in": "stand-in data"}


def table(board: Board, table: Table, paper: Paper) -> list[Block]:
    """The section of a table: first what was measured, real data before stand-in data, then the notes."""
    authors = paper.authors[0] + (" et al." if len(paper.authors) > 1 else "")
    blocks: list[Block] = [
        Heading(2, f"{table.where}: {table.title}", table.id),
        Paragraph((f"{authors}, ", Emphasis(paper.title), f", {paper.venue}, {paper.year} (", Code(table.id), ")")),
    ]
    measured = board.of(table)
    if not measured:
        blocks.append(_cells(table, None, board))
        if table.claims:
            rows = [(texts.claim(one), texts.in_paper(one), (texts.untested(one),)) for one in table.claims]
            blocks.append(Grid(f"Claims of {table.where}", ("Claim", "In the paper", "Verdict"), rows))
    blocks += [Region(one.data, _measured(board, one)) for one in measured]
    blocks += [Region(one.data, _submitted(board, one)) for one in board.submitted if one.table.id == table.id]
    notes = _notes(table, board.outdated(table))
    return [*blocks, Bullets(notes)] if notes else blocks


def _measured(board: Board, one: Measured) -> list[Block]:
    """A table on one kind of data under one budget."""
    key = board.benchmark.key
    blocks: list[Block] = [Heading(3, f"Measured on {DATA[one.data]}, budget {one.budget}")]
    if one.data == "stand-in":
        blocks.append(Paragraph("Rendered stand-ins: to be compared with each other, not with the printed numbers."))
    if one.left_out:
        blocks.append(Paragraph(f"{texts.columns(one)}."))
    blocks += [_cells(one.table, one, board), Paragraph(_cost(one))]
    blocks += [Paragraph(f"{line}.") for line in speeds.lines(_speeds(board, one))]
    blocks.append(Paragraph(_signatures(one)))
    blocks += [Picture(f"{key}/{plot.name}.svg", plot.about) for plot in plots.plots(one)]
    blocks += _samples(board, one)
    reports = board.claims[one.table.id, one.data, one.budget]
    if reports:
        blocks.append(_claims(reports, one))
    if any(report.tested for report in reports):
        blocks.append(Details("All comparisons", [_comparisons(reports, one)]))
    return [*blocks, Details("Provenance of every value", [_provenance(board, one)])]


def _submitted(board: Board, one: Measured) -> list[Block]:
    """Rows of others: scored here, the rest as declared."""
    rows: dict[str, tuple[Line, ...]] = {}
    lines = {id(result): number for number, result in enumerate(board.results[one.table.id], 1)}
    for result in one.results:
        run = result.provenance
        place = Source(f"results/{board.benchmark.key}/{one.table.id}.jsonl", lines[id(result)])
        made: tuple[Line, ...] = ((Code(run.trained_on),), (Code(run.predictions[:12]),), result.time[:10])
        rows.setdefault(run.run, (result.row, run.method, *made, (place,)))
    headings = ("System", "", "Trained on, as declared", "Predictions", "Date", "Results")
    return [
        Heading(3, f"Submitted, on {DATA[one.data]}"),
        Paragraph("Predictions that others made and this project scored; `bench verify-result` recomputes the values."),
        _cells(one.table, one, board),
        Paragraph(_signatures(one)),
        Grid(f"Submissions to {one.table.where} on {DATA[one.data]}", headings, list(rows.values())),
    ]


def _notes(table: Table, outdated: int) -> list[Line]:
    notes = [*table.notes, *(f"{column.title}: {column.note}" for column in table.columns.values() if column.note)]
    notes += _together({row.label: row.note for row in table.rows.values()})
    waiting = {row.label: row.needs for row in table.rows.values() if not row.method}
    notes += [
        f"{line} (not run yet)"
        for line in _together({label: f"needs {what}" for label, what in waiting.items() if what})
    ]
    if outdated:
        notes.append(f"{outdated} results under older signatures are kept in the results file and not shown.")
    return list(notes)


def _together(notes: Mapping[str, str]) -> list[str]:
    """``"A; B: note"`` for labels that share a note; empty notes are left out."""
    shared: dict[str, list[str]] = {}
    for label, note in notes.items():
        if note:
            shared.setdefault(note, []).append(label)
    return [f"{'; '.join(labels)}: {note}" for note, labels in shared.items()]


def _cells(table: Table, one: Measured | None, board: Board) -> Grid:
    """The table; printed values, then measured ones."""
    headings, right = ["System"], []
    printed = {key for key in table.columns if any(key in row.reported for row in table.rows.values())}
    for column in table.columns.values():
        metric = board.metrics.get(column.metric or "")
        arrow = {"higher": " ↑", "lower": " ↓"}.get(better(column, metric), "")
        sign = unit(column, metric)
        sign = {"percent": "" if "%" in column.title else " (%)", "fraction": "", "category": ""}.get(
            sign, f" ({sign})"
        )
        if column.key in printed:
            right.append(len(headings))
            headings.append(f"{column.title}{sign}{arrow}{' printed' if one else ''}")
        if one and column.metric is not None and column not in one.left_out:
            right.append(len(headings))
            headings.append(f"{column.title}{sign}{arrow} {'measured' if one.data == 'real' else 'stand-in'}")
    rows: list[tuple[Line, ...]] = []
    for row in table.rows.values():
        line: list[Line] = [row.label]
        for column in table.columns.values():
            if column.key in printed:
                line.append(row.reported.get(column.key, ""))
            if one and column.metric is not None and column not in one.left_out:
                line.append(_cell(one, one.cell(row.label, column.key)))
        rows.append((*line, _remark(table, row.label, one)))
    about = f"{table.where}, {f'measured on {DATA[one.data]}, budget {one.budget}' if one else 'as printed'}"
    return Grid(about, [*headings, ""], rows, right)


def _cell(one: Measured, cell: Cell) -> Line:
    places = texts.decimals(one, one.table.columns[cell.column])
    if cell.value is None:
        return texts.value(cell, places)
    value = texts.measurement(cell.value, cell.low, cell.high, places)
    return (value, " ", texts.badge(cell.verdict)) if cell.verdict else (value,)


def _remark(table: Table, label: str, measured: Measured | None) -> str:
    row = table.rows[label]
    if measured:
        return texts.state(measured, row) or row.role
    return "not run yet" if row.needs or row.method else row.role


def _cost(one: Measured) -> Line:
    runs = {result.provenance.run: result.provenance for result in one.results}
    seeds = sorted({cell.seeds for cell in one.cells.values() if cell.seeds})
    dirty = any(run.dirty for run in runs.values())
    commits = sorted({run.commit[:10] for run in runs.values()})
    partial = sorted({run.partial for run in runs.values()} - {""})
    seconds = duration(median(run.seconds for run in runs.values()))
    memory = max(run.peak_memory_mib for run in runs.values()) / 1024
    devices = "; ".join(sorted({run.device for run in runs.values()}))
    trained: list[Line] = [(Code(name),) for name in sorted({run.trained_on for run in runs.values()})]
    parts: list[Line] = [
        f"{len(runs)} runs with {' or '.join(map(str, seeds))} seeds a row, median {seconds} a run, peak memory "
        f"{memory:.1f} GiB, on {devices}",
        join(["trained on", join(trained, ", ")], " "),
        f"commit {', '.join(commits)}{' with uncommitted changes' if dirty else ''}",
    ]
    incomplete: list[Line] = [(Strong("Incomplete copy"), f": {words}.") for words in partial]
    return join([join([join(parts, "; "), "."], ""), *incomplete], " ")


def _speeds(board: Board, one: Measured) -> Iterator[tuple[str, speeds.Speeds]]:
    """What is kept of each row's speeds, once for all that was scored on the same predictions."""
    for row, predictions in dict.fromkeys((result.row, result.provenance.predictions) for result in one.results):
        found = speeds.read(board.store.speeds(board.benchmark.key, predictions))
        if found is not None:
            yield row, found


def _signatures(one: Measured) -> Line:
    """The signature of every measured column."""
    lines: list[Line] = []
    for column in one.table.columns.values():
        metric = one.metric(column.key)
        if metric is not None and any(one.cell(row, column.key).results for row in one.table.rows):
            lines.append((f"{column.title} ", Code(metric.signature)))
    return join(["Signatures: ", join(lines, "; ")], "")


def _samples(board: Board, one: Measured) -> list[Block]:
    """Strips of samples that are there; for real data, why there are none."""
    if one.data == "real":
        return [Paragraph("No pictures of samples: the licences of the photographs do not allow to publish them.")]
    blocks: list[Block] = []
    for strip in gallery.strips(one):
        file = f"{board.benchmark.key}/{strip.name}"
        if (board.folder / file).is_file():
            blocks.append(Paragraph((Strong(strip.row), f", seed {strip.seed}: {strip.caption}.")))
            blocks.append(Picture(file, f"{strip.row}: {strip.caption}"))
    return [Details("Best, median and worst samples", [Paragraph(gallery.LEGEND), *blocks])] if blocks else []


def _claims(reports: Sequence[ClaimReport], one: Measured) -> Grid:
    rows: list[tuple[Line, ...]] = []
    for report in reports:
        evidence = "; ".join(part for part in (report.coverage, texts.evidence(report, one)) if part)
        rows.append((texts.claim(report.claim), texts.in_paper(report.claim), (texts.verdict(report),), evidence))
    headings = ("Claim", "In the paper", f"On {DATA[one.data]}", "Weakest comparison, Holm-adjusted")
    return Grid(f"Claims of {one.table.where}, tested on {DATA[one.data]}", headings, rows)


def _comparisons(reports: Sequence[ClaimReport], one: Measured) -> Grid:
    rows: list[tuple[Line, ...]] = []
    for number, report in enumerate(reports, 1):
        for comparison in report.tested:
            column = one.table.columns[comparison.column]
            rows.append(
                (
                    str(number),
                    comparison.better,
                    comparison.worse,
                    texts.place(comparison, one),
                    texts.gain(comparison, texts.decimals(one, column)),
                    texts.p_value(comparison),
                    f"{comparison.n} in {comparison.groups}",
                    " and ".join(map(str, dict.fromkeys(comparison.seeds))),
                    (texts.badge(comparison.finding),),
                )
            )
    headings = ("Claim", "Better", "Worse", "Column", "Gain", "p", "n in groups", "Seeds", "Finding")
    return Grid(f"All comparisons of {one.table.where}", headings, rows)


def _provenance(board: Board, one: Measured) -> Grid:
    """One line per run: where its values stand in the results, and what they were made from."""
    lines = {id(result): number for number, result in enumerate(board.results[one.table.id], 1)}
    file = f"results/{board.benchmark.key}/{one.table.id}.jsonl"
    rows: dict[str, tuple[list[Span], tuple[Line, ...], tuple[Line, ...]]] = {}
    for result in one.results:
        run = result.provenance
        made: tuple[Line, ...] = (
            (Code(run.commit[:10] + ("+" if run.dirty else "")),),
            (Code(run.predictions[:12]),),
            duration(run.seconds),
            f"{run.peak_memory_mib / 1024:.1f} GiB",
            result.time[:10],
        )
        known = rows.setdefault(run.run, ([], (result.row, str(result.seed)), made))
        known[0].extend([*([" "] if known[0] else []), Source(file, lines[id(result)])])
    headings = ("System", "Seed", "Results", "Commit", "Predictions", "Time", "Memory", "Date")
    body = [(*who, tuple(found), *made) for found, who, made in rows.values()]
    return Grid(f"Provenance of {one.table.where} on {DATA[one.data]}", headings, body, (1,))
