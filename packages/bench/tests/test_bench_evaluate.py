"""Predictions that a user brings: validated by id, scored by the protocol, never silently dropped or reordered."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from bench.ids import hint
from core_eval import Predictions, load_predictions, save_predictions


def truth() -> dict[str, np.ndarray]:
    """The annotated points of the fake test split, by id."""
    from fakepack.parts import Split

    return {sample.id: sample.target["points"] for sample in Split("test", 60)[:]}


def write(path: Path, points: Mapping[str, np.ndarray], order: Sequence[str] | None = None) -> Path:
    names = list(order or points)
    save_predictions(path, Predictions.of(names, {"points": np.stack([points[name] for name in names])}))
    return path


@pytest.fixture
def score(bench):
    """`bench evaluate` as JSON: metric -> its record, and the whole document."""

    def call(*arguments: object) -> tuple[dict, dict]:
        ran = bench("evaluate", *map(str, arguments), "--protocol", "toy", "--json")
        assert ran.code == 0, ran.err
        document = json.loads(ran.out)
        return {one["name"]: one for one in document["metrics"]}, document

    return call


def test_the_ground_truth_is_perfect_in_whatever_order(score, tmp_path) -> None:
    points = truth()
    shuffled = list(np.random.default_rng(0).permutation(list(points)))
    found, document = score(write(tmp_path / "truth.npz", points, shuffled))
    assert {name: one["value"] for name, one in found.items()} == {"ced-auc@0.10": 1.0, "failure@0.10": 0.0, "nme": 0.0}
    assert found["nme"]["low"] == found["nme"]["high"] == 0.0
    assert (document["expected"], document["scored"], document["partial"]) == (60, 60, None)
    assert {one["n"] for one in found.values()} == {60}
    assert {one["groups"] for one in found.values()} == {20}
    assert found["nme"]["signature"].startswith("nme|")


def test_a_known_error_gives_the_number_worked_out_by_hand(score, tmp_path) -> None:
    points = truth()  # outer eye corners are 50 px apart: a shift by 3 px is an error of 0.06
    found, _ = score(
        write(tmp_path / "shifted.npz", {name: one + np.array([3.0, 0.0]) for name, one in points.items()})
    )
    assert found["nme"]["value"] == pytest.approx(6.0)
    assert found["ced-auc@0.10"]["value"] == pytest.approx(0.4)
    assert found["failure@0.10"]["value"] == 0.0


def test_evaluate_and_reproduce_agree_on_the_same_predictions(checkout, bench, score) -> None:
    bench("reproduce", "toy-table", "--rows", "Good", "--no-record")
    ran = json.loads(bench("reproduce", "toy-table", "--rows", "Good", "--json", "--no-record").out)
    (file,) = (checkout.cache / "predictions").glob("*.npz")
    found, _ = score(file)
    assert found["ced-auc@0.10"]["value"] == ran["rows"][0]["cells"]["auc"]["value"]
    assert found["failure@0.10"]["value"] == ran["rows"][0]["cells"]["fr"]["value"]


def test_what_is_piped_says_everything_and_has_no_colours(bench, tmp_path) -> None:
    ran = bench("evaluate", write(tmp_path / "truth.npz", truth()), "--protocol", "toy")
    assert ran.code == 0
    assert "\x1b" not in ran.out
    for part in ("ced-auc@0.10", "1.0000", "[1.0000, 1.0000]", "60", "fraction", "higher", "stand-in data"):
        assert part in ran.out
    signature = next(line for line in ran.out.splitlines() if line.startswith("ced-auc@0.10: "))
    assert signature == (
        "ced-auc@0.10: ced-auc|error:mean-distance|points:ibug68|norm:outer-eye-corners|pool:per-image|limit:0.1|"
        "hit:e<=t|integral:closed-form|v:1"
    )


def test_incomplete_predictions_are_refused_and_listed(bench, tmp_path) -> None:
    points = truth()
    kept = {name: one for index, (name, one) in enumerate(points.items()) if index >= 12} | {
        "test/xyz": points["test/000"]
    }
    file = write(tmp_path / "part.npz", kept)
    ran = bench("evaluate", file, "--protocol", "toy")
    assert ran.code == 2
    assert "12 missing, 1 extra of 60 samples" in ran.err
    assert "the first missing one is 'test/000'" in ran.err
    listed = bench("validate", file, "--protocol", "toy")
    assert listed.code == 1
    assert "missing: 12" in listed.out
    assert "test/009" in listed.out
    assert "test/011" not in listed.out
    assert "... and 2 more (--all shows them)" in listed.out
    assert "test/011" in bench("validate", file, "--protocol", "toy", "--all").out
    document = json.loads(bench("validate", file, "--protocol", "toy", "--json").out)
    assert document["missing"] == [f"test/{index:03}" for index in range(12)]
    assert document["extra"] == ["test/xyz"]
    assert document["complete"] is False


def test_partial_predictions_are_scored_if_allowed_and_always_called_so(bench, score, tmp_path) -> None:
    kept = {name: one for index, (name, one) in enumerate(truth().items()) if index >= 6}
    file = write(tmp_path / "part.npz", kept)
    found, document = score(file, "--allow-partial")
    assert document["partial"] == "partial: 54 of 60"
    assert found["nme"]["n"] == 54
    shown = bench("evaluate", file, "--protocol", "toy", "--allow-partial").out
    assert shown.count("partial: 54 of 60") == 4, "in the title and beside each number"


def test_malformed_samples_are_named_and_cannot_be_allowed(bench, tmp_path) -> None:
    points = truth()
    file = write(tmp_path / "short.npz", {name: one[:67] for name, one in points.items()})
    ran = bench("validate", file, "--protocol", "toy")
    assert ran.code == 1
    assert "malformed: 60" in ran.out
    assert "expected (68, 2) points, got (67, 2) (field points)" in ran.out
    refused = bench("evaluate", file, "--protocol", "toy", "--allow-partial")
    assert refused.code == 2
    assert "60 malformed" in refused.err


def test_a_sample_that_is_there_twice_is_never_chosen_from(checkout, bench, tmp_path) -> None:
    file = tmp_path / "twice.lines"
    file.write_text("".join(f"{name}\n" for name in [*truth(), "test/004"]))
    checkout.edit(
        "METRICS = {",
        'FORMATS = {"lines": LazyFactory("fakepack.parts:Lines")}\nMETRICS = {',
        checkout.site / "fakepack" / "plugin.py",
    )
    with checkout.parts.open("a") as parts:
        parts.write(LINES)
    ran = bench("validate", file, "--protocol", "toy")
    assert ran.code == 1
    assert "duplicate: 1" in ran.out
    assert "test/004: line 5; line 61" in ran.out
    refused = bench("evaluate", file, "--protocol", "toy", "--allow-partial")
    assert refused.code == 2
    assert "1 duplicate" in refused.err
    assert "fakepack:lines" in bench("list", "formats").out
    assert "unknown format 'line'; did you mean" in bench("validate", file, "--protocol", "toy", "--format", "line").err


LINES = '''
class Lines:
    """One id a line; the truth belongs to each."""
    name, about, detections = "lines", "ids", False
    def recognises(self, path): return path.suffix == ".lines"
    def read(self, path):
        from types import SimpleNamespace
        points = {sample.id: sample.target["points"] for sample in Split("test", 60)[:]}
        for number, line in enumerate(path.read_text().splitlines(), 1):
            yield SimpleNamespace(id=line, arrays={"points": points[line]}, where=f"line {number}")
'''


def test_ids_can_be_given_to_what_is_only_numbered(bench, score, tmp_path) -> None:
    points = truth()
    file = write(tmp_path / "numbered.npz", {str(index): one for index, one in enumerate(points.values())})
    ran = bench("evaluate", file, "--protocol", "toy")
    assert ran.code == 2
    assert "your ids look like positions ('0')" in ran.err
    (tmp_path / "ids.txt").write_text("\n".join(points) + "\n")
    found, _ = score(file, "--ids", tmp_path / "ids.txt")
    assert found["nme"]["value"] == 0.0
    (tmp_path / "ids.txt").write_text("\n".join(list(points)[1:]))
    ran = bench("validate", file, "--protocol", "toy", "--ids", tmp_path / "ids.txt")
    assert ran.code == 2
    assert "59 ids for 60 predictions" in ran.err


def test_an_image_without_detections_is_not_missing(checkout, bench, score, tmp_path) -> None:
    """A format of detections names an image only if something was found in it."""
    file = tmp_path / "found.dets"
    file.write_text("".join(f"{name}\n" for name in list(truth())[:45]))
    plugin = checkout.site / "fakepack" / "plugin.py"
    formats = 'FORMATS = {"dets": LazyFactory("fakepack.parts:Detections")}\n'
    checkout.edit("METRICS = {", formats + 'METRICS = {"recall": LazyFactory("fakepack.parts:recall"), ', plugin)
    with checkout.parts.open("a") as parts:
        parts.write(LINES + DETECTIONS)
    benchmark = checkout.table.with_name("benchmark.toml")
    checkout.edit(
        "[metrics.nme]", '[metrics.recall]\nmetric = "fakepack:recall"\nsource = "choice"\n[metrics.nme]', benchmark
    )
    found, document = score(file, "--metric", "recall")
    assert found["recall"]["value"] == 0.75
    assert (document["scored"], document["partial"]) == (60, None)
    shown = bench("evaluate", file, "--protocol", "toy", "--metric", "recall").out
    assert "15 samples are not named in the file: they have no detections" in shown
    ran = bench("submit", file, "--table", "toy-table", "--row", "Mine", "--by", "Me")
    assert ran.code == 2, "no column of the table reads boxes"
    assert "no metric of toy can be measured" in ran.err
    checkout.edit("[columns.fps]", '[columns.recall]\nmetric = "recall"\n[columns.fps]')
    ran = bench("submit", file, "--table", "toy-table", "--row", "Mine", "--by", "Me")
    assert "recall: 0.75 fraction" in ran.out, "lists of one to three boxes are padded, and those of none"
    (kept,) = (checkout.root / "results" / "toy" / "predictions").glob("*.npz")
    stored = load_predictions(kept)
    assert stored.arrays["boxes"].shape == (60, 3, 4)
    assert stored.arrays["count"].tolist()[44:46] == [2, 0]
    assert "1 values: 1 verified" in bench("verify-result", "toy-table").out
    with file.open("a") as stream:
        stream.write("elsewhere\n")
    ran = bench("validate", file, "--protocol", "toy", "--metric", "recall")
    assert ran.code == 1
    assert "0 missing, 1 extra" in ran.out


DETECTIONS = """
class Detections(Lines):
    name, detections = "dets", True
    def recognises(self, path): return path.suffix == ".dets"
    def read(self, path):
        from types import SimpleNamespace
        for name in path.read_text().split():
            count = 1 + int(name[-1]) % 3 if name[-1].isdecimal() else 1
            yield SimpleNamespace(id=name, arrays={"boxes": np.ones((count, 4))}, where=name)


