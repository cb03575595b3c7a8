"""Plans are pure, seeds come from names, keys from all that matters and nothing else."""

from __future__ import annotations

import pytest

from bench.catalogue import Catalogue
from bench.naming import canonical, seed, sources
from bench.plan import plan
from core_eval import InputError


def runs_of(checkout, **options):
    catalogue = Catalogue(checkout.root / "benchmarks")
    given = {"data": "stand-in", "budget": "quick", **options}
    return plan(catalogue.table("toy-table"), catalogue.benchmark("toy"), **given)


def test_rows_that_differ_in_prediction_only_share_a_model_and_stand_together(checkout) -> None:
    runs = runs_of(checkout, seeds=2)
    assert [(run.row, run.repetition) for run in runs] == [
        ("Good", 0),
        ("Good, half", 0),
        ("Good", 1),
        ("Good, half", 1),
        ("Bad", 0),
        ("Bad", 1),
    ]
    assert runs[0].model == runs[1].model != runs[2].model
    assert runs[4].columns == ("fr",)


def test_another_row_moves_no_seed(checkout) -> None:
    before = {(run.row, run.repetition): run.seed for run in runs_of(checkout, seeds=3)}
    checkout.edit(
        '[[rows]]\nlabel = "Good"',
        '[[rows]]\nlabel = "New"\nmethod = "fakepack:noisy"\noptions = { noise = 9.0 }\n[[rows]]\nlabel = "Good"',
    )
    after = {(run.row, run.repetition): run.seed for run in runs_of(checkout, seeds=3)}
    assert after.items() > before.items()
    assert len({seed for (row, _), seed in after.items() if row == "Good"}) == 3
    assert all(0 <= seed < 2**31 for seed in after.values())


def test_runs_shared_out_over_machines_are_those_of_one(checkout) -> None:
    whole = runs_of(checkout, seeds=5)
    parts = [*runs_of(checkout, seeds=3), *runs_of(checkout, seeds=2, first_seed=3)]
    assert {(run.label, run.seed) for run in parts} == {(run.label, run.seed) for run in whole}
    assert len(parts) == len(whole)
    with pytest.raises(InputError, match="counted from 0"):
        runs_of(checkout, first_seed=-1)


def test_a_seed_is_the_same_on_every_machine() -> None:
    import hashlib

    text = '["seed","a:b",{"bins":10},0]'  # what is hashed, spelt out
    assert seed("a:b", {"bins": 10}, 0) == int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) >> 1
    assert canonical({"b": [1.0, True], "a": "ü"}) == '{"a":"ü","b":[1.0,true]}'


def test_a_column_that_is_a_training_condition_makes_its_own_run(checkout) -> None:
    checkout.edit("[columns.fps]", '[columns.louder]\nmetric = "nme"\noptions = { noise = 5.0 }\n[columns.fps]')
    runs = runs_of(checkout, rows=["Good"])
    assert [(run.columns, run.options) for run in runs] == [
        (("auc", "fr"), {"noise": 2.0}),
        (("louder",), {"noise": 5.0}),
    ]


def test_a_table_may_change_a_budget(checkout) -> None:
    checkout.edit("[columns.auc]", "[budgets.quick]\nseeds = 2\noptions = { noise = 0.5 }\n[columns.auc]")
    runs = runs_of(checkout, rows=["Good"])
    assert [(run.repetition, run.options["noise"]) for run in runs] == [(0, 0.5), (1, 0.5)]
    assert len(runs_of(checkout, rows=["Good"], budget="standard")) == 1
    assert len(runs_of(checkout, rows=["Good"], seeds=4)) == 4


def test_a_column_of_other_data_is_left_out(checkout) -> None:
    checkout.edit('metric = "failure@0.10"', 'metric = "failure@0.10"\ndata = ["stand-in"]')
    assert [run.columns for run in runs_of(checkout, data="real")] == [("auc",), ("auc",)]


def test_scores_on_real_data_may_be_of_methods_that_learn_from_real_data(checkout) -> None:
    def sources() -> list[str]:
        return [runs_of(checkout, rows=["Good"], data=data)[0].train.dataset for data in ("stand-in", "real")]

    assert sources() == ["fakepack:faces", "fakepack:faces"]
    checkout.edit(
        '[train]\ndataset = "fakepack:faces"',
        '[train]\ndataset = "fakepack:faces"\nreal = "fakepack:photos"',
        checkout.table.with_name("benchmark.toml"),
    )
    assert sources() == ["fakepack:faces", "fakepack:photos"]


def test_the_source_hash_sees_code_and_data_but_no_comments(checkout) -> None:
    def now() -> str:
        sources.cache_clear()
        return sources("fakepack")["fakepack"]

    first = now()
    checkout.edit('"""Fails."""', '"""Fails, says this changed docstring."""  # and this comment', checkout.parts)
    (checkout.site / "fakepack" / "README.md").write_text("words")
    assert now() == first
    data = checkout.site / "fakepack" / "constants.toml"
    data.write_text("a = 1")
    second = now()
    assert second != first
    data.unlink()
    checkout.edit("shrink * self.noise", "self.noise", checkout.parts)
    assert now() not in (first, second)


def test_the_source_hash_follows_local_dependencies() -> None:
    assert {"bench", "core-eval"} <= set(sources("bench"))
    assert "numpy" not in sources("bench")
