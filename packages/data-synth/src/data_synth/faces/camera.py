"""Head pose and camera: from the model's frame to pixels.

Axis letters: `V` vertices, `P` landmarks.

The head turns by yaw about its own vertical axis (positive: the nose moves to image right), then the camera sees it
pitched (positive: the face looks up) and rolled (positive: clockwise in the image). The camera is a pin hole at
`distance` metres in front of the head's origin that looks along -z; a crop of its picture is described by a focal
length and a shift in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import cos, radians, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class View:
    """yaw, pitch, roll in degrees; distance m; focal px; centre (2,) px, where the head's origin appears."""

    yaw: float
    pitch: float
    roll: float
    distance: float
    focal: float = 1.0
    centre: tuple[float, float] = (0.0, 0.0)

    @cached_property
    def rotation(self) -> NDArray[np.float64]:
        """(3, 3), from the model's frame to the camera's directions."""
        (cy, sy), (cp, sp), (cr, sr) = ((cos(radians(a)), sin(radians(a))) for a in (self.yaw, self.pitch, self.roll))
        y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        p = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        r = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
        return r @ p @ y

    def turn(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """(V, 3) model frame -> (V, 3) camera directions, still around the head's origin, m."""
        return points @ self.rotation.T.astype(np.float32)

    def project(self, turned: NDArray[np.floating]) -> NDArray[Any]:
        """(V, 3) turned points -> (V, 3): x px, y px (0-based pixel centres), depth m."""
        out = np.empty(turned.shape, turned.dtype)
        out[:, 2] = self.distance - turned[:, 2]
        scale = self.focal / out[:, 2]
        out[:, 0] = self.centre[0] + scale * turned[:, 0]
        out[:, 1] = self.centre[1] - scale * turned[:, 1]
        return out

    @property
    def up(self) -> NDArray[np.float64]:
        """The head's upward axis in the image (2,), x right, y down."""
        axis = self.rotation[:, 1]
        return np.array([axis[0], -axis[1]])


def frame(view: View, landmarks: NDArray[np.floating], size: int, share: float, shift: tuple[float, float]) -> View:
    """Choose focal length and centre so that the box of turned landmarks (P, 3) fills `share` of an image of `size`
    pixels.

    share: longer side of the box over `size`. shift: of the box centre from the image centre, as part of `size`.
    """
    seen = replace(view, focal=1.0, centre=(0.0, 0.0)).project(landmarks)[:, :2]
    low, high = seen.min(axis=0), seen.max(axis=0)
    focal = share * size / float((high - low).max())
    middle = (size - 1) / 2 + np.asarray(shift) * size - focal * (low + high) / 2
    return replace(view, focal=focal, centre=(float(middle[0]), float(middle[1])))
