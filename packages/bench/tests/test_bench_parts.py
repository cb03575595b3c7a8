"""Splits that are parts of another split: predicted once, scored apart; and rows that are test subjects."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

from bench.naming import digest
from bench.parts import Part, Parted
from bench.report import Contributions
from bench.spec import Interval
from bench.verdicts import _unpaired
from core_eval import InputError, Metric, Result, Sample
from core_eval.statistics import over_samples

SPLITS = """
[splits.even]
description = "every second person"
part_of = "test"
where = { even = 1 }
[splits.odd]
description = "the others"
part_of = "test"
where = { even = [0] }
[metrics.nme]
"""


class Numbers:
    """Ten samples, two a group."""

    name, kind = "numbers", "stand-in"
    read = 0

    def split(self, name):
        if name != "test":
            raise InputError(f"unknown split {name!r}")
        return [
            Sample(
                str(i),
                {},
                {"third": np.array(i % 3), "even": np.array(i % 2 == 0), "turn": np.float32(15 * i - 60)},
                str(i // 2),
            )
            for i in range(10)
        ]

    def fingerprint(self, name):
        return f"hash of {name}"

    def missing(self, name):
        return {"test": 4}[name]


THIRD = Part("third", "test", (("third", (1, 2)),))
BOTH = Part("both", "test", (("even", (1,)), ("third", (0,))))


def test_a_part_holds_the_samples_that_fit():
    data = Parted(Numbers(), (THIRD, BOTH))
    assert [sample.id for sample in data.split("third")] == ["1", "2", "4", "5", "7", "8"]
    assert [sample.id for sample in data.split("both")] == ["0", "6"]
    assert len(data.split("both")) == 2
    assert [sample.id for sample in data.split("third")[1:3]] == ["2", "4"]
    assert data.split("third")[-1].id == "8"
    assert len(data.split("test")) == 10
    with pytest.raises(IndexError):
        data.split("both")[2]
    with pytest.raises(InputError, match="unknown split"):
        data.split("fourth")
    assert (data.name, data.kind) == ("numbers", "stand-in")


def test_fingerprints_tell_parts_and_wholes_apart():
    data, other = Parted(Numbers(), (THIRD, BOTH)), Parted(Numbers(), (Part("third", "test", (("third", (1,)),)),))
    found = {data.fingerprint("third"), data.fingerprint("both"), data.fingerprint("test"), other.fingerprint("third")}
    assert len(found) == 4
    assert data.fingerprint("test") == "hash of test"
    assert data.missing("third") == 4, "what is missing of the whole"
    assert not hasattr(data, "partial")


def test_intervals_hold_their_low_end_and_divide_the_whole() -> None:
    """Turns are -60, -45 ... 75."""
    ends = (0.0, 15.0, 45.0, 90.0)
    sizes = [Interval(low, high, absolute=True) for low, high in pairwise(ends)]
    parts = [Part(f"p{i}", "test", (("turn", one),)) for i, one in enumerate(sizes)]
    data = Parted(Numbers(), [*parts, Part("left", "test", (("even", (1,)), ("turn", Interval(-50.0, 1.0))))])
    found = [[sample.id for sample in data.split(part.name)] for part in parts]
    assert found == [["4"], ["2", "3", "5", "6"], ["0", "1", "7", "8", "9"]]
    assert [sample.id for sample in data.split("left")] == ["2", "4"]
    signed = Parted(Numbers(), (Part("p0", "test", (("turn", Interval(0.0, 15.0)),)),))
    assert signed.fingerprint("p0") != data.fingerprint("p0")


def test_the_hash_of_a_part_by_whole_numbers_is_as_it_was_when_results_were_recorded() -> None:
    assert Parted(Numbers(), (BOTH,)).fingerprint("both") == digest(
        "part", "hash of test", [["even", [1]], ["third", [0]]]
    )


def test_a_sample_without_the_number_is_named():
    with pytest.raises(InputError, match=r"colour.*\b0\b|\b0\b.*colour"):
        len(Parted(Numbers(), (Part("red", "test", (("colour", (1,)),)),)).split("red"))


def even_people(checkout) -> None:
    """Say of each sample whether its person has an even number."""
    checkout.edit(
        '{"points": points}, f"person {i // 3}")',
        '{"points": points, "even": np.array(i // 3 % 2 == 0)}, f"person {i // 3}")',
        checkout.parts,
    )
    checkout.edit("[metrics.nme]\n", SPLITS, checkout.root / "benchmarks" / "toy" / "benchmark.toml")


def test_parts_are_scored_on_one_prediction_of_the_whole(checkout, bench) -> None:
    even_people(checkout)
    column = '[columns.fr]\ntitle = "Failure Rate"'
    more = "".join(
        f'[columns.{part}]\ntitle = "{part}"\nmetric = "nme"\nsplit = "{part}"\n' for part in ("even", "odd")
    )
    checkout.edit(column, more + '[columns.all]\ntitle = "all"\nmetric = "nme"\n' + column)
    shown = json.loads(bench("reproduce", "toy-table", "--rows", "Good", "--dry-run", "--json").out)
    assert [step["predictions"] for step in shown["steps"]] == ["to make", "shared", "shared"]
    assert bench("reproduce", "toy-table", "--rows", "Good").code == 0
    assert len(list((checkout.cache / "predictions").glob("*.npz"))) == 1
    lines = [Result.from_line(line) for line in checkout.results.read_text("utf-8").splitlines()]
    cells = {line.column: line for line in lines}
    assert {name: line.n for name, line in cells.items()} == {"auc": 60, "fr": 60, "all": 60, "even": 30, "odd": 30}
    assert (cells["even"].value + cells["odd"].value) / 2 == pytest.approx(cells["all"].value, rel=1e-12)
    assert cells["even"].value != cells["odd"].value
    assert len({line.provenance.fingerprint for line in lines}) == 3
    assert len({line.provenance.predictions for line in lines}) == 1
    again = bench("reproduce", "toy-table", "--rows", "Good")
    assert "nothing new to record" in again.out
    assert bench("verify-result", "toy-table").code == 0
    shown = json.loads(bench("reproduce", "toy-table", "--rows", "Good", "--dry-run", "--json").out)
    assert {step["predictions"] for step in shown["steps"]} == {"cached"}


def test_rows_that_are_test_subjects(checkout, bench) -> None:
    even_people(checkout)
    column = '[columns.fr]\ntitle = "Failure Rate"'
    checkout.edit(column, '[columns.all]\ntitle = "all"\nmetric = "nme"\n' + column)
    claim = '[[claims]]\ntext = "even is better"\nholds_in_paper = "yes"\nbetter = ["even"]\nworse = ["odd"]\n'
    checkout.edit(
        '[[claims]]\ntext = "Good beats Bad"', claim + 'columns = ["all"]\n[[claims]]\ntext = "Good beats Bad"'
    )
    subjects = "".join(
        f'[[rows]]\nlabel = "{part}"\nmethod = "fakepack:noisy"\noptions = {{ noise = 2.0 }}\n'
        f'splits = {{ auc = "{part}", fr = "{part}", all = "{part}" }}\n'
        for part in ("even", "odd")
    )
    checkout.edit('[[rows]]\nlabel = "Cited"', subjects + '[[rows]]\nlabel = "Cited"')
    shown = json.loads(bench("reproduce", "toy-table", "--rows", "even", "--rows", "odd", "--json").out)
    lines = [Result.from_line(line) for line in checkout.results.read_text("utf-8").splitlines()]
    assert {(line.row, line.split, line.n) for line in lines} == {("even", "even", 30), ("odd", "odd", 30)}
    values = {line.row: line.value for line in lines if line.column == "all"}
    (judged,) = (claim for claim in shown["claims"] if claim["text"] == "even is better")
    (one,) = judged["comparisons"]
    assert one["gain"] == pytest.approx(values["odd"] - values["even"], rel=1e-12)
    assert one["low"] < one["gain"] < one["high"]
    assert (one["n"], one["groups"]) == (60, 20)
    assert bench("verify-result", "toy-table").code == 0


def test_an_unpaired_comparison_agrees_with_two_bootstraps(monkeypatch, tmp_path) -> None:
    """Of two independent means: the difference varies by the sum of their variances."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    rng = np.random.default_rng(0)
    a, b = (
        Contributions(
            tuple(f"{side}{i}" for i in range(n)),
            tuple(f"{side}{i // 2}" for i in range(n)),
            np.repeat(rng.normal(mean, 1.0, (1, n // 2)), 2, axis=1),
        )
        for side, n, mean in (("a", 80, 0.0), ("b", 240, 0.4))
    )
    metric = Metric("m", "px", "lower", "m|v:1", (), lambda *_: 0.0, 0.0, lambda v: float(v.mean()), over_samples)
    found = _unpaired(a, b, metric, ("claim",), "code", 4000)
    assert found is not None
    assert found.difference == pytest.approx(a.values.mean() - b.values.mean(), rel=1e-12)
    spread = np.sqrt(sum(np.var(side.values[0, ::2]) / (len(side.ids) / 2) for side in (a, b)))
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(spread, rel=0.1)
    same = Contributions(a.ids, b.groups[: len(a.ids)], a.values)
    assert _unpaired(same, b, metric, ("claim",), "code", 100) is None, "they share groups"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('part_of = "test"\nwhere = { even = 1 }', 'part_of = "tset"\nwhere = { even = 1 }', "tset"),
        ("where = { even = 1 }", "", "where"),
        ("where = { even = 1 }", "where = { even = 0.5 }", "whole number"),
        ("where = { even = 1 }", "where = { even = { from = 1, below = 1 } }", "empty"),
        ("where = { even = 1 }", "where = { even = { from = 1 } }", "below"),
        ("where = { even = 1 }", "where = { even = { from = 1, below = 2, abs = true } }", "absolute"),
        ("where = { even = 1 }", "where = { even = 1 }\nstand-in = 30", "counted with the whole"),
    ],
)
def test_a_malformed_part_is_refused(checkout, bench, old, new, message) -> None:
    even_people(checkout)
    checkout.edit(old, new, checkout.root / "benchmarks" / "toy" / "benchmark.toml")
    refused = bench("reproduce", "toy-table", "--dry-run")
    assert refused.code == 2
    assert message in refused.err


def test_a_row_on_an_unknown_split_is_refused(checkout, bench) -> None:
    checkout.edit(
        "options = { noise = 2.0 }\nreported", 'options = { noise = 2.0 }\nsplits = { auc = "tset" }\nreported'
    )
    refused = bench("reproduce", "toy-table", "--dry-run")
    assert refused.code == 2
    assert "tset" in refused.err
