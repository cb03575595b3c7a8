"""The consistency of landmarks that nobody annotated: limits, invariances, and counts worked out by hand."""

from itertools import permutations

import numpy as np
import pytest

from core_eval import InputError, Sample, score
from landmark_semisup.consistency import followed, nearest, shape_consistency

METRIC = shape_consistency(things=2)


def world(count=200, things=2):
    """Samples with things far apart."""
    rng = np.random.default_rng(1)
    ring = 20 * np.exp(2j * np.pi * (np.arange(things) / things + rng.random((count, 1))))
    places = np.stack([ring.real, ring.imag], -1) + 30
    return [Sample(f"{i}", {}, {"points": points}, f"{i}") for i, points in enumerate(places)]


def value(metric, samples, guesses):
    near = np.stack(
        [metric.per_sample({"points": guess}, one.target) for one, guess in zip(samples, guesses, strict=True)]
    )
    return metric.reduce(near)


def test_landmarks_that_stay_with_one_thing_are_consistent_whichever_it_is():
    samples = world()
    truth = np.stack([sample.target["points"] for sample in samples])
    beside = truth + np.random.default_rng(2).uniform(-9, 9, truth.shape)
    for guesses in (truth, truth[:, ::-1], beside, beside[:, ::-1]):
        assert value(METRIC, samples, guesses) == 100.0


def test_landmarks_that_do_not_look_are_at_chance_and_two_on_one_thing_are_too():
    samples = world(2000)
    still = np.tile(np.array([[10.0, 30.0], [50.0, 30.0]]), (2000, 1, 1))
    assert value(METRIC, samples, still) == pytest.approx(50, abs=3)
    doubled = np.stack([sample.target["points"][[0, 0]] for sample in samples])
    assert value(METRIC, samples, doubled) == 50.0


def test_by_hand():
    """Landmark 1 follows thing 0 in three of four images, landmark 0 follows thing 1 in two."""
    target = {"points": np.array([[0.0, 0.0], [10.0, 0.0]])}
    guesses = [[[9, 1], [1, 1]], [[6, 0], [4, 0]], [[2, 0], [3, 3]], [[1, 0], [8, 0]]]
    near = np.stack([METRIC.per_sample({"points": np.array(guess, float)}, target) for guess in guesses])
    thing, share = followed(near)
    assert thing.tolist() == [1, 0]
    assert share.tolist() == [50.0, 75.0]
    assert METRIC.reduce(near) == 62.5


def test_the_matching_is_the_best_of_all():
    near = np.random.default_rng(3).random((50, 4, 4)) ** 4
    counts = near.sum(0)
    best = max(sum(counts[i, j] for i, j in enumerate(order)) for order in permutations(range(4)))
    assert shape_consistency(things=4).reduce(near) == pytest.approx(100 * best / 4 / 50)


def test_a_failed_image_counts_against_it():
    samples = world(10)
    guesses = {one.id: {"points": one.target["points"].copy()} for one in samples}
    guesses["3"]["points"][0] = np.nan
    found = score(METRIC, [(one.id, guesses[one.id], one.target) for one in samples])
    assert found.value == 90.0
    assert list(found.failures) == ["3"]


@pytest.mark.parametrize("shape", [(2,), (2, 3), (3, 2), (0, 2)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(InputError):
        nearest({"points": np.zeros(shape)}, {"points": np.zeros((2, 2))})


def test_another_number_of_things_is_refused():
    three = {"points": np.zeros((3, 2))}
    with pytest.raises(InputError, match="expected 2 landmarks"):
        METRIC.per_sample(three, three)
    with pytest.raises(InputError, match="positive"):
        shape_consistency(things=0)
