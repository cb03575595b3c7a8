"""Bilinear interpolation of low-resolution maps at chosen image positions, for losses that need only some of them.

Axes: N batch, C channels, s the spatial axes of the maps (h, w), S those of the image (H, W), M chosen positions, J =
2^|s| neighbours. The convention is that of half-pixel centres (`align_corners=False`): image pixel X lies at (X +
1/2) w / W - 1/2 on the map, clamped to the map. A map of the image's own size is returned as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

_MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


def upsample(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Interpolate `(N, C, *s)` to `(N, C, *size)` with half-pixel centres; the identity when the sizes agree.

    Raises ValueError when `size` has another number of axes than the maps.
    """
    size = tuple(size)
    spatial = maps.ndim - 2
    if len(size) != spatial:
        raise ValueError(f"maps with {spatial} spatial axes cannot be resized to {size}")
    if tuple(maps.shape[2:]) == size:
        return maps
    return F.interpolate(maps, size=size, mode=_MODES[spatial], align_corners=False)


def interpolation(positions: Tensor, source: Sequence[int], target: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Find the neighbours and weights which interpolate maps of size `source` at pixels of an image of size `target`.

    Args:
        positions: long `(M,)`, flat indices into `(N, *target)`.
        source: s, the maps' spatial size.
        target: S, the image's spatial size, same number of axes.

    Returns:
        index, long `(M, J)`: flat indices into `(N, *source)`; weight, float32 `(M, J)`, each row sums to one. J = 1
            for equal sizes.
    """
    source, target = tuple(source), tuple(target)
    if len(source) != len(target):
        raise ValueError(f"maps of size {source} do not fit an image of size {target}")
    if source == target:
        return positions[:, None], torch.ones(len(positions), 1, device=positions.device)
    device = positions.device
    index = torch.zeros(len(positions), 1, dtype=torch.long, device=device)
    weight = torch.ones(len(positions), 1, device=device)
    stride = 1
    rest = positions
    for small, large in zip(reversed(source), reversed(target), strict=True):
        # A table over the axis, so that the arithmetic is done once for each row or column and not for each position.
        x = ((torch.arange(large, device=device, dtype=torch.float64) + 0.5) * (small / large) - 0.5).clamp_(min=0)
        low = x.floor().long().clamp_(max=small - 1)
        high = (low + 1).clamp_(max=small - 1)
        fraction = (x - low).float()
        here = rest % large
        rest = rest // large
        ends = torch.stack([low, high], 1)[here] * stride
        shares = torch.stack([1 - fraction, fraction], 1)[here]
        index = (index[:, :, None] + ends[:, None, :]).flatten(1)
        weight = (weight[:, :, None] * shares[:, None, :]).flatten(1)
        stride *= small
    return index + rest[:, None] * stride, weight


def sample_rows(rows: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Return `sum_j weight[m, j] rows[index[m, j]]`, `(M, C)`; the gradient flows to `rows` only.

    Args:
        rows: `(R, C)`, float32 or float64: maps with the channels last, one row for each position.
        index: long `(M, J)`. weight: float `(M, J)`.
    """
    if index.shape[1] == 1:  # equal sizes: the weights are one
        return rows.index_select(0, index[:, 0])
    return F.embedding_bag(index, rows, per_sample_weights=weight.to(rows.dtype), mode="sum")


def sample_rows_naive(rows: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Plain twin of `sample_rows`."""
    return (rows[index] * weight[..., None].to(rows.dtype)).sum(1)
