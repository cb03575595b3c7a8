"""Curves against counting, against the metrics they stand behind, and against the numbers whose area they are."""

from __future__ import annotations

import numpy as np
import pytest

from bench import curves
from core_eval.ced import ced_auc, failure
from core_eval.nme import nme
from core_eval.pck import AUC_CONVENTIONS, pck, pck_auc, pckh
from core_eval.rcp import geodesic_errors, rcp, rcp_auc, rcp_curve
from core_eval.surface import ChartSurface, chart_surface


def people(seed: int, count: int = 30):
    """(prediction, target) of LSP skeletons, some joints not annotated, some not predicted."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        truth = rng.uniform(0, 100, (14, 2))
        guess = truth + rng.normal(0, 12, (14, 2))
        truth[rng.random(14) < 0.1] = np.nan
        truth[[2, 3, 8, 9]] = rng.uniform(0, 100, (4, 2))
        guess[rng.random(14) < 0.1] = np.nan
        yield {"points": guess}, {"points": truth}


def contributions(metric, pairs) -> np.ndarray:
    return np.stack([metric.per_sample(*pair) for pair in pairs])


@pytest.mark.parametrize("joints", ["total", "knee"])
@pytest.mark.parametrize("convention", sorted(AUC_CONVENTIONS))
def test_a_pck_curve_is_pck_at_every_threshold(convention, joints) -> None:
    pairs = list(people(3))
    area = pck_auc(limit=0.2, joints=joints, convention=convention)
    curve = curves.behind(area)
    assert curve is not None
    assert curve.kind == "pck"
    kept = contributions(area, pairs)
    values = curve.of(kept)
    assert 0.1 < values[-1] < 0.95
    for threshold, value in zip(curve.thresholds[1:], values[1:], strict=True):
        one = pck(threshold=float(threshold), joints=joints, strict=AUC_CONVENTIONS[convention].strict)
        assert value == pytest.approx(one.reduce(contributions(one, pairs)) / 100, abs=1e-12)
    if convention in ("closed-form", "trapezoid-0.01"):
        whole = np.trapezoid(values, curve.thresholds) / 0.2
        assert whole == pytest.approx(area.reduce(kept) / 100, abs=0.006 if convention == "closed-form" else 1e-12)
    else:
        assert values.mean() == pytest.approx(area.reduce(kept) / 100, abs=1e-12)


@pytest.mark.parametrize("convention", sorted(AUC_CONVENTIONS))
def test_a_distance_on_a_threshold_hits_unless_the_convention_is_strict(convention) -> None:
    """Shoulder to hip is 100 px, every joint is 10 px off."""
    truth = np.tile([50.0, 50.0], (14, 1))
    metric = pck_auc(convention=convention, normaliser="box-max-side")
    target = {"points": truth, "box": np.array([0.0, 0.0, 100.0, 60.0])}
    curve = curves.behind(metric)
    assert curve is not None
    values = curve.of(contributions(metric, [({"points": truth + np.array([10.0, 0.0])}, target)]))
    assert set(values) == {0.0, 1.0}
    step = float(np.diff(curve.thresholds)[0])
    first = curve.thresholds[int(values.argmax())]
    assert first == pytest.approx(0.1 + (step if AUC_CONVENTIONS[convention].strict else 0.0), abs=1e-9)


@pytest.mark.parametrize("metric", [ced_auc(limit=0.08, normaliser="outer-eye-corners"), nme(normaliser="eye-centres")])
def test_an_error_distribution_is_a_count(metric) -> None:
    curve = curves.behind(metric)
    assert curve is not None
    errors = np.array([0.0, 0.01, 0.05, 0.05, 0.3, np.inf])
    values = curve.of(errors)
    assert curve.thresholds[-1] == (0.08 if "ced" in metric.signature else curves.NME_LIMIT)
    assert values.tolist() == [np.mean(errors <= threshold) for threshold in curve.thresholds]


@pytest.fixture(scope="module")
def strip() -> ChartSurface:
    """Four squares of 5 cm in a row, one chart."""
    vertices = np.array([[0.05 * x, 0.05 * y, 0.0] for x in range(5) for y in range(2)])
    faces = np.array([[2 * x + a for a in corner] for x in range(4) for corner in ((0, 2, 1), (1, 2, 3))])
    uv = vertices[:, :2] / 0.2
    ones, every = np.ones(10, np.int64), np.arange(10)
    return chart_surface("strip", part=ones, uv=uv, vertex=every, vertices=vertices, faces=faces)


def test_an_rcp_curve_is_the_share_of_pooled_points(strip) -> None:
    metric = rcp_auc(limit=0.10, surface=strip)
    curve = curves.behind(metric)
    assert curve is not None
    rng = np.random.default_rng(1)
    errors, kept = [], []
    for points in (2, 5, 9):
        target = {"surface_points": rng.integers(0, 8, (points, 2)) + 0.0, "surface_vertices": np.arange(points)}
        prediction = {"part": rng.integers(0, 5, (8, 8)).clip(0, 1), "uv": rng.random((8, 8, 2))}
        errors.append(geodesic_errors(prediction, target, strip))
        kept.append(metric.per_sample(prediction, target))
    pooled, stacked = np.concatenate(errors), np.stack(kept)
    assert len(set(pooled)) > 3
    values = curve.of(stacked)
    assert values.tolist() == rcp_curve(pooled, curve.thresholds).tolist()
    assert values[-1] == np.mean(pooled <= 0.10)
    assert np.trapezoid(values, curve.thresholds) / 0.10 == pytest.approx(metric.reduce(stacked), abs=0.02)
    failed = curve.of(np.stack([*kept, metric.failed]))
    assert failed == pytest.approx(values * 16 / 17), "a failed image is a missed point"


def test_other_metrics_have_no_curve(strip) -> None:
    pooled = nme(normaliser="eye-centres", pool="points")
    for metric in (
        pck(),
        pckh(),
        failure(limit=0.1, normaliser="eye-centres"),
        pooled,
        rcp(threshold=0.1, surface=strip),
    ):
        assert curves.behind(metric) is None
