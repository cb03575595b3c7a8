"""The hourglass of DenseReg's appendix (Fig. 15): Newell et al. (2016) with inception-v2 modules.

Axes: N images, C channels, H rows, W columns.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_train.backbones.units import ConvUnit

SCALES = 4


class InceptionUnit(nn.Module):
    """Inception-v2 module (Ioffe and Szegedy 2015): 1x1, 3x3, double 3x3 and pooled branches, concatenated.

    The branches share the output as in that paper's module 3a: 1/4, 1/4, 3/8 and 1/8 of the channels. `outputs` is a
    multiple of 8.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        if outputs % 8:
            raise ValueError(f"the width of an inception module is a multiple of 8, not {outputs}")
        quarter, eighth = outputs // 4, outputs // 8
        self.point = ConvUnit(inputs, quarter, size=1)
        self.middle = nn.Sequential(ConvUnit(inputs, quarter, size=1), ConvUnit(quarter, quarter))
        self.deep = nn.Sequential(
            ConvUnit(inputs, quarter, size=1),
            ConvUnit(quarter, 3 * eighth),
            ConvUnit(3 * eighth, 3 * eighth),
        )
        self.pool = nn.Sequential(nn.AvgPool2d(3, 1, 1), ConvUnit(inputs, eighth, size=1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H, W)."""
        return torch.cat([self.point(x), self.middle(x), self.deep(x), self.pool(x)], 1)


class UpUnit(nn.Module):
    """Doubling of the resolution, then a 3x3 atrous and a 3x3 convolution with as many channels.

    The paper does not print how the resolution doubles. Here each pixel is repeated, so that the atrous convolution
    (rate 2) on the fine grid sees at its nine taps nine different pixels of the coarse one.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.atrous = ConvUnit(channels, channels, dilation=2)
        self.plain = ConvUnit(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, 2 H, 2 W)."""
        y: Tensor = self.plain(self.atrous(F.interpolate(x, scale_factor=2.0, mode="nearest")))
        return y


class HourglassStage(nn.Module):
    """One hourglass at a constant width: `SCALES` scales, a lateral connection at each, (N, C, H, W) -> the same shape.

    H and W are multiples of 2^(SCALES - 1) = 8.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(InceptionUnit(width, width) for _ in range(SCALES))
        self.lateral = nn.ModuleList(InceptionUnit(width, width) for _ in range(SCALES - 1))
        self.up = nn.ModuleList(UpUnit(width) for _ in range(SCALES - 1))
        self.after = nn.ModuleList(InceptionUnit(width, width) for _ in range(SCALES))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        sides: list[Tensor] = []
        for scale, module in enumerate(self.down):
            x = module(x)
            if scale < SCALES - 1:
                sides.append(self.lateral[scale](x))
                x = F.max_pool2d(x, 3, 2, 1)
        x = self.after[SCALES - 1](x)
        for scale in range(SCALES - 2, -1, -1):
            x = self.after[scale](self.up[scale](x) + sides[scale])
        return x


class Hourglass(nn.Module):
    """Stem and a stack of hourglasses.

    The stem is Newell's: 7x7 convolution of stride 2, module, pooling, module; so the output has stride 4. Each
    hourglass after the first sees the features before the last one plus a 1x1 convolution of that one's output.

    Args:
        width: channels, a multiple of 16 (the paper prints none; Newell's is 256).
        stacks: number of hourglasses.
        in_channels: of the image.

    Attributes:
        out_channels, stride: of the output.
        size_multiple: which H and W must be multiples of.
    """

    def __init__(self, width: int = 256, stacks: int = 1, *, in_channels: int = 3) -> None:
        super().__init__()
        if width % 16 or stacks < 1:
            raise ValueError(f"no hourglass of width {width} and {stacks} stacks")
        self.out_channels, self.stride, self.size_multiple = width, 4, 4 * 2 ** (SCALES - 1)
        self.stem = nn.Sequential(
            ConvUnit(in_channels, width // 4, stride=2, size=7),
            InceptionUnit(width // 4, width // 2),
            nn.MaxPool2d(3, 2, 1),
            InceptionUnit(width // 2, width),
        )
        self.stages = nn.ModuleList(HourglassStage(width) for _ in range(stacks))
        self.merge = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(stacks - 1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def features(self, images: Tensor) -> list[Tensor]:
        """(N, 3, H, W) -> the output (N, out_channels, H / 4, W / 4) of each hourglass, for supervision of them all."""
        x = self.stem(images)
        outputs: list[Tensor] = []
        for number, stage in enumerate(self.stages):
            if number:
                x = x + self.merge[number - 1](outputs[-1])
            outputs.append(stage(x))
        return outputs

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, out_channels, H / 4, W / 4): the output of the last hourglass."""
        return self.features(images)[-1]
