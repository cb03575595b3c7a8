"""The whole path with a fake package: train, predict, score, record, compare; and everything that can go wrong."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from bench.naming import seed
from core_eval import Result


def lines(checkout) -> list[Result]:
    return [Result.from_line(line) for line in checkout.results.read_text("utf-8").splitlines()]


def add_row(checkout, label: str, method: str, more: str = "") -> None:
    checkout.edit(
        '[[rows]]\nlabel = "Cited"',
        f'[[rows]]\nlabel = "{label}"\nmethod = "{method}"\n{more}\n[[rows]]\nlabel = "Cited"',
    )


def test_the_number_on_the_page_is_the_number_worked_out_by_hand(checkout, bench) -> None:
    shown = json.loads(bench("reproduce", "toy-table", "--rows", "Good", "--json").out)["rows"][0]["cells"]["auc"]
    from fakepack.parts import Split

    errors = []
    number = seed("fakepack:noisy", {"noise": 2.0}, 0)
    for index in range(60):
        sample = Split("test", 60)[index]
        noise = np.random.default_rng([number, index]).normal(size=(68, 2))
        moved = 2.0 * sample.inputs["difficulty"] * noise
        eyes = sample.target["points"]
        errors.append(np.hypot(*moved.T).mean() / np.hypot(*(eyes[36] - eyes[45])))
    assert shown["value"] == pytest.approx(np.clip(1 - np.array(errors) / 0.1, 0, 1).mean(), rel=1e-12)
    assert shown["n"] == 60
    recorded = {result.column: result for result in lines(checkout)}
    assert recorded["auc"].value == shown["value"]
    assert recorded["auc"].provenance.method == "fakepack:noisy noise=2.0"
    assert recorded["auc"].provenance.trained_on.startswith("fakepack:faces/train@")


def test_a_second_run_answers_from_the_cache_and_adds_nothing(checkout, bench, monkeypatch, tmp_path) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("FAKE_LOG", str(log))
    first = bench("reproduce", "toy-table", "--seeds", "2")
    assert first.code == 0
    assert "10 new lines" in first.out
    assert len(log.read_text().splitlines()) == 4, "two rows share a model: 2 seeds of 2 models"
    before = checkout.results.read_bytes()
    second = bench("reproduce", "toy-table", "--seeds", "2")
    assert second.code == 0
    assert "nothing new to record" in second.out
    assert second.err.count("from the cache") == 6
    assert checkout.results.read_bytes() == before
    assert len(log.read_text().splitlines()) == 4
    third = bench("reproduce", "toy-table", "--seeds", "3")
    assert "5 new lines" in third.out, "more seeds keep the ones that are there"
    assert len(log.read_text().splitlines()) == 6
    fourth = bench("reproduce", "toy-table", "--seeds", "1", "--first-seed", "4")
    assert "5 new lines" in fourth.out
    assert sorted({json.loads(line)["seed"] for line in checkout.results.read_text().splitlines()}) == [0, 1, 2, 4]


def test_what_rows_must_share_is_drawn_from_the_number_of_the_run(checkout, bench, monkeypatch, tmp_path) -> None:
    """A fit that asks for it gets that number, equal for all rows, and the very same split object every time."""
    log = tmp_path / "log"
    monkeypatch.setenv("FAKE_LOG", str(log))
    checkout.edit(
        "seed, budget, workdir):\n        self.seed = seed",
        "seed, budget, workdir, repetition):\n        self.seed = seed",
        checkout.parts,
    )
    checkout.edit('note(f"fit {self.noise} {seed}")', 'note(f"{repetition} {seed} {id(train)}")', checkout.parts)
    assert bench("reproduce", "toy-table", "--seeds", "2").code == 0
    repetitions, seeds, splits = zip(*(line.split() for line in log.read_text().splitlines()), strict=True)
    assert sorted(repetitions) == ["0", "0", "1", "1"]
    assert len(set(seeds)) == 4
    assert len(set(splits)) == 1


def test_changed_code_is_run_again_but_a_comment_is_not(checkout, bench, monkeypatch, tmp_path) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("FAKE_LOG", str(log))
    fits = lambda: len(log.read_text().splitlines())  # noqa: E731
    bench("reproduce", "toy-table", "--rows", "Good")
    checkout.edit('"""Sees the truth', '"""It sees the truth', checkout.parts)
    bench("reproduce", "toy-table", "--rows", "Good")
    assert fits() == 1
    checkout.edit('arrays["hint"] + shrink', 'arrays["hint"] + 1.0 * shrink', checkout.parts)
    bench("reproduce", "toy-table", "--rows", "Good")
    assert fits() == 2


def test_no_record_writes_no_results_and_json_is_one_document(checkout, bench) -> None:
    ran = bench("reproduce", "toy-table", "--json", "--no-record")
    assert ran.code == 0
    document = json.loads(ran.out)
    assert not checkout.results.exists()
    cells = {row["label"]: row["cells"] for row in document["rows"]}
    assert cells["Good"]["auc"]["low"] < cells["Good"]["auc"]["value"] < cells["Good"]["auc"]["high"]
    assert cells["Bad"]["auc"]["status"] == "not applicable"
    assert cells["Cited"]["auc"] == cells["Cited"]["auc"] | {
        "reported": "0.4",
        "status": "reported only",
        "value": None,
    }
    assert cells["Later"]["auc"]["status"] == "not run"
    assert all(cell["verdict"] is None for row in cells.values() for cell in row.values()), "stand-in: no verdict"
    assert [claim["verdict"] for claim in document["claims"]] == ["holds", "holds", "fails", "not testable"]
    assert document["claims"][1]["coverage"] == "1 of 3 comparisons tested"


def test_real_data_get_verdicts_and_an_incomplete_copy_says_so(checkout, bench, tmp_path) -> None:
    value = json.loads(bench("reproduce", "toy-table", "--rows", "Good", "--json").out)["rows"][0]["cells"]["auc"][
        "value"
    ]
    checkout.edit('auc = "0.5123"', f'auc = "{value:.4f}"')
    real = ("reproduce", "toy-table", "--rows", "Good", "--data", "real", "--root", tmp_path)
    assert "match off" in bench(*real).out
    ran = bench(*real, "--allow-partial")
    assert ran.code == 0
    assert " off" not in ran.out, "another test set than the printed one"
    assert "incomplete copy: 3 of 63 images are missing" in ran.out
    assert {(one.data, one.provenance.partial) for one in lines(checkout)} == {
        ("stand-in", ""),
        ("real", ""),
        ("real", "3 of 63 images are missing"),
    }
    without = bench("reproduce", "toy-table", "--data", "real")
    assert (without.code, without.err) == (2, "error: this data set needs --root\n")


FAILURES = [
    ('options = { how = "fit" }', 1, "RuntimeError: the loss is NaN at step 3"),
    ('options = { how = "short" }', 2, "answered 5 of 60 samples"),
    ('options = { how = "arrays" }', 2, "predicts no 'points', which a metric needs (sample test/000)"),
    ('options = { how = "disk" }', 2, "no space left"),
]


@pytest.mark.parametrize(("options", "code", "message"), FAILURES, ids=[case[0] for case in FAILURES])
def test_a_failure_is_an_error_line_and_the_others_go_on(checkout, bench, options, code, message) -> None:
    add_row(checkout, "Failing", "fakepack:broken", options)
    ran = bench("reproduce", "toy-table", "--rows", "Failing", "--rows", "Good")
    assert ran.code == code
    assert message in ran.err
    assert "Traceback" not in ran.err
    by_row = {row: [one for one in lines(checkout) if one.row == row] for row in ("Failing", "Good")}
    assert all(one.value is None and message in one.error for one in by_row["Failing"])
    assert [one.value is not None for one in by_row["Good"]] == [True, True]
    assert "failed" in next(line for line in ran.out.splitlines() if "Failing" in line)
    assert not list(checkout.cache.rglob("*.partial"))
    assert "Traceback" in bench("--debug", "reproduce", "toy-table", "--rows", "Failing").err


def test_a_failed_sample_stays_in_the_denominator_and_is_named(checkout, bench) -> None:
    checkout.edit("[columns.fps]", '[columns.nme]\nmetric = "nme"\n[columns.fps]')
    add_row(checkout, "Infinite", "fakepack:broken", 'options = { how = "infinite" }')
    assert bench("reproduce", "toy-table", "--rows", "Infinite").code == 1
    found = {one.column: one for one in lines(checkout)}
    assert found["fr"].value is not None
    assert found["fr"].n == 60
    assert list(found["fr"].provenance.failures) == ["test/005"]
    assert found["nme"].value is None
    assert "1 samples failed" in found["nme"].error, "a mean over an infinite error is no number"


def test_a_torn_results_file_is_refused_before_any_work(checkout, bench, monkeypatch, tmp_path) -> None:
    bench("reproduce", "toy-table", "--rows", "Bad")
    torn = checkout.results.read_bytes()[:-20]
    checkout.results.write_bytes(torn)
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    ran = bench("reproduce", "toy-table", "--rows", "Good")
    assert ran.code == 2
    assert (
        f"line 1 is cut off (a write was interrupted); `bench doctor --repair` moves it aside (file {checkout.results})"
        in ran.err
    )
    assert checkout.results.read_bytes() == torn
    assert not (tmp_path / "log").exists()
    assert bench("doctor", "--repair").code == 0
    assert bench("reproduce", "toy-table", "--rows", "Good").code == 0


def test_a_dry_run_writes_nothing_and_knows_what_is_there(checkout, bench) -> None:
    ran = bench("reproduce", "toy-table", "--dry-run", "--json")
    plan = json.loads(ran.out)
    assert [(step["row"], step["model"], step["predictions"]) for step in plan["steps"]] == [
        ("Good", "to train", "to make"),
        ("Good, half", "shared", "to make"),
        ("Bad", "to train", "to make"),
    ]
    assert plan["data"]["fakepack:faces/test"] == "60 samples"
    assert plan["seconds"] is None
    assert not checkout.results.exists()
    assert not checkout.cache.exists()
    bench("reproduce", "toy-table")
    plan = json.loads(bench("reproduce", "toy-table", "--dry-run", "--json", "--seeds", "2").out)
    assert [(step["seed"], step["model"], step["predictions"]) for step in plan["steps"] if step["row"] == "Good"] == [
        (0, "cached", "cached"),
        (1, "to train", "to make"),
    ]
    assert plan["seconds"] is not None, "estimated from the results of the same rows"


def test_a_killed_training_goes_on_where_it_stopped(checkout, tmp_path) -> None:
    add_row(checkout, "Slow", "fakepack:slow", 'columns = ["fr"]')
    log = tmp_path / "log"
    log.touch()
    running = checkout.process("reproduce", "toy-table", "--rows", "Slow", FAKE_LOG=str(log))
    deadline = time.monotonic() + 300
    while len(log.read_text().splitlines()) < 6:
        assert time.monotonic() < deadline
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert not checkout.results.exists()
    again = checkout.process("reproduce", "toy-table", "--rows", "Slow", FAKE_LOG=str(log))
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert "going on with the training" in err
    steps = [int(line.split()[1]) for line in log.read_text().splitlines()]
    assert steps[-1] == 19
    assert sorted(set(steps)) == list(range(20))
    assert len(steps) <= 21, "at most the step that was cut is done twice"
    assert not any((checkout.cache / "work").iterdir()), "no checkpoint is left behind"
    assert "1 new lines" in out


def test_an_interrupt_says_how_to_go_on(checkout, tmp_path) -> None:
    add_row(checkout, "Slow", "fakepack:slow", 'columns = ["fr"]')
    log = tmp_path / "log"
    log.touch()
    running = checkout.process("reproduce", "toy-table", "--rows", "Slow", FAKE_LOG=str(log))
    deadline = time.monotonic() + 300
    while not log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=300)
    assert running.returncode == 130
    assert "the same command goes on where it stopped" in err
    assert "Traceback" not in err


def test_two_processes_at_once_train_once_and_lose_nothing(checkout, tmp_path) -> None:
    log = tmp_path / "log"
    both = [checkout.process("reproduce", "toy-table", "--seeds", "2", FAKE_LOG=str(log)) for _ in range(2)]
    for one in both:
        _, err = one.communicate(timeout=300)
        assert one.returncode == 0, err
    fits = log.read_text().splitlines()
    assert len(fits) == len(set(fits)) == 4
    assert len(lines(checkout)) == 10
    assert len({(one.row, one.column, one.seed) for one in lines(checkout)}) == 10


@pytest.mark.skipif(os.cpu_count() == 1, reason="needs two processors")
def test_jobs_side_by_side_give_the_same_numbers(checkout, bench) -> None:
    one = checkout.process(
        "reproduce", "toy-table", "--rows", "Good", "--rows", "Bad", "--json", "--no-record", "--jobs", "2"
    )
    out, err = one.communicate(timeout=300)
    assert one.returncode == 0, err
    checkout.cache.rename(checkout.cache.with_name("parallel"))
    document = json.loads(
        bench("reproduce", "toy-table", "--rows", "Good", "--rows", "Bad", "--json", "--no-record").out
    )
    parallel = json.loads(out)
    assert parallel["rows"] == document["rows"]
    assert parallel["claims"] == document["claims"]


def test_damaged_files_of_the_cache_are_named(checkout, bench) -> None:
    bench("reproduce", "toy-table", "--rows", "Good")
    for file in (checkout.cache / "samples").glob("*.npz"):
        file.write_bytes(b"not an archive")
    ran = bench("reproduce", "toy-table", "--rows", "Good")
    assert ran.code == 2
    assert "not a readable .npz" in ran.err


def test_the_per_sample_values_are_kept_beside_the_results(checkout, bench) -> None:
    from bench import samples

    bench("reproduce", "toy-table", "--rows", "Good")
    run = lines(checkout)[0].provenance.run
    kept = samples.load(checkout.results.parent / "samples" / f"{run}.npz", {"ced-auc@0.10": (), "failure@0.10": ()})
    assert len(kept.ids) == 60
    assert len(set(kept.groups)) == 20
    assert kept.values["ced-auc@0.10"] is kept.values["failure@0.10"], "equal contributions are stored once"
    assert np.clip(1 - kept.values["ced-auc@0.10"] / 0.1, 0, 1).mean() == pytest.approx(lines(checkout)[0].value)


def test_elsewhere_the_results_folder_can_be_named(checkout, bench, tmp_path: Path) -> None:
    assert bench("reproduce", "toy-table", "--rows", "Bad", "--results", tmp_path / "mine").code == 0
    assert (tmp_path / "mine" / "toy" / "toy-table.jsonl").exists()
    assert not checkout.results.exists()


def test_a_metric_of_others_is_not_measurable_without_their_network_and_hinders_no_other(checkout, bench) -> None:
    checkout.edit(
        "[metrics.nme]",
        '[metrics.beauty]\nmetric = "fakepack:beauty"\nsource = "paper"\n[metrics.nme]',
        checkout.table.with_name("benchmark.toml"),
    )
    checkout.edit("[columns.fps]", '[columns.beauty]\nmetric = "beauty"\n[columns.fps]')
    add_row(checkout, "Judged", "fakepack:broken", 'options = { how = "features" }')
    ran = bench("reproduce", "toy-table", "--rows", "Good", "--rows", "Judged")
    assert ran.code == 1
    found = {(one.row, one.column): one for one in lines(checkout)}
    assert found["Good", "auc"].value is not None
    assert found["Good", "beauty"].error == "not measurable: needs the network's published weights"
    assert found["Judged", "beauty"].value == 1.0
    assert "nothing new" in bench("reproduce", "toy-table", "--rows", "Good", "--rows", "Judged").out


def test_a_split_of_another_size_than_the_protocol_says_is_refused(checkout, bench, tmp_path) -> None:
    checkout.edit("real = 60", "real = 61", checkout.table.with_name("benchmark.toml"))
    ran = bench("reproduce", "toy-table", "--data", "real", "--root", tmp_path)
    assert ran.code == 2
    assert "fakepack:photos/test has 60 samples, the protocol 61" in ran.err
    assert bench("reproduce", "toy-table", "--data", "real", "--root", tmp_path, "--allow-partial").code == 0


def test_a_method_that_fails_everywhere_leaves_readable_lines(checkout, bench) -> None:
    checkout.edit("index == 5: prediction", "index >= 0: prediction", checkout.parts)
    add_row(checkout, "Infinite", "fakepack:broken", 'options = { how = "infinite" }')
    assert bench("reproduce", "toy-table", "--rows", "Infinite").code == 0
    failed = lines(checkout)[0].provenance.failures
    assert len(failed) == 51
    assert failed["..."] == "and 10 more samples"
    assert {one.column: one.value for one in lines(checkout)} == {"auc": 0.0, "fr": 100.0}
