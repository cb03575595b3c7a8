"""Convolution units of the backbones."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class ConvUnit(nn.Sequential):
    """Convolution without bias that keeps the size (up to the stride), batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, size: int = 3, dilation: int = 1) -> None:
        padding = dilation * (size // 2)
        super().__init__(
            nn.Conv2d(inputs, outputs, size, stride, padding, dilation=dilation, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class ResidualUnit(nn.Module):
    """Two 3x3 convolutions added to their input (He et al. 2016), starting as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvUnit(channels, channels)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        return F.relu(x + self.norm(self.second(self.first(x))), inplace=True)