def recall(name="recall"):
    import core_eval
    return core_eval.Metric(name, "fraction", "higher", "recall|v:1", ("boxes",), lambda p, t: float(found(p) > 0),
                            0.0, lambda v: float(v.mean()))

def found(prediction): return prediction.get("count", len(prediction["boxes"]))
"""


def test_points_that_are_not_found_are_failures_and_not_malformed(bench, score, tmp_path) -> None:
    points = truth()
    points["test/007"] = np.full((68, 2), np.nan)
    file = write(tmp_path / "lost.npz", points)
    found, _ = score(file)
    assert found["failure@0.10"]["value"] == pytest.approx(100 / 60)
    assert found["ced-auc@0.10"]["value"] == pytest.approx(59 / 60)
    assert found["nme"]["value"] is None
    assert "1 samples failed" in found["nme"]["error"]
    assert found["nme"]["failures"] == {"test/007": "not finite"}
    ran = bench("validate", file, "--protocol", "toy")
    assert ran.code == 0
    assert "will count as failures: 1" in ran.out
    assert bench("evaluate", file, "--protocol", "toy", "--metric", "nme").code == 1


def test_arrays_that_are_not_there_are_said(bench, tmp_path) -> None:
    file = tmp_path / "joints.npz"
    save_predictions(file, Predictions.of(list(truth()), {"joints_mm": np.zeros((60, 17, 3))}))
    ran = bench("evaluate", file, "--protocol", "toy")
    assert ran.code == 2
    assert "the predictions have no points; they have joints_mm" in ran.err


def test_a_metric_that_the_data_cannot_serve_is_left_out_with_the_reason(checkout, bench, score, tmp_path) -> None:
    file = checkout.table.with_name("benchmark.toml")
    checkout.edit(
        "[metrics.nme]", '[metrics.uv]\nmetric = "core-eval:uv-error"\nsource = "choice"\n[metrics.nme]', file
    )
    points = truth()
    given = tmp_path / "both.npz"
    arrays = {"points": np.stack(list(points.values())), "uv": np.zeros((60, 4, 4, 2), np.float32)}
    save_predictions(given, Predictions.of(list(points), arrays))
    found, document = score(given)
    assert document["not_measured"] == {"uv": "the stand-in data have no uv"}
    assert set(found) == {"ced-auc@0.10", "failure@0.10", "nme"}
    ran = bench("evaluate", given, "--protocol", "toy", "--metric", "uv")
    assert ran.code == 2
    assert "uv cannot be measured: the stand-in data have no uv" in ran.err


def test_conventions_show_how_much_of_a_gap_is_the_metric(bench, score, tmp_path) -> None:
    noise = np.random.default_rng(1).normal(size=(60, 68, 2))
    points = {name: one + 2.0 * shift for (name, one), shift in zip(truth().items(), noise, strict=True)}
    file = write(tmp_path / "noisy.npz", points)
    found, _ = score(file, "--metric", "ced-auc@0.10", "--convention", "menpo-simpson")
    assert found["ced-auc@0.10"]["convention"] == "menpo-simpson"
    assert "integral:menpo-simpson" in found["ced-auc@0.10"]["signature"]
    ours, _ = score(file, "--metric", "ced-auc@0.10", "--convention", "closed-form")
    assert "integral:closed-form" in ours["ced-auc@0.10"]["signature"]
    assert 0 < abs(found["ced-auc@0.10"]["value"] - ours["ced-auc@0.10"]["value"]) < 0.01
    everything = json.loads(bench("evaluate", file, "--protocol", "toy", "--json", "--all-conventions").out)["metrics"]
    assert len({one["signature"] for one in everything}) == len(everything) > 10
    assert ("nme", "eye-centres") in {(one["name"], one["convention"]) for one in everything}
    assert "Gap to ours" in bench("evaluate", file, "--protocol", "toy", "--all-conventions").out
    for options in (["--convention", "simpson"], ["--metric", "nme", "--convention", "histogram"]):
        ran = bench("evaluate", file, "--protocol", "toy", *options)
        assert ran.code == 2
        assert "convention" in ran.err


def test_the_rows_per_sample_average_to_the_numbers(bench, score, tmp_path) -> None:
    points = {name: one + np.array([3.0, 0.0]) for name, one in truth().items()}
    points["test/003"] = np.full((68, 2), np.nan)
    file, out = write(tmp_path / "shifted.npz", points), tmp_path / "rows.csv"
    found, _ = score(file, "--per-sample", out)
    with out.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == list(truth())
    assert rows[4]["group"] == "person 1"
    for name in ("ced-auc@0.10", "failure@0.10"):
        assert np.mean([float(row[name]) for row in rows]) == pytest.approx(found[name]["value"])
    assert float(rows[0]["error"]) == pytest.approx(0.06)
    assert (rows[3]["error"], rows[3]["failed"], rows[4]["failed"]) == ("inf", "not finite", "")
    refused = bench("evaluate", file, "--protocol", "toy", "--per-sample", tmp_path / "rows.xlsx")
    assert refused.code == 2
    assert ".csv or .parquet" in refused.err


def test_rows_as_parquet_hold_what_the_csv_holds(score, tmp_path) -> None:
    pytest.importorskip("pyarrow")
    import pandas as pd

    file = write(tmp_path / "truth.npz", {name: one + 1.0 for name, one in truth().items()})
    for suffix in ("csv", "parquet"):
        score(file, "--per-sample", tmp_path / f"rows.{suffix}")
    frame = pd.read_csv(tmp_path / "rows.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "rows.parquet"), frame, check_dtype=False)


def test_protocols_without_data_say_what_can_be_evaluated(checkout, bench, tmp_path) -> None:
    file = write(tmp_path / "truth.npz", truth())
    benchmark = checkout.table.with_name("benchmark.toml")
    waiting = checkout.root / "benchmarks" / "waiting" / "benchmark.toml"
    waiting.parent.mkdir()
    text = benchmark.read_text().replace('real = "fakepack:photos"\nstand-in = "fakepack:faces"\n', "")
    waiting.write_text(text)
    ran = bench("evaluate", file, "--protocol", "waiting")
    assert ran.code == 2
    assert "no real data of waiting can be read yet" in ran.err
    assert "what can be: toy (real, stand-in)" in ran.err
    assert "unknown benchmark 'tox'; did you mean 'toy'" in bench("evaluate", file, "--protocol", "tox").err
    assert "has no split 'tests'" in bench("evaluate", file, "--protocol", "toy", "--split", "tests").err
    assert "no metric 'nmee'" in bench("evaluate", file, "--protocol", "toy", "--metric", "nmee").err
    assert "no such file" in bench("evaluate", tmp_path / "no.npz", "--protocol", "toy").err


def test_real_data_are_chosen_by_their_root(score, tmp_path) -> None:
    file = write(tmp_path / "truth.npz", truth())
    assert score(file)[1]["data"] == "stand-in"
    assert score(file, "--root", tmp_path)[1]["data"] == "real"
    _, document = score(file, "--root", tmp_path, "--allow-partial")
    assert document["incomplete_copy"] == "3 of 63 images are missing"


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (["indoor_001.png", "indoor_002.png"], "have a file extension and differ in punctuation (all)"),
        (["indoor/001.png", "indoor/002.png", "odd"], "have a file extension (2 of 3)"),
        (["./indoor/001", ".\\indoor\\002"], "use backslashes or start with ./"),
        (["Indoor/1", "INDOOR/2"], "differ in capitals and differ in leading zeros"),
        (["data/300w/indoor/001.jpg"], "yours is 'data/300w/indoor/001.jpg', the protocol's is 'indoor/001'"),
        (["0", "1", "2"], "look like positions ('0')"),
        (["person", "dog"], "yours are like 'person', the protocol's are like 'indoor/001'"),
        ([], ""),
    ],
)
def test_ids_that_nearly_fit_are_explained(theirs, said) -> None:
    ours = ["indoor/001", "indoor/002", "indoor/003", "outdoor/004"]
    assert said in hint(ours, theirs)
    assert bool(hint(ours, theirs)) == bool(theirs)


def test_an_id_that_would_fit_two_is_not_called_a_fit() -> None:
    assert "differ in folders" not in hint(["a/1", "b/1"], ["x/1"])


def test_a_protocol_without_metrics_says_what_can_be_evaluated(checkout, bench, tmp_path) -> None:
    bare = checkout.root / "benchmarks" / "bare" / "benchmark.toml"
    bare.parent.mkdir()
    bare.write_text(checkout.table.with_name("benchmark.toml").read_text().partition("[metrics")[0])
    ran = bench("evaluate", write(tmp_path / "truth.npz", truth()), "--protocol", "bare")
    assert ran.code == 2
    assert "bare has no metrics yet, so nothing can be scored by it; what can be:" in ran.err
