"""Submitted rows, and the verification of every recorded value."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core_eval import Predictions, Result, save_predictions


def noisy(path: Path, size: float = 1.0, *, reverse: bool = False) -> Path:
    from fakepack.parts import Split

    samples = Split("test", 60)[:]
    noise = np.random.default_rng(0).normal(size=(60, 68, 2))
    points = np.stack([one.target["points"] for one in samples]) + size * noise
    order = slice(None, None, -1) if reverse else slice(None)
    ids = [one.id for one in samples][order]
    save_predictions(path, Predictions.of(ids, {"points": points[order], "unread": np.zeros(60)}))
    return path


def lines(checkout) -> list[Result]:
    return [Result.from_line(line) for line in checkout.results.read_text("utf-8").splitlines()]


@pytest.fixture
def submit(bench):
    def call(file: Path, *more: str, row: str = "Mine", by: str = "Me"):
        return bench("submit", file, "--table", "toy-table", "--row", row, "--by", by, *more)

    return call


def replace_line(checkout, number: int, **changes: object) -> None:
    """Change a recorded line as a careless or dishonest hand would."""
    text = checkout.results.read_text("utf-8").splitlines()
    record = json.loads(text[number])
    for name, value in changes.items():
        (record["provenance"] if name in record["provenance"] else record)[name] = value
    text[number] = json.dumps(record)
    checkout.results.write_text("\n".join(text) + "\n", "utf-8")


def test_a_submission_becomes_a_marked_row_and_is_verified(checkout, bench, submit, tmp_path) -> None:
    ran = submit(noisy(tmp_path / "mine.npz"), "--training-data", "photographs of my own")
    assert ran.code == 0, ran.err
    assert "2 new lines" in ran.out
    found = lines(checkout)
    assert [(one.row, one.column, one.budget) for one in found] == [
        ("Mine", "auc", "submitted"),
        ("Mine", "fr", "submitted"),
    ]
    assert found[0].provenance.method == "submitted by Me"
    assert found[0].provenance.trained_on == "photographs of my own"
    evaluated = json.loads(bench("evaluate", tmp_path / "mine.npz", "--protocol", "toy", "--json").out)["metrics"]
    assert found[0].value == next(one["value"] for one in evaluated if one["name"] == "ced-auc@0.10")
    bench("leaderboard")
    assert bench("leaderboard", "--check").code == 0
    page = (checkout.root / "leaderboards" / "toy.md").read_text()
    assert "Submitted, on stand-in data" in page
    assert "submitted by Me" in page
    assert "trained on `photographs of my own`" in page
    assert "| submitted |" in page
    ran = bench("verify-result", "toy-table", "--row", "Mine")
    assert ran.code == 0, ran.out
    assert "2 values: 2 verified" in ran.out
    assert bench("verify-result", "--all").code == 0


def test_pages_without_submissions_know_nothing_of_them(checkout, bench, submit, tmp_path) -> None:
    bench("reproduce", "toy-table", "--rows", "Good", "--rows", "Bad")
    bench("leaderboard")
    page = checkout.root / "leaderboards" / "toy.md"
    before = page.read_text()
    assert "ubmitted" not in before
    submit(noisy(tmp_path / "mine.npz"))
    bench("leaderboard")
    added = [line for line in page.read_text().splitlines() if line not in before.splitlines()]
    assert all(line in page.read_text().splitlines() for line in before.splitlines()), "nothing else has changed"
    assert any("Mine" in line for line in added)


def test_who_trained_on_the_protocols_split_is_ranked_with_the_others(checkout, bench, submit, tmp_path) -> None:
    bench("reproduce", "toy-table", "--rows", "Good")
    submit(noisy(tmp_path / "mine.npz", 0.1), "--training-data", "fakepack:faces/train")
    bench("leaderboard")
    page = (checkout.root / "leaderboards" / "toy.md").read_text()
    ranking = [line for line in page.splitlines() if line.startswith(("| 1 |", "| 2 |"))]
    assert "Mine" in ranking[0]
    assert "Good" in ranking[1]


def test_the_hash_is_of_what_was_scored_whatever_the_file_is(checkout, bench, submit, tmp_path) -> None:
    submit(noisy(tmp_path / "mine.npz"))
    again = submit(noisy(tmp_path / "reversed.npz", reverse=True))
    assert "nothing new to record" in again.out
    (kept,) = (checkout.root / "results" / "toy" / "predictions").glob("*.npz")
    assert kept.stem == lines(checkout)[0].provenance.predictions
    ran = bench("verify-result", "toy-table", "--predictions", tmp_path / "reversed.npz")
    assert ran.code == 0, ran.out
    assert "of the canonical form" in ran.out


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"value": 0.99}, "differs in values, value"),
        ({"signature": "ced-auc|v:0"}, "differs in signature"),
        ({"metric": "nme"}, "differs in signature"),
        ({"row": "Good"}, "differs in row"),
        ({"n": 59}, "differs in values, value"),
    ],
)
def test_a_line_that_was_tampered_with_is_found_out(checkout, bench, submit, tmp_path, changes, finding) -> None:
    submit(noisy(tmp_path / "mine.npz"))
    replace_line(checkout, 0, **changes)
    for arguments in (["toy-table"], ["--all"]):
        ran = bench("verify-result", *arguments)
        assert ran.code == 1
        assert finding in ran.out


def test_other_predictions_differ_in_hash_and_value(bench, submit, tmp_path) -> None:
    submit(noisy(tmp_path / "mine.npz"))
    ran = bench("verify-result", "toy-table", "--column", "auc", "--predictions", noisy(tmp_path / "other.npz", 1.5))
    assert ran.code == 1
    assert "differs in hash, value" in ran.out
    document = json.loads(
        bench("verify-result", "toy-table", "--predictions", noisy(tmp_path / "b.npz", 1.5), "--json").out
    )
    assert document[0]["checks"]["values"]["state"] == "same"
    assert document[0]["checks"]["hash"]["state"] == "differs"


def test_reproduced_rows_are_verified_from_the_cache_or_not_at_all(checkout, bench) -> None:
    bench("reproduce", "toy-table", "--rows", "Good")
    ran = bench("verify-result", "toy-table", "--row", "Good", "--column", "auc")
    assert ran.code == 0, ran.out
    assert "hash: same" in ran.out
    assert "1 values: 1 verified" in ran.out
    for file in (checkout.cache / "predictions").iterdir():
        file.unlink()
    ran = bench("verify-result", "toy-table")
    assert ran.code == 1
    assert "not recomputed" in ran.out
    assert "the predictions are not at hand" in ran.out
    everything = bench("verify-result", "--all")
    assert everything.code == 0
    assert "2 values: 2 not recomputed" in everything.out


def test_values_of_an_incomplete_copy_are_verified_on_that_copy(checkout, bench, tmp_path) -> None:
    checkout.edit("real = 60", "real = 63", checkout.table.with_name("benchmark.toml"))
    real = ["--data", "real", "--root", str(tmp_path), "--allow-partial"]
    assert bench("reproduce", "toy-table", "--rows", "Good", *real).code == 0
    assert "2 values: 2 verified" in bench("verify-result", "toy-table", "--root", tmp_path).out
    without = bench("verify-result", "toy-table")
    assert without.code == 1
    assert "this data set needs --root" in without.out
    assert (
        bench("submit", noisy(tmp_path / "a.npz"), "--table", "toy-table", "--row", "A", "--by", "B", *real[:4]).code
        == 2
    )


def test_lines_from_before_a_change_are_outdated_and_not_wrong(checkout, bench) -> None:
    bench("reproduce", "toy-table", "--rows", "Good")
    checkout.edit("limit = 0.10", "limit = 0.08", checkout.table.with_name("benchmark.toml"))
    ran = bench("verify-result", "--all")
    assert ran.code == 0
    assert "2 outdated" in ran.out
    assert bench("verify-result", "toy-table").code == 1


def test_other_data_are_said_to_be_others(checkout, bench, submit, tmp_path) -> None:
    submit(noisy(tmp_path / "mine.npz"))
    checkout.edit("sha256(name.encode())", "sha256(b'2' + name.encode())", checkout.parts)
    ran = bench("verify-result", "toy-table")
    assert ran.code == 1
    assert "data: outdated: the data are others" in ran.out
    assert bench("verify-result", "--all").code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"row": "good"}, "has a row 'Good' of its own"),
        ({"row": "two\nlines"}, "one printable line"),
        ({"by": " "}, "one printable line"),
    ],
)
def test_names_of_submissions_are_checked(submit, tmp_path, options, said) -> None:
    ran = submit(noisy(tmp_path / "mine.npz"), **options)
    assert ran.code == 2
    assert said in ran.err


def test_a_name_belongs_to_who_used_it_first(checkout, submit, tmp_path) -> None:
    submit(noisy(tmp_path / "mine.npz"))
    ran = submit(noisy(tmp_path / "theirs.npz", 2.0), by="Somebody else")
    assert ran.code == 2
    assert "was submitted by Me" in ran.err
    assert "2 new lines" in submit(noisy(tmp_path / "better.npz", 0.5)).out
    assert len(lines(checkout)) == 4


def test_incomplete_predictions_and_copies_are_not_submitted(checkout, bench, submit, tmp_path) -> None:
    from fakepack.parts import Split

    few = Split("test", 60)[:50]
    file = tmp_path / "few.npz"
    points = np.stack([one.target["points"] for one in few])
    save_predictions(file, Predictions.of([one.id for one in few], {"points": points}))
    ran = submit(file)
    assert ran.code == 2
    assert "10 missing" in ran.err
    assert not checkout.results.exists()
    assert "name a table, or give --all" in bench("verify-result").err
    assert "no such value is recorded" in bench("verify-result", "toy-table", "--row", "Mine").err
