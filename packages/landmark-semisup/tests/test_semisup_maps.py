"""Maps that are read as they lie in memory are the maps in the order of pixels."""

import pytest
import torch
import torch.nn.functional as F

from landmark_semisup.costs import _ExpectedPlace, soft_argmax
from landmark_semisup.maps import Maps
from landmark_semisup.networks import Pointwise


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def folded_maps(fold, origin, size=(8, 12), points=3):
    rows, columns = ((side + fold - 1) // fold + (origin != (0, 0)) for side in size)
    return Maps(torch.randn(2, points * fold**2, rows, columns), fold, size, origin)


def test_every_number_is_at_its_place():
    maps = folded_maps(4, (3, 1))
    flat, pixels, seen = maps.flat(), maps.pixels(), 0
    assert pixels.shape == (2, 3, 8, 12)
    for number, (x, y) in enumerate(maps.places().tolist()):
        if x == x:
            torch.testing.assert_close(flat[:, :, number], pixels[:, :, int(y), int(x)], rtol=0, atol=0)
            seen += 1
    assert seen == 8 * 12, "all others lie outside of the image"
    assert flat.data_ptr() == maps.folded.data_ptr(), "no copy"


def test_unfolded_maps_are_told_apart_by_nothing():
    maps = folded_maps(2, (0, 1))
    again = maps.unfolded()
    torch.testing.assert_close(again.pixels(), maps.pixels(), rtol=0, atol=0)
    torch.testing.assert_close(again.folded, maps.pixels(), rtol=0, atol=0)


@pytest.mark.parametrize(("fold", "origin"), [(1, (0, 0)), (2, (0, 0)), (4, (3, 1)), (2, (1, 0))])
def test_soft_argmax_reads_them_in_any_order_and_so_do_its_gradients(fold, origin):
    maps = folded_maps(fold, origin)
    pull = torch.randn(2, 3, 2)
    results = []
    for read in (
        lambda maps: soft_argmax(maps.flat(), 0.8, maps.places()),
        lambda maps: soft_argmax(maps.pixels(), 0.8),
        lambda maps: naive(maps.pixels(), 0.8),
    ):
        leaf = maps.folded.clone().requires_grad_()
        points = read(Maps(leaf, maps.fold, maps.size, maps.origin))
        (points * pull).sum().backward()
        results.append((points.detach(), leaf.grad))
    for points, grad in results[1:]:
        torch.testing.assert_close(results[0][0], points, atol=1e-4, rtol=1e-5)
        torch.testing.assert_close(results[0][1], grad, atol=1e-5, rtol=1e-4)


def naive(maps, beta):
    """Eq. 1 and 2 with the general rules of differentiation."""
    share = (beta * maps).flatten(2).softmax(-1).view(maps.shape)
    rows, columns = (torch.arange(side, dtype=torch.float32) for side in maps.shape[-2:])
    return torch.stack([share.sum(2) @ columns, share.sum(3) @ rows], -1)


def test_the_derivative_is_that_of_small_differences():
    maps = torch.randn(3, 20, dtype=torch.float64, requires_grad=True)
    places = torch.rand(20, 2, dtype=torch.float64) * 9
    places[4] = torch.nan
    assert torch.autograd.gradcheck(lambda maps: _ExpectedPlace.apply(maps, 0.7, places), maps)


def test_what_lies_outside_of_the_image_does_not_count():
    maps = folded_maps(4, (2, 2))
    outside = maps.places().isnan().any(-1)
    assert outside.any()
    changed = Maps(maps.folded.clone(), maps.fold, maps.size, maps.origin)
    changed.flat()[..., outside] = 1e4
    one, other = (soft_argmax(each.flat(), 1.0, each.places()) for each in (maps, changed))
    torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_product_of_matrices_is_a_convolution_of_side_one(layout):
    layer = Pointwise(6, 10, 1)
    features = torch.randn(3, 6, 5, 7).contiguous(memory_format=layout).requires_grad_()
    pull = torch.randn(3, 10, 5, 7)
    answers = layer(features), F.conv2d(features, layer.weight, layer.bias)
    leaves = [features, layer.weight, layer.bias]
    grads = [torch.autograd.grad((answer * pull).sum(), leaves) for answer in answers]
    for mine, other in [answers, *zip(*grads, strict=True)]:
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-4)
    assert layer(features).is_contiguous(), "map by map"
