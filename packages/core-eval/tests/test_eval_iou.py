"""Intersection over union and classification accuracy."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core_eval import InputError, score
from core_eval.accuracy import accuracy
from core_eval.iou import class_iou, mean_iou

MAPS = st.integers(1, 6).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.uint8, (n, 4, 5), elements=st.integers(0, 4)),
        hnp.arrays(np.uint8, (n, 4, 5), elements=st.integers(0, 4)),
    )
)


def items(guesses: np.ndarray, truths: np.ndarray) -> list[tuple[str, dict, dict]]:
    return [(str(i), {"part": g}, {"part": t}) for i, (g, t) in enumerate(zip(guesses, truths, strict=True))]


@settings(max_examples=40, deadline=None)
@given(MAPS)
def test_three_policies_for_absent_classes_agree_with_scikit_learn(maps: tuple[np.ndarray, np.ndarray]) -> None:
    guess, truth = maps
    policies = {
        "all": np.arange(5),
        "present": np.unique(truth),
        "present-or-predicted": np.union1d(truth, guess),
    }
    for absent, labels in policies.items():
        expected = sklearn.metrics.jaccard_score(
            truth.ravel(), guess.ravel(), labels=labels, average="macro", zero_division=0
        )
        assert score(mean_iou(classes=5, absent=absent), items(guess, truth)).value == pytest.approx(100 * expected)
    for index in np.unique(truth):
        expected = sklearn.metrics.jaccard_score(truth.ravel(), guess.ravel(), labels=[index], average="macro")
        metric = class_iou(index=int(index), classes=5)
        result = score(metric, items(guess, truth))
        assert result.value == pytest.approx(100 * expected)
        top, bottom = metric.terms(result.per_sample).sum(axis=0)
        assert top / bottom == pytest.approx(result.value)


def test_ignored_pixels_are_left_out_of_truth_and_prediction() -> None:
    rng = np.random.default_rng(0)
    guess, truth = rng.integers(0, 4, (3, 16, 16)), rng.integers(0, 3, (3, 16, 16))
    truth[:, :2] = 255
    kept = truth != 255
    expected = sklearn.metrics.jaccard_score(truth[kept], guess[kept], average="macro")
    assert score(mean_iou(classes=6, ignore=255), items(guess, truth)).value == pytest.approx(100 * expected)
    with pytest.raises(InputError, match="outside 0"):
        score(mean_iou(classes=6), items(guess, truth))


def test_the_policies_by_hand() -> None:
    truth = np.array([[[0, 0, 0, 0, 1, 1, 1, 1]]])
    guess = np.array([[[0, 0, 0, 2, 1, 1, 0, 0]]])
    # class 0: 3 / 6, class 1: 2 / 4, class 2 predicted but never there, class 3 nowhere
    expected = {"present": 50.0, "present-or-predicted": 100 / 3, "all": 25.0}
    for absent, value in expected.items():
        assert score(mean_iou(classes=4, absent=absent), items(guess, truth)).value == pytest.approx(value)
    assert len({mean_iou(classes=4, absent=absent).signature for absent in expected}) == 3


def test_pixels_are_pooled_over_images_unless_asked_otherwise() -> None:
    truth = np.array([[[0, 0, 0, 1]], [[1, 1, 1, 0]]])
    guess = np.array([[[0, 0, 1, 1]], [[1, 1, 1, 1]]])
    pooled = (2 / 4 + 4 / 6) / 2
    per_image = ((2 / 3 + 1 / 2) / 2 + (0 / 1 + 3 / 4) / 2) / 2
    assert score(mean_iou(classes=2), items(guess, truth)).value == pytest.approx(100 * pooled)
    assert score(mean_iou(classes=2, pool="per-image"), items(guess, truth)).value == pytest.approx(100 * per_image)


@settings(max_examples=80, deadline=None)
@given(MAPS, st.permutations(range(5)))
def test_invariants(maps: tuple[np.ndarray, np.ndarray], renamed: list[int]) -> None:
    guess, truth = maps
    metric = mean_iou(classes=5)
    base = score(metric, items(guess, truth)).value
    assert 0 <= base <= 100
    assert score(metric, items(truth, truth)).value == pytest.approx(100.0)
    names = np.array(renamed)
    assert score(metric, items(names[guess], names[truth])).value == pytest.approx(base)
    assert score(metric, items(truth, guess)).value == pytest.approx(base)  # IoU is symmetric
    assert score(metric, items(guess[:, ::-1, ::-1], truth[:, ::-1, ::-1])).value == pytest.approx(base)
    assert score(metric, items(guess[::-1], truth[::-1])).value == pytest.approx(base)


def test_bad_labels() -> None:
    good = np.zeros((2, 2), np.uint8)
    cases = (
        (good[:1], good, "shape"),
        (good + 8, good, "outside 0"),
        (good, good + 8, "outside 0"),
        (good.astype(np.int8) - 1, good, "outside 0"),
        (good.astype(np.float32), good, "integer labels"),
        (good.ravel(), good.ravel(), "shape"),
    )
    for guess, truth, message in cases:
        with pytest.raises(InputError, match=message):
            score(mean_iou(classes=8), [("a", {"part": guess}, {"part": truth})])
    empty = score(
        mean_iou(classes=8, ignore=255),
        [("a", {"part": good}, {"part": good}), ("b", {"part": good}, {"part": good + 255})],
    )
    assert list(empty.failures) == ["b"]
    assert empty.value == 100.0
    with pytest.raises(InputError, match="none of the classes"):
        score(class_iou(index=3, classes=8), [("a", {"part": good}, {"part": good})])
    for options in ({"classes": 0}, {"classes": 8, "absent": "never"}, {"classes": 8, "pool": "batch"}):
        with pytest.raises(InputError):
            mean_iou(**options)
    with pytest.raises(InputError, match="class 8 of 8"):
        class_iou(index=8, classes=8)


def labels(guesses: np.ndarray, truths: np.ndarray) -> list[tuple[str, dict, dict]]:
    return [(str(i), {"label": g}, {"label": t}) for i, (g, t) in enumerate(zip(guesses, truths, strict=True))]


def test_accuracy_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 6, 300)
    guess = np.where(rng.random(300) < 0.6, truth, rng.integers(0, 6, 300))
    scores = rng.random((300, 6)) + np.eye(6)[guess]
    expected = 100 * sklearn.metrics.accuracy_score(truth, guess)
    assert score(accuracy(), labels(guess, truth)).value == pytest.approx(expected)
    assert score(accuracy(top=1), labels(scores, truth)).value == pytest.approx(expected)
    balanced = sklearn.metrics.balanced_accuracy_score(truth, guess)
    assert score(accuracy(pool="classes"), labels(guess, truth)).value == pytest.approx(100 * balanced)
    for k in (1, 2, 5):
        peer = sklearn.metrics.top_k_accuracy_score(truth, scores, k=k, labels=np.arange(6))
        assert score(accuracy(top=k), labels(scores, truth)).value == pytest.approx(100 * peer)
    assert score(accuracy(), labels(truth, truth)).value == 100.0
    metric = accuracy()
    top, bottom = metric.terms(score(metric, labels(guess, truth)).per_sample).sum(axis=0)
    assert top / bottom == pytest.approx(expected)


def test_ties_and_numbers_that_are_none_are_wrong() -> None:
    truth = np.array([0])
    assert score(accuracy(top=1), labels(np.array([[0.5, 0.5]]), truth)).value == 0.0
    assert score(accuracy(top=2), labels(np.array([[0.5, 0.5]]), truth)).value == 100.0
    assert score(accuracy(top=2), labels(np.array([[np.nan, 0.5]]), truth)).value == 0.0
    assert score(accuracy(top=1), labels(np.array([[0.5, np.nan]]), truth)).value == 0.0


def test_bad_classes() -> None:
    for guess, truth, options in (
        (np.array([1.5]), np.array([1]), {}),
        (np.array([[1, 2]]), np.array([1]), {}),
        (np.array([[0.5, 0.5]]), np.array([2]), {"top": 1}),
        (np.array([0.5]), np.array([0]), {"top": 1}),
    ):
        with pytest.raises(InputError):
            score(accuracy(**options), labels(guess, truth))
    with pytest.raises(InputError, match="top"):
        accuracy(top=0)
