"""Landmarks from fields whose answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from face_densereg.readout import RADIUS, read_landmarks


def affine_field(height, width, jacobian, offset):
    """uv(x, y) = J (x, y) + offset, so that every coordinate's place can be solved for."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return (np.stack([x, y], -1) @ np.asarray(jacobian).T + offset).astype(np.float32)


JACOBIAN = np.array([[0.011, 0.002], [-0.001, 0.013]])


def read_naive(uv, template):
    """The printed rule with scipy's connected components, no refinement."""
    points, found = np.full((len(template), 2), np.nan), np.zeros(len(template), bool)
    for p, target in enumerate(template):
        distance = np.linalg.norm(uv - target, axis=-1)
        distance[np.isnan(distance)] = np.inf
        near = distance < RADIUS
        chosen = np.isfinite(distance)
        if near.any():
            found[p] = True
            labels, count = ndimage.label(near, np.ones((3, 3)))
            mass = ndimage.sum_labels(np.where(near, RADIUS - distance, 0), labels, np.arange(1, count + 1))
            chosen = labels == 1 + int(np.argmax(mass))
        if chosen.any():
            row, column = np.unravel_index(np.argmin(np.where(chosen, distance, np.inf)), distance.shape)
            points[p] = column, row
    return points, found


@given(st.floats(5, 70), st.floats(5, 60))
@settings(max_examples=50, deadline=None)
def test_subpixel_position_is_exact_on_an_affine_field(x, y):
    uv = affine_field(70, 80, JACOBIAN, [0.02, 0.05])
    target = JACOBIAN @ [x, y] + [0.02, 0.05]
    points, found = read_landmarks(uv, target[None])
    assert found.all()
    np.testing.assert_allclose(points[0], [x, y], atol=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_the_plain_rule(seed):
    rng = np.random.default_rng(seed)
    uv = affine_field(48, 56, JACOBIAN * 1.5, [0, 0]) + rng.normal(0, 0.02, (48, 56, 2)).astype(np.float32)
    uv[rng.random((48, 56)) < 0.3] = np.nan
    template = rng.random((40, 2)) * 1.2
    points, found = read_landmarks(uv, template, refine=False)
    expected, expected_found = read_naive(uv, template)
    np.testing.assert_array_equal(found, expected_found)
    np.testing.assert_array_equal(points, expected)


def test_a_stray_pixel_with_the_exact_coordinate_does_not_win():
    uv = affine_field(60, 60, np.eye(2) * 0.015, [0, 0])
    target = np.array([[0.3, 0.3]]) + 0.004  # between pixels: no pixel is exact
    uv[55, 55] = target[0]
    points, _ = read_landmarks(uv, target, refine=False)
    np.testing.assert_array_equal(points[0], [20, 20])


def test_translation_moves_the_landmarks_along():
    uv = np.full((64, 64, 2), np.nan, np.float32)
    uv[10:40, 10:40] = affine_field(30, 30, np.eye(2) * 0.02, [0, 0])
    target = np.array([[0.31, 0.27], [0.11, 0.4]])
    moved = np.roll(uv, (7, 3), axis=(0, 1))
    np.testing.assert_allclose(read_landmarks(moved, target)[0], read_landmarks(uv, target)[0] + [3, 7], atol=1e-5)


def test_an_invisible_landmark_goes_to_the_nearest_visible_coordinate_and_says_so():
    uv = affine_field(40, 40, np.eye(2) * 0.01, [0, 0])
    points, found = read_landmarks(uv, np.array([[0.9, 0.2]]))
    assert not found[0]
    np.testing.assert_array_equal(points[0], [39, 20])


def test_an_empty_field_finds_nothing():
    points, found = read_landmarks(np.full((16, 16, 2), np.nan, np.float32), np.array([[0.5, 0.5]]))
    assert np.isnan(points).all()
    assert not found.any()


def test_pixels_that_tie_answer_with_their_centroid():
    uv = np.full((20, 30, 2), np.nan, np.float32)
    uv[4:9, 10:21] = 0.5
    points, found = read_landmarks(uv, np.array([[0.51, 0.5]]))
    np.testing.assert_array_equal(points[0], [15, 6])
    assert found[0]
