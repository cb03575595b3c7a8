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
    residuals = picked.take(output.residuals, output)
    r = residuals.gather(2, true_q[..., None]).squeeze(2)
    if output.absolute:
        r = r - true_q / output.bins
    count = max(picked.count, 1)
    residual = F.smooth_l1_loss(r, true_r.to(r.dtype), beta=beta, reduction="sum") / count
    if output.logits is None:
        bins = residual.new_zeros(())
    else:
        logits = picked.take(output.logits, output)
        bins = F.cross_entropy(logits.flatten(0, 1), true_q.flatten(), reduction="sum") / count
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
    residual = F.smooth_l1_loss(decoded, picked.u.to(decoded.dtype), beta=beta, reduction="sum") / max(picked.count, 1)
    part_loss = _part_loss(output, picked.part)
    return QuantLoss(part_loss + weight * residual, part_loss, residual.new_zeros(()), residual)


@dataclass(frozen=True, slots=True)
class _Picked:
    """M contributing positions: coordinates `(M, A)`, chart `(M,)` from 0, neighbours and weights `(M, J)`; all
    labels."""

    u: Tensor
    chart: Tensor | None
    index: Tensor
    weight: Tensor
    part: Tensor
    count: int

    def take(self, maps: Tensor, output: QuantOutput) -> Tensor:
        """Interpolate `(N, [P,] A, K, *s)` at the positions, in each one's own chart: `(M, A, K)`, float32 or
        float64."""
        maps = maps if maps.dtype == torch.float64 else maps.float()
        axes, bins = maps.shape[output.dim - 1 : output.dim + 1]
        # Channels last: one row of A K numbers for each position (and chart).
        rows = maps.flatten(1, output.dim).movedim(1, -1).reshape(-1, axes * bins)
        index = self.index
        if self.chart is not None:
            index = index * maps.shape[1] + self.chart[:, None]
        return sample_rows(rows, index, self.weight).view(-1, axes, bins)


def _contributing(
    output: QuantOutput, u: Tensor, part: Tensor | None, limit: int | None, generator: torch.Generator | None
) -> _Picked:
    """Check shapes and find the positions which count in the coordinate losses."""
    axes, size = output.residuals.shape[output.dim - 1], u.shape[2:]
    if u.shape[:2] != (len(output.residuals), axes) or len(size) != len(output.size):
        raise ValueError(
            f"coordinates of shape {tuple(u.shape)} do not fit maps of shape {tuple(output.residuals.shape)}"
        )
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
    positions = labelled.flatten().nonzero().squeeze(1)
    if limit is not None and len(positions) > limit:
        draw = torch.randint(len(positions), (limit,), generator=generator, device=positions.device)
        positions = positions[draw]
    index, weight = interpolation(positions, output.size, size)
    return _Picked(
        u=u.movedim(1, -1).reshape(-1, axes)[positions],
        chart=part.flatten()[positions] - 1 if charts else None,
        index=index,
        weight=weight,
        part=part,
        count=len(positions),
    )


def _part_loss(output: QuantOutput, part: Tensor) -> Tensor:
    """Cross entropy of the part classifier at the labels' scale, over all positions but `IGNORE`; zero without one."""
    if output.part is None:
        return output.residuals.new_zeros((), dtype=torch.float32)
    known = (part != IGNORE).sum().clamp(min=1)
    scores = upsample(output.part if output.part.dtype == torch.float64 else output.part.float(), part.shape[1:])
    return F.cross_entropy(scores, part, ignore_index=IGNORE, reduction="sum") / known
