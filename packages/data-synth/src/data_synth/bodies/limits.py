"""How far joints turn.

Axis letters: `T` poses, `B` bones. Angles in degrees. A limb's direction is described in the axes of what it hangs on:
`forward` in the sagittal plane (0 hanging down, 90 to the front) and `outward` from that plane; `back` is how far it
points behind the body's own plane; `twist` is its turn about itself against the shortest way there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from data_synth.bodies.skeleton import BONE, OUTWARD, SIDES

F64 = NDArray[np.float64]

LIMITS: dict[str, tuple[float, float]] = {
    "torso-flexion": (-25, 55), "torso-lean": (-32, 32), "torso-turn": (-42, 42),
    "neck-flexion": (-35, 50), "neck-lean": (-30, 30), "neck-turn": (-45, 45),
    "head-flexion": (-32, 40), "head-lean": (-25, 25), "head-turn": (-55, 55),
    "shoulder-back": (-90, 62), "shoulder-outward": (-45, 90), "elbow": (0, 152),
    "hip-forward": (-35, 132), "hip-outward": (-35, 62), "hip-twist": (-45, 80), "knee": (0, 155),
    "ankle": (0, 58),
}  # fmt: skip
"""Lowest and highest angle; those of the trunk are what `pose.solve` keeps, the others follow from where hands and feet
are. Ankle is the whole turn of the foot against the shin. After tables of adults' ranges of motion, rounded up."""


def angles(turn: F64) -> dict[str, F64]:
    """Joint angles of global rotations (T, B, 3, 3): name -> (T,) for the trunk, (T, 2) for the limbs, left first."""
    out: dict[str, F64] = {}
    for above, bone in (("pelvis", "torso"), ("torso", "neck"), ("neck", "head")):
        local = _relative(turn, above, bone)
        out[f"{bone}-flexion"] = np.degrees(np.arctan2(local[:, 2, 1], local[:, 2, 2]))
        out[f"{bone}-lean"] = np.degrees(np.arcsin(np.clip(-local[:, 2, 0], -1, 1)))
        out[f"{bone}-turn"] = np.degrees(np.arctan2(local[:, 1, 0], local[:, 0, 0]))
    for joint, above, upper, lower, hinge in (
        ("shoulder", "torso", "upperarm", "forearm", "elbow"),
        ("hip", "pelvis", "thigh", "shin", "knee"),
    ):
        columns: dict[str, list[F64]] = {f"{joint}-{way}": [] for way in ("forward", "back", "outward", "twist")}
        columns[hinge] = []
        for s, side in enumerate(SIDES):
            local = _relative(turn, above, f"{upper}.{side}")
            columns[f"{joint}-forward"].append(_forward(local))
            columns[f"{joint}-back"].append(np.degrees(np.arcsin(np.clip(-local[:, 1, 2], -1, 1))))
            columns[f"{joint}-outward"].append(np.degrees(np.arcsin(np.clip(-OUTWARD[s] * local[:, 0, 2], -1, 1))))
            columns[f"{joint}-twist"].append(OUTWARD[s] * _twist(local))
            columns[hinge].append(_size(_relative(turn, f"{upper}.{side}", f"{lower}.{side}")))
        out |= {name: np.stack(values, axis=1) for name, values in columns.items()}
    out["ankle"] = np.stack([_size(_relative(turn, f"shin.{s}", f"foot.{s}")) for s in SIDES], axis=1)
    return out


def within_limits(turn: F64) -> NDArray[np.bool_]:
    """(T,) whether all angles of global rotations (T, B, 3, 3) are within `LIMITS`, to a millionth of a degree."""
    out = np.ones(len(turn), np.bool_)
    for name, value in angles(turn).items():
        if name in LIMITS:
            low, high = LIMITS[name]
            out &= ((value >= low - 1e-6) & (value <= high + 1e-6)).reshape(len(turn), -1).all(axis=1)
    return out


def _relative(turn: F64, above: str, bone: str) -> F64:
    return np.swapaxes(turn[:, BONE[above]], 1, 2) @ turn[:, BONE[bone]]


def _forward(local: F64) -> F64:
    """Of a limb that points along -z of its own axes; beyond 180 (straight up and back) it goes on counting."""
    angle = np.degrees(np.arctan2(local[:, 1, 2], local[:, 2, 2]))
    return np.where(angle < -110, angle + 360, angle)


def _twist(local: F64) -> F64:
    """The turn about z in the swing-twist decomposition."""
    quaternion = Rotation.from_matrix(local).as_quat(canonical=True)
    return np.degrees(2 * np.arctan2(quaternion[:, 2], quaternion[:, 3]))


def _size(local: F64) -> F64:
    return np.degrees(Rotation.from_matrix(local).magnitude())
