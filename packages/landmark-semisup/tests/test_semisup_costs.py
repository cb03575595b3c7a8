"""Equations 1 to 4: limits, invariances, and values worked out by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core_eval import InputError
from landmark_semisup.costs import (
    classification_cost,
    heatmap_cost,
    landmark_cost,
    parse_costs,
    soft_argmax,
    transform_points,
    transformation_cost,
    within,
)
from landmark_semisup.tasks import TASKS
from landmark_semisup.transforms import draw_transforms, transform_images


def soft_argmax_naive(maps, beta):
    """Eq. 2 as it is written, with loops over the pixels (i, j)."""
    places = np.zeros((*maps.shape[:2], 2))
    for n, k in np.ndindex(*maps.shape[:2]):
        share = np.exp(beta * maps[n, k] - (beta * maps[n, k]).max())
        share /= share.sum()
        for row, column in np.ndindex(share.shape):
            places[n, k] += share[row, column] * np.array([column, row])
    return places


def blob(x, y, height=24, width=30):
    """(1, 1, H, W): a paraboloid with its top at (x, y)."""
    rows, columns = np.mgrid[:height, :width]
    return torch.tensor(-((columns - x) ** 2 + (rows - y) ** 2), dtype=torch.float32)[None, None]


def test_soft_argmax_agrees_with_the_equation():
    maps = np.random.default_rng(1).normal(0, 3, (2, 3, 7, 9))
    result = soft_argmax(torch.from_numpy(maps), 0.7).numpy()
    np.testing.assert_allclose(result, soft_argmax_naive(maps, 0.7), rtol=1e-5)


def test_soft_argmax_tends_to_the_largest_pixel_as_beta_grows_and_to_the_centre_as_it_vanishes():
    maps = torch.from_numpy(np.random.default_rng(2).normal(size=(1, 1, 8, 12)))
    place = int(maps.flatten().argmax())
    largest = torch.tensor([place % 12, place // 12])
    errors = [(soft_argmax(maps, beta)[0, 0] - largest).norm().item() for beta in (0.01, 1, 10, 100, 1000)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-3
    torch.testing.assert_close(soft_argmax(maps, 1e-6)[0, 0], torch.tensor([5.5, 3.5]), atol=1e-4, rtol=0)


@given(st.integers(-6, 6), st.integers(-6, 6))
def test_soft_argmax_moves_with_the_map(right, down):
    still, moved = (soft_argmax(maps, 1.0) for maps in (blob(14.3, 11.8), blob(14.3 + right, 11.8 + down)))
    torch.testing.assert_close(moved - still, torch.tensor([[[right, down]]]).float(), atol=1e-3, rtol=0)


def test_soft_argmax_does_not_mind_a_constant_and_lies_in_the_image():
    maps = 1e4 * torch.from_numpy(np.random.default_rng(3).normal(size=(5, 2, 6, 6))).float()
    points = soft_argmax(maps, 1.0)
    torch.testing.assert_close(points, soft_argmax(maps + 4096, 1.0), atol=1e-2, rtol=0)
    assert torch.isfinite(points).all()
    assert within(points, 6, 6).all()


def test_soft_argmax_passes_gradients_that_move_the_place():
    maps = blob(10, 10).requires_grad_()
    place = soft_argmax(maps, 0.1)
    (place[..., 0] - 20).square().sum().backward()
    after = soft_argmax(maps.detach() - 5 * maps.grad, 0.1)
    assert (after[0, 0, 0] - 20).abs() < (place[0, 0, 0] - 20).abs()


@pytest.mark.parametrize("beta", [0.0, -1.0, math.inf, math.nan])
def test_a_temperature_that_is_none_is_refused(beta):
    with pytest.raises(InputError, match="temperature"):
        soft_argmax(torch.zeros(1, 1, 3, 3), beta)


def test_landmark_cost_by_hand():
    points = torch.zeros(3, 2, 2, requires_grad=True)
    truth = torch.tensor([[[3.0, 4.0], [0, 1]], [[math.nan, math.nan], [2, 0]], [[math.nan] * 2] * 2])
    known = torch.tensor([[True, True], [False, True], [False, False]])
    cost = landmark_cost(points, truth, known)
    assert cost.item() == pytest.approx(((25 + 1) / 2 + 4) / 2)
    cost.backward()
    assert torch.isfinite(points.grad).all()
    assert not points.grad[~known].any(), "masked landmarks teach nothing"
    assert landmark_cost(points, truth, torch.zeros_like(known)).item() == 0


def test_heatmap_cost_is_the_entropy_at_the_true_pixel():
    maps = torch.from_numpy(np.random.default_rng(4).normal(size=(1, 3, 4, 5))).float()
    truth = torch.tensor([[[3.4, 1.6], [9.0, 0.0], [0.0, 0.0]]])
    known = torch.tensor([[True, True, False]])
    expected = -math.log(torch.softmax(maps[0, 0].flatten(), 0)[2 * 5 + 3])
    assert heatmap_cost(maps, truth, known).item() == pytest.approx(expected, rel=1e-5)
    assert heatmap_cost(maps, torch.full_like(truth, math.nan), torch.zeros_like(known)).item() == 0


def test_classification_cost_of_ignorance_is_the_logarithm_of_the_number_of_classes():
    assert classification_cost(torch.zeros(4, 15), torch.arange(4)).item() == pytest.approx(math.log(15))


def spot(image):
    """An equivariant detector: centre of mass of a grey image (N, H, W, 1), px -> (N, 1, 2)."""
    mass = image[..., 0].astype(float)
    rows, columns = np.mgrid[: mass.shape[1], : mass.shape[2]]
    total = mass.sum((1, 2))
    return torch.tensor(np.stack([(mass * columns).sum((1, 2)), (mass * rows).sum((1, 2))], -1) / total[:, None])[
        :, None
    ]


def dots(count=20, size=(60, 60)):
    """(N, H, W, 1) uint8: a soft dot near the centre of each image."""
    places = np.random.default_rng(5).uniform(24, 36, (count, 2))
    rows, columns = np.mgrid[: size[0], : size[1]]
    square = (columns - places[:, 0, None, None]) ** 2 + (rows - places[:, 1, None, None]) ** 2
    return np.rint(255 * np.exp(-square / 8)).astype(np.uint8)[..., None]


def test_transformation_cost_is_zero_for_an_equivariant_detector_and_not_for_a_constant_one():
    """Ties together the direction of the matrices, the images and the points."""
    images = dots()
    matrices = draw_transforms(np.random.default_rng(6), len(images), (60, 60), TASKS["blocks"])
    assert np.ptp(np.rad2deg(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]))) > 200
    moved = transform_images(images, matrices)
    tensor = torch.from_numpy(matrices).float()
    cost = transformation_cost(spot(images), spot(moved), tensor, (60, 60))
    assert cost.item() < 0.02
    still = torch.full((len(images), 1, 2), 20.0)
    assert transformation_cost(still, still, tensor, (60, 60)).item() > 10
    other_way = transformation_cost(spot(moved), spot(images), tensor, (60, 60))
    assert other_way.item() > 10


def test_transformation_cost_by_hand_and_without_landmarks_that_leave_the_image():
    matrices = torch.tensor([[[0.0, -2, 30], [2, 0, 1]]])
    points = torch.tensor([[[3.0, 4.0], [5.0, 20.0]]], requires_grad=True)
    torch.testing.assert_close(transform_points(points, matrices), torch.tensor([[[22.0, 7], [-10, 11]]]))
    moved = torch.tensor([[[22.0, 10.0], [0.0, 0.0]]], requires_grad=True)
    cost = transformation_cost(points, moved, matrices, (60, 60))
    assert cost.item() == pytest.approx(9)
    cost.backward()
    assert points.grad[0, 0].any(), "gradients flow into both networks of Fig. 2"
    assert moved.grad[0, 0].any()
    assert not points.grad[0, 1].any()


def test_transformations_keep_to_the_range():
    matrices = draw_transforms(np.random.default_rng(7), 500, (60, 60), TASKS["blocks"])
    scale = np.sqrt(np.linalg.det(matrices[:, :, :2]))
    low, high = TASKS["blocks"].scale
    assert low <= scale.min() < 0.85 < 1.18 < scale.max() <= high
    centre = np.einsum("nij,j->ni", matrices, [29.5, 29.5, 1]) - 29.5
    assert np.abs(centre).max() <= high * 0.1 * 60 * math.sqrt(2)


def test_costs_are_read_in_any_order_and_nothing_else():
    assert parse_costs("L+T+C") == parse_costs("C + L + T") == {"L", "C", "T"}
    for text in ("", "L+", "L+L", "X", "l", "LC"):
        with pytest.raises(InputError, match="costs"):
            parse_costs(text)
