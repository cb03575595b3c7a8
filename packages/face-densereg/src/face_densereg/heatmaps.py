"""Heatmaps of landmarks: targets, loss, and the places of their peaks.

Axis letters: N images, P landmarks, H rows and W columns of an image, h rows and w columns of its heatmaps.

A heatmap has a Gaussian of height 1 at its landmark and is regressed with the L2 loss (DenseReg Sec. 5.1; Newell et al.
2016). Image and heatmap cover the same square: an image pixel x is at ``(x + 0.5) w / W - 0.5`` of the heatmap.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SIGMA = 1.0
"""Standard deviation of a target in heatmap pixels (Newell et al. 2016)."""

FLOOR = 1e-3
"""Smallest value that the sub-pixel fit sees."""


def render_heatmaps(points: Tensor, size: tuple[int, int], grid: tuple[int, int], sigma: float = SIGMA) -> Tensor:
    """Targets (N, P, h, w) float32 of `points` (N, P, 2) px in an image of `size` (H, W); NaN where a point is NaN.

    A landmark outside the image leaves what its Gaussian reaches inside.
    """
    scale = torch.tensor([grid[1] / size[1], grid[0] / size[0]], device=points.device)
    x, y = ((points.float() + 0.5) * scale - 0.5).unbind(-1)
    columns, rows = (torch.arange(n, dtype=torch.float32, device=points.device) for n in (grid[1], grid[0]))
    across = torch.exp(-((columns - x[..., None]) ** 2) / (2 * sigma**2))
    down = torch.exp(-((rows - y[..., None]) ** 2) / (2 * sigma**2))
    return down[..., :, None] * across[..., None, :]


def heatmap_loss(heat: Tensor, points: Tensor, size: tuple[int, int], sigma: float = SIGMA) -> Tensor:
    """Mean squared difference of `heat` (N, P, h, w) to the targets of `points` (N, P, 2) px; NaN ones do not count."""
    target = render_heatmaps(points, size, (heat.shape[2], heat.shape[3]), sigma)
    known = torch.isfinite(points).all(-1)
    error = (heat.float() - torch.nan_to_num(target)).square().mean((2, 3))
    return (error * known).sum() / known.sum().clamp(min=1)


def read_heatmaps(heat: NDArray[np.floating], size: tuple[int, int], *, refine: bool = True) -> NDArray[np.float64]:
    """(P, 2) px of the image of `size` (H, W): the highest value of each heatmap (P, h, w), to a part of a pixel.

    Along each axis a parabola through the logarithms of the peak and its two neighbours is exact for a Gaussian of any
    width; at the border the peak stays where it is. Of several equal peaks the first in reading order counts. Without
    `refine` it is the centre of the heatmap's pixel.
    """
    count, rows, columns = heat.shape
    values = np.log(np.maximum(np.asarray(heat, np.float64), FLOOR))
    y, x = np.divmod(np.asarray(heat).reshape(count, -1).argmax(1), columns)
    number = np.arange(count)
    places = np.empty((count, 2))
    for axis, (place, last) in enumerate(((x, columns - 1), (y, rows - 1))):
        before, after = np.maximum(place - 1, 0), np.minimum(place + 1, last)
        low, high = (values[number, y, k] if axis == 0 else values[number, k, x] for k in (before, after))
        bend = 2 * values[number, y, x] - low - high
        inner = (place > 0) & (place < last) & (bend > 0)
        step = np.divide(0.5 * (high - low), bend, out=np.zeros(count), where=inner)
        places[:, axis] = place + (np.clip(step, -0.5, 0.5) if refine else 0.0)
    return (places + 0.5) * [size[1] / columns, size[0] / rows] - 0.5
