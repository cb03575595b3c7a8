"""Joints of the data sets as the network learns them: scaled depth, and MPII's 16 joints (thesis Sec. 3.3).

Axis letters: J joints, A coordinate axes. Volume coordinates are those of `pose3d_structured.volume`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core_eval import Arrays, InputError
from core_eval.skeletons import skeleton

Floats = NDArray[np.float64]

MPII, H36M = "mpii16", "h36m17"
_FROM_H36M = {
    "pelvis": "hip", "r_hip": "r_hip", "r_knee": "r_knee", "r_ankle": "r_foot", "l_hip": "l_hip", "l_knee": "l_knee",
    "l_ankle": "l_foot", "upper_neck": "thorax", "head_top": "head", "l_shoulder": "l_shoulder", "l_elbow": "l_elbow",
    "l_wrist": "l_wrist", "r_shoulder": "r_shoulder", "r_elbow": "r_elbow", "r_wrist": "r_wrist",
}  # fmt: skip


def h36m_to_mpii(points: Floats) -> Floats:
    """Human3.6M's 17 joints as MPII's 16: thorax midway between the shoulders; chin and abdomen dropped (Sec. 3.3).

    Args:
        points: (..., 17, A) in the order of `core_eval.skeletons` "h36m17"; its "thorax" is the base of the neck, its
            "neck_nose" the chin and its "spine" the abdomen.

    Returns:
        (..., 16, A) in the order of "mpii16".

    Raises:
        InputError: not 17 joints.
    """
    source, goal = skeleton(H36M).joints, skeleton(MPII).joints
    if points.ndim < 2 or points.shape[-2] != len(source):
        raise InputError(f"points of 17 joints are (..., 17, A), not {points.shape}", field="points")
    shoulders = points[..., [source.index("l_shoulder"), source.index("r_shoulder")], :].mean(-2)
    parts = [shoulders if joint == "thorax" else points[..., source.index(_FROM_H36M[joint]), :] for joint in goal]
    return np.stack(parts, -2)


def volume_pose(
    image_points: Floats, camera_points: Floats, size: float, *, root: int, sample: str | None = None
) -> Floats:
    """Joint positions in volume coordinates, from the projected and the real ones (Sec. 3.3, "Dataset").

    Depth is scaled by the ratio of the standard deviations of projected and real x, y (their variances summed over both
    axes), so that no focal length and no distance is needed, and the pose is right up to a similarity and perspective.

    Args:
        image_points: (J, 2) x, y in px of the crop, pixel centres at whole numbers.
        camera_points: (J, 3) in the camera's frame, any unit; z points away from the camera.
        size: side of the square crop in px.
        root: joint at depth 1/2.
        sample: named in errors.

    Returns:
        (J, 3) float64.

    Raises:
        InputError: shapes that do not fit, numbers that are not finite, or points that coincide in x and y.
    """
    flat, real = np.asarray(image_points, np.float64), np.asarray(camera_points, np.float64)
    if flat.ndim != 2 or flat.shape[1] != 2 or real.shape != (len(flat), 3):
        raise InputError(
            f"points (J, 2) and (J, 3) do not fit: {flat.shape}, {real.shape}", sample=sample, field="points"
        )
    if not (np.isfinite(flat).all() and np.isfinite(real).all()):
        raise InputError("a joint is not finite", sample=sample, field="points")
    spread = np.sqrt(real[:, :2].var(0).sum())
    projected = np.sqrt(flat.var(0).sum())
    if not (spread > 1e-9 * np.abs(real).max() and projected > 0):
        raise InputError("all joints have the same x and y: depth has no scale", sample=sample, field="points")
    depth = projected / spread * (real[:, 2] - real[root, 2]) / size + 0.5
    return np.column_stack([(flat + 0.5) / size, depth])


def target_pose(target: Arrays, size: float, of: str, *, sample: str | None = None) -> Floats:
    """What the network learns of one annotated image.

    Args:
        target: `points` (17, 2) px in the order of "h36m17" or (16, 2) in that of "mpii16"; `joints_mm`, as many, in
            the camera's frame in mm: absent, or with a joint that is not finite, the sample is known in 2D only.
        size: side of the square crop in px.
        of: "mpii16" or "h36m17", the joints that are learnt.
        sample: named in errors.

    Returns:
        (J, 3) float64 in volume coordinates; z is NaN where the sample is known in 2D only, and a joint whose points
        are not finite is NaN altogether.

    Raises:
        InputError: no points, another number of joints, or joints that are not those of `of`; see `volume_pose`.
    """
    if "points" not in target:
        raise InputError("the sample has no points", sample=sample, field="points")
    points = _as(np.asarray(target["points"], np.float64), of, "points", sample)
    if "joints_mm" in target:
        real = _as(np.asarray(target["joints_mm"], np.float64), of, "joints_mm", sample)
        if np.isfinite(real).all() and np.isfinite(points).all():
            return volume_pose(points, real, size, root=root_of(of), sample=sample)
    flat = np.where(np.isfinite(points).all(1, keepdims=True), (points + 0.5) / size, np.nan)
    return np.column_stack([flat, np.full(len(flat), np.nan)])


def root_of(of: str) -> int:
    """The joint without a parent: the pelvis."""
    return skeleton(of).parents.index(-1)


def bones_of(of: str) -> NDArray[np.int64]:
    """(B, 2): each joint that has a parent, and the parent."""
    return np.array([(child, parent) for child, parent in enumerate(skeleton(of).parents) if parent >= 0])


def bone_lengths(pose: Floats, of: str) -> Floats:
    """(..., J, 3) -> (..., B), in the pose's unit, in the order of `bones_of`."""
    child, parent = bones_of(of).T
    return np.asarray(np.linalg.norm(pose[..., child, :] - pose[..., parent, :], axis=-1))


def _as(points: Floats, of: str, field: str, sample: str | None) -> Floats:
    counts = {name: len(skeleton(name).joints) for name in (MPII, H36M)}
    axes = 2 if field == "points" else 3
    if points.shape == (counts[of], axes):
        return points
    if of == MPII and points.shape == (counts[H36M], axes):
        return h36m_to_mpii(points)
    raise InputError(
        f"expected {counts[of]} joints of {of}{', or 17 of h36m17' if of == MPII else ''}, got {points.shape}",
        sample=sample,
        field=field,
    )
