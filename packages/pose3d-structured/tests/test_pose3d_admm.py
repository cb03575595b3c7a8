"""Inference on any graph against exact solvers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pose3d_structured.admm import _consistent, infer
from pose3d_structured.energy import PoseEnergy
from pose3d_structured.topology import topology

CHAIN = [(0, 1), (2, 1), (2, 3), (3, 4)]
TREE = [(0, 1), (1, 2), (1, 3), (3, 4), (5, 3), (5, 6)]
RING = [(0, 1), (1, 2), (2, 3), (0, 3)]
SMALL = (1, 2, 3)


def exact_on_tree(energy: PoseEnergy) -> float:
    """Max-product: leaves are folded into their neighbours, one after the other."""
    places = energy.candidates.positions.astype(np.float64)
    values = list(energy.candidates.scores.astype(np.float64))
    terms = {}
    for (i, j), mu, c in zip(energy.edges, energy.offsets, energy.stiffness, strict=True):
        apart = places[i][:, :, None] - places[j][:, None, :] - mu[:, None, None]
        pair = -(c[:, None, None] * apart**2).sum(0)
        terms[i, j], terms[j, i] = pair, pair.T
    left = {(int(i), int(j)) for i, j in energy.edges}
    while left:
        ends = [joint for pair in left for joint in pair]
        leaf = next(joint for joint in ends if ends.count(joint) == 1)
        edge = next(pair for pair in left if leaf in pair)
        other = edge[0] + edge[1] - leaf
        values[other] = values[other] + (terms[other, leaf] + values[leaf]).max(1)
        left.remove(edge)
    return float(values[other].max())


def exact_by_trying(energy: PoseEnergy) -> float:
    joints, voxels = energy.candidates.scores.shape
    poses = np.array(list(itertools.product(range(voxels), repeat=joints)))
    return float(energy.score(poses).max())


def test_the_two_exact_solvers_agree(make_random):
    for seed in range(5):
        energy = make_random(np.random.default_rng(seed), 5, SMALL, CHAIN)
        assert exact_on_tree(energy) == pytest.approx(exact_by_trying(energy))


@pytest.mark.parametrize("edges", [CHAIN, TREE], ids=["chain", "tree"])
def test_trees_of_bodies_are_solved(make_body, edges):
    joints = len(edges) + 1
    gaps = []
    for seed in range(10):
        energy, _ = make_body(np.random.default_rng(seed), edges, joints=joints, size=8, noise=0.5)
        found, best = infer(energy), exact_on_tree(energy)
        assert found.converged
        assert found.score == pytest.approx(float(energy.score(found.pose)))
        assert found.score <= best + 1e-9
        assert found.bound >= best - 1e-9
        gaps.append(best - found.score)
    assert np.mean(np.array(gaps) < 1e-9) >= 0.8
    assert max(gaps) < 0.5, "of a score whose noise is 0.5 a joint"


def test_small_loops_are_mostly_solved(make_random):
    """Scores and positions without any structure, on a ring: the bounds hold always, the optimum is found mostly."""
    found_best = []
    for seed in range(60):
        energy = make_random(np.random.default_rng(seed), 4, (1, 2, 4), RING)
        found, best = infer(energy), exact_by_trying(energy)
        assert found.score <= best + 1e-9 <= found.bound + 2e-9
        found_best.append(found.score > best - 1e-9)
    assert np.mean(found_best) > 0.7


def test_stars_and_unaries_are_exact(make_random):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        for edges in ([], [(0, 1), (2, 1), (1, 3)]):
            energy = make_random(rng, 4, SMALL, edges)
            found = infer(energy)
            assert found.score == pytest.approx(exact_by_trying(energy))
            assert found.bound == pytest.approx(found.score)
            assert found.converged
            assert found.trace == ()


def test_2_hop_converges_and_repairs_occluded_joints(make_body):
    """Within 20 iterations and to 1 mm of 2 m; two joints without evidence land near their neighbours' prediction."""
    unary_errors, errors = [], []
    for seed in range(6):
        energy, truth = make_body(np.random.default_rng(seed), topology("2-hop"), occluded=2)
        found = infer(energy)
        assert found.converged
        assert len(found.trace) <= 20
        assert found.trace[-1].disagreement <= 5e-4
        alone = energy.candidates.scores.argmax(1)
        assert found.score > energy.score(alone)
        errors.append(np.linalg.norm(energy.candidates.at(found.pose) - truth, axis=1).mean())
        unary_errors.append(np.linalg.norm(energy.candidates.at(alone) - truth, axis=1).mean())
    assert np.mean(errors) < 0.6 * np.mean(unary_errors)


def test_without_convergence_the_best_consistent_pose_is_returned(make_body):
    energy, _ = make_body(np.random.default_rng(0), topology("2-hop"), noise=2.0, size=10)
    found = infer(energy, iterations=2)
    assert not found.converged
    assert len(found.trace) == 2
    assert found.score == max(step.score for step in found.trace)
    assert found.score == pytest.approx(float(energy.score(found.pose)))
    later = infer(energy)
    assert later.converged
    assert later.score >= found.score
    assert later.bound == found.bound


def consistent_naive(energy, chosen, member, away):
    """By the scores of whole poses."""
    joints = np.arange(chosen.shape[1])
    pose = chosen[np.where(member, away, np.inf).argmin(0), joints]
    score = float(energy.score(pose))
    for joint in joints:
        options = np.unique(chosen[member[:, joint], joint])
        poses = np.tile(pose, (len(options), 1))
        poses[:, joint] = options
        scores = energy.score(poses)
        if scores.max() > score:
            pose, score = poses[scores.argmax()], float(scores.max())
    return pose, score


def test_a_consistent_pose_is_found_as_by_whole_poses(make_random):
    rng = np.random.default_rng(5)
    edges = np.array([(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)])
    changed = 0
    for _ in range(60):
        energy = make_random(rng, 4, (3, 4, 5), edges)
        member = rng.random((3, 4)) < 0.7
        member[0] = True
        chosen, away = rng.integers(0, 60, (3, 4)), rng.random((3, 4))
        pose, score = _consistent(energy, chosen, member, away)
        expected, value = consistent_naive(energy, chosen, member, away)
        assert score == pytest.approx(value, rel=1e-9, abs=1e-9)
        np.testing.assert_array_equal(pose, expected)
        changed += int((pose != chosen[np.where(member, away, np.inf).argmin(0), np.arange(4)]).any())
    assert changed > 10
