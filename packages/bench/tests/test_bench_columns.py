"""Columns per budget: which cells a reproduction fills by itself, and what it says of the others and of claims."""

from __future__ import annotations

import json

import pytest

from bench.catalogue import Catalogue
from bench.plan import plan


@pytest.fixture
def fractions(checkout):
    """The toy table with two training conditions more; the quick budget fills one of the three."""
    checkout.edit(
        "[columns.fps]",
        '[columns.p5]\ntitle = "5%"\nmetric = "nme"\noptions = { noise = 4.0 }\n'
        '[columns.p20]\ntitle = "20%"\nmetric = "nme"\noptions = { noise = 3.0 }\n[columns.fps]',
    )
    checkout.edit("[columns.auc]", '[budgets.quick]\ncolumns = ["auc", "p5"]\n[columns.auc]')
    checkout.edit('columns = ["auc"]\n[[claims]]\ntext = "It', 'columns = ["auc", "p5", "p20"]\n[[claims]]\ntext = "It')
    return checkout


def planned(checkout, **given) -> list[tuple[str, tuple[str, ...]]]:
    catalogue = Catalogue(checkout.root / "benchmarks")
    options = {"data": "stand-in", "budget": "quick", **given}
    runs = plan(catalogue.table("toy-table"), catalogue.benchmark("toy"), **options)
    return [(run.row, run.columns) for run in runs if run.row in ("Good", "Bad")]


def test_a_budget_fills_its_columns_and_others_when_they_are_named(fractions) -> None:
    assert planned(fractions) == [("Good", ("auc",)), ("Good", ("p5",))], "Bad has none of them"
    whole = [("Good", ("auc", "fr")), ("Good", ("p5",)), ("Good", ("p20",)), ("Bad", ("fr",))]
    assert planned(fractions, budget="standard") == whole
    assert planned(fractions, columns=["all"]) == whole
    assert planned(fractions, columns=["P20", "failure rate"], rows=["Good"]) == [("Good", ("fr",)), ("Good", ("p20",))]


def test_other_columns_change_neither_seeds_nor_options_of_a_run(fractions) -> None:
    catalogue = Catalogue(fractions.root / "benchmarks")
    runs = [
        {(run.row, run.columns): run for run in plan(table, benchmark, data="stand-in", budget="quick", columns=names)}
        for table, benchmark in [(catalogue.table("toy-table"), catalogue.benchmark("toy"))]
        for names in ([], ["all"])
    ]
    assert runs[0]["Good", ("p5",)] == runs[1]["Good", ("p5",)]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ('["p6"]', "unknown column 'p6'; did you mean 'p5'?"),
        ("[]", "a budget fills at least one column"),
        ('["fps"]', "nothing measures the column 'fps'"),
    ],
)
def test_a_wrong_column_of_a_budget_is_named(fractions, bench, columns, message) -> None:
    fractions.edit('columns = ["auc", "p5"]\n', f"columns = {columns}\n")
    ran = bench("reproduce", "toy-table", "--dry-run")
    assert ran.code == 2
    assert message in ran.err
    assert f"file {fractions.table}, field budgets.quick.columns" in ran.err


def test_a_wrong_column_on_the_command_line_is_named(fractions, bench) -> None:
    assert (
        "unknown or unmeasured column 'p2'; did you mean 'p20'"
        in bench("reproduce", "toy-table", "--columns", "p2").err
    )
    assert bench("reproduce", "toy-table", "--columns", "fps").code == 2, "nothing measures it"
    assert not fractions.results.exists()


@pytest.mark.usefixtures("fractions")
def test_a_dry_run_tells_runs_of_a_row_apart_and_says_what_is_left_out(bench) -> None:
    out = bench("reproduce", "toy-table", "--dry-run").out
    assert "Columns AUC, 5%; left out at quick: Failure Rate, 20% (`--columns all` runs the whole table)" in out
    assert [line.split()[1] for line in out.splitlines() if line.startswith(" Good ")] == ["AUC", "5%"]
    assert "left out" not in bench("reproduce", "toy-table", "--dry-run", "--columns", "all").out
    found = json.loads(bench("reproduce", "toy-table", "--dry-run", "--json").out)
    assert found["left_out"] == {"fr": "Failure Rate", "p20": "20%"}
    assert [step["columns"] for step in found["steps"] if step["row"] == "Good"] == [["auc"], ["p5"]]


@pytest.mark.usefixtures("fractions")
def test_claims_say_in_which_columns_they_were_tested(bench) -> None:
    ran = json.loads(bench("reproduce", "toy-table", "--json").out)
    assert ran["left_out"] == ["fr", "p20"]
    good, _, whole, _ = ran["claims"]
    assert (good["verdict"], good["coverage"]) == (
        "not run",
        "0 of 1 comparison tested (the budget leaves out Failure Rate)",
    )
    # In 5% and 20% both rows have the column's noise, but one shrinks it.
    assert whole["coverage"] == "2 of 3 comparisons tested, in AUC, 5% (the budget leaves out 20%)"
    assert whole["verdict"] == "fails", "the tested columns speak against it"
    shown = bench("reproduce", "toy-table").out
    assert "Columns AUC, 5%; left out at quick: Failure Rate, 20% (`--columns all` runs the whole table)" in shown
    assert "(the budget leaves out Failure Rate)" in " ".join(shown.split())


def test_a_page_leaves_out_what_the_budget_does_until_it_is_measured(fractions, bench) -> None:
    def pages() -> tuple[str, str]:
        bench("leaderboard")
        return tuple((fractions.root / "leaderboards" / f"{name}.md").read_text("utf-8") for name in ("toy", "claims"))

    bench("reproduce", "toy-table")
    page, claims = pages()
    assert "Columns AUC, 5%; left out at quick: Failure Rate, 20%." in page
    heading = next(line for line in page.splitlines() if line.startswith("| System | AUC ↑ printed"))
    assert "Failure Rate (%) ↓ printed" in heading
    assert "Failure Rate (%) ↓ stand-in" not in heading
    assert "✗ fails (2 of 3, quick: AUC, 5%)" in claims
    assert "| not run |" in claims
    bench("reproduce", "toy-table", "--columns", "20%", "--columns", "fr")
    page, claims = pages()
    assert "left out" not in page
    assert "Failure Rate (%) ↓ stand-in" in page
    assert "✗ fails (3 of 3, quick)" in claims
    assert "✓ holds (1 of 1, quick)" in claims
