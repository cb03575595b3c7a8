"""Recombinator networks: the sizes of the public code, coarse-to-fine flow, and what they share with the others."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from landmark_semisup.budgets import PLANS
from landmark_semisup.networks import Size
from landmark_semisup.rcn import NETWORKS, RCN, RCNPlus, Recombinator, resolutions
from landmark_semisup.tasks import TASKS, task

SMALL = replace(PLANS["smoke"], fold=1, maps=4)
SIZE = Size(height=24, width=16, points=5, classes=())


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def images(count=2, height=24, width=16):
    return torch.randint(0, 256, (count, height, width, 1), dtype=torch.uint8)


def test_at_80_px_there_are_five_branches_of_64_maps():
    net = RCNPlus(task("300w", "rcn+"), PLANS["paper"], Size(80, 80, 68, ()))
    body = net.localiser[0]
    assert resolutions(80) == len(body.down) == len(body.join) == 5
    down = [layer.weight.shape for layer in body.down.modules() if isinstance(layer, nn.Conv2d)]
    assert down == [(64, 1, 3, 3), *[(64, 64, 3, 3)] * 4]
    join = [[tuple(layer.weight.shape) for layer in step if isinstance(layer, nn.Conv2d)] for step in body.join]
    meeting, single = (64, 128, 5, 5), (64, 64, 1, 1)
    assert join == [[meeting, single]] * 3 + [[meeting], [(64, 64, 5, 5), single]]
    assert [tuple(layer.weight.shape) for layer in body.last if isinstance(layer, nn.Conv2d)] == [
        single,
        (68, 64, 1, 1),
    ]
    sides = []
    for step in body.down:
        step.register_forward_hook(lambda _, __, output: sides.append(output.shape[-1]))
    net.eval()(images(1, 80, 80))
    assert sides == [80, 40, 20, 10, 5]


@pytest.mark.parametrize("name", ["rcn", "rcn+"])
@pytest.mark.parametrize("fold", [1, 2])
def test_maps_keep_the_size_of_the_image(name, fold):
    net = NETWORKS[name](task("300w", name), replace(SMALL, fold=fold), SIZE).eval()
    answer = net(images())
    assert answer.maps.pixels().shape == (2, 5, 24, 16)
    assert answer.points.shape == (2, 5, 2)
    assert answer.logits == ()


def test_they_differ_in_how_maps_are_read_alone():
    constants = task("300w", "rcn")
    plus = RCNPlus(constants, SMALL, SIZE).eval()
    plain = RCN(constants, SMALL, SIZE).eval()
    plain.load_state_dict(plus.state_dict())
    pictures = images()
    one, other = plus(pictures), plain(pictures)
    torch.testing.assert_close(one.maps.pixels(), other.maps.pixels())
    assert one.points.requires_grad
    assert not other.points.requires_grad
    torch.testing.assert_close(other.points, other.points.round())


def test_every_pixel_reaches_every_pixel_through_the_coarsest_branch():
    """And without it, the finest alone sees 7 px a side (3 x 3, then 5 x 5)."""
    for branches, far in ((5, True), (1, False)):
        net = Recombinator(1, 1, replace(SMALL, maps=8, normalise=False), branches=branches).double()
        picture = torch.rand(1, 1, 80, 80, dtype=torch.float64, requires_grad=True)
        net(picture)[0, 0, 3, 3].backward()
        assert bool(picture.grad[0, 0, 40:, 40:].any()) is far
        assert picture.grad[0, 0, 1:6, 1:6].any()


def test_a_shift_by_the_coarsest_pixel_shifts_the_maps():
    """Pooling and repeating keep the grid: inside, the network is equivariant to shifts by 2^(branches - 1) px."""
    net = Recombinator(1, 2, replace(SMALL, maps=4, normalise=False), branches=3).double()
    picture = torch.zeros(1, 1, 96, 96, dtype=torch.float64)
    picture[..., 44:50, 40:47] = 1
    moved = net(picture.roll((4, -8), (2, 3)))
    inner = (..., slice(36, 60), slice(36, 60))
    torch.testing.assert_close(net(picture).roll((4, -8), (2, 3))[inner], moved[inner])


@pytest.mark.parametrize(("side", "branches"), [(80, 5), (40, 4), (64, 5), (60, 3), (25, 1), (160, 5)])
def test_a_branch_halves_the_one_before(side, branches):
    assert resolutions(side) == branches


def test_recombinator_networks_have_their_own_constants():
    assert task("300w", "rcn+").beta == task("300w", "rcn").beta == 1.0
    assert task("300w", "rcn+").decay == 0.0
    assert task("300w", "seq-mt") == TASKS["300w"]
    assert task("300w", "rcn+").rotation == 30.0
