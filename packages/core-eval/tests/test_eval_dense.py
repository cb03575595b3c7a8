"""Error of dense template coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from core_eval import InputError, UnscorableError, score
from core_eval.ced import area_under_ced
from core_eval.dense import uv_auc, uv_distances, uv_error, uv_error_sums


def face(rng: np.random.Generator) -> np.ndarray:
    uv = rng.uniform(0, 1, (12, 9, 2)).astype(np.float32)
    uv[:3] = np.nan
    return uv


def _naive(guess: np.ndarray, truth: np.ndarray) -> tuple[float, int]:
    total, count = 0.0, 0
    for row in range(truth.shape[0]):
        for column in range(truth.shape[1]):
            g, t = guess[row, column].astype(float), truth[row, column].astype(float)
            if np.isnan(t).any():
                continue
            count += 1
            total += np.sqrt(2) if not np.isfinite(g).all() else float(((g - t) ** 2).sum() ** 0.5)
    return total, count


def test_agrees_with_the_loop_over_pixels() -> None:
    rng = np.random.default_rng(0)
    truth, guess = face(rng), rng.uniform(0, 1, (12, 9, 2)).astype(np.float32)
    guess[5, :4] = np.nan
    guess[6, 2, 0] = np.inf
    guess[7, 3] = 3e38
    np.testing.assert_allclose(uv_error_sums({"uv": guess}, {"uv": truth}), _naive(guess, truth), rtol=1e-12)


def test_truth_is_perfect_and_pixels_are_pooled() -> None:
    rng = np.random.default_rng(0)
    truth = face(rng)
    assert score(uv_error(), [("a", {"uv": truth}, {"uv": truth})]).value == 0.0
    small = np.full((1, 1, 2), 0.5, np.float32)
    off = truth + np.array([0.3, 0.4], np.float32)
    pooled = score(uv_error(), [("a", {"uv": off}, {"uv": truth}), ("b", {"uv": small}, {"uv": small})])
    assert pooled.value == pytest.approx(0.5 * 81 / 82, rel=1e-6)


def test_background_and_infinities_are_the_worst_and_cannot_hide_pixels() -> None:
    truth = face(np.random.default_rng(0))
    for nothing in (np.nan, np.inf, -np.inf):
        sums = uv_error_sums({"uv": np.full_like(truth, nothing)}, {"uv": truth})
        assert sums[0] / sums[1] == pytest.approx(np.sqrt(2))
        assert sums[1] == 81


def test_what_is_predicted_outside_the_face_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    truth, guess = face(rng), rng.uniform(0, 1, (12, 9, 2)).astype(np.float32)
    other = guess.copy()
    other[:3] = 7.0
    np.testing.assert_array_equal(
        uv_error_sums({"uv": guess}, {"uv": truth}), uv_error_sums({"uv": other}, {"uv": truth})
    )


def test_bad_shapes_and_empty_targets() -> None:
    truth = face(np.random.default_rng(0))
    with pytest.raises(InputError, match="shape"):
        uv_error_sums({"uv": truth[:-1]}, {"uv": truth})
    with pytest.raises(UnscorableError):
        uv_error_sums({"uv": truth}, {"uv": np.full_like(truth, np.nan)})


def test_uv_auc_is_the_area_under_the_pooled_curve() -> None:
    rng = np.random.default_rng(1)
    items, pooled = [], []
    for name in "abc":
        truth = face(rng)
        guess = (truth + rng.normal(0, 0.05, truth.shape)).astype(np.float32)
        guess[4, :5] = np.nan
        items.append((name, {"uv": guess}, {"uv": truth}))
        pooled.append(uv_distances({"uv": guess}, {"uv": truth}))
    distances = np.concatenate(pooled)
    steps = np.linspace(0, 0.1, 20001)
    numeric = np.mean([(distances <= step).mean() for step in steps])
    value = score(uv_auc(limit=0.1), items).value
    assert value == pytest.approx(area_under_ced(distances, 0.1), rel=1e-12)
    assert value == pytest.approx(numeric, abs=1e-4)


def test_uv_auc_of_truth_nothing_and_a_known_offset() -> None:
    truth = face(np.random.default_rng(0))
    nothing = np.full_like(truth, np.nan)
    for guess, value in ((truth, 1.0), (nothing, 0.0), (truth + np.float32([0.03, 0.04]), 0.5)):
        assert score(uv_auc(limit=0.1), [("a", {"uv": guess}, {"uv": truth})]).value == pytest.approx(value, abs=1e-5)
    for limit in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InputError, match="positive"):
            uv_auc(limit=limit)
