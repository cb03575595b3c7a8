"""The fused pass over point distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_eval import InputError, score
from core_eval.ced import area_under_ced
from core_eval.nme import nme
from core_eval.pck import pck, pck_auc
from core_eval.point_statistics import PointStatistics, point_statistics


def data(seed: int, count: int = 40, points: int = 14) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 100, (count, points, 2))
    guess = truth + rng.normal(size=truth.shape) * rng.gamma(1, 6, (count, points, 1))
    truth[rng.random((count, points)) < 0.1] = np.nan
    return guess, truth, rng.uniform(20, 60, count)


def _naive(guess: np.ndarray, truth: np.ndarray, size: np.ndarray, threshold: float, limit: float) -> PointStatistics:
    count, points = guess.shape[:2]
    errors, sums = np.empty(count), np.zeros((3, points))
    for i in range(count):
        seen = []
        for p in range(points):
            if not np.isfinite(truth[i, p]).all():
                continue
            distance = float(np.linalg.norm(guess[i, p] - truth[i, p])) / size[i]
            distance = np.inf if np.isnan(distance) else distance
            seen.append(distance)
            sums[:, p] += (distance <= threshold, max(0.0, 1 - distance / limit), 1)
        errors[i] = np.mean(seen) if seen else np.nan
    return PointStatistics(errors, *sums)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 1.0), st.floats(0.01, 1.0))
def test_agrees_with_the_loop_over_points(seed: int, threshold: float, limit: float) -> None:
    guess, truth, size = data(seed, 9, 5)
    guess[0, 0] = np.nan
    guess[1, 1, 0] = np.inf
    truth[2] = np.nan
    fast = point_statistics(guess, truth, size, threshold=threshold, limit=limit)
    plain = _naive(guess, truth, size, threshold, limit)
    np.testing.assert_allclose(fast.errors, plain.errors, rtol=1e-12)
    np.testing.assert_array_equal(fast.hits, plain.hits)
    np.testing.assert_array_equal(fast.counts, plain.counts)
    np.testing.assert_allclose(fast.areas, plain.areas, rtol=1e-9, atol=1e-12)


def test_agrees_with_the_metrics_sample_by_sample() -> None:
    guess, truth, _ = data(1)
    truth[:, [2, 9]] = np.nan_to_num(truth[:, [2, 9]], nan=30.0)
    size = np.linalg.norm(truth[:, 9] - truth[:, 2], axis=1)
    statistics = point_statistics(guess, truth, size, threshold=0.2, limit=0.2)
    items = [(str(i), {"points": g}, {"points": t}) for i, (g, t) in enumerate(zip(guess, truth, strict=True))]
    assert score(pck(), items).value == pytest.approx(statistics.pck)
    assert score(pck_auc(convention="closed-form"), items).value == pytest.approx(statistics.pck_auc)
    faces = np.random.default_rng(2).uniform(0, 100, (30, 68, 2))
    moved = faces + np.random.default_rng(3).normal(size=faces.shape)
    between = np.linalg.norm(faces[:, 36] - faces[:, 45], axis=1)
    items = [(str(i), {"points": g}, {"points": t}) for i, (g, t) in enumerate(zip(moved, faces, strict=True))]
    metric = nme(normaliser="outer-eye-corners")
    errors = point_statistics(moved, faces, between, threshold=0.1, limit=0.1)
    assert score(metric, items).value == pytest.approx(errors.nme)
    np.testing.assert_allclose(score(metric, items).per_sample, errors.errors)


def test_blocks_single_precision_and_memory_order_make_no_difference() -> None:
    guess, truth, size = data(4, 5000, 6)
    whole = point_statistics(guess, truth, size, threshold=0.2, limit=0.5)
    parts = [
        point_statistics(guess[s], truth[s], size[s], threshold=0.2, limit=0.5)
        for s in (slice(0, 1234), slice(1234, None))
    ]
    np.testing.assert_array_equal(whole.hits, parts[0].hits + parts[1].hits)
    np.testing.assert_allclose(whole.areas, parts[0].areas + parts[1].areas)
    np.testing.assert_array_equal(whole.errors, np.concatenate([part.errors for part in parts]))
    other = point_statistics(np.asfortranarray(guess), truth, size, threshold=0.2, limit=0.5)
    np.testing.assert_array_equal(other.errors, whole.errors)
    single = point_statistics(guess.astype(np.float32), truth.astype(np.float32), size, threshold=0.2, limit=0.5)
    np.testing.assert_allclose(single.errors, whole.errors, rtol=1e-3)
    assert area_under_ced(np.nan_to_num(whole.errors, nan=0.0), 0.1) <= 1


def test_truth_is_perfect_and_missing_sizes_are_failures() -> None:
    _, truth, size = data(5)
    perfect = point_statistics(truth, truth, size, threshold=0.1, limit=0.1)
    assert (perfect.pck, perfect.pck_auc, perfect.nme) == (100.0, pytest.approx(100.0), 0.0)
    size[:] = 0.0
    for none in (0.0, -1.0, np.nan):
        size[0] = none
        lost = point_statistics(truth + 1, truth, size, threshold=0.1, limit=0.1)
        assert lost.pck == 0.0
        assert np.isinf(lost.errors[0])


def test_bad_shapes_and_numbers() -> None:
    guess, truth, size = data(0, 3, 4)
    for arrays in ((guess[:2], truth, size), (guess, truth, size[:2]), (guess[..., 0], truth[..., 0], size)):
        with pytest.raises(InputError, match=r"\(N, P, 2\)"):
            point_statistics(*arrays, threshold=0.1, limit=0.1)
    for options in ({"threshold": 0.0, "limit": 0.1}, {"threshold": 0.1, "limit": np.nan}):
        with pytest.raises(InputError, match="positive"):
            point_statistics(guess, truth, size, **options)
