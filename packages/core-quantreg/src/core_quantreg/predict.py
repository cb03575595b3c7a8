"""From a head's maps to coordinates at image scale.

Axes: N batch, P charts, A coordinate axes, S spatial axes of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from core_quantreg.head import QuantOutput


class Prediction(NamedTuple):
    """`u` `(N, A, *S)` float32 in [0, 1], NaN on the background; `part` `(N, *S)` long, 0 background, 1 .. P part."""

    u: Tensor
    part: Tensor


def predict(
    output: QuantOutput, size: Sequence[int] | None = None, *, mode: Literal["hard", "soft", "bins"] = "hard"
) -> Prediction:
    """Interpolate the maps to `size`, decode them, and keep each position's own chart.

    Args:
        output: maps of a `QuantHead`.
        size: image size S; None keeps the maps' size.
        mode: eq. 3 ("hard"), eq. 5 ("soft") or the bin centres alone ("bins").

    Coordinates are clipped to [0, 1]. Without a part classifier every position is part 1.
    """
    if size is not None:
        output = output.upsample(size)
    u = {"hard": output.hard, "soft": output.soft, "bins": output.centres}[mode]().clamp_(0, 1)
    if output.part is None:
        return Prediction(u, torch.ones(u.shape[:1] + output.size, dtype=torch.long, device=u.device))
    part = output.part.argmax(1)
    if output.dim == 3:
        chart = (part - 1).clamp(min=0)[:, None, None].expand(-1, 1, *u.shape[2:])
        u = u.gather(1, chart).squeeze(1)
    return Prediction(u.masked_fill((part == 0)[:, None], float("nan")), part)
