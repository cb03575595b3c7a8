"""Energy and star inference: branch-and-bound returns what brute force returns."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_eval import InputError
from pose3d_structured.energy import PoseEnergy, candidates
from pose3d_structured.hierarchy import hierarchy
from pose3d_structured.star import Anchoring, as_star, solve_star, stars

CENTRE = 1


def spokes(joints, rng):
    """Edges of a star around joint 1, in both directions."""
    return [(CENTRE, j) if rng.random() < 0.5 else (j, CENTRE) for j in range(joints) if j != CENTRE]


def star_naive(energy: PoseEnergy, anchoring: Anchoring | None = None, count: int = 1) -> np.ndarray:
    """Values of the best centres, by trying all pairs of candidates."""
    found = energy.candidates
    values = found.scores.astype(np.float64)
    places = found.positions.astype(np.float64)
    if anchoring is not None:
        away = ((places - anchoring.anchors[:, :, None]) ** 2).sum(1)
        values = anchoring.weights[:, None] * values - anchoring.pull[:, None] * away
    total = values[CENTRE].copy()
    for (i, j), mu, c in zip(energy.edges, energy.offsets, energy.stiffness, strict=True):
        leaf = j if i == CENTRE else i
        apart = places[i][:, :, None] - places[j][:, None, :] - mu[:, None, None]
        pair = -(c[:, None, None] * apart**2).sum(0)
        pair = pair if i == CENTRE else pair.T
        total += (pair + values[leaf]).max(1)
    return np.sort(total)[::-1][:count]


SHAPES = [(1, 1, 1), (1, 1, 7), (2, 2, 4), (3, 5, 6), (5, 4, 9), (4, 7, 5)]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    shape=st.sampled_from(SHAPES),
    joints=st.integers(2, 5),
    levels=st.sampled_from([None, 1, 2]),
)
def test_same_score_as_brute_force(make_random, seed, shape, joints, levels):
    """Forty times fifty instances, half of them full of ties."""
    rng = np.random.default_rng(seed)
    for _ in range(50):
        energy = make_random(rng, joints, shape, spokes(joints, rng), levels=levels, missing=rng.choice([0, 0.5]))
        star = as_star(energy)
        solution = solve_star(energy.candidates, star)
        pose = np.empty(joints, np.int64)
        pose[star.joints] = solution.chosen[0]
        best = star_naive(energy)
        np.testing.assert_allclose(solution.values, best, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(energy.score(pose), best[0], rtol=1e-9, atol=1e-9)


def test_best_centres_in_order_with_anchors(make_random):
    """The terms of ADMM are part of the bounds; several centres come in falling order."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        energy = make_random(rng, 4, (3, 4, 6), spokes(4, rng), spread=rng.choice([0, 1.0]))
        pull = rng.choice([0, 0.01, 1, 100], 4) * rng.random(4)
        anchoring = Anchoring(rng.uniform(0.1, 1, 4), 3 + 4 * rng.normal(size=(4, 3)), pull)
        solution = solve_star(energy.candidates, as_star(energy), anchoring, count=9)
        np.testing.assert_allclose(solution.values, star_naive(energy, anchoring, 9), rtol=1e-9, atol=1e-9)
        assert len(set(solution.chosen[:, 0])) == 9


def test_body_of_full_size(make_body):
    for seed, noise in enumerate([0, 0.5, 2]):
        rng = np.random.default_rng(seed)
        energy, _ = make_body(rng, [(CENTRE, j) for j in range(4) if j != CENTRE], joints=4, size=12, noise=noise)
        solution = solve_star(energy.candidates, as_star(energy))
        np.testing.assert_allclose(solution.values, star_naive(energy), rtol=1e-9)
        assert solution.searches < 500, "most of 1,728 centres are never looked at"


def test_without_stiffness_every_joint_is_alone(make_random):
    rng = np.random.default_rng(0)
    energy = make_random(rng, 4, (3, 4, 5), spokes(4, rng))
    loose = PoseEnergy(energy.candidates, energy.edges, energy.offsets, np.zeros(3))
    value = solve_star(loose.candidates, as_star(loose)).values[0]
    assert value == pytest.approx(energy.candidates.scores.astype(float).max(1).sum())


def test_moving_everything_changes_nothing(make_random):
    rng = np.random.default_rng(1)
    energy = make_random(rng, 4, (3, 4, 5), spokes(4, rng))
    grid = (4, 3, 3, 4, 5)
    moved = energy.candidates.positions.reshape(grid) + np.float32([4, -8, 16])[:, None, None, None]
    other = PoseEnergy(
        candidates(energy.candidates.scores.reshape(4, 3, 4, 5), moved), energy.edges, energy.offsets, energy.stiffness
    )
    values = [solve_star(e.candidates, as_star(e)).values[0] for e in (energy, other)]
    assert values[0] == pytest.approx(values[1], abs=1e-3)


