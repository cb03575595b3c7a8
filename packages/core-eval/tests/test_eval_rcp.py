"""Ratio of correct points: closed forms, hand cases, pooling, and reading the prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid

from core_eval import Arrays, InputError, UnscorableError, bootstrap, score
from core_eval._detection_naive import closest_naive, geodesic_naive
from core_eval.plugin import METRICS
from core_eval.rcp import area_under_rcp, geodesic_errors, rcp, rcp_auc, rcp_curve
from core_eval.surface import ChartSurface

DISTANCES = st.lists(st.one_of(st.floats(0, 1), st.just(np.inf)), min_size=1, max_size=40)


def image(surface: ChartSurface, rng: np.random.Generator, points: int = 12) -> tuple[dict[str, Any], dict[str, Any]]:
    """A random prediction with holes, and random annotated points."""
    part = rng.integers(0, surface.charts + 1, (20, 30))
    uv = rng.random((20, 30, 2))
    uv[rng.random((20, 30)) < 0.1] = np.nan
    target = {
        "surface_points": rng.uniform(-0.5, [29.49, 19.49], (points, 2)),
        "surface_vertices": rng.integers(0, len(surface.part), points),
    }
    return {"part": part, "uv": uv}, target


def perfect(surface: ChartSurface, target: Arrays) -> dict[str, np.ndarray]:
    part, uv = np.zeros((20, 30), np.int64), np.full((20, 30, 2), np.nan)
    for (x, y), vertex in zip(target["surface_points"], target["surface_vertices"], strict=True):
        part[round(y), round(x)], uv[round(y), round(x)] = surface.part[vertex], surface.uv[vertex]
    return {"part": part, "uv": uv}


def test_by_hand() -> None:
    """Errors 0, 5, 10, 20 cm and a miss. AUC10 = (1 + 1/2) / 5; AUC30 = (1 + 5/6 + 2/3 + 1/3) / 5."""
    errors = [0.0, 0.05, 0.10, 0.20, np.inf]
    assert area_under_rcp(errors, 0.10) == pytest.approx(0.3)
    assert area_under_rcp(errors, 0.30) == pytest.approx(17 / 30)
    assert rcp_curve(errors, [0, 0.049, 0.05, 0.1, 0.2, 9.0]).tolist() == [0.2, 0.2, 0.4, 0.6, 0.8, 0.8]


@settings(max_examples=50, deadline=None)
@given(DISTANCES, st.floats(0.01, 0.5), st.randoms(use_true_random=False))
def test_the_area_is_the_integral_of_the_curve(errors: list[float], limit: float, random: Any) -> None:
    thresholds = np.linspace(0, limit, 20001)
    area = area_under_rcp(errors, limit)
    assert area == pytest.approx(trapezoid(rcp_curve(errors, thresholds), thresholds) / limit, abs=1e-4)
    assert 0 <= area <= 1
    shuffled = list(errors)
    random.shuffle(shuffled)
    assert area_under_rcp(shuffled, limit) == pytest.approx(area, rel=1e-12)
    assert area_under_rcp(np.array(errors) * 7, limit * 7) == pytest.approx(area, rel=1e-9)
    assert area_under_rcp(np.array(errors) + 0.01, limit) <= area + 1e-12
    assert area_under_rcp(errors, 2 * limit) >= area - 1e-12
    assert (np.diff(rcp_curve(errors, thresholds)) >= 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_errors_are_read_at_the_nearest_pixel_of_the_point(ball: ChartSurface, seed: int) -> None:
    prediction, target = image(ball, np.random.default_rng(seed), points=40)
    naive = []
    for (x, y), vertex in zip(target["surface_points"], target["surface_vertices"], strict=True):
        row, column = int(np.floor(y + 0.5)), int(np.floor(x + 0.5))
        found = closest_naive(ball, int(prediction["part"][row, column]), prediction["uv"][row, column])
        naive.append(geodesic_naive(ball, vertex, found))
    ours = geodesic_errors(prediction, target, ball)
    np.testing.assert_array_equal(ours, naive)
    assert np.isinf(ours).any()
    assert np.isfinite(ours).any()


def test_ground_truth_is_perfect_and_background_is_nothing(ball: ChartSurface) -> None:
    target = {
        "surface_points": np.array([[3.2, 4.4], [10.0, 0.0], [29.4, 19.4]]),
        "surface_vertices": np.array([0, 50, 200]),
    }
    for metric in (rcp_auc(limit=0.1, surface=ball), rcp(threshold=0.01, surface=ball)):
        assert score(metric, [("a", perfect(ball, target), target)]).value == 1
        nothing = {"part": np.zeros((20, 30), np.uint8), "uv": np.zeros((20, 30, 2), np.float32)}
        result = score(metric, [("a", nothing, target)])
        assert result.value == 0
        assert not result.failures


def test_points_are_pooled_not_averaged_by_image(ball: ChartSurface) -> None:
    rng = np.random.default_rng(7)
    target, other = image(ball, rng, points=1)[1], image(ball, rng, points=9)[1]
    nothing = {"part": np.zeros((20, 30), np.uint8), "uv": np.zeros((20, 30, 2))}
    items = [("hit", perfect(ball, target), target), ("miss", nothing, other)]
    assert score(rcp_auc(limit=0.1, surface=ball), items).value == pytest.approx(0.1)


def test_the_metric_is_the_area_under_the_pooled_errors_for_any_resample(ball: ChartSurface) -> None:
    rng = np.random.default_rng(3)
    images = [image(ball, rng, points=int(rng.integers(0, 20))) for _ in range(15)]
    items = [(str(n), *pair) for n, pair in enumerate(images)]
    for metric, limit in ((rcp_auc(limit=0.3, surface=ball), 0.3), (METRICS["rcp"](threshold=0.4, surface=ball), 0.4)):
        result = score(metric, items)
        for rows in (np.arange(15), rng.integers(0, 15, 15)):
            errors = np.concatenate([geodesic_errors(*images[row], ball) for row in rows])
            expected = area_under_rcp(errors, limit) if "auc" in metric.name else rcp_curve(errors, [limit])[0]
            assert metric.reduce(result.per_sample[rows]) == pytest.approx(expected, rel=1e-12)
            top, bottom = metric.terms(result.per_sample[rows]).sum(axis=0)
            assert top / bottom == pytest.approx(expected, rel=1e-12)
        groups = [str(n) for n in range(15)]
        slow, fast = (
            bootstrap(
                result.per_sample[None], groups, metric.reduce, np.random.default_rng(1), replicates=50, terms=terms
            )
            for terms in (None, metric.terms)
        )
        assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high))


def test_persons_may_be_stacked_and_padded(ball: ChartSurface) -> None:
    prediction, target = image(ball, np.random.default_rng(4), points=10)
    points, vertices = target["surface_points"].reshape(2, 5, 2).copy(), target["surface_vertices"].reshape(2, 5).copy()
    points[0, 3] = np.nan
    vertices[1, 4] = -1
    ours = geodesic_errors(prediction, {"surface_points": points, "surface_vertices": vertices}, ball)
    np.testing.assert_array_equal(ours, np.delete(geodesic_errors(prediction, target, ball), [3, 9]))


def test_signatures_name_the_surface_and_the_limit(ball: ChartSurface) -> None:
    metrics = [rcp_auc(limit=a, surface=ball) for a in (0.1, 0.3)] + [rcp(threshold=0.1, surface=ball)]
    assert len({metric.signature for metric in metrics}) == 3
    assert all(f"surface:ball-{ball.fingerprint}" in metric.signature for metric in metrics)
    assert {(metric.unit, metric.better) for metric in metrics} == {("fraction", "higher")}


def test_bad_input_is_refused(ball: ChartSurface) -> None:
    prediction, target = image(ball, np.random.default_rng(5))
    for changed in (
        {"part": prediction["part"][:-1]},
        {"uv": prediction["uv"][..., :1]},
        {"part": np.full((20, 30), 9)},
    ):
        with pytest.raises(InputError):
            geodesic_errors({**prediction, **changed}, target, ball)
    for place in ((29.6, 0.0), (0.0, -0.6), (0.0, 19.5)):
        outside = {**target, "surface_points": np.tile(place, (12, 1))}
        with pytest.raises(InputError) as error:
            geodesic_errors(prediction, outside, ball)
        assert error.value.field == "surface_points"
    for limit in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InputError):
            rcp_auc(limit=limit, surface=ball)
    with pytest.raises(InputError):
        rcp(threshold=0.1, surface="nowhere/ball.npz")
    with pytest.raises(InputError):
        area_under_rcp([-0.1], 0.1)
    nobody = {"surface_points": np.zeros((0, 2)), "surface_vertices": np.zeros(0, int)}
    with pytest.raises(UnscorableError):
        score(rcp_auc(limit=0.1, surface=ball), [("a", prediction, nobody)])
