"""Put a hand into a pose: joint angles to joints and skin, by linear blend skinning.

Axis letters: `V` vertices, `J` joints (`model.JOINTS`), `B` bones of a finger.

A finger is a chain of bones that fold about one axis. Angles are absolute, not against the hand at rest: with all
angles 0 a finger is straight and lies along the hand's y axis, and the thumb's first bone lies along y too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_synth.hands.model import FINGERS, JOINTS, HandModel

F64 = NDArray[np.float64]

_X, _Y, _Z = np.eye(3)
_FIRST = {finger: JOINTS.index(f"{finger}-1") for finger in FINGERS}


@dataclass(frozen=True, slots=True)
class Pose:
    """Joint angles in degrees.

    fingers (4, 3): index to little; folding towards the palm at the knuckle and at the middle and the end joint.
    spread (4,): of each finger in the palm's plane, positive towards the thumb.
    thumb (5,): first bone's angle from y towards the thumb's side, then out of the palm; its turn about itself,
    positive turns the pad towards the palm; folding at the middle and at the end joint.
    wrist (2,): the hand folded towards the palm, and bent towards the thumb's side.
    """

    fingers: F64
    spread: F64
    thumb: F64
    wrist: F64

    def packed(self) -> F64:
        """(23,) all angles in one array."""
        return np.concatenate([self.fingers.ravel(), self.spread, self.thumb, self.wrist])

    @classmethod
    def unpacked(cls, angles: F64) -> Pose:
        """The inverse of `packed`."""
        return cls(angles[:12].reshape(4, 3), angles[12:16], angles[16:21], angles[21:23])


LOW = Pose(
    np.tile([-15.0, 0.0, -5.0], (4, 1)),
    np.array([-15.0, -12.0, -18.0, -30.0]),
    np.array([-10.0, -10.0, -40.0, -10.0, -20.0]),
    np.array([-40.0, -20.0]),
)
HIGH = Pose(
    np.tile([95.0, 115.0, 80.0], (4, 1)),
    np.array([25.0, 12.0, 12.0, 15.0]),
    np.array([75.0, 65.0, 90.0, 60.0, 85.0]),
    np.array([50.0, 20.0]),
)
"""Limits of the joints of a healthy adult's hand, degrees."""


@dataclass(frozen=True, slots=True)
class Posed:
    """vertices (V, 3) float32 and joints (J, 3) float64, m in the hand's frame (the palm stays where it is)."""

    vertices: NDArray[np.float32]
    joints: F64


def rotation(axis: NDArray[np.floating], degrees: float) -> F64:
    """(3, 3) about a unit axis, counter-clockwise seen from its tip."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross))


def pose_hand(model: HandModel, subject: int, pose: Pose) -> Posed:
    """The hand of a subject (1 to S) in a pose."""
    rest = model.joints[subject - 1].astype(float)
    turns = np.tile(np.eye(3), (len(JOINTS), 1, 1))
    joints = rest.copy()
    fold, bend = pose.wrist
    turns[0] = rotation(_X, fold) @ rotation(_Z, bend)  # the hand stays, so the forearm goes the other way
    for row, finger in enumerate(FINGERS):
        first = _FIRST[finger]
        bones = rest[first + 1 : first + 4] - rest[first : first + 3]
        if finger == "thumb":
            axis, straight, across = (*_thumb_axes(bones, pose.thumb[:3]),)
            angles = np.array([0.0, *pose.thumb[3:]])
        else:
            straight = rotation(_Z, -pose.spread[row - 1]) @ _Y
            axis = across = _cross(straight, _Z)
            angles = pose.fingers[row - 1]
        total = 0.0
        for k, bone in enumerate(bones):
            total += angles[k]
            # Folding about +x takes y to z: towards the palm.
            target = _frame(rotation(across, total) @ straight, across)
            turns[first + k] = target @ _frame(bone, axis).T
            joints[first + k + 1] = joints[first + k] + turns[first + k] @ bone
        turns[first + 3] = turns[first + 2]
    shift = joints - np.einsum("jab,jb->ja", turns, rest)
    blend = model.weights @ np.concatenate([turns.reshape(-1, 9), shift], axis=1).astype(np.float32)
    vertices = np.einsum("vab,vb->va", blend[:, :9].reshape(-1, 3, 3), model.vertices[subject - 1]) + blend[:, 9:]
    return Posed(vertices, joints)


def _thumb_axes(bones: F64, angles: NDArray[np.floating]) -> tuple[F64, F64, F64]:
    """The thumb's fold axis at rest, and in the pose its first bone's direction and its fold axis.

    At rest the thumb folds about the normal of the plane in which its last two bones lie, made square to the first one,
    and this axis turns with the first bone by the smallest rotation before the bone turns about itself.
    """
    side, out, turn = angles
    rest = bones / np.linalg.norm(bones, axis=1, keepdims=True)
    axis = _cross(rest[1], rest[2])
    axis -= (axis @ rest[0]) * rest[0]
    axis /= np.linalg.norm(axis)
    straight = rotation(_Z, -side) @ (rotation(_X, out) @ _Y)
    across = rotation(straight, turn) @ (_between(rest[0], straight) @ axis)
    return axis, straight, across


def _cross(a: F64, b: F64) -> F64:
    """Cross product (3,) of two vectors; NumPy's takes ten times as long for a single one."""
    (p, q, r), (x, y, z) = a.tolist(), b.tolist()
    return np.array([q * z - r * y, r * x - p * z, p * y - q * x])


def _between(start: F64, end: F64) -> F64:
    """The smallest rotation (3, 3) that takes one unit vector to another."""
    axis = _cross(start, end)
    sine = np.linalg.norm(axis)
    if sine < 1e-12:
        return np.eye(3)
    return rotation(axis / sine, float(np.degrees(np.arctan2(sine, start @ end))))


def _frame(along: F64, across: F64) -> F64:
    """(3, 3) with the columns across, along, and their cross product, unit and orthogonal; `along` is kept exactly."""
    y = along / np.linalg.norm(along)
    x = across - (across @ y) * y
    x /= np.linalg.norm(x)
    return np.stack([x, y, _cross(x, y)], axis=1)
