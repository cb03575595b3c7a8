"""Random and body-like graphical models."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_structured.energy import PoseEnergy, candidates


def random_energy(rng, joints, shape, edges, *, levels=None, spread=0.3, missing=0.0):
    """Positions anywhere near their voxels; with `levels`, few distinct scores, positions on a grid: many ties."""
    depth, height, width = shape
    scores = rng.normal(size=(joints, *shape)) * rng.choice([0.1, 1, 5])
    centres = np.stack(np.meshgrid(*(np.arange(n) + 0.5 for n in shape), indexing="ij")[::-1])
    positions = centres + spread * rng.normal(size=(joints, 3, *shape))
    offsets = 2 * rng.normal(size=(len(edges), 3))
    if levels:
        scores, positions, offsets = np.rint(scores * levels) / levels, np.rint(positions), np.rint(offsets)
    scores[rng.random(scores.shape) < missing] = -np.inf
    scores[:, depth // 2, height // 2, width // 2] = 0  # something is left
    stiffness = rng.choice([0.0, 0.1, 1.0, 10.0], (len(edges), 3)) * (1 if levels else rng.random((len(edges), 3)))
    return PoseEnergy(candidates(scores, positions), np.array(edges).reshape(-1, 2), offsets, stiffness)


def body_energy(rng, edges, *, joints=16, size=20, noise=1.0, stiffness=200.0, occluded=0):
    """A truth with a broad peak, residuals that point to it, offsets that know it to 0.02; and that truth."""
    truth = np.clip(0.5 + 0.15 * rng.normal(size=(joints, 3)), 0.05, 0.95)
    centres = (np.stack(np.meshgrid(*[np.arange(size)] * 3, indexing="ij")[::-1]) + 0.5) / size
    apart = truth[:, :, None, None, None] - centres
    distance = np.sqrt((apart**2).sum(1))
    scores = 6 * np.exp(-((distance / 0.07) ** 2)) - 6 + noise * rng.normal(size=distance.shape)
    for joint in rng.permutation(joints)[:occluded]:
        scores[joint] = -5 + noise * rng.normal(size=distance.shape[1:])
    shifts = np.clip(apart, -1.5 / size, 1.5 / size) * (distance < 0.15)[:, None]
    positions = centres + shifts + 0.3 / size * rng.normal(size=apart.shape)
    pairs = np.array(edges).reshape(-1, 2)
    offsets = truth[pairs[:, 0]] - truth[pairs[:, 1]] + 0.02 * rng.normal(size=(len(pairs), 3))
    return PoseEnergy(candidates(scores, positions), pairs, offsets, np.full(3, stiffness)), truth


@pytest.fixture(scope="session")
def make_random():
    return random_energy


@pytest.fixture(scope="session")
def make_body():
    return body_energy
