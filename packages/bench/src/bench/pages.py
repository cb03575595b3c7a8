"""The page of a benchmark: rankings, protocol, then every table with what was measured beside what was printed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench import rank, sections, texts
from bench.document import (
    Block,
    Bullets,
    Code,
    Grid,
    Heading,
    Line,
    Link,
    Page,
    Paragraph,
    Region,
    Strong,
    join,
)
from bench.sections import DATA
from bench.spec import Paper

if TYPE_CHECKING:
    from bench.leaderboard import Board

ARROWS = {"higher": " ↑", "lower": " ↓"}


def benchmark(board: Board, papers: Mapping[str, Paper]) -> Page:
    """The page of a benchmark."""
    spec = board.benchmark
    blocks: list[Block] = [Paragraph(spec.description), Heading(2, "Rankings", "rankings"), *_rankings(board)]
    blocks += _protocol(board)
    for table in board.tables:
        blocks += sections.table(board, table, papers[table.paper])
    return Page(spec.key, spec.title, blocks)


def _protocol(board: Board) -> list[Block]:
    spec = board.benchmark
    signs = {"paper": "the paper", "choice": "us"}
    metrics = Grid(
        "Metrics of the protocol",
        ("Metric", "Unit", "Better", "Chosen by", "Signature"),
        [
            (name, metric.unit, metric.better, signs[spec.metrics[name].source], (Code(metric.signature),))
            for name, metric in board.metrics.items()
        ],
    )
    splits = Grid(
        "Splits of the protocol",
        ("Split", "What", "Box", "Samples (real, stand-in)"),
        [
            (one.name, one.description, one.box, ", ".join(str(one.counts.get(kind, "–")) for kind in DATA))
            for one in spec.splits.values()
        ],
    )
    notes = [
        *spec.notes,
        *(f"{one.name}: {one.note}" for one in spec.splits.values() if one.note),
        *(f"{one.name}: {one.note}" for one in spec.metrics.values() if one.note),
    ]
    blocks: list[Block] = [Heading(2, "Protocol", "protocol"), *([metrics] if board.metrics else []), splits]
    return [*blocks, Bullets(notes)] if notes else blocks


def _rankings(board: Board) -> list[Block]:
    blocks: list[Block] = []
    for kind, words in DATA.items():
        mine = [one for one in board.rankings if one.data == kind]
        inner: list[Block] = [block for one in mine for block in _ranking(board, one, words)]
        blocks.append(Region(kind, inner or [Paragraph(f"On {words}: nothing has been measured yet.")]))
    return blocks


def _ranking(board: Board, one: rank.Ranking, words: str) -> list[Block]:
    headings = ["", "System", "Table", "Budget", "Seeds"]
    for name in one.metrics:
        metric = board.metrics[name]
        headings.append(f"{name} ({metric.unit}){ARROWS[metric.better]}")
    rows: list[tuple[Line, ...]] = []
    for entry in one.entries.to_dict("records"):
        label = " · ".join(part for part in (entry["row"], entry["condition"]) if part)
        place = "" if entry["rank"] != entry["rank"] else f"{entry['rank']:.0f}"
        where = (Link(entry["table"], board.benchmark.key, entry["table"]),)
        row: list[Line] = [place, label, where, entry["budget"], str(entry["seeds"])]
        for name in one.metrics:
            places = 4 if board.metrics[name].unit != "percent" else 2
            value, low, high = (entry[f"{part} {name}"] for part in ("value", "low", "high"))
            row.append("" if value != value else (texts.measurement(value, low, high, places),))
        rows.append(tuple(row))
    samples = " or ".join(str(n) for n in sorted(set(one.entries["n"])))
    about: list[Line] = [
        ("split ", Code(one.split), f" ({one.fingerprint[:12]}), {samples} samples"),
        ("trained on ", Code(one.trained_on)),
        f"box: {one.box}",
        "brackets: 95 % bootstrap interval over test units and seeds",
    ]
    if one.partial:
        about.append((Strong("incomplete copy"), f": {one.partial}"))
    title = ", ".join([f"On {words}", f"by {one.by}", *texts.conditions(json.loads(one.training))])
    return [
        Heading(3, title),
        Paragraph(join(about, "; ")),
        Paragraph(("Signature: ", Code(board.metrics[one.by].signature))),
        Grid(f"Ranking: {title}", headings, rows, (0, 4, *range(5, len(headings)))),
    ]
