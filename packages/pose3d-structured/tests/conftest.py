"""Random and body-like graphical models, and drawn people."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core_eval import Sample
from core_eval.skeletons import skeleton
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


SKELETON = skeleton("h36m17")
REST = {
    "r_hip": (-130, 0, 0), "r_knee": (0, 430, 0), "r_foot": (0, 430, 0), "l_hip": (130, 0, 0), "l_knee": (0, 430, 0),
    "l_foot": (0, 430, 0), "spine": (0, -230, 0), "thorax": (0, -250, 0), "neck_nose": (0, -100, -60),
    "head": (0, -110, 40), "l_shoulder": (160, 20, 0), "l_elbow": (0, 280, 0), "l_wrist": (0, 250, 0),
    "r_shoulder": (-160, 20, 0), "r_elbow": (0, 280, 0), "r_wrist": (0, 250, 0),
}  # fmt: skip
"""Bones of a standing person in mm: y points down, z away from the camera."""


def stick_person(index, size=64):
    """A stick figure, left limbs red and right ones blue, as the stand-in data give it."""
    rng = np.random.default_rng([5, index])
    turns = [Rotation.from_euler("y", rng.uniform(-180, 180), degrees=True)] * len(SKELETON.joints)
    joints = np.zeros((len(SKELETON.joints), 3))
    for joint, (name, parent) in enumerate(zip(SKELETON.joints, SKELETON.parents, strict=True)):
        if parent >= 0:
            swing = 0.6 if name.split("_")[-1] in ("knee", "foot", "elbow", "wrist") else 0.1
            turns[joint] = turns[parent] * Rotation.from_rotvec(swing * rng.normal(size=3) * [1, 0.4, 0.6])
            joints[joint] = joints[parent] + turns[joint].apply(REST[name])
    seen = joints + np.array([0, 0, 4500])
    flat = 1100 * seen[:, :2] / seen[:, 2:]
    middle, side = (flat.min(0) + flat.max(0)) / 2, 1.25 * np.ptp(flat, axis=0).max()
    points = (flat - middle) / side * size + size / 2 - 0.5
    image = np.full((size, size, 3), rng.integers(60, 200), np.uint8)
    for joint, parent in enumerate(SKELETON.parents):
        if parent >= 0:
            colour = {"l": (200, 60, 60), "r": (60, 60, 200)}.get(SKELETON.joints[joint].split("_")[0], (60, 170, 60))
            ends = [tuple(int(v) for v in points[end].round()) for end in (parent, joint)]
            cv2.line(image, *ends, colour, 2, cv2.LINE_AA)
    target = {"joints_mm": seen, "points": points, "visible": np.ones(len(points), bool)}
    return Sample(f"person/{index}", {"image": image}, target, f"group {index // 4}")


@pytest.fixture(scope="session")
def people():
    return [stick_person(index) for index in range(48)]
