"""The head of quantised regression: 1x1 convolutions that give bins, residuals and parts (DenseReg Sec. 4).

Axes: N batch, C channels, P charts, A coordinate axes, K bins, S spatial axes (none, W, HW or DHW).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from core_quantreg.codec import bin_starts, decode_bins, decode_hard, decode_soft
from core_quantreg.sampling import upsample

Pointwise = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
_LAYERS: dict[int, type[nn.Conv1d | nn.Conv2d | nn.Conv3d]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


@dataclass(frozen=True, slots=True)
class QuantOutput:
    """What a `QuantHead` says about each position.

    Attributes:
        residuals: `(N, A, K, *S)`, or `(N, P, A, K, *S)` with charts: the residual of each bin (the whole coordinate
            when `absolute`).
        logits: scores of the bins, the same shape; None when K = 1.
        part: `(N, P + 1, *S)` scores of background (channel 0) and parts; `(N, 2, *S)` without charts; None without a
            part classifier.
        dim: the axis of the bins: 2, or 3 with charts.
        absolute: the residuals are experts of a mixture, i d already added (Sec. 4.1).
    """

    residuals: Tensor
    logits: Tensor | None
    part: Tensor | None
    dim: int = 2
    absolute: bool = False

    @property
    def bins(self) -> int:
        """K."""
        return self.residuals.shape[self.dim]

    @property
    def size(self) -> tuple[int, ...]:
        """S, the spatial size of the maps."""
        return tuple(self.residuals.shape[self.dim + 1 :])

    def upsample(self, size: Sequence[int]) -> QuantOutput:
        """Interpolate every map to the spatial size `size` (half-pixel centres), as before losses and decoding."""

        def grow(maps: Tensor | None) -> Tensor | None:
            if maps is None:
                return None
            grown = upsample(maps.flatten(1, maps.ndim - len(self.size) - 1), size)
            return grown.view(*maps.shape[: maps.ndim - len(self.size)], *size)

        residuals = grow(self.residuals)
        assert residuals is not None
        return replace(self, residuals=residuals, logits=grow(self.logits), part=grow(self.part))

    def hard(self) -> Tensor:
        """Decode by the most probable bin (eq. 3): `(N, [P,] A, *S)` float32."""
        residuals = self.residuals
        if self.absolute and self.logits is not None:
            starts = bin_starts(self.bins, device=residuals.device)
            residuals = residuals - starts.view(-1, *[1] * len(self.size))
        return decode_hard(self.logits, residuals, dim=self.dim)

    def soft(self) -> Tensor:
        """Decode by the mixture of experts (eq. 5): `(N, [P,] A, *S)` float32."""
        return decode_soft(self.logits, self.residuals, dim=self.dim, absolute=self.absolute)

    def centres(self) -> Tensor:
        """Decode by the bins alone (Fig. 6): `(N, [P,] A, *S)` float32. Raises ValueError for K = 1: no classifier."""
        if self.logits is None:
            raise ValueError("K = 1 has no bins to decode")
        return decode_bins(self.logits, dim=self.dim)


class QuantHead(nn.Module):
    """Map features `(N, C, *S)` to a `QuantOutput` by 1x1 convolutions (a linear layer when there are no spatial axes).

    Separable axes: A K-way classifiers and A K one-dimensional regressors (for each chart). K = 1 is plain
    regression: no bin classifier. The background has its own classifier, the same for every K, so that a sweep over K
    changes nothing else.

    Weights start Gaussian with deviation `std`, biases at 0, residual biases at d/2: the first decoded value is the
    centre of a bin.

    Args:
        channels: C.
        bins: K.
        axes: A.
        parts: P, the number of charts; None for a single chart without the P axis.
        spatial: the number of spatial axes of the features, 0 to 3.
        background: give `part` scores (required with charts).
        std: deviation of the initial weights.

    Raises:
        ValueError: a number is out of range.
    """

    def __init__(
        self,
        channels: int,
        bins: int,
        *,
        axes: int = 2,
        parts: int | None = None,
        spatial: int = 2,
        background: bool = True,
        std: float = 0.01,
    ) -> None:
        super().__init__()
        if min(channels, bins, axes, 1 if parts is None else parts) < 1 or spatial not in (0, 1, 2, 3):
            raise ValueError(
                f"no head for channels={channels}, bins={bins}, axes={axes}, parts={parts}, spatial={spatial}"
            )
        if parts is not None and not background:
            raise ValueError("charts need the part classifier")
        self.bins, self.axes, self.parts, self.spatial = bins, axes, parts, spatial
        self.absolute = False
        units = (parts or 1) * axes * bins

        def layer(outputs: int) -> Pointwise:
            new: Pointwise = nn.Linear(channels, outputs) if spatial == 0 else _LAYERS[spatial](channels, outputs, 1)
            nn.init.normal_(new.weight, std=std)
            nn.init.constant_(_bias(new), 0.0)
            return new

        self.part = layer((parts or 1) + 1) if background else None
        self.classifier = layer(units) if bins > 1 else None
        self.regressor = layer(units)
        nn.init.constant_(_bias(self.regressor), 0.5 / bins)

    def forward(self, features: Tensor) -> QuantOutput:
        """Return the maps of `features` `(N, C, *S)`."""
        lead = (self.axes, self.bins) if self.parts is None else (self.parts, self.axes, self.bins)

        def maps(layer: Pointwise | None) -> Tensor | None:
            return None if layer is None else layer(features).unflatten(1, lead)

        residuals = maps(self.regressor)
        assert residuals is not None
        return QuantOutput(
            residuals=residuals,
            logits=maps(self.classifier),
            part=None if self.part is None else self.part(features),
            dim=1 + len(lead) - 1,
            absolute=self.absolute,
        )


def to_mixture_of_experts(head: QuantHead) -> QuantHead:
    """Return a copy whose regressors give whole coordinates, by adding i d to the biases of bin i (Sec. 4.1).

    Every decoded value stays as it was; `mixture_loss` then trains the copy end to end. Raises ValueError when `head`
    is a mixture already.
    """
    if head.absolute:
        raise ValueError("the head is a mixture of experts already")
    mixture = copy.deepcopy(head)
    bias = _bias(mixture.regressor)
    with torch.no_grad():
        bias.view(-1, head.bins).add_(bin_starts(head.bins, device=bias.device).to(bias.dtype))
    mixture.absolute = True
    return mixture


def _bias(layer: Pointwise) -> Tensor:
    assert layer.bias is not None
    return layer.bias
