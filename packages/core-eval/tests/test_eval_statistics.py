"""Intervals and paired tests: scipy where it knows the case, what must be true elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from core_eval import InputError, bootstrap, holm, paired_bootstrap
from core_eval.statistics import over_samples


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def mean(values: np.ndarray) -> float:
    return float(np.mean(values))


def singles(count: int) -> list[str]:
    return [f"sample {index}" for index in range(count)]


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("statistic", [np.mean, np.std])
def test_unclustered_interval_agrees_with_scipy(level: float, statistic: object) -> None:
    values = rng(1).gamma(2.0, 0.03, 80)
    ours = bootstrap(values[None], singles(80), statistic, rng(2), level=level, replicates=4000)
    peer = scipy.stats.bootstrap(
        (values,), statistic, confidence_level=level, n_resamples=4000, method="percentile", rng=rng(3)
    ).confidence_interval
    width = peer.high - peer.low
    assert ours.low == pytest.approx(peer.low, abs=0.08 * width)
    assert ours.high == pytest.approx(peer.high, abs=0.08 * width)
    assert (ours.value, ours.n, ours.seeds, ours.level) == (statistic(values), 80, 1, level)


def test_interval_of_a_mean_has_the_width_of_theory() -> None:
    values = rng(1).normal(size=400)
    interval = bootstrap(values[None], singles(400), mean, rng(2), terms=over_samples)
    expected = 2 * 1.96 * values.std() / np.sqrt(400)
    assert interval.high - interval.low == pytest.approx(expected, rel=0.06)


def test_clustering_widens_the_interval_by_the_design_effect() -> None:
    # 50 identities with 8 copies each: the copies carry no information, so the width grows by sqrt(8).
    values = np.repeat(rng(1).normal(size=50), 8)
    loose = bootstrap(values[None], singles(400), mean, rng(2))
    clustered = bootstrap(values[None], [f"identity {i // 8}" for i in range(400)], mean, rng(2))
    ratio = (clustered.high - clustered.low) / (loose.high - loose.low)
    assert ratio == pytest.approx(np.sqrt(8), rel=0.1)
    assert clustered.value == loose.value


def test_seeds_that_differ_widen_the_interval() -> None:
    base = rng(1).normal(size=200)
    same = np.stack([base] * 3)
    apart = same + np.array([-1.0, 0.0, 1.0])[:, None]
    narrow, wide = (bootstrap(values, singles(200), mean, rng(2)) for values in (same, apart))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert wide.value == pytest.approx(narrow.value)
    assert wide.seeds == 3


def test_a_constant_has_no_width_and_one_group_is_one_draw() -> None:
    constant = bootstrap(np.full((1, 9), 0.25), singles(9), mean, rng())
    assert (constant.low, constant.value, constant.high) == (0.25, 0.25, 0.25)
    single = bootstrap(rng().normal(size=(1, 9)), ["video"] * 9, mean, rng())
    assert single.low == pytest.approx(single.value)
    assert single.high == pytest.approx(single.value)


def test_pooled_ratios_are_resampled_as_ratios() -> None:
    sums = np.array([[[1.0, 10.0], [50.0, 100.0], [3.0, 4.0]]])
    interval = bootstrap(sums, singles(3), lambda s: float(s[:, 0].sum() / s[:, 1].sum()), rng(), replicates=3000)
    assert interval.value == pytest.approx(54 / 114)
    assert interval.low >= 0.1
    assert interval.high <= 0.75


def test_same_generator_same_numbers_and_order_of_samples_does_not_matter() -> None:
    values, groups = rng(1).normal(size=30), [f"g{i % 5}" for i in range(30)]
    first, second = (bootstrap(values[None], groups, mean, rng(7)) for _ in range(2))
    assert first == second
    order = rng(2).permutation(30)
    shuffled = bootstrap(values[order][None], [groups[i] for i in order], mean, rng(7))
    assert shuffled.low == pytest.approx(first.low)
    assert shuffled.high == pytest.approx(first.high)


def test_identical_systems_differ_by_zero_with_p_one() -> None:
    values = rng(1).normal(size=(2, 40))
    for terms in (None, over_samples):
        paired = paired_bootstrap(values[:1], values[:1], singles(40), mean, rng(2), terms=terms)
        assert (paired.difference, paired.low, paired.high, paired.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_a_constant_advantage_is_certain_and_antisymmetric() -> None:
    a = rng(1).normal(size=(1, 40))
    better = paired_bootstrap(a + 0.5, a, singles(40), mean, rng(2))
    worse = paired_bootstrap(a, a + 0.5, singles(40), mean, rng(2))
    assert better.difference == pytest.approx(0.5)
    assert better.low == pytest.approx(0.5)
    assert better.high == pytest.approx(0.5)
    assert better.p_value == pytest.approx(2 / 2001)  # never zero
    assert worse.difference == -better.difference
    assert worse.p_value == better.p_value
    assert better.seeds == (1, 1)
    assert (better.n, better.groups) == (40, 40)


def test_pairing_sees_what_two_intervals_do_not() -> None:
    difficulty = rng(1).normal(size=200)
    a = (difficulty + 0.05 + 0.02 * rng(2).normal(size=200))[None]
    b = difficulty[None]
    first, second = (bootstrap(values, singles(200), mean, rng(3)) for values in (a, b))
    assert first.low < second.high, "the intervals overlap"
    assert paired_bootstrap(a, b, singles(200), mean, rng(3)).p_value < 0.01


def test_seeds_of_one_training_are_drawn_together() -> None:
    """Trainings that differ much, and a small gain in each: seen when the pairs are kept, lost when they are not."""
    trainings = rng(0).normal(0, 10, (3, 1))
    values = trainings + rng(1).normal(size=(3, 200))
    better = values + 1 + 0.1 * rng(2).normal(size=(3, 200))
    together, apart = (
        paired_bootstrap(better, values, singles(200), mean, rng(3), same_seeds=same) for same in (True, False)
    )
    assert together.low > 0.9
    assert together.high < 1.1
    assert together.p_value < 0.01
    assert apart.low < 0 < apart.high
    assert apart.p_value > 0.2
    assert together.difference == apart.difference
    with pytest.raises(InputError, match="3 and 2 seeds"):
        paired_bootstrap(better, values[:2], singles(200), mean, rng(3), same_seeds=True)


def test_p_values_of_equal_systems_are_near_uniform() -> None:
    p_values = [
        paired_bootstrap(*pair[:, None], singles(60), mean, rng(seed), replicates=400, terms=over_samples).p_value
        for seed in range(200)
        for pair in [rng(1000 + seed).normal(size=(2, 60))]
    ]
    share = np.mean(np.array(p_values) <= 0.1)
    assert 0.04 <= share <= 0.18


def test_clustering_makes_a_paired_test_more_careful() -> None:
    gain = np.repeat(0.1 + rng(5).normal(size=12), 10)
    a, b = gain[None], np.zeros((1, 120))
    groups = [f"video {i // 10}" for i in range(120)]
    loose = paired_bootstrap(a, b, singles(120), mean, rng(2))
    careful = paired_bootstrap(a, b, groups, mean, rng(2))
    assert careful.p_value > loose.p_value
    assert careful.groups == 12


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),  # 3 x 0.01; 2 x 0.03; max(0.06, 0.04)
        ([0.01, 0.01, 0.01], [0.03, 0.03, 0.03]),
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.0005, 0.011, 0.02, 0.04, 0.13], [0.0025, 0.044, 0.06, 0.08, 0.13]),
    ],
)
def test_holm_by_hand(p: list[float], adjusted: list[float]) -> None:
    np.testing.assert_allclose(holm(p), adjusted, rtol=1e-12)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.5), st.randoms())
def test_holm_is_the_step_down_procedure(p: list[float], alpha: float, random: object) -> None:
    adjusted = holm(p)
    rejected: set[int] = set()
    for step, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if p[index] * (len(p) - step) > alpha:
            break
        rejected.add(index)
    assert {i for i, value in enumerate(adjusted) if value <= alpha} == rejected
    assert (adjusted >= np.array(p)).all()
    order = list(range(len(p)))
    random.shuffle(order)
    np.testing.assert_array_equal(holm([p[i] for i in order]), adjusted[order])


@pytest.mark.parametrize("p", [[-0.1], [1.1], [float("nan")], [0.5, float("inf")]])
def test_holm_refuses_what_is_no_probability(p: list[float]) -> None:
    with pytest.raises(InputError):
        holm(p)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="contributions"):
        bootstrap(np.zeros(5), singles(5), mean, rng())
    with pytest.raises(InputError, match="contributions"):
        bootstrap(np.zeros((0, 5)), singles(5), mean, rng())
    with pytest.raises(InputError, match="group names"):
        bootstrap(np.zeros((1, 5)), singles(4), mean, rng())
    with pytest.raises(InputError, match="group names"):
        paired_bootstrap(np.zeros((1, 5)), np.zeros((1, 4)), singles(5), mean, rng())


def test_two_infinite_systems_are_not_compared() -> None:
    failed = np.full((1, 6), np.inf)
    with pytest.raises(InputError, match="no finite value"):
        paired_bootstrap(failed, failed, singles(6), mean, rng())
