"""Losses of quantised regression at image scale (DenseReg Sec. 4 and 5.1).

Axes: N batch, P charts, A coordinate axes, K bins, s spatial axes of the maps, S those of the labels, M contributing
positions. The maps are interpolated to the labels' size and the losses are taken there; only contributing positions
are interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from core_quantreg.codec import IGNORE, decode_soft, encode
from core_quantreg.head import QuantOutput
from core_quantreg.sampling import interpolation, sample_rows, upsample


class QuantLoss(NamedTuple):
    """Scalar losses; `total` = part + bins + weight * residual."""

    total: Tensor
    part: Tensor
    bins: Tensor
    residual: Tensor


def residual_weight(bins: int) -> float:
    """Return the paper's weight of the smooth L1 loss: 70 for plain regression (K = 1), 40 (for d = 0.1) otherwise."""
    return 70.0 if bins == 1 else 40.0


def quant_loss(
    output: QuantOutput,
    u: Tensor,
    part: Tensor | None = None,
    *,
    weight: float | None = None,
    beta: float = 1.0,
    max_positions: int | None = None,
    generator: torch.Generator | None = None,
) -> QuantLoss:
    """Cross entropy on the true bin plus smooth L1 on the residual of that (responsible) bin, at the labels' scale.

    Args:
        output: maps of size s.
        u: `(N, A, *S)` true coordinates in [0, 1]; a position counts where all axes are finite (and `part`, if given,
            is foreground).
        part: long `(N, *S)`: 0 background, 1 .. P chart, `IGNORE` not known. Required with charts. By default, 1 where
            u is finite, else 0.
        weight: of the residual loss; by default the paper's (`residual_weight`).
        beta: of smooth L1 (Girshick: 1).
        max_positions: estimate the coordinate losses on this many contributing positions drawn at random (without
            bias); None: all.
        generator: for that draw.

    Returns:
        `QuantLoss`. Each axis is divided by the number of contributing positions M, and axes are summed; M = 0 gives
        zero.

    Raises:
        ValueError: shapes that do not fit, or charts without `part`.
    """
    picked = _contributing(output, u, part, max_positions, generator)
    true_q, true_r = encode(picked.u, output.bins)
    r = picked.take(output.residuals, output, true_q)
    if output.absolute:
        r = r - true_q / output.bins
    residual = F.smooth_l1_loss(r, true_r.to(r.dtype), beta=beta, reduction="sum") / picked.count
    if output.logits is None:
        bins = residual.new_zeros(())
    else:
        logits = picked.take(output.logits, output)
        bins = F.cross_entropy(logits.flatten(0, 1), true_q.flatten(), reduction="sum") / picked.count
    part_loss = _part_loss(output, picked.part)
    scale = residual_weight(output.bins) if weight is None else weight
    return QuantLoss(part_loss + bins + scale * residual, part_loss, bins, residual)


def mixture_loss(
    output: QuantOutput,
    u: Tensor,
    part: Tensor | None = None,
    *,
    weight: float = 70.0,
    beta: float = 1.0,
    max_positions: int | None = None,
    generator: torch.Generator | None = None,
) -> QuantLoss:
    """Smooth L1 of the softly decoded coordinate (eq. 5) itself, for the end-to-end training of Sec. 4.1.

    Arguments as in `quant_loss`; `bins` is zero, since the gate is trained through the mixture.
    """
    picked = _contributing(output, u, part, max_positions, generator)
    experts = picked.take(output.residuals, output)
    logits = None if output.logits is None else picked.take(output.logits, output)
    decoded = decode_soft(logits, experts, dim=2, absolute=output.absolute)
    residual = F.smooth_l1_loss(decoded, picked.u.to(decoded.dtype), beta=beta, reduction="sum") / picked.count
    part_loss = _part_loss(output, picked.part)
    return QuantLoss(part_loss + weight * residual, part_loss, residual.new_zeros(()), residual)


