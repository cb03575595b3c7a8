"""Heatmaps: targets, loss and peaks."""

import numpy as np
import pytest
import torch

from face_densereg.heatmaps import heatmap_loss, read_heatmaps, render_heatmaps


def render_naive(points, size, grid, sigma):
    """One pixel at a time, from the definition."""
    out = np.empty((len(points), *grid))
    for p, (x, y) in enumerate(points):
        cx, cy = (x + 0.5) * grid[1] / size[1] - 0.5, (y + 0.5) * grid[0] / size[0] - 0.5
        for row in range(grid[0]):
            for column in range(grid[1]):
                out[p, row, column] = np.exp(-((column - cx) ** 2 + (row - cy) ** 2) / (2 * sigma**2))
    return out


def test_targets_are_the_plain_twins():
    points = np.random.default_rng(0).uniform(-5, 90, (7, 2))
    fast = render_heatmaps(torch.from_numpy(points)[None], (64, 96), (16, 24), 1.5)[0]
    np.testing.assert_allclose(fast.numpy(), render_naive(points, (64, 96), (16, 24), 1.5), atol=1e-5)


@pytest.mark.parametrize("sigma", [0.7, 1.0, 2.0])
def test_a_rendered_landmark_is_read_back(sigma):
    points = np.random.default_rng(1).uniform(8, 120, (50, 2))
    heat = render_heatmaps(torch.from_numpy(points)[None], (128, 128), (32, 32), sigma)[0].numpy()
    np.testing.assert_allclose(read_heatmaps(heat, (128, 128)), points, atol=0.01)
    np.testing.assert_allclose(read_heatmaps(5 * heat, (128, 128)), points, atol=0.01)
    plain = read_heatmaps(heat, (128, 128), refine=False)
    assert (np.abs(plain - points) <= 2 + 1e-9).all(), "half a heatmap pixel"
    np.testing.assert_allclose((plain + 0.5) % 4, 2, err_msg="centres of heatmap pixels")


def test_an_axis_each_for_images_that_are_not_square():
    points = np.array([[80.3, 20.7]])
    heat = render_heatmaps(torch.from_numpy(points)[None], (48, 96), (12, 48))[0].numpy()
    np.testing.assert_allclose(read_heatmaps(heat, (48, 96)), points, atol=0.01)


def test_peaks_without_a_shape_stay_on_their_pixel():
    heat = np.zeros((4, 8, 8))
    heat[0, 0, 3] = 1  # at the border
    heat[1, 4:6, 4] = 1  # two that tie
    heat[2] = -1
    heat[2, 6, 1] = -0.5  # all below the floor
    places = read_heatmaps(heat, (8, 8))
    np.testing.assert_allclose(places[[0, 2, 3]], [[3, 0], [1, 6], [0, 0]])
    assert places[1, 1] in (4, 4.5)
    assert np.isfinite(places).all()


def test_loss_is_zero_at_the_target_and_leaves_out_what_is_not_known():
    points = torch.tensor([[[10.0, 20.0], [30.0, 5.0]]])
    target = render_heatmaps(points, (64, 64), (16, 16))
    assert heatmap_loss(target, points, (64, 64)) == 0
    wrong = target.clone()
    wrong[:, 1] += 1
    assert heatmap_loss(wrong, points, (64, 64)) == pytest.approx(0.5)
    points[0, 1] = float("nan")
    assert heatmap_loss(wrong, points, (64, 64)) == 0
    wrong.requires_grad_()
    heatmap_loss(wrong, points * float("nan"), (64, 64)).backward()
    assert (wrong.grad == 0).all(), "nothing is known: no gradient, and no NaN"
