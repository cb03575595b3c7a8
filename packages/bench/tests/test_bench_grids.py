"""Tables of results on narrow terminals: nothing is wider than the terminal, cut off, or said twice."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from rich.console import Console

from bench import grids, leaderboard, texts, workspace

WIDTHS = (60, 80, 120, 160)


@pytest.fixture
def actions(checkout, bench):
    """The toy table with fifteen columns more, each of the same faces."""
    titles = ["Sitting down", *(f"Action {number}" for number in range(14))]
    columns = "".join(
        f'[columns.c{number}]\ntitle = "{title}"\nmetric = "nme"\n' for number, title in enumerate(titles)
    )
    checkout.edit("[columns.fps]", f"{columns}[columns.fps]")
    checkout.edit('reported = { auc = "0.5123"', 'reported = { c3 = "31.25", auc = "0.5123"')
    checkout.edit('label = "Good, half"', 'label = "Good, but [half] of the noise"')
    checkout.edit('better = ["Good, half"]', 'better = ["Good, but [half] of the noise"]')
    checkout.edit('worse = ["Good, half"]', 'worse = ["Good, but [half] of the noise"]')
    assert bench("reproduce", "toy-table").code == 0
    return leaderboard.load(workspace.find(), "toy").measured[0]


def shown(measured, width: int) -> tuple[list[str], int]:
    """Lines, and how many grids they come from."""
    console = Console(width=width, file=StringIO())
    title, *parts = grids.results(measured, width)
    console.print(title)
    for part in parts:
        console.print(part)
    return console.file.getvalue().splitlines(), len(parts)


def test_more_columns_than_systems(actions) -> None:
    """The systems stand side by side, and every value is shown once and whole."""
    cells = [cell for cell in actions.cells.values() if cell.value is not None]
    places = {key: texts.decimals(actions, column) for key, column in actions.table.columns.items()}
    edges = sorted(texts.interval(cell, places[cell.column]) for cell in cells)
    assert len(edges) == 2 * 17 + 1
    counts = []
    for width in WIDTHS:
        lines, parts = shown(actions, width)
        text = "\n".join(lines)
        assert max(map(len, lines)) <= width
        assert "…" not in text
        assert sorted(re.findall(r"\[\d[^]]*\d\]", text)) == edges
        assert text.count("31.25") == 1
        assert len([line for line in lines if line.startswith(" Sitting down (%) ")]) == parts, "each part has labels"
        assert text.count("Cited") == text.count("Later") == 1, "no column for what has no method"
        assert text.count("as reported") == 1
        counts.append(parts)
    assert counts[0] > 1
    assert counts == sorted(counts, reverse=True), "wider terminals need fewer parts"


@pytest.mark.usefixtures("checkout")
def test_fewer_columns_than_systems(bench) -> None:
    """The systems stay lines; intervals stand beside the values where everything fits."""
    assert bench("reproduce", "toy-table").code == 0
    measured = leaderboard.load(workspace.find(), "toy").measured[0]
    counts = []
    for width in WIDTHS:
        lines, parts = shown(measured, width)
        assert max(map(len, lines)) <= width
        assert len([line for line in lines if line.startswith(" Cited ")]) == parts
        beside = any(line.startswith(" Good ") and "[" in line and "0.5123" in line for line in lines)
        assert beside == (width == 160)
        counts.append(parts)
    assert counts[0] > 1
    assert counts[-2:] == [1, 1]
    assert len(grids.results(measured, 10)) == 1 + 4, "title, a part for each column, and one for the remarks"