def test_score_by_hand():
    scores = np.zeros((2, 1, 1, 2))
    scores[1, 0, 0, 1] = 5
    positions = np.zeros((2, 3, 1, 1, 2))
    positions[1, :, 0, 0, 1] = [1, 2, 3]
    energy = PoseEnergy(
        candidates(scores, positions), np.array([[0, 1]]), np.array([[0, -1, 0]]), np.array([1, 10, 100])
    )
    # x_0 - x_1 - mu = (-1, -1, -3)
    assert energy.score(np.array([0, 1])) == 5 - (1 + 10 + 900)
    assert energy.score(np.array([[0, 1], [0, 0]])).tolist() == [-906, -10]


def test_stars_cover_every_edge_once(make_random):
    rng = np.random.default_rng(0)
    edges = [pair for pair in itertools.combinations(range(6), 2) if rng.random() < 0.7 or pair[1] == pair[0] + 1]
    energy = make_random(rng, 6, (2, 2, 2), edges)
    found = stars(energy)
    covered = [tuple(sorted((star.centre, leaf))) for star in found for leaf in star.leaves]
    assert sorted(covered) == edges
    with pytest.raises(InputError, match="no star"):
        as_star(energy)


@pytest.mark.parametrize("shape", [(1, 1, 1), (20, 20, 20), (7, 5, 3), (1, 9, 4)])
def test_every_voxel_is_in_one_block(shape):
    tree = hierarchy(*shape)
    voxels = tree.voxels[tree.voxels >= 0]
    assert sorted(voxels) == list(range(np.prod(shape)))
    assert sorted(tree.block[tree.block >= 0]) == list(range(len(tree.voxels)))
    inner = tree.children[tree.children[:, 0] >= 0]
    assert sorted(inner.ravel()) == list(range(1, len(tree.children)))


def test_boxes_hold_their_candidates(make_random):
    rng = np.random.default_rng(3)
    found = make_random(rng, 2, (3, 5, 6), [(0, 1)], spread=2).candidates
    np.testing.assert_array_equal(found.boxes[:, 0, :3], found.positions.min(2))
    np.testing.assert_array_equal(found.boxes[:, 0, 3:6], found.positions.max(2))
    np.testing.assert_array_equal(found.boxes[:, 0, 6], found.scores.max(1))
    for node in np.flatnonzero(found.tree.block >= 0):
        voxels = found.tree.voxels[found.tree.block[node]]
        inside = found.positions[:, :, voxels[voxels >= 0]]
        np.testing.assert_array_equal(found.boxes[:, node, :3], inside.min(2))
        np.testing.assert_array_equal(found.boxes[:, node, 3:6], inside.max(2))


def spoilt(scores=None, positions=None):
    """A small model with some numbers replaced."""
    unary, places = np.zeros((2, 2, 3, 4)), np.zeros((2, 3, 2, 3, 4))
    for array, changes in ((unary, scores), (places, positions)):
        for index, value in (changes or {}).items():
            array[index] = value
    return candidates(unary, places, sample="frame-7")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": {(1, 0, 0, 3): np.nan}}, "NaN"),
        ({"scores": {(1, 1, 2, 0): np.inf}}, "NaN or \\+inf"),
        ({"scores": {1: -np.inf}}, "joint 1 has no candidate"),
        ({"positions": {(1, 0, 1, 1, 1): np.nan}}, "position of joint 1 is not finite"),
        ({"positions": {(0, 2, 0, 0, 0): np.inf}}, "position of joint 0 is not finite"),
    ],
)
def test_bad_candidates(changes, message):
    with pytest.raises(InputError, match=message) as caught:
        spoilt(**changes)
    assert caught.value.sample == "frame-7"


@pytest.mark.parametrize(
    ("edges", "offset", "stiffness", "message"),
    [
        ([[0, 2]], 0, 1, "unknown joint"),
        ([[0, -1]], 0, 1, "unknown joint"),
        ([[0, 0]], 0, 1, "itself"),
        ([[0, 1], [1, 0]], 0, 1, "two edges"),
        ([[0, 1]], np.nan, 1, "offset"),
        ([[0, 1]], 0, -1, "stiffness"),
        ([[0, 1]], 0, np.nan, "stiffness"),
    ],
)
def test_bad_graphs(edges, offset, stiffness, message):
    with pytest.raises(InputError, match=message):
        PoseEnergy(spoilt(), np.array(edges), np.full((len(edges), 3), offset), np.full(3, float(stiffness)))


def test_disconnected_graph():
    found = candidates(np.zeros((4, 1, 1, 2)), np.zeros((4, 3, 1, 1, 2)))
    with pytest.raises(InputError, match="no path from joint 0 to 2"):
        PoseEnergy(found, np.array([[0, 1], [2, 3]]), np.zeros((2, 3)), np.ones(3))
    assert len(PoseEnergy(found, np.empty((0, 2)), np.empty((0, 3)), np.ones(3)).edges) == 0


def test_shapes_that_do_not_fit():
    with pytest.raises(InputError, match="do not fit"):
        candidates(np.zeros((2, 2, 3, 4)), np.zeros((2, 3, 2, 4, 3)))
