"""The voxel volume, and joint positions as voxel and residual (thesis Sec. 3.2.1 and 3.3).

Axis letters: N images, J joints, D x H x W voxels (depth, rows, columns).

Positions are (x, y, z) in volume coordinates: x and y run from 0 to 1 across the square crop (left and top edge of the
image to right and bottom), and z likewise, in the same scale, with the root joint at 1/2; larger z is farther away.
Voxel (k, r, c) covers [c / W, (c + 1) / W) along x, and so on. A pixel centre p of a crop of S px is at (p + 1/2) / S.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_eval import InputError
from core_eval.skeletons import skeleton
from core_quantreg import IGNORE, bin_centres, encode

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Volume:
    """D x H x W voxels over the unit cube; at the paper's budget 20 x 20 x 20 for crops of 320 px."""

    depth: int = 20
    height: int = 20
    width: int = 20

    def __post_init__(self) -> None:
        if min(self.shape) < 1:
            raise ValueError(f"a volume has at least one voxel along each side, not {self.shape}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(D, H, W)."""
        return self.depth, self.height, self.width

    def centres(self, *, device: torch.device | None = None) -> Tensor:
        """(3, D, H, W) float32: x, y, z of every voxel's centre."""
        z, y, x = torch.meshgrid(*(bin_centres(side, device=device) for side in self.shape), indexing="ij")
        return torch.stack([x, y, z])

    def encode(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """The voxel that holds each position, and the residual from that voxel's centre.

        Args:
            positions: (..., 3), x, y, z; NaN where unknown.

        Returns:
            voxel: long (...), index (z H + y) W + x; `IGNORE` where a coordinate is NaN. A position outside the volume
                goes to the nearest voxel and keeps its distance in the residual.
            residual: (..., 3), float32 (float64 for float64); 0 where unknown.
        """
        known = torch.isfinite(positions).all(-1)
        bins, residuals = [], []
        for axis, side in enumerate((self.width, self.height, self.depth)):
            q, r = encode(positions[..., axis], side)
            bins.append(q)
            residuals.append(r - 0.5 / side)
        x, y, z = bins
        voxel = torch.where(known, (z * self.height + y) * self.width + x, IGNORE)
        return voxel, torch.where(known[..., None], torch.stack(residuals, -1), 0.0)

    def decode(self, voxel: Tensor, residual: Tensor) -> Tensor:
        """Voxel centre plus residual, (..., 3): the inverse of `encode`; NaN where the voxel is `IGNORE`."""
        centres = self.centres(device=voxel.device).flatten(1).to(residual.dtype)
        known = voxel != IGNORE
        places = centres[:, torch.where(known, voxel, 0)].movedim(0, -1) + residual
        return torch.where(known[..., None], places, torch.nan)


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
    source, goal = skeleton("h36m17").joints, skeleton("mpii16").joints
    if points.ndim < 2 or points.shape[-2] != len(source):
        raise InputError(f"points of 17 joints are (..., 17, A), not {points.shape}", field="points")
    shoulders = points[..., [source.index("l_shoulder"), source.index("r_shoulder")], :].mean(-2)
    parts = [shoulders if joint == "thorax" else points[..., source.index(_FROM_H36M[joint]), :] for joint in goal]
    return np.stack(parts, -2)
