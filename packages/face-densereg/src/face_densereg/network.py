"""The DenseReg network and its training step.

Axis letters: N images, H rows, W columns, K bins.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from core_quantreg import QuantHead, QuantOutput, quant_loss
from core_train import Muon, adamw, to_input
from core_train.backbones import DilatedResNet101, Hourglass, SmallUNet
from face_densereg.budgets import Plan
from face_densereg.masking import known_part

Trunk = SmallUNet | Hourglass | DilatedResNet101


def trunk(plan: Plan, extra: int = 0) -> Trunk:
    """The fully convolutional trunk of a plan; it maps folded images to (N, C, H / stride, W / stride).

    `extra`: channels that come with the folded image. Raises ValueError for a ResNet with any.
    """
    channels = 3 * plan.fold**2 + extra
    if plan.trunk == "unet":
        width = plan.width
        return SmallUNet(
            (width, 2 * width, 4 * width, 6 * width),
            (0, 1, 1, 2),
            out_stage=0 if plan.fold > 1 else 1,
            in_channels=channels,
        )
    if plan.trunk == "hourglass":
        return Hourglass(plan.width, in_channels=channels)
    if extra:
        raise ValueError("the ResNet takes images alone")
    return DilatedResNet101()


class DenseRegNet(nn.Module):
    """Trunk and quantised-regression head for the two cylindrical template coordinates (Sec. 4, Fig. 4)."""

    def __init__(self, plan: Plan, bins: int) -> None:
        super().__init__()
        self.fold = plan.fold
        self.trunk = trunk(plan)
        self.head = QuantHead(self.trunk.out_channels, bins)

    def features(self, images: Tensor) -> Tensor:
        """(N, H, W, 3) uint8 RGB -> the last shared features, at the trunk's stride."""
        features: Tensor = self.trunk(F.pixel_unshuffle(to_input(images), self.fold))
        return features

    def forward(self, images: Tensor) -> QuantOutput:
        """(N, H, W, 3) uint8 RGB -> maps; `QuantOutput.upsample` brings them to image scale."""
        output: QuantOutput = self.head(self.features(images))
        return output


class DenseRegTraining(LightningModule):
    """Cross entropy and weighted smooth L1 at image scale (Sec. 4 and 5.1)."""

    def __init__(self, net: DenseRegNet, *, rate: float, kernel_rate: float | None, positions: int | None) -> None:
        super().__init__()
        self.net, self.rate, self.kernel_rate, self.positions = net, rate, kernel_rate, positions

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> Tensor:
        """`image` (N, H, W, 3) uint8 and `uv` (N, H, W, 2) float32 with NaN outside the face -> the total loss.

        Pixels where `ignored` (N, H, W) uint8 is 1, if it is there, do not contribute.
        """
        output = self.net(batch["image"])
        with torch.autocast(batch["image"].device.type, enabled=False):
            return self.dense_loss(output, batch)

    def dense_loss(self, output: QuantOutput, batch: Mapping[str, Tensor]) -> Tensor:
        """The total loss of the coordinates and of face against background."""
        coordinates = batch["uv"].movedim(-1, 1)
        return quant_loss(output, coordinates, known_part(batch), max_positions=self.limit(batch)).total

    def limit(self, batch: Mapping[str, Tensor]) -> int | None:
        """At how many positions of a batch the losses of coordinates are estimated."""
        return None if self.positions is None else self.positions * len(batch["image"])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW, or Muon for the kernels of the trunk; the paper does not name its optimiser."""
        if self.kernel_rate is None:
            return adamw(self.net, self.rate)
        return Muon(self.net, self.net.trunk, self.kernel_rate, adam_lr=self.rate)
