"""From images to what a trained network says of them.

Axis letters: N images, H rows, W columns.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from torch import nn

from core_quantreg import QuantOutput
from core_quantreg import predict as decode_maps
from core_train import predict_batches

Decode = Literal["hard", "soft", "bins"]
"""``hard`` (eq. 3), ``soft`` (eq. 5) or ``bins``, the quantised branch alone (Fig. 6)."""


def forward(net: nn.Module, images: np.ndarray) -> Any:
    """What a network answers to (N, H, W, 3) uint8, on its device. torch wants memory that it may write to."""
    return next(predict_batches(net, [np.require(images, requirements=["C", "W"])]))


def decoded(output: QuantOutput, size: tuple[int, ...], decode: Decode) -> np.ndarray:
    """Maps -> (N, H, W, 2) float32 template coordinates at image scale `size`, NaN on the background."""
    return decode_maps(output, size, mode=decode).u.movedim(1, -1).float().cpu().numpy()
