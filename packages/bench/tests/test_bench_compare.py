"""Two files of predictions on the same samples."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from bench.compare import alone_values
from core_eval import Predictions, save_predictions
from core_eval.plugin import METRICS


def shifted(path: Path, pixels: dict[int, float], *, usual: float = 1.0, drop: tuple[int, ...] = ()) -> Path:
    """The fake test split with every point moved; outer eye corners are 50 px apart, so 5 px is an error of 0.1."""
    from fakepack.parts import Split

    kept = [index for index in range(60) if index not in drop]
    samples = [Split("test", 60)[index] for index in kept]
    points = [
        one.target["points"] + np.array([1.0, 0.0]) * pixels.get(index, usual)
        for index, one in zip(kept, samples, strict=True)
    ]
    save_predictions(path, Predictions.of([one.id for one in samples], {"points": np.stack(points)}))
    return path


@pytest.fixture
def compared(bench):
    def call(a: Path, b: Path, *more: object) -> dict:
        ran = bench("compare", a, b, "--protocol", "toy", "--json", *map(str, more))
        assert ran.code == 0, ran.err
        return json.loads(ran.out)

    return call


def test_fixed_and_broken_samples_are_those_that_cross_the_threshold(bench, compared, tmp_path) -> None:
    a = shifted(tmp_path / "a.npz", {3: 9.0, 4: 2.0, 5: 8.0})
    b = shifted(tmp_path / "b.npz", {3: 1.0, 4: 7.0, 5: 9.0, 9: 6.0})
    document = compared(a, b)
    (failing,) = [one for one in document["changes"] if one["threshold"] is not None]
    assert failing["metrics"] == ["ced-auc@0.10", "failure@0.10"]
    assert list(failing["better"]) == ["test/004", "test/009"], "largest difference first"
    assert failing["better"]["test/004"] == pytest.approx([0.04, 0.14])
    assert list(failing["worse"]) == ["test/003"]
    (mean,) = [one for one in document["changes"] if one["threshold"] is None]
    assert list(mean["better"]) == ["test/004", "test/009", "test/005"]
    assert list(mean["worse"]) == ["test/003"]
    by_name = {one["name"]: one for one in document["metrics"]}
    assert by_name["failure@0.10"]["difference"] == pytest.approx(100 * (2 - 3) / 60)
    assert by_name["nme"]["difference"] == pytest.approx(2 * (9 + 2 + 8 + 1 - 1 - 7 - 9 - 6) / 60)
    assert by_name["nme"]["finding"] == "undecided"
    shown = bench("compare", a, b, "--protocol", "toy").out
    assert "A fixes (only B has an error above 0.1), by ced-auc@0.10, failure@0.10: 2" in shown
    assert "test/004: 0.04 vs 0.14" in shown
    assert "A breaks (only A has an error above 0.1), by ced-auc@0.10, failure@0.10: 1" in shown


def test_a_file_does_not_differ_from_itself_and_the_order_flips_the_sign(compared, tmp_path) -> None:
    a, b = shifted(tmp_path / "a.npz", {}, usual=1.0), shifted(tmp_path / "b.npz", {}, usual=2.0)
    for one in compared(a, a)["metrics"]:
        assert (one["difference"], one["low"], one["high"], one["p_value"]) == (0.0, 0.0, 0.0, 1.0)
        assert one["finding"] == "undecided"
    there, back = compared(a, b)["metrics"], compared(b, a)["metrics"]
    for one, other in zip(there, back, strict=True):
        assert one["difference"] == -other["difference"]
        assert (one["low"], one["high"]) == pytest.approx((-other["high"], -other["low"]))
        assert one["p_value"] <= one["p_value_holm"] <= 3 * one["p_value"]
    assert {one["name"]: one["finding"] for one in there} == {
        "ced-auc@0.10": "A is better",
        "failure@0.10": "undecided",
        "nme": "A is better",
    }


def test_the_rows_of_a_comparison_average_to_its_differences(compared, tmp_path) -> None:
    a, b = shifted(tmp_path / "a.npz", {3: 9.0}), shifted(tmp_path / "b.npz", {4: 7.0})
    document = compared(a, b, "--per-sample", tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 60
    for one in document["metrics"]:
        sign = 1 if one["better"] == "higher" else -1
        gains = [float(row[f"{one['name']} gain of A"]) for row in rows]
        assert np.mean(gains) == pytest.approx(sign * one["difference"], abs=1e-12)


def test_only_common_samples_are_compared_and_only_if_allowed(bench, compared, tmp_path) -> None:
    a, b = shifted(tmp_path / "a.npz", {}, drop=(1, 2)), shifted(tmp_path / "b.npz", {}, drop=(2, 3), usual=2.0)
    refused = bench("compare", a, b, "--protocol", "toy")
    assert refused.code == 2
    assert "2 missing" in refused.err
    document = compared(a, b, "--allow-partial")
    assert (document["compared"], document["partial"]) == (57, "partial: 57 of 60")
    assert "partial: 57 of 60" in bench("compare", a, b, "--protocol", "toy", "--allow-partial").out


def test_a_mean_that_is_not_finite_cannot_be_compared_but_the_others_can(bench, compared, tmp_path) -> None:
    a, b = shifted(tmp_path / "a.npz", {0: np.nan}), shifted(tmp_path / "b.npz", {})
    by_name = {one["name"]: one for one in compared(a, b)["metrics"]}
    assert (by_name["nme"]["finding"], by_name["nme"]["a"]) == ("not comparable", None)
    assert by_name["failure@0.10"]["difference"] == pytest.approx(100 / 60)
    assert bench("compare", a, b, "--protocol", "toy", "--replicates", "1").code == 2


@pytest.mark.parametrize("name", ["ced-auc", "failure", "nme", "pck"])
def test_a_metric_of_one_sample_is_its_reduction(name) -> None:
    metric = METRICS[name](
        **({} if name == "pck" else {"normaliser": "outer-eye-corners"})
        | ({"limit": 0.1} if name in ("ced-auc", "failure") else {})
    )
    rng = np.random.default_rng(0)
    contributions = rng.uniform(0.0, 0.2, (5, *np.shape(metric.failed)))
    if name == "pck":
        contributions = np.stack([contributions[..., 0], np.ones_like(contributions[..., 0])], axis=-1)
    expected = [metric.reduce(contributions[row : row + 1]) for row in range(5)]
    np.testing.assert_allclose(alone_values(metric, contributions), expected)
