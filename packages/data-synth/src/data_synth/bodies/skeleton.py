"""The skeleton that moves a body: bones, joints, forward kinematics.

Axis letters: `T` poses, `B` bones, `J` = 17 joints of Human3.6M, `V` vertices.

Frame: metres, x to the subject's left, y to the back, z up. A bone has a global rotation A (T, 3, 3) that is the
identity when the person stands straight with hanging arms; in the mesh as modelled (arms spread) bone b has been
turned by `neutral[b]` against that stance. All joints sit at pivots, so every bone length is constant by construction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core_eval.skeletons import skeleton

F64 = NDArray[np.float64]

H36M = skeleton("h36m17")

BONES = (
    *("pelvis", "torso", "neck", "head"),
    *(
        f"{bone}.{side}"
        for side in "LR"
        for bone in ("clavicle", "upperarm", "forearm", "forearm-twist", "hand", "thigh", "shin", "foot")
    ),
)
BONE = {name: index for index, name in enumerate(BONES)}
_PARENT = {
    "torso": "pelvis", "neck": "torso", "head": "neck", "clavicle": "torso", "upperarm": "clavicle",
    "forearm": "upperarm", "forearm-twist": "upperarm", "hand": "forearm", "thigh": "pelvis", "shin": "thigh",
    "foot": "shin",
}  # fmt: skip


def _parent(bone: str) -> int:
    name, _, side = bone.partition(".")
    if name not in _PARENT:
        return -1
    above = _PARENT[name]
    return BONE[f"{above}.{side}"] if f"{above}.{side}" in BONE else BONE[above]


PARENTS = tuple(_parent(bone) for bone in BONES)
"""Index of the parent of each bone, -1 for the pelvis; parents come first."""

PIVOT_OF = {
    "torso": "spine03", "neck": "neck01", "head": "head", "clavicle": "neck01", "upperarm": "upperarm01",
    "forearm": "lowerarm01", "forearm-twist": "lowerarm01", "hand": "wrist", "thigh": "upperleg01",
    "shin": "lowerleg01", "foot": "foot",
}  # fmt: skip
"""The model's bone whose head is the pivot of ours; the pelvis turns about the middle between the hips."""

JOINTS, JOINT_PARENTS = H36M.joints, H36M.parents
"""Human3.6M's 17 joints. Thorax is the root of the neck, neck_nose the top of the neck, head the crown."""

_PIVOT_JOINTS = (
    *("pelvis", "thigh.R", "shin.R", "foot.R", "thigh.L", "shin.L", "foot.L", "torso", "neck", "head", "crown"),
    *("upperarm.L", "forearm.L", "hand.L", "upperarm.R", "forearm.R", "hand.R"),
)
SIDES = ("L", "R")
OUTWARD = np.array([1.0, -1.0])
"""Sign of x on each of `SIDES`."""


@dataclass(frozen=True)
class Skeleton:
    """One person's proportions.

    pivot (B, 3) m in the mesh as modelled; neutral (B, 3, 3) turns the modelled bone into the standing stance;
    crown (3,) m highest point of the head in the mesh; feet (2, 4, 3) m: corners of the soles, left and right, from the
    ankles.
    """

    pivot: F64
    neutral: F64
    crown: F64
    feet: F64

    def offset(self, bone: int) -> F64:
        """(3,) m from the parent's pivot to this bone's, in the parent's frame."""
        above = PARENTS[bone]
        return self.neutral[above] @ (self.pivot[bone] - self.pivot[above])

    def length(self, bone: str) -> float:
        """Distance (m) between the pivots of a bone and of its parent."""
        return float(np.linalg.norm(self.offset(BONE[bone])))

    @property
    def leg(self) -> float:
        """Hip to ankle, straight, m."""
        return self.length("shin.L") + self.length("foot.L")

    @property
    def arm(self) -> float:
        """Shoulder to wrist, straight, m."""
        return self.length("forearm.L") + self.length("hand.L")

    def rise(self, side: int, turn: F64) -> F64:
        """(T,) m: height of an ankle over the floor that a foot with rotations turn (T, 3, 3) touches."""
        return -(turn[:, None, 2, :] * self.feet[side]).sum(axis=2).min(axis=1)

    def place(self, root: F64, turn: F64, bones: tuple[int, ...] = tuple(range(len(BONES)))) -> F64:
        """Pivots (T, B, 3) of bones with global rotations turn (T, B, 3, 3); root (T, 3) is the pelvis, m."""
        out = np.zeros((len(root), len(BONES), 3))
        out[:, 0] = root
        for bone in bones:
            if PARENTS[bone] >= 0:
                above = PARENTS[bone]
                out[:, bone] = out[:, above] + turn[:, above] @ self.offset(bone)
        return out

    def joints(self, pivots: F64, turn: F64) -> F64:
        """(T, J, 3) m, Human3.6M's joints."""
        out = np.empty((len(pivots), len(JOINTS), 3))
        for joint, name in enumerate(_PIVOT_JOINTS):
            if name == "crown":
                head = BONE["head"]
                out[:, joint] = pivots[:, head] + turn[:, head] @ (self.crown - self.pivot[head])
            else:
                out[:, joint] = pivots[:, BONE[name]]
        return out


def make_skeleton(heads: dict[str, F64], crown: F64, soles: F64) -> Skeleton:
    """heads: rest heads (3,) m of the model's bones by name; crown (3,); soles (2, 4, 3): their corners, m."""
    pivot = np.empty((len(BONES), 3))
    for index, bone in enumerate(BONES[1:], 1):
        name, _, side = bone.partition(".")
        source = PIVOT_OF[name]
        pivot[index] = heads[f"{source}.{side}"] if f"{source}.{side}" in heads else heads[source]
    pivot[0] = (pivot[BONE["thigh.L"]] + pivot[BONE["thigh.R"]]) / 2
    neutral = np.tile(np.eye(3), (len(BONES), 1, 1))
    for side in SIDES:
        for upper, lower, end, twins in (
            ("upperarm", "forearm", "hand", ("forearm-twist", "hand")),
            ("thigh", "shin", "foot", ()),
        ):
            a, b, c = (BONE[f"{name}.{side}"] for name in (upper, lower, end))
            neutral[a] = _onto(pivot[b] - pivot[a])
            neutral[b] = _onto(neutral[a] @ (pivot[c] - pivot[b])) @ neutral[a]
            for twin in twins:
                neutral[BONE[f"{twin}.{side}"]] = neutral[b]
    ankles = np.stack([pivot[BONE[f"foot.{side}"]] for side in SIDES])
    return Skeleton(pivot, neutral, crown, soles - ankles[:, None])


def _onto(direction: F64) -> F64:
    """The smallest rotation that turns a direction downwards."""
    unit = direction / np.linalg.norm(direction)
    axis, cosine = np.cross(unit, [0.0, 0.0, -1.0]), -unit[2]
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + cosine)


def about(axis: str, degrees: F64 | float) -> F64:
    """Rotations (..., 3, 3) about x, y or z by angles (...) in degrees."""
    angle = np.radians(np.asarray(degrees, float))
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    rows = {
        "x": ((one, zero, zero), (zero, c, -s), (zero, s, c)),
        "y": ((c, zero, s), (zero, one, zero), (-s, zero, c)),
        "z": ((c, -s, zero), (s, c, zero), (zero, zero, one)),
    }[axis]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def bend(angles: F64) -> F64:
    """Rotations (..., 3, 3) of a spine joint from (..., 3) degrees: flexion (forward), lean to the left, turn to the
    left."""
    return about("z", angles[..., 2]) @ about("y", angles[..., 1]) @ about("x", angles[..., 0])
