"""The cumulative error distribution, its area and the failure rate."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core_eval import InputError, score
from core_eval.ced import (
    CONVENTIONS,
    FAILURE_CONVENTIONS,
    area_under_ced,
    ced_auc,
    ced_curve,
    failure,
    failure_rate,
    image_areas,
)

ERRORS = hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 0.5) | st.sampled_from([np.inf, np.nan, 0.1]))
LIMITS = st.floats(0.01, 0.3)


def faces(seed: int = 0, count: int = 600) -> np.ndarray:
    return np.random.default_rng(seed).gamma(4.0, 0.012, count)


def test_by_hand() -> None:
    errors = [0.0, 0.05, 0.1, 0.2]
    assert area_under_ced(errors, 0.1) == pytest.approx((1 + 0.5 + 0 + 0) / 4)
    assert failure_rate(errors, 0.1) == 25.0  # 0.1 is a hit
    assert failure_rate(errors, 0.1, "strict-less") == 50.0
    np.testing.assert_array_equal(ced_curve(errors, [0.0, 0.049, 0.05, 0.15, 1.0]), [0.25, 0.25, 0.5, 0.75, 1.0])


def test_curve_is_the_empirical_distribution_of_scipy() -> None:
    errors, grid = faces(), np.linspace(0, 0.15, 301)
    peer = scipy.stats.ecdf(errors).cdf.evaluate(grid)
    np.testing.assert_allclose(ced_curve(errors, grid), peer, atol=1e-12)


@settings(max_examples=200, deadline=None)
@given(ERRORS, LIMITS)
def test_closed_form_is_the_integral_of_the_step_function(errors: np.ndarray, limit: float) -> None:
    kept = np.where(np.isnan(errors), np.inf, errors)
    knots = np.unique(np.concatenate([[0.0, limit], kept[kept < limit]]))
    steps = [np.mean(kept <= left) * (right - left) for left, right in pairwise(knots)]
    assert area_under_ced(errors, limit) == pytest.approx(sum(steps) / limit, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(ERRORS, LIMITS, st.randoms())
def test_invariants(errors: np.ndarray, limit: float, random: object) -> None:
    area, rate = area_under_ced(errors, limit), failure_rate(errors, limit)
    assert 0 <= area <= 1
    assert 0 <= rate <= 100
    order = list(range(len(errors)))
    random.shuffle(order)
    assert area_under_ced(errors[order], limit) == pytest.approx(area, abs=1e-12)
    assert area_under_ced(np.repeat(errors, 3), limit) == pytest.approx(area, abs=1e-12)
    assert area_under_ced(7 * errors, 7 * limit) == pytest.approx(area, abs=1e-9)
    assert area_under_ced(errors * 0.9, limit) >= area - 1e-12  # smaller errors are never worse
    assert failure_rate(errors * 0.9, limit) <= rate
    worse = errors.copy()
    worse[0] = np.nan
    assert area_under_ced(worse, limit) <= area + 1e-12
    assert failure_rate(worse, limit) >= rate
    assert area <= 1 - rate / 100 + 1e-12  # the curve ends at 1 - rate and never falls


def test_failures_never_leave_the_denominator() -> None:
    assert failure_rate([0.01, np.nan, np.inf, 0.02], 0.1) == 50.0
    assert area_under_ced([0.0, np.nan], 0.1) == 0.5
    assert ced_curve([0.0, np.nan], [1e9])[0] == 0.5


def menpo(errors: np.ndarray, limit: float) -> tuple[float, float]:
    """menpofit's `area_under_curve_and_failure_rate`, in its own words: a list per threshold, scipy's Simpson."""
    axis = list(np.arange(0.0, limit + 1e-4, 1e-4))
    ced = np.array([np.count_nonzero([errors <= x]) / len(errors) for x in axis])
    return scipy.integrate.simpson(ced, x=axis) / limit, 1.0 - ced[-1]


def landmark_detection(errors: np.ndarray, limit: float) -> float:
    """The evaluation of D-X-Y/landmark-detection: scikit-learn's trapezoid over 2,000 thresholds, strict."""
    threshold = np.linspace(0, limit, num=2000)
    return sklearn.metrics.auc(threshold, [np.sum(errors < x) / errors.size for x in threshold]) / limit


def histogram(errors: np.ndarray, limit: float) -> float:
    counts, edges = np.histogram(errors, bins=1000, range=(0, limit))
    return float(np.sum(np.diff(edges) * np.cumsum(counts) / len(errors))) / limit


def fan(errors: np.ndarray, limit: float) -> float:
    axes = np.linspace(0, 1, 1000)
    return float(np.sum([(errors < x).mean() for x in axes][: round(1000 * limit)]) / (1000 * limit))