@dataclass(frozen=True, slots=True)
class _Picked:
    """M contributing positions.

    Attributes:
        u: true coordinates `(M, A)`.
        image, pixel: where they are, long `(M,)`; pixels are flat indices into S.
        chart: true chart from 0, long `(M,)`; None without charts.
        part: the labels of all positions `(N, *S)`.
    """

    u: Tensor
    image: Tensor
    pixel: Tensor
    chart: Tensor | None
    part: Tensor

    @property
    def count(self) -> int:
        """M, or 1 when there is none: what sums are divided by."""
        return max(len(self.pixel), 1)

    def take(self, maps: Tensor, output: QuantOutput, chosen: Tensor | None = None) -> Tensor:
        """Interpolate `(N, [P,] A, K, *s)` at the positions, in each one's own chart, float32 or float64.

        Returns all bins `(M, A, K)`, or those `chosen` `(M, A)` alone, `(M, A)`, without ever reading the others.
        """
        axes, bins = maps.shape[output.dim - 1 : output.dim + 1]
        # One row of A K numbers for each position (and chart) of the small maps.
        rows = _full(maps).flatten(1, output.dim).movedim(1, -1).reshape(-1, axes * bins)
        index, weight = interpolation(self.image, self.pixel, output.size, self.part.shape[1:])
        if self.chart is not None:
            index = index * maps.shape[1] + self.chart[:, None]
        if chosen is None:
            return sample_rows(rows, index, weight).view(-1, axes, bins)
        column = torch.arange(axes, device=rows.device) * bins + chosen
        cells = (index[:, None] * (axes * bins) + column[..., None]).flatten(0, 1)
        return sample_rows(rows.reshape(-1, 1), cells, weight.repeat_interleave(axes, 0)).view(-1, axes)


def _contributing(
    output: QuantOutput, u: Tensor, part: Tensor | None, limit: int | None, generator: torch.Generator | None
) -> _Picked:
    """Check shapes and find the positions which count in the coordinate losses."""
    axes = output.residuals.shape[output.dim - 1]
    if u.shape[:2] != (len(output.residuals), axes) or u.ndim - 2 != len(output.size):
        raise ValueError(
            f"coordinates of shape {tuple(u.shape)} do not fit maps of shape {tuple(output.residuals.shape)}"
        )
    if not u.is_floating_point():  # an encoded map, in which nothing is NaN
        raise ValueError(f"coordinates are floating-point numbers in [0, 1], not {u.dtype}")
    labelled = torch.isfinite(u).all(1)
    charts = output.dim == 3
    if part is None:
        if charts:
            raise ValueError("charts need `part`, the true part of each position")
        part = labelled.long()
    elif part.shape != labelled.shape:
        raise ValueError(f"parts of shape {tuple(part.shape)} do not fit coordinates of shape {tuple(u.shape)}")
    else:
        labelled = labelled & (part > 0)
    count = len(u)
    image, pixel = labelled.reshape(count, -1).nonzero().unbind(1)
    if limit is not None and len(pixel) > limit:
        draw = torch.randint(len(pixel), (limit,), generator=generator, device=pixel.device)
        image, pixel = image[draw], pixel[draw]
    chart = part.reshape(count, -1)[image, pixel] - 1 if charts else None
    return _Picked(u.reshape(count, axes, -1)[image, :, pixel], image, pixel, chart, part)


def _full(maps: Tensor) -> Tensor:
    return maps if maps.dtype == torch.float64 else maps.float()


def _part_loss(output: QuantOutput, part: Tensor) -> Tensor:
    """Cross entropy of the part classifier at the labels' scale, over all positions but `IGNORE`; zero without one."""
    if output.part is None:
        return output.residuals.new_zeros((), dtype=torch.float32)
    known = (part != IGNORE).sum().clamp(min=1)
    scores = upsample(_full(output.part), part.shape[1:])
    return F.cross_entropy(scores, part, ignore_index=IGNORE, reduction="sum") / known
