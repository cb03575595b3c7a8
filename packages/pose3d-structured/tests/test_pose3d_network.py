"""Network and deep supervision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core_eval import InputError
from core_train import adamw, seed_torch
from pose3d_structured.admm import infer
from pose3d_structured.deep_supervision import deep_supervision
from pose3d_structured.network import PoseMaps, StridedResNet152, StructuredPoseNet, pair_index
from pose3d_structured.structured_loss import structured_loss
from pose3d_structured.volume import Volume

CHAIN = np.array([[0, 1], [1, 2]])
SHAPE = (3, 4, 5)


def maps_of(truth, shape=SHAPE, *, noise=0.0, seed=0):
    """Maps that know the truth (N, J, 3) wherever they are near it."""
    generator = torch.Generator().manual_seed(seed)
    images, joints = truth.shape[:2]
    volume = Volume(*shape)

    def draw(*size):
        return noise * torch.randn(*size, generator=generator)

    sides = torch.tensor([volume.width, volume.height, volume.depth])
    apart = (truth[..., None, None, None] - volume.centres()) * sides[:, None, None, None]
    inside = apart.square().sum(2) <= 1.5**2
    flat = apart[:, :, :2, 0].square().sum(2) <= 1.5**2
    i, j = torch.tensor([(a, b) for a in range(joints) for b in range(joints) if a != b]).T
    return PoseMaps(
        unary=torch.where(inside, 40.0, -40.0) + draw(images, joints, *shape),
        positions=truth[..., None, None, None] + draw(images, joints, 3, *shape),
        detection=torch.where(flat, 40.0, -40.0) + draw(images, joints, *shape[1:]),
        offsets=(truth[:, i] - truth[:, j])[..., None, None] + draw(images, len(i), 3, *shape[1:]),
        stiffness=torch.ones(3),
    )


def truths(images=2, joints=3, seed=0):
    return torch.rand(images, joints, 3, generator=torch.Generator().manual_seed(seed))


def deep_supervision_naive(maps, truth, near=1.5):
    """The losses one joint at a time, over all voxels and pixels: (voxels, residuals, detection, offsets)."""
    images, joints = truth.shape[:2]
    volume = Volume(*maps.unary.shape[2:])
    centres, sides = volume.centres(), torch.tensor([volume.width, volume.height, volume.depth])
    losses: dict[str, list] = {"voxels": [], "residuals": [], "detection": [], "offsets": []}
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    for n in range(images):
        for i in range(joints):
            if torch.isnan(truth[n, i, :2]).any():
                continue
            apart = (centres - truth[n, i, :, None, None, None]) * sides[:, None, None, None]
            pixels = apart[:2, 0].square().sum(0) <= near**2
            losses["detection"].append(entropy(maps.detection[n, i], pixels.float(), reduction="sum"))
            for j in range(joints):
                if j == i or torch.isnan(truth[n, j, :2]).any():
                    continue
                mu = maps.offsets[n, pair_index(torch.tensor(i), torch.tensor(j), joints)]
                for d in range(3):
                    wrong = (mu[d] - (truth[n, i, d] - truth[n, j, d]))[pixels] * sides[d]
                    if not torch.isnan(wrong).any():
                        size = wrong.abs()
                        losses["offsets"] += torch.where(size < 1, size.square() / 2, size - 0.5)
            if torch.isnan(truth[n, i, 2]):
                continue
            voxels = apart.square().sum(0) <= near**2
            losses["voxels"].append(entropy(maps.unary[n, i], voxels.float(), reduction="sum"))
            error = (maps.positions[n, i] - truth[n, i, :, None, None, None]) * sides[:, None, None, None]
            losses["residuals"] += error.abs()[:, voxels].flatten()
    return [torch.stack(values).mean() for values in losses.values()]


def test_deep_supervision_agrees_with_its_plain_twin():
    truth = truths(3, 4, seed=3)
    truth[0, 1] = np.nan
    truth[1, :, 2] = np.nan
    truth[2, 3, 0] = np.nan
    maps = maps_of(truths(3, 4, seed=4), noise=0.7)
    maps = replace(maps, unary=0.05 * maps.unary, detection=0.05 * maps.detection)
    found = deep_supervision(maps, truth)
    torch.testing.assert_close(list(found[1:]), deep_supervision_naive(maps, truth), rtol=1e-5, atol=1e-5)


def test_stiffness_is_set_and_trained():
    net = StructuredPoseNet(3, 4)
    torch.testing.assert_close(net.stiffness, torch.full((3,), 50.0))
    net.set_stiffness(torch.tensor([1.0, 20.0, 3000.0]))
    torch.testing.assert_close(net.stiffness, torch.tensor([1.0, 20.0, 3000.0]), rtol=1e-4, atol=0)
    net.stiffness.sum().backward()
    assert (net.raw_stiffness.grad > 0).all()
    for bad in (torch.zeros(3), torch.tensor([1.0, np.nan, 1.0]), torch.ones(2)):
        with pytest.raises(InputError, match="stiffness"):
            net.set_stiffness(bad)


def test_strides():
    assert StructuredPoseNet(3, 4, stride=8).eval()(torch.zeros(1, 64, 64, 3, dtype=torch.uint8)).unary.shape[3:] == (
        8,
        8,
    )
    with pytest.raises(ValueError, match="stride"):
        StructuredPoseNet(3, 4, trunk="resnet", stride=8)


def test_pairs_are_numbered_once():
    numbers = [int(pair_index(torch.tensor(i), torch.tensor(j), 4)) for i in range(4) for j in range(4) if i != j]
    assert numbers == list(range(12))


def test_maps_have_the_shape_of_the_volume():
    net = StructuredPoseNet(5, 7).eval()
    maps = net(torch.zeros(2, 64, 96, 3, dtype=torch.uint8))
    assert maps.unary.shape == (2, 5, 7, 4, 6)
    assert maps.positions.shape == (2, 5, 3, 7, 4, 6)
    assert maps.detection.shape == (2, 5, 4, 6)
    assert maps.offsets.shape == (2, 20, 3, 4, 6)
    assert (maps.stiffness > 0).all()
    assert torch.equal(maps.positions, Volume(7, 4, 6).centres().expand(2, 5, 3, 7, 4, 6)), "at first, voxel centres"
    with pytest.raises(InputError, match="multiples of 16"):
        net(torch.zeros(2, 60, 64, 3, dtype=torch.uint8))
    with pytest.raises(ValueError, match="no network"):
        StructuredPoseNet(1)


def test_paper_trunk_has_stride_16():
    with torch.device("meta"):
        trunk = StridedResNet152()
        assert trunk(torch.zeros(1, 3, 320, 320)).shape == (1, 2048, 20, 20)
    assert sum(isinstance(module, torch.nn.Conv2d) for module in trunk.modules()) == 151 + 4, "and 4 shortcuts"


def test_perfect_maps_cost_nothing():
    losses = deep_supervision(maps_of(truths()), truths())
    assert [float(loss) for loss in losses] == pytest.approx([0] * 5, abs=1e-5)
    for noisy in deep_supervision(maps_of(truths(), noise=50), truths()):
        assert noisy > 0.5


@pytest.mark.parametrize("map_name", ["unary", "positions", "detection", "offsets"])
def test_gradients_and_where_they_are_zero(map_name):
    """The second image is known in 2D only; of the first, joint 1 is not annotated."""
    truth = truths()
    truth[1, :, 2] = torch.nan
    truth[0, 1] = torch.nan
    maps = maps_of(truths(), noise=1.0)
    tensor = getattr(maps, map_name).requires_grad_()
    deep_supervision(maps, truth).total.backward()
    gradient = tensor.grad
    assert torch.isfinite(gradient).all()
    used = gradient.abs().flatten(2).sum(2) > 0
    if map_name == "detection":
        assert used.tolist() == [[True, False, True], [True] * 3]
    elif map_name == "offsets":
        assert used.tolist() == [[False, True, False, False, True, False], [True] * 6]
        axes = gradient.abs().sum((1, 3, 4)) > 0
        assert axes.tolist() == [[True] * 3, [True, True, False]]
    else:
        assert used.tolist() == [[True, False, True], [False] * 3]


def test_residuals_and_offsets_are_active_near_the_joint_only():
    truth = truths()
    maps = maps_of(truth, noise=1.0)
    maps.positions.requires_grad_()
    maps.offsets.requires_grad_()
    deep_supervision(maps, truth, near=0.9).total.backward()
    sides = torch.tensor([5, 4, 3])[:, None, None, None]
    apart = ((truth[..., None, None, None] - Volume(*SHAPE).centres()) * sides).square()
    assert torch.equal((maps.positions.grad != 0).any(2), apart.sum(2) <= 0.81)
    near = apart[:, :, :2, 0].sum(2) <= 0.81
    assert torch.equal((maps.offsets.grad != 0).any(2), near.repeat_interleave(2, dim=1))


def test_by_hand():
    """One voxel, two joints: cross entropies ln 2 each; residual and offset errors of 0.5, 0.25 and 0 of the volume."""
    truth = torch.tensor([[[0.5, 0.5, 0.5], [0.25, 0.5, 0.5]]])
    zero = torch.zeros(1, 2, 1, 1, 1)
    maps = PoseMaps(
        zero,
        Volume(1, 1, 1).centres().expand(1, 2, 3, 1, 1, 1),
        zero[:, :, 0],
        torch.zeros(1, 2, 3, 1, 1),
        torch.ones(3),
    )
    losses = deep_supervision(maps, truth)
    assert float(losses.voxels) == pytest.approx(np.log(2), abs=1e-6)
    assert float(losses.detection) == pytest.approx(np.log(2), abs=1e-6)
    assert float(losses.residuals) == pytest.approx(0.25 / 6)
    assert float(losses.offsets) == pytest.approx(2 * 0.5 * 0.25**2 / 6)


def test_without_annotation_nothing_is_trained():
    maps = maps_of(truths(), noise=1.0)
    maps.unary.requires_grad_()
    loss = deep_supervision(maps, torch.full((2, 3, 3), torch.nan)).total
    loss.backward()
    assert loss == 0
    assert maps.unary.grad.abs().sum() == 0


def test_bad_truth():
    with pytest.raises(InputError, match="does not fit"):
        deep_supervision(maps_of(truths()), truths(joints=4))
    with pytest.raises(InputError, match="infinite"):
        deep_supervision(maps_of(truths()), truths() / 0)


def test_maps_become_energies():
    truth = truths()
    maps = maps_of(truth)
    torch.testing.assert_close(maps.edge_offsets(CHAIN), truth[:, CHAIN[:, 0]] - truth[:, CHAIN[:, 1]])
    assert maps.edge_offsets(np.empty((0, 2), int)).shape == (2, 0, 3)
    for energy, goal in zip(maps.energies(CHAIN), truth.numpy(), strict=True):
        np.testing.assert_allclose(energy.candidates.at(infer(energy).pose), goal, atol=1e-6)
    maps.unary[1, 2, 0, 0, 0] = torch.nan
    with pytest.raises(InputError, match="NaN") as caught:
        maps.energies(CHAIN, ["frame-1", "frame-2"])
    assert caught.value.sample == "frame-2"


def test_offsets_are_read_at_each_end():
    """x_i - x_j where joint i scores best, x_j - x_i where joint j does."""
    maps = maps_of(truths(images=1), noise=1.0)
    pixel = maps.unary.amax(2).flatten(2).argmax(2)[0]
    flat = maps.offsets.flatten(3)[0]
    there, back = flat[3, :, pixel[1]], flat[5, :, pixel[2]]  # pairs (1, 2) and (2, 1) of three joints
    torch.testing.assert_close(maps.edge_offsets(np.array([[1, 2]]))[0, 0], (there - back) / 2)


def test_the_whole_is_trained():
    """Four images are learnt by heart, with all losses at once, and then read by inference."""
    seed_torch(0)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (4, 64, 64, 3), generator=generator, dtype=torch.uint8)
    truth = torch.rand(4, 3, 3, generator=generator) * 0.8 + 0.1
    net = StructuredPoseNet(3, 4)
    optimiser = adamw(net, 1e-3)
    decay = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.01, total_iters=150)
    first = None
    for _ in range(150):
        optimiser.zero_grad()
        maps = net(images)
        deep = deep_supervision(maps, truth).total
        offsets = maps.edge_offsets(CHAIN)
        loss = deep + structured_loss(maps.unary, maps.positions, offsets, maps.stiffness, CHAIN, truth)
        loss.backward()
        assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)
        optimiser.step()
        decay.step()
        first = first if first is not None else loss.item()
    assert loss.item() < 0.3 * first
    maps = net(images)
    poses = [energy.candidates.at(infer(energy).pose) for energy in maps.energies(CHAIN)]
    errors = np.linalg.norm(np.array(poses) - truth.numpy(), axis=2)
    assert errors.mean() < 0.08, "a third of a voxel"
