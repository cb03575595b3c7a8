"""Images as networks want them.

Axes: N images, C channels, H rows, W columns.
"""

from __future__ import annotations

import torch
from torch import Tensor


def to_input(images: Tensor) -> Tensor:
    """Turn `(N, H, W, C)` uint8 pixels into `(N, C, H, W)` float32 in about [-2, 2]: (x - 127.5) / 64.

    The pixels stay where they are in memory, so the result is laid out channels-last, which convolutions on CPU and
    CUDA prefer. Raises TypeError for anything but uint8, since the scale of other types cannot be known.
    """
    if images.dtype != torch.uint8:
        raise TypeError(f"pixels are uint8, not {images.dtype}")
    return images.permute(0, 3, 1, 2).to(torch.float32).sub_(127.5).mul_(1 / 64)
