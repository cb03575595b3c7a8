"""Class-balanced subsets of annotated images."""

import numpy as np
import pytest

from core_eval import InputError
from landmark_semisup.subset import annotated_subset

LABELS = np.arange(3200) % 15


@pytest.mark.parametrize("fraction", [0.01, 0.05, 0.1, 0.2, 0.5, 1.0])
def test_every_class_has_its_share(fraction):
    keep = annotated_subset(LABELS, fraction, 3)
    counts = np.bincount(LABELS[keep], minlength=15)
    assert keep.sum() == round(fraction * 3200)
    assert np.ptp(counts) <= 1


def test_a_small_class_gives_all_it_has():
    labels = np.array([0] * 3 + [1] * 50 + [7] * 50)
    counts = np.bincount(labels[annotated_subset(labels, 0.5, 0)], minlength=8)
    assert counts[0] == 3
    assert sorted(counts[[1, 7]].tolist()) == [24, 25]
    assert counts.sum() == round(0.5 * 103)


def test_a_seed_names_its_subset():
    one, again, other = (annotated_subset(LABELS, 0.1, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one & other).sum() < 0.3 * one.sum()


def test_a_smaller_subset_lies_in_a_larger_one():
    few, many = (annotated_subset(LABELS, fraction, 3) for fraction in (0.05, 0.2))
    assert many[few].all()


def test_combinations_of_classes_are_balanced():
    images = np.arange(3200)
    labels = np.stack([images % 6, images % 5], 1)
    counts = np.unique(labels[annotated_subset(labels, 0.05, 1)], axis=0, return_counts=True)[1]
    assert len(counts) == 30
    assert np.ptp(counts) <= 1


def test_images_of_a_class_are_drawn_evenly():
    """Each has the same chance, whatever its place in the split."""
    labels = np.arange(40) % 2
    kept = sum(annotated_subset(labels, 0.25, draw).astype(int) for draw in range(400))
    assert kept.sum() == 4000
    assert np.abs(kept - 100).max() < 45  # five standard deviations of a binomial


def test_no_annotation_at_all_can_be_asked_for():
    assert not annotated_subset(LABELS, 0.0, 1).any()


@pytest.mark.parametrize(
    ("fraction", "message"), [(0.0001, "none"), (0.003, "not all 15"), (1.5, r"\[0, 1\]"), (-0.1, "lies")]
)
def test_impossible_fractions_are_refused(fraction, message):
    with pytest.raises(InputError, match=message):
        annotated_subset(LABELS, fraction, 1)
