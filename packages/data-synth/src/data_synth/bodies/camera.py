"""Four cameras round a room, and square crops of what they see.

Axis letters: `N` points.

World as in `skeleton` (z up, floor at 0). Camera axes are those of computer vision: x to image right, y down, z
forward, m or mm. Pixels are (x, y), 0-based pixel centres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """rotation (3, 3) world to camera axes; position (3,) m in the world; intrinsics (3, 3) of a frame, px."""

    rotation: F64
    position: F64
    intrinsics: F64

    def see(self, points: F64) -> F64:
        """World (..., 3) m -> camera axes (..., 3) m."""
        return (points - self.position) @ self.rotation.T

    def crop(self, box: tuple[float, float, float], size: int) -> F64:
        """(3, 3) intrinsics of a square crop, box (x, y of the middle, side) px, resized to `size` pixels."""
        x, y, side = box
        scale = size / side
        to_crop = np.array([[scale, 0, (size - 1) / 2 - scale * x], [0, scale, (size - 1) / 2 - scale * y], [0, 0, 1]])
        return to_crop @ self.intrinsics


def project(intrinsics: F64, seen: F64) -> F64:
    """Camera axes (..., 3) -> pixels (..., 2)."""
    flat = seen @ intrinsics.T
    return flat[..., :2] / flat[..., 2:]


def look_at(position: F64, target: F64, focal: float, size: int = 1000, roll: float = 0.0) -> Camera:
    """An upright camera (but for `roll` degrees) with its optical axis through `target`; a frame of `size` pixels."""
    forward = target - position
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    rotation = np.stack([c * right + s * down, c * down - s * right, forward])
    middle = (size - 1) / 2
    return Camera(rotation, position, np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1.0]]))


CAMERAS = tuple(
    look_at(np.array(position), np.array(target), focal)
    for position, target, focal in (
        ((1.85, -5.05, 1.62), (0.02, 0.05, 0.92), 1146.0),
        ((-1.95, -4.85, 1.50), (-0.04, 0.02, 0.90), 1148.0),
        ((1.80, 4.95, 1.55), (0.05, -0.04, 0.88), 1144.0),
        ((-1.90, 5.15, 1.72), (-0.02, 0.06, 0.93), 1145.0),
    )
)
"""The parameters of `h36m`, in its cameras' order; like Human3.6M's they stand near the corners of a room of 4 by 5 m
that people move about in, with frames of 1000 x 1000 pixels."""

MARGIN = 1.25
"""Side of the given box over the longer side of the joints' box."""


def person_box(points: F64, margin: float = MARGIN) -> tuple[float, float, float]:
    """The square box (x, y of the middle, side) px of joints (J, 2) px; a function of the labels alone, no jitter."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high) / 2
    return float(middle[0]), float(middle[1]), float(margin * (high - low).max())
