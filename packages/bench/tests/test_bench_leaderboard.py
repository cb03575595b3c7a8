"""The pages: a pure function of committed files, honest about what may be ranked with what."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import leaderboard, plots, rank, texts, workspace


@pytest.fixture
def measured(checkout, bench):
    """Two seeds of the toy table, and the pages."""
    assert bench("reproduce", "toy-table", "--seeds", "2").code == 0
    assert bench("leaderboard").code == 0
    return checkout


def page(checkout, name: str = "toy.md") -> str:
    return (checkout.root / "leaderboards" / name).read_text("utf-8")


def altered(checkout, **changes: object) -> None:
    """Append every line of the results once more with something changed."""
    lines = checkout.results.read_text("utf-8").splitlines()
    with checkout.results.open("a", encoding="utf-8") as file:
        for line in lines:
            record = json.loads(line)
            for key, value in changes.items():
                (record["provenance"] if key in record["provenance"] else record)[key] = value
            file.write(json.dumps(record) + "\n")


def test_the_check_passes_on_what_was_built_and_building_again_changes_nothing(measured, bench) -> None:
    assert bench("leaderboard", "--check").code == 0
    assert "0 written" not in bench("leaderboard").out
    files = {file: file.read_bytes() for file in (measured.root / "leaderboards").rglob("*.*")}
    assert len(files) == 4
    for file in files:
        file.unlink()
    bench("leaderboard")
    assert {file: file.read_bytes() for file in (measured.root / "leaderboards").rglob("*.*")} == files, "same bytes"


def test_the_check_prints_the_difference(measured, bench) -> None:
    file = measured.root / "leaderboards" / "toy.md"
    file.write_text(page(measured).replace("Toy faces", "My faces"), "utf-8")
    ran = bench("leaderboard", "--check")
    assert ran.code == 1
    assert "-# My faces\n+# Toy faces" in ran.out
    assert "My faces" in page(measured), "checking changes nothing"


def test_the_check_sees_new_results_missing_plots_and_stray_pages(measured, bench) -> None:
    folder = measured.root / "leaderboards"
    (folder / "old.md").write_text("left over")
    next((folder / "toy").glob("*.svg")).unlink()
    ran = bench("leaderboard", "--check")
    assert ran.code == 1
    assert "old.md is made by nothing" in ran.out
    assert "which is missing" in ran.out
    bench("leaderboard")
    assert not (folder / "old.md").exists()
    bench("reproduce", "toy-table", "--seeds", "3")
    assert bench("leaderboard", "--check").code == 1


def test_a_page_shows_printed_beside_measured_and_what_is_missing(measured) -> None:
    text = page(measured)
    assert "| Good | 0.5123 | 0.5" in text
    assert "| Cited | 0.4 |  | 12 |  | 30 | as reported |" in text
    assert "| Later | 0.6 |  |  |  |  | not run yet |" in text
    assert "- Later: needs a cascade (not run yet)" in text
    assert "The paper contradicts itself." in text
    assert "On real data: nothing has been measured yet." in text
    assert "1 of 3 comparisons tested" in text
    claims = page(measured, "claims.md")
    assert "| Good beats Bad | ✓ holds (1 of 1, quick) | not run | yes |" in claims
    assert "| It is remarkable | not testable | not testable | judgement |" in claims
    assert "[Toy faces](toy.md) | [Table 1](toy.md#toy-table) | 0 | 3 |" in page(measured, "README.md")


def test_a_ranking_is_sorted_by_its_first_metric(measured) -> None:
    rows = [line for line in page(measured).splitlines() if "(toy.md#toy-table) | quick | 2 |" in line]
    assert [row.split(" | ")[:2] for row in rows] == [["| 1", "Good, half"], ["| 2", "Good"], ["| ", "Bad"]]


@pytest.mark.parametrize(
    "change",
    [{"fingerprint": "another split"}, {"trained_on": "other data"}, {"partial": "3 are missing"}, {"data": "real"}],
    ids=lambda change: next(iter(change)),
)
def test_what_was_measured_otherwise_is_never_in_the_same_ranking(measured, change) -> None:
    altered(measured, **change)
    place = workspace.find()
    # Rows that ran anew under the changed conditions stand beside rows that did not.
    lines = measured.results.read_text("utf-8").splitlines()
    kept = [line for line in lines[: len(lines) // 2] if '"row":"Good",' in line] + [
        line for line in lines[len(lines) // 2 :] if json.loads(line)["row"] == "Good, half"
    ]
    measured.results.write_text("\n".join(kept) + "\n", "utf-8")
    board = leaderboard.load(place, "toy")
    lists = list(rank.rankings(board.measured, board.benchmark, board.metrics))
    assert [list(one.entries["row"]) for one in sorted(lists, key=lambda one: len(one.entries["row"].iloc[0]))] == [
        ["Good"],
        ["Good, half"],
    ]


def test_systems_that_were_trained_under_other_conditions_are_ranked_apart(checkout, bench) -> None:
    """Columns that share an option in training share a list, whatever table and split they stand in."""
    checkout.edit(
        "[columns.fps]",
        '[columns.p5]\ntitle = "Full 5%"\nmetric = "failure@0.10"\noptions = { noise = 4.0 }\n'
        '[columns.p5-auc]\ntitle = "AUC 5%"\nmetric = "ced-auc@0.10"\noptions = { noise = 4.0 }\n'
        '[columns.p20]\ntitle = "20%"\nmetric = "failure@0.10"\noptions = { noise = 3.0 }\n[columns.fps]',
    )
    assert bench("reproduce", "toy-table").code == 0
    assert bench("leaderboard").code == 0
    board = leaderboard.load(workspace.find(), "toy")
    lists = {one.training: one for one in board.rankings}
    assert {key: sorted(one.entries["row"]) for key, one in lists.items()} == {
        "{}": ["Bad"],
        '{"noise":2.0}': ["Good", "Good, half"],
        '{"noise":3.0}': ["Good", "Good, half"],
        '{"noise":4.0}': ["Good", "Good, half"],
    }, "what a row is given is as good as what its column gives it"
    assert lists['{"noise":4.0}'].metrics == ("ced-auc@0.10", "failure@0.10")
    assert list(lists['{"noise":4.0}'].entries["row"]) == ["Good, half", "Good"]
    text = page(checkout)
    assert "### On stand-in data, by failure@0.10, noise = 3.0" in text
    assert "### On stand-in data, by failure@0.10\n" in text
    assert " · " not in text.split("## Protocol")[0], "the title says it"
    assert texts.conditions({"fraction": 0.05, "bins": 10}) == ["bins = 10", "5% annotated"]


def test_budgets_are_shown_apart_and_smoke_is_not_published(measured, bench) -> None:
    altered(measured, budget="smoke")
    bench("leaderboard")
    assert "smoke" not in page(measured)
    altered(measured, budget="standard")
    bench("leaderboard")
    assert "budget standard" in page(measured)
    assert "budget quick" in page(measured)
    assert "(1 of 1, standard)" in page(measured, "claims.md"), "the highest budget speaks"


def test_results_under_an_older_signature_are_counted_but_not_shown(measured, bench) -> None:
    before = page(measured)
    altered(measured, signature="ced-auc|older")
    bench("leaderboard")
    assert "10 results under older signatures are kept" in page(measured)
    assert before.splitlines()[:20] == page(measured).splitlines()[:20]


def test_values_that_do_not_reduce_to_the_recorded_number_are_refused(measured, bench) -> None:
    text = measured.results.read_text("utf-8")
    first = json.loads(text.splitlines()[0])
    measured.results.write_text(text.replace(str(first["value"]), str(first["value"] + 0.01)), "utf-8")
    ran = bench("leaderboard", "--check")
    assert ran.code == 2
    assert "is recorded for 'Good'" in ran.err
    assert first["provenance"]["run"] in ran.err


def test_a_line_for_a_row_that_no_longer_exists_is_named(measured, bench) -> None:
    measured.edit('label = "Bad"', 'label = "Worst"')
    measured.edit('worse = ["Bad"]', 'worse = ["Worst"]')
    ran = bench("leaderboard")
    assert ran.code == 2
    assert "unknown row 'Bad'" in ran.err


def test_a_benchmark_without_any_result_has_a_page_and_claims(checkout, bench) -> None:
    assert bench("leaderboard").code == 0
    assert "| Good beats Bad | yes | not run |" in page(checkout)
    assert bench("leaderboard", "--check").code == 0


def test_a_figure_is_drawn_over_its_x(measured) -> None:
    measured.edit("[columns.auc]", '[figure]\nx = "bins"\nlog = true\n[columns.auc]')
    for label, x in (("Good", 1), ("Good, half", 20)):
        measured.edit(f'label = "{label}"\n', f'label = "{label}"\nseries = "q + r"\nx = {x}\n')
    board = leaderboard.load(workspace.find(), "toy")
    (plot,) = plots.plots(board.measured[0])
    figure = plot.draw()
    assert plot.name == "sweep-toy-table-stand-in-quick"
    panels = figure.axes
    assert [panel.get_title() for panel in panels] == ["AUC (fraction)", "Failure Rate (percent)"]
    drawn = panels[0].lines[0].get_xydata()
    cells = [board.measured[0].cell(row, "auc").value for row in ("Good", "Good, half")]
    assert drawn[:, 0].tolist() == [1, 20]
    assert drawn[:, 1].tolist() == cells


def test_the_curves_are_those_of_the_kept_errors(measured) -> None:
    import numpy as np

    board = leaderboard.load(workspace.find(), "toy")
    (plot,) = plots.plots(board.measured[0])
    assert plot.name == "ced-toy-table-stand-in-quick-auc"
    assert "from best to worst: Good, half, Good" in plot.about
    (axes,) = plot.draw().axes
    area = np.trapezoid(axes.lines[0].get_ydata(), axes.lines[0].get_xdata()) / 0.10
    assert area == pytest.approx(board.measured[0].cell("Good, half", "auc").value, abs=0.01)
    content = plots.svg(plot.draw())
    assert content == plots.svg(plot.draw())
    assert b"dc:date" not in content
    assert Path(measured.root, "leaderboards", "toy", f"{plot.name}.svg").read_bytes() == content
