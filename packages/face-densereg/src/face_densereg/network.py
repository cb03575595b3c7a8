"""The DenseReg network and its training step.

Axis letters: N images, H rows, W columns, K bins.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from core_quantreg import QuantHead, QuantOutput, quant_loss
from core_train import adamw
from core_train.backbones import SmallUNet
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from face_densereg.budgets import Plan


def trunk(plan: Plan) -> nn.Module:
    """The fully convolutional trunk of a plan; it maps (N, 3, H, W) to (N, C, H / stride, W / stride)."""
    if plan.trunk == "unet":
        return SmallUNet() if plan.width is None else SmallUNet([plan.width * k for k in (1, 2, 4, 5, 5)])
    if plan.trunk == "hourglass":
        return Hourglass() if plan.width is None else Hourglass(width=plan.width)
    return DilatedResNet101()


class DenseRegNet(nn.Module):
    """Trunk and quantised-regression head for the two cylindrical template coordinates (Sec. 4, Fig. 4)."""

    def __init__(self, plan: Plan, bins: int) -> None:
        super().__init__()
        self.trunk = trunk(plan)
        self.head = QuantHead(int(self.trunk.out_channels), bins)

    def forward(self, images: Tensor) -> QuantOutput:
        """(N, H, W, 3) uint8 RGB -> maps at the trunk's stride."""
        return self.head(self.trunk(normalise(images)))


def normalise(images: Tensor) -> Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float in [-1, 1], channels last in memory."""
    return images.movedim(-1, 1).float().div(127.5).sub(1)


class DenseRegTraining(LightningModule):
    """Cross entropy and weighted smooth L1 at image scale (Sec. 4 and 5.1)."""

    def __init__(self, net: DenseRegNet, *, rate: float) -> None:
        super().__init__()
        self.net, self.rate = net, rate

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> Tensor:
        """`image` (N, H, W, 3) uint8 and `uv` (N, H, W, 2) float32 with NaN outside the face -> the total loss."""
        output = self.net(batch["image"])
        with torch.autocast(batch["image"].device.type, enabled=False):
            return quant_loss(output, batch["uv"].movedim(-1, 1)).total

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW; the paper does not name its optimiser."""
        return adamw(self.net, self.rate)
