"""K best poses and the structured loss."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from core_eval import InputError
from pose3d_structured.k_best import best_poses, substitutions
from pose3d_structured.structured_loss import most_violated, pose_scores, structured_loss
from pose3d_structured.volume import Volume

STAR = [(0, 1), (2, 1), (1, 3)]
RING = [(0, 1), (1, 2), (2, 3), (0, 3)]


def all_poses(joints, voxels):
    return np.array(list(itertools.product(range(voxels), repeat=joints)))


@pytest.mark.parametrize("edges", [[], STAR], ids=["unary", "star"])
def test_k_best_is_exact(make_random, edges):
    for seed in range(40):
        energy = make_random(np.random.default_rng(seed), 4, (1, 2, 3), edges, levels=[None, 1][seed % 2])
        scores, poses = best_poses(energy, 20)
        expected = np.sort(energy.score(all_poses(4, 6)))[::-1][:20]
        np.testing.assert_allclose(scores, expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(energy.score(poses), scores)
        assert len(np.unique(poses, axis=0)) == 20


@pytest.mark.parametrize("edges", [[], STAR, RING], ids=["unary", "star", "ring"])
def test_fewer_poses_than_asked_for(make_random, edges):
    energy = make_random(np.random.default_rng(0), 4, (1, 1, 2), edges)
    _, poses = best_poses(energy, 100)
    assert len(np.unique(poses, axis=0)) == len(poses) == (5 if edges is RING else 16)


def test_candidates_that_are_none_are_never_used(make_random):
    for seed, edges in itertools.product(range(5), ([], STAR, RING)):
        energy = make_random(np.random.default_rng(seed), 4, (1, 2, 3), edges, missing=0.6)
        assert np.isfinite(best_poses(energy, 50)[0]).all()


def test_on_loops_the_poses_are_the_best_around_a_local_maximum(make_random):
    for seed in range(20):
        energy = make_random(np.random.default_rng(seed), 4, (1, 2, 3), RING)
        scores, poses = best_poses(energy, 10)
        everything = all_poses(4, 6)
        near = everything[(everything != poses[0]).sum(1) <= 1]
        np.testing.assert_allclose(scores, np.sort(energy.score(near))[::-1][:10], rtol=1e-9, atol=1e-9)


def test_substitutions_are_scores(make_random):
    energy = make_random(np.random.default_rng(0), 4, (1, 2, 3), RING)
    pose = np.array([3, 1, 4, 0])
    table = substitutions(energy, pose)
    for joint, candidate in itertools.product(range(4), range(6)):
        moved = pose.copy()
        moved[joint] = candidate
        assert table[joint, candidate] == pytest.approx(float(energy.score(moved)))


SHAPE = (2, 2, 3)


def model(seed, edges, images=2, joints=4, require=True):
    """Maps with residuals, and truths inside the volume, in double precision."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    scores = draw(images, joints, *SHAPE)
    positions = Volume(*SHAPE).centres().double() + 0.1 * draw(images, joints, 3, *SHAPE)
    offsets = 0.3 * draw(images, len(edges), 3)
    stiffness = draw(3).abs() + 0.5
    truth = torch.rand(images, joints, 3, generator=generator, dtype=torch.float64)
    leaves = [tensor.requires_grad_(require) for tensor in (scores, positions, offsets, stiffness)]
    return (*leaves, np.array(edges).reshape(-1, 2), truth)


@pytest.mark.parametrize("edges", [STAR, RING], ids=["star", "ring"])
def test_gradients(edges):
    """The mean of the K largest violations is continuous, and smooth but where poses tie."""
    *leaves, pairs, truth = model(0, edges)
    assert torch.autograd.gradcheck(lambda *maps: structured_loss(*maps, pairs, truth, count=5), leaves, fast_mode=True)
    structured_loss(*leaves, pairs, truth, count=5).backward()
    assert all(tensor.grad.abs().sum() > 0 for tensor in leaves)


def test_scores_agree_with_the_energy(make_random):
    energy = make_random(np.random.default_rng(0), 4, SHAPE, RING)
    poses = np.random.default_rng(1).integers(0, 12, (30, 4))
    found = pose_scores(
        *(torch.from_numpy(np.asarray(array, np.float64)) for array in (
            energy.candidates.scores, energy.candidates.positions, energy.offsets, energy.stiffness)),
        torch.from_numpy(energy.edges), torch.from_numpy(poses),
    )  # fmt: skip
    np.testing.assert_allclose(found.numpy(), energy.score(poses))


