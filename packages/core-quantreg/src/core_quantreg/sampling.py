"""Bilinear interpolation of low-resolution maps at chosen image positions, for losses that need only some of them.

Axes: N batch, C channels, s the spatial axes of the maps (h, w), S those of the image (H, W), M chosen positions, J =
2^|s| neighbours. The convention is that of half-pixel centres (`align_corners=False`): image pixel X lies at (X +
1/2) w / W - 1/2 on the map, clamped to the map. A map of the image's own size is returned as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

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


def interpolation(image: Tensor, pixel: Tensor, source: Sequence[int], target: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Find the neighbours and weights which interpolate maps of size `source` at pixels of images of size `target`.

    Args:
        image: long `(M,)`, number of the image, 0 .. N - 1.
        pixel: long `(M,)`, flat index into `target`.
        source: s, the maps' spatial size.
        target: S, the images' spatial size, same number of axes.

    Returns:
        index, long `(M, J)`: flat indices into `(N, *source)`.
        weight, float32 `(M, J)`: each row sums to one. J = 1 for equal sizes.

    Raises:
        ValueError: `source` and `target` differ in their number of axes.
    """
    source, target = tuple(source), tuple(target)
    if len(source) != len(target):
        raise ValueError(f"maps of size {source} do not fit an image of size {target}")
    with torch.inference_mode(False):  # the table outlives this call, and may be needed in training
        neighbours, shares = _table(source, target, pixel.device)
    return neighbours[pixel].add_(image[:, None], alpha=math.prod(source)), shares[pixel]


@lru_cache(maxsize=8)
def _table(source: tuple[int, ...], target: tuple[int, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Neighbours (long) and weights (float32), `(prod(target), J)`, of every pixel of one image."""
    index = torch.zeros(1, 1, dtype=torch.long, device=device)
    weight = torch.ones(1, 1, device=device)
    if source == target:
        return torch.arange(math.prod(target), device=device)[:, None], weight.expand(math.prod(target), 1)
    for small, large in zip(source, target, strict=True):
        x = ((torch.arange(large, device=device, dtype=torch.float64) + 0.5) * (small / large) - 0.5).clamp_(min=0)
        low = x.floor().long().clamp_(max=small - 1)
        high = (low + 1).clamp_(max=small - 1)
        fraction = (x - low).float()
        ends, shares = torch.stack([low, high], 1), torch.stack([1 - fraction, fraction], 1)
        # (pixels so far, neighbours so far) x (this axis, its two ends)
        index = (index[:, None, :, None] * small + ends[None, :, None, :]).flatten(2).flatten(0, 1)
        weight = (weight[:, None, :, None] * shares[None, :, None, :]).flatten(2).flatten(0, 1)
    return index, weight


class _SampleRows(torch.autograd.Function):
    """`embedding_bag`, with a gradient that adds rows in place of sorting the indices: twice as fast on a CPU."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, index: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(index, weight)
        ctx.count = len(rows)
        return F.embedding_bag(index, rows, per_sample_weights=weight, mode="sum")

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        index, weight = ctx.saved_tensors
        total = gradient.new_zeros(ctx.count, gradient.shape[1])
        for j in range(index.shape[1]):
            total.index_add_(0, index[:, j], gradient * weight[:, j, None])
        return total, None, None


def sample_rows(rows: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Return `sum_j weight[m, j] rows[index[m, j]]`, `(M, C)`; the gradient flows to `rows` only, once.

    Args:
        rows: `(R, C)`, float32 or float64: maps with the channels last, one row for each position.
        index: long `(M, J)`. weight: float `(M, J)`.
    """
    if index.shape[1] == 1:  # equal sizes: the weights are one
        return rows.index_select(0, index[:, 0])
    sampled: Tensor = _SampleRows.apply(rows, index, weight.to(rows.dtype))
    return sampled


def sample_rows_naive(rows: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Plain twin of `sample_rows`."""
    return (rows[index] * weight[..., None].to(rows.dtype)).sum(1)
