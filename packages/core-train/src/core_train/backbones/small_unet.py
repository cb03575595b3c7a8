"""A small U-Net for the quick budget: accuracy per CPU second at 128x128."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from core_train.backbones.units import ConvUnit, ResidualUnit


class SmallUNet(nn.Module):
    """Encoder of residual stages, each at half the resolution of the one before, and a decoder that adds them up again.

    The first convolution has stride 2, the second stage 4, and so on; the output has the stride of `out_stage` (1: 4,
    0: 2).

    Args:
        widths: channels of the stages at strides 2, 4, 8, ...
        blocks: residual units of each stage (none at stride 2 is cheapest).
        out_stage: the stage whose resolution the output has.
        in_channels: of the image.

    Attributes:
        out_channels, stride: of the output.
    """

    def __init__(
        self,
        widths: Sequence[int] = (16, 32, 64, 96, 128),
        blocks: Sequence[int] = (0, 1, 1, 1, 1),
        *,
        out_stage: int = 1,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        if len(widths) != len(blocks) or not 0 <= out_stage < len(widths) - 1:
            raise ValueError(f"widths {tuple(widths)}, blocks {tuple(blocks)} and output stage {out_stage} do not fit")
        self.out_channels, self.stride, self.out_stage = widths[out_stage], 2 ** (out_stage + 1), out_stage
        self.size_multiple = 2 ** len(widths)
        self.stages = nn.ModuleList()
        channels = in_channels
        for width, count in zip(widths, blocks, strict=True):
            units = [ResidualUnit(width) for _ in range(count)]
            self.stages.append(nn.Sequential(ConvUnit(channels, width, stride=2), *units))
            channels = width
        # Top down: 1x1 to the finer stage's width at the coarse resolution (cheap), enlarge, add, 3x3 residual unit.
        self.narrow = nn.ModuleList()
        self.merge = nn.ModuleList()
        for stage in range(len(widths) - 2, out_stage - 1, -1):
            self.narrow.append(nn.Conv2d(widths[stage + 1], widths[stage], 1))
            self.merge.append(ResidualUnit(widths[stage]))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, out_channels, H / stride, W / stride). H and W are multiples of `size_multiple`."""
        features: list[Tensor] = []
        x = images
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        for step, (narrow, merge) in enumerate(zip(self.narrow, self.merge, strict=True)):
            finer = features[len(features) - 2 - step]
            x = F.interpolate(narrow(x), size=finer.shape[2:], mode="bilinear", align_corners=False)
            x = merge(x + finer)
        return x