def test_most_violated_by_trying_all():
    scores, positions, offsets, stiffness, pairs, truth = model(3, STAR, require=False)
    found = most_violated(scores[0], positions[0], offsets[0], stiffness, pairs, truth[0], count=7, margin=2.0)
    poses = torch.from_numpy(all_poses(4, 12))
    places = positions[0].flatten(2).movedim(1, 2)[torch.arange(4), poses]
    violation = pose_scores(
        scores[0].flatten(1), positions[0].flatten(2), offsets[0], stiffness, torch.from_numpy(pairs), poses
    ) + 2.0 * (places - truth[0]).norm(dim=2).mean(1)
    best = violation.topk(7).indices
    np.testing.assert_array_equal(found, poses[best].numpy())
    right = Volume(*SHAPE).encode(truth[0])[0]
    at_truth = violation.new_tensor(0)
    for k, pose in enumerate(poses):
        if (pose == right).all():
            at_truth = violation[k] - 2.0 * (places[k] - truth[0]).norm(dim=1).mean()
    expected = (violation[best] - at_truth).clamp(min=0).mean()
    one = structured_loss(scores[:1], positions[:1], offsets[:1], stiffness, pairs, truth[:1], count=7, margin=2.0)
    torch.testing.assert_close(one, expected)


def test_a_truth_that_wins_by_the_margin_costs_nothing():
    scores, positions, offsets, stiffness, pairs, truth = model(1, STAR, images=1, require=False)
    right = Volume(*SHAPE).encode(truth[0])[0]
    assert structured_loss(scores, positions, offsets, stiffness, pairs, truth) > 0
    scores[0].flatten(1)[torch.arange(4), right] += 1e3
    loss = structured_loss(scores, positions, offsets, stiffness, pairs, truth, count=20)
    error = (positions[0].flatten(2)[torch.arange(4), :, right] - truth[0]).norm(dim=1).mean()
    torch.testing.assert_close(loss, error / 20, msg="only the truth's own residuals are left")


def test_neighbours_of_the_truth_are_no_violations():
    """With voxels whose residuals all lead to the truth, it is right to prefer any of them."""
    scores, positions, offsets, stiffness, pairs, truth = model(4, STAR, images=1, require=False)
    volume = Volume(8, 8, 8)
    truth = 0.2 + 0.6 * truth
    near = volume.near(truth, 1.5)
    assert near.flatten(2).sum(2).min() > 8
    scores = torch.where(near, 50.0 + torch.rand(near.shape, dtype=scores.dtype), 0.0)
    positions = truth[..., None, None, None].expand(*truth.shape, *volume.shape)
    strict = structured_loss(scores, positions, offsets, stiffness, pairs, truth)
    assert strict > 0
    assert structured_loss(scores, positions, offsets, stiffness, pairs, truth, near=1.5) == 0


def test_near_voxels_by_their_centres():
    volume, places = Volume(3, 4, 5), torch.rand(7, 3, dtype=torch.float64)
    sides = torch.tensor([5.0, 4.0, 3.0], dtype=torch.float64)
    away = (volume.centres().double() - places[..., None, None, None]) * sides[:, None, None, None]
    assert torch.equal(volume.near(places, 1.5), away.square().sum(1) <= 1.5**2)
    assert not volume.near(torch.tensor([0.5, 0.5, torch.nan]), 9.0).any()


def test_descent_makes_the_truth_win():
    scores, positions, offsets, stiffness, pairs, truth = model(2, RING, images=1, require=False)
    parameters = [scores.requires_grad_(), offsets.requires_grad_()]
    optimiser = torch.optim.Adam(parameters, lr=0.1)
    for _ in range(60):
        optimiser.zero_grad()
        loss = structured_loss(scores, positions, offsets, stiffness, pairs, truth, margin=5.0)
        loss.backward()
        optimiser.step()
    right = Volume(*SHAPE).encode(truth[0])[0].numpy()
    found = most_violated(scores[0], positions[0], offsets[0], stiffness, pairs, truth[0], count=1, margin=0.0)
    np.testing.assert_array_equal(found[0], right)


def test_images_without_3d_truth_do_not_count():
    *leaves, pairs, truth = model(0, STAR, images=3)
    whole = structured_loss(*(leaf[:2] if leaf.ndim > 1 else leaf for leaf in leaves), pairs, truth[:2])
    truth[2, 1, 2] = torch.nan
    torch.testing.assert_close(structured_loss(*leaves, pairs, truth), whole)
    nothing = structured_loss(*leaves, pairs, torch.full_like(truth, torch.nan))
    nothing.backward()
    assert nothing == 0
    with pytest.raises(InputError, match="does not fit"):
        structured_loss(*leaves, pairs, truth[:2])
