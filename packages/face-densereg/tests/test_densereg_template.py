"""Template coordinates of landmarks."""

import numpy as np
import pytest

from core_eval import InputError, Sample
from face_densereg.template import landmark_coordinates


def sample(points, visible=None, **target):
    """A field uv = (x, y) / 20 on a square of 20 x 20 px inside 30 x 30."""
    uv = np.full((30, 30, 2), np.nan, np.float32)
    y, x = np.mgrid[:20, :20]
    uv[5:25, 5:25] = np.stack([x, y], -1) / 20
    seen = {} if visible is None else {"visible": np.array(visible)}
    return Sample("s", {}, {"uv": uv, "points": np.array(points, float), **seen, **target}, "g")


def test_coordinates_are_read_under_the_points():
    found = landmark_coordinates([sample([[10.5, 12.25], [8, 9]])] * 3)
    np.testing.assert_allclose(found, [[5.5 / 20, 7.25 / 20], [3 / 20, 4 / 20]], atol=1e-6)


def test_a_point_just_off_the_template_takes_the_nearest_pixel_and_a_far_one_none():
    found = landmark_coordinates([sample([[3.5, 10.0]])])
    np.testing.assert_allclose(found, [[0, 5 / 20]], atol=1e-6)
    with pytest.raises(InputError, match=r"never visible.*\[0\]"):
        landmark_coordinates([sample([[1.0, 10.0]])])


def test_invisible_points_and_outliers_do_not_speak():
    good, hidden, odd = sample([[10, 10]]), sample([[20, 20]], visible=[False]), sample([[22, 8]])
    np.testing.assert_allclose(
        landmark_coordinates([good, good, good, hidden, hidden, hidden, hidden, odd]), [[0.25, 0.25]]
    )


def test_marks_of_the_data_set_come_first():
    marks = np.array([[0.3, 0.4]])
    np.testing.assert_array_equal(landmark_coordinates([sample([[10, 10]], landmark_uv=marks)]), marks)
