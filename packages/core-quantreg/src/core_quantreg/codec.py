"""Bins and residuals of a continuous coordinate: DenseReg eq. 2 (encode), eq. 3-4 (hard decode), eq. 5 (soft decode).

Axes: N batch, P charts (parts), A coordinate axes (u_h, u_v: A = 2), K bins, S any number of spatial axes (none, W,
HW, DHW). Network maps are `(N, A, K, *S)` with `dim=2`, or `(N, P, A, K, *S)` with `dim=3`; `dim` names the axis of
the K bins. A coordinate u lies in [0, 1]; bins are numbered from 0 and bin i covers [i d, (i + 1) d), with d = 1 / K;
the last one includes 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

IGNORE = -100
"""The bin (or part) of a position without a label; the default `ignore_index` of torch's cross entropy."""


def bin_starts(bins: int, *, device: torch.device | None = None) -> Tensor:
    """Return i d for i = 0 .. K-1, float32 `(K,)`: the value which eq. 3 adds to the residual of bin i.

    Raises ValueError when `bins` is smaller than one.
    """
    if bins < 1:
        raise ValueError(f"the number of bins must be at least 1, not {bins}")
    return torch.arange(bins, dtype=torch.float32, device=device) / bins


def bin_centres(bins: int, *, device: torch.device | None = None) -> Tensor:
    """Return (i + 1/2) d for i = 0 .. K-1, float32 `(K,)`."""
    if bins < 1:
        raise ValueError(f"the number of bins must be at least 1, not {bins}")
    return (torch.arange(bins, dtype=torch.float32, device=device) + 0.5) / bins


def encode(u: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """Split coordinates into bin and residual (eq. 2): q = floor(u / d), r = u - q d.

    Args:
        u: any shape, floating, in [0, 1]; NaN means "not labelled". The arithmetic is float32, or float64 when u is.
        bins: K >= 1.

    Returns:
        q, long, shape of u: the bin, `IGNORE` where u is NaN; u = 1 belongs to the last bin.
        r, float32 (float64 when u is), shape of u: the residual in [0, d], up to rounding; 0 where u is NaN.
        A value outside [0, 1] goes to the nearest bin and keeps its distance in r, so that q d + r = u always holds.

    Raises:
        ValueError: `bins` is smaller than one.
    """
    if bins < 1:
        raise ValueError(f"the number of bins must be at least 1, not {bins}")
    if u.dtype != torch.float64:
        u = u.float()
    labelled = torch.isfinite(u)
    u = torch.where(labelled, u, 0.0)
    q = (u * bins).floor_().clamp_(0, bins - 1)
    r = torch.where(labelled, u - q / bins, 0.0)
    return torch.where(labelled, q.long(), IGNORE), r


def _along(values: Tensor, like: Tensor, dim: int) -> Tensor:
    """View a `(K,)` tensor so that it broadcasts against `like` along `dim`."""
    shape = [1] * like.ndim
    shape[dim] = -1
    return values.view(shape)


def _full(maps: Tensor) -> Tensor:
    """Return at least float32: bins finer than 1/256 do not exist in bfloat16."""
    return maps if maps.dtype == torch.float64 else maps.float()


def decode_hard(logits: Tensor | None, residuals: Tensor, *, dim: int = 2) -> Tensor:
    """Return u = q d + r_q of the most probable bin q (eq. 3, equal to eq. 4).

    Args:
        logits: `(N, A, K, *S)` scores of the bins, or None when K = 1 (plain regression).
        residuals: the same shape, one residual for each bin.
        dim: the axis of the bins (3 when charts are present).

    Returns:
        `(N, A, *S)` (or `(N, P, A, *S)`), float32 even for half-precision maps. Not clipped to [0, 1].
    """
    residuals = _full(residuals)
    if logits is None:
        return residuals.squeeze(dim)
    q = logits.argmax(dim, keepdim=True)
    u = residuals.gather(dim, q) + bin_starts(residuals.shape[dim], device=residuals.device)[q]
    return u.squeeze(dim)


def decode_soft(logits: Tensor | None, residuals: Tensor, *, dim: int = 2, absolute: bool = False) -> Tensor:
    """Return the softmax-weighted mean of the experts i d + r_i (eq. 5); differentiable in both arguments.

    Arguments and result as in `decode_hard`; with `absolute`, `residuals` are the experts themselves (i d already
    added).
    """
    experts = _full(residuals)
    if logits is None:
        return experts.squeeze(dim)
    if not absolute:
        experts = experts + _along(bin_starts(experts.shape[dim], device=experts.device), experts, dim)
    return (_full(logits).softmax(dim) * experts).sum(dim)


def decode_bins(logits: Tensor, *, dim: int = 2) -> Tensor:
    """Return the centre of the most probable bin, `(N, A, *S)` float32: the quantised branch alone (Fig. 6)."""
    return bin_centres(logits.shape[dim], device=logits.device)[logits.argmax(dim)]