PUBLISHED = {
    "menpo-simpson": lambda errors, limit: menpo(errors, limit)[0],
    "trapezoid-2000": landmark_detection,
    "histogram": histogram,
    "rectangle-0.001": fan,
}


@pytest.mark.parametrize("limit", [0.05, 0.07, 0.08, 0.1])
@pytest.mark.parametrize("convention", PUBLISHED)
def test_published_conventions_agree_with_their_own_code(convention: str, limit: float) -> None:
    errors = np.append(faces(3), [0.0, 0.05, limit, 0.0301])
    assert area_under_ced(errors, limit, convention) == pytest.approx(PUBLISHED[convention](errors, limit), abs=1e-12)
    assert failure_rate(errors, limit, "menpo-simpson") == pytest.approx(100 * menpo(errors, limit)[1], abs=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_published_conventions_are_near_the_integral(seed: int) -> None:
    errors = faces(seed)
    exact = area_under_ced(errors, 0.1)
    apart = {name: abs(area_under_ced(errors, 0.1, name) - exact) for name in PUBLISHED}
    assert apart["menpo-simpson"] < 3e-4
    assert apart["trapezoid-2000"] < 3e-4
    assert apart["histogram"] < 1e-3
    assert apart["rectangle-0.001"] < 1e-2


def test_the_copied_grid_has_one_bin_too_many_at_some_limits() -> None:
    perfect = np.zeros(10)
    for limit in (0.05, 0.07):
        assert area_under_ced(perfect, limit, "menpo-simpson") == pytest.approx(1 + 1e-4 / limit)
    assert area_under_ced(perfect, 0.08, "menpo-simpson") == pytest.approx(1.0)
    assert area_under_ced(perfect, 0.05) == 1.0


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_image_areas_fall_with_the_error_and_end_at_zero(convention: str) -> None:
    areas = image_areas(np.linspace(0, 0.2, 997), 0.1, convention)
    assert (np.diff(areas) <= 1e-12).all()
    assert image_areas([0.1002, np.inf, np.nan], 0.1, convention).tolist() == [0, 0, 0]


@pytest.mark.parametrize("limit", [0.0, -0.1, np.nan, np.inf])
def test_limits_must_be_positive(limit: float) -> None:
    for function in (area_under_ced, failure_rate):
        with pytest.raises(InputError, match="limit"):
            function([0.1], limit)


def test_bad_input() -> None:
    for function in (area_under_ced, failure_rate):
        with pytest.raises(InputError, match="no errors"):
            function([], 0.1)
        with pytest.raises(InputError, match="negative"):
            function([-0.1], 0.1)
        with pytest.raises(InputError, match="unknown convention 'simpsons'"):
            function([0.1], 0.1, "simpsons")
    with pytest.raises(InputError, match="unknown convention"):
        ced_auc(limit=0.1, normaliser="box", convention="x")


def test_metrics_score_faces_and_count_degenerate_ones_as_failures() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 100, (68, 2))
    truth[36], truth[45] = (20, 50), (80, 50)
    profile = truth.copy()
    profile[45] = profile[36]
    shift = np.array([3.0, 0.0])  # 3 px of 60 px: an error of 0.05
    items = [
        ("exact", {"points": truth}, {"points": truth}),
        ("off", {"points": truth + shift}, {"points": truth}),
        ("lost", {"points": np.full_like(truth, np.nan)}, {"points": truth}),
        ("profile", {"points": profile}, {"points": profile}),
    ]
    auc = score(ced_auc(limit=0.1, normaliser="outer-eye-corners"), items)
    rate = score(failure(limit=0.1, normaliser="outer-eye-corners"), items)
    assert auc.value == pytest.approx((1 + 0.5) / 4)
    assert rate.value == 50.0
    assert set(auc.failures) == set(rate.failures) == {"lost", "profile"}


def test_signatures_tell_every_choice_apart() -> None:
    metrics = [ced_auc(limit=0.1, normaliser="box", convention=name) for name in CONVENTIONS]
    metrics += [failure(limit=0.1, normaliser="box", convention=name) for name in FAILURE_CONVENTIONS]
    metrics += [ced_auc(limit=0.08, normaliser="box"), ced_auc(limit=0.1, normaliser="box-diagonal")]
    metrics += [
        ced_auc(limit=0.1, normaliser="box", visible=True),
        ced_auc(limit=0.1, normaliser="box", subset="inner51"),
    ]
    assert len({metric.signature for metric in metrics}) == len(metrics)
    assert metrics[0].signature == (
        "ced-auc|error:mean-distance|points:ibug68|norm:box|pool:per-image|limit:0.1|hit:e<=t|integral:closed-form|v:1"
    )
    assert metrics[0].better == "higher"
    assert failure(limit=0.1, normaliser="box").better == "lower"
