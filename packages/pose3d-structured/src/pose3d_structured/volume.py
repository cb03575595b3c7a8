"""The voxel volume, and joint positions as voxel and residual (thesis Sec. 3.2.1).

Axis letters: D x H x W voxels (depth, rows, columns).

Positions are (x, y, z) in volume coordinates: x and y run from 0 to 1 across the square crop (left and top edge of the
image to right and bottom), and z likewise, in the same scale, with the root joint at 1/2; larger z is farther away.
Voxel (k, r, c) covers [c / W, (c + 1) / W) along x, and so on. A pixel centre p of a crop of S px is at (p + 1/2) / S.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core_quantreg import IGNORE, bin_centres, encode


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

    def squares(self, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Squared distances of positions (..., 3) from the voxels' centres along each axis, in voxels.

        Returns: along x (..., W), y (..., H), z (..., D); NaN where the coordinate is.
        """
        x, y, z = (
            ((positions[..., axis, None] - bin_centres(side, device=positions.device).to(positions.dtype)) * side) ** 2
            for axis, side in enumerate((self.width, self.height, self.depth))
        )
        return x, y, z

    def near(self, positions: Tensor, radius: float) -> Tensor:
        """Bool (..., D, H, W): voxels whose centre is within `radius` voxels of a position (..., 3)."""
        x, y, z = self.squares(positions)
        # NaN compares as false: what is not known is near nothing.
        return x[..., None, None, :] + y[..., None, :, None] + z[..., :, None, None] <= radius**2

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
