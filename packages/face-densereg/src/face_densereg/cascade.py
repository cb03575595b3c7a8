"""DenseReg Cascade: dense regression, then heatmaps of landmarks from the image and the regressed field (Sec. 4.4).

Axis letters: N images, H rows, W columns, P landmarks, C charts, K bins, h rows and w columns of the maps.

Two stacked networks, trained end to end: the first answers every pixel with template coordinates, and its answer
reaches the second, beside the image, as privileged information (Fig. 7). Nothing here is about faces: with the charts
of a body and its joints (MPII, LSP) in place of one chart and 68 landmarks it is the paper's body cascade.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from core_eval import Arrays, InputError
from core_quantreg import QuantHead, QuantOutput, quant_loss, upsample
from core_train import Muon, adamw, to_input
from core_train.backbones import ConvUnit
from face_densereg import budgets
from face_densereg.decoding import Decode, decoded, forward
from face_densereg.heatmaps import heatmap_loss, read_heatmaps
from face_densereg.method import DenseReg
from face_densereg.network import trunk


class CascadeOutput(NamedTuple):
    """Maps of the first network, and heatmaps (N, P, h, w) of the second."""

    dense: QuantOutput
    heat: Tensor


class CascadeNet(nn.Module):
    """Two trunks of a plan, one behind the other (Fig. 7).

    Args:
        plan: both trunks'; not a ResNet, which takes images alone.
        bins: K.
        points: P, heatmaps: 68 landmarks of a face, 16 joints of a body.
        charts: C, parts of the surface with coordinates of their own (a body's); None for a face's single template.
    """

    def __init__(self, plan: budgets.Plan, bins: int, points: int, charts: int | None = None) -> None:
        super().__init__()
        self.fold = plan.fold
        first, second = trunk(plan), trunk(plan, extra=3 * (charts or 1))
        width = first.out_channels
        wide = max(width, 2 * points)  # P heatmaps that are each zero at all other landmarks need about P features
        self.trunks = nn.ModuleList([first, nn.Sequential(second, ConvUnit(width, wide, size=1))])
        self.head = QuantHead(width, bins, parts=charts)
        self.heat = nn.Conv2d(wide, points, 1)
        for name, values in self.heat.named_parameters():
            nn.init.normal_(values, std=0.01) if name == "weight" else nn.init.zeros_(values)

    def forward(self, images: Tensor) -> CascadeOutput:
        """(N, H, W, 3) uint8 RGB -> maps at the trunks' stride."""
        pixels = F.pixel_unshuffle(to_input(images), self.fold)
        dense: QuantOutput = self.head(self.trunks[0](pixels))
        told = upsample(privileged(dense), pixels.shape[2:]).to(pixels.dtype)
        return CascadeOutput(dense, self.heat(self.trunks[1](torch.cat([pixels, told], 1))))


def privileged(dense: QuantOutput) -> Tensor:
    """(N, 3 C, h, w): of each chart its probability, and its softly decoded coordinates (eq. 5) times that.

    The hard decoding (eq. 3) lets no gradient through to the bins; the soft one does, so that the cascade is trained
    end to end. With the paper's 25 patches these are its 75 channels of I, U, V. Raises ValueError for maps without a
    part classifier.
    """
    if dense.part is None:
        raise ValueError("the cascade needs the part classifier")
    share = dense.part.float().softmax(1)[:, 1:]
    soft = dense.soft()
    if dense.dim == 2:
        soft = soft[:, None]
    return torch.cat([share, (soft * share[:, :, None]).flatten(1, 2)], 1)


def balanced(first: Tensor, second: Tensor) -> Tensor:
    """``first + w second`` with the w that makes both contribute equally, now (Sec. 5.1, which prints no weights)."""
    return first + second * (first.detach() / second.detach().clamp(min=1e-12))


class CascadeTraining(LightningModule):
    """Quantised regression of the dense field and L2 on the heatmaps, balanced (Sec. 5.1)."""

    def __init__(self, net: CascadeNet, plan: budgets.Plan) -> None:
        super().__init__()
        self.net, self.plan = net, plan

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> Tensor:
        """`image` (N, H, W, 3) uint8, `uv` (N, H, W, 2) float32, `points` (N, P, 2) px -> the total loss.

        uv is NaN off the surface and has a `part` (N, H, W) beside it where there are charts; points that are NaN are
        not known.
        """
        output: CascadeOutput = self.net(batch["image"])
        with torch.autocast(batch["image"].device.type, enabled=False):
            limit = None if self.plan.positions is None else self.plan.positions * len(batch["image"])
            part = batch["part"].long() if self.net.head.parts else None
            dense = quant_loss(output.dense, batch["uv"].movedim(-1, 1), part, max_positions=limit).total
            height, width = batch["image"].shape[1:3]
            return balanced(dense, heatmap_loss(output.heat, batch["points"], (height, width)))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """As for DenseReg alone."""
        if self.plan.kernel_rate is None:
            return adamw(self.net, self.plan.rate)
        return Muon(self.net, self.net.trunks, self.plan.kernel_rate, adam_lr=self.plan.rate)


class Cascade(DenseReg):
    """DenseReg Cascade for faces: `uv` from the first network, `points` from the heatmaps of the second.

    Options as of `DenseReg`. An image in which the first network sees no face has no landmarks.
    """

    name: ClassVar[str] = "cascade"
    title: ClassVar[str] = "DenseReg Cascade"
    arrays: ClassVar[tuple[str, ...]] = ("image", "uv", "points")
    masks: ClassVar[bool] = False

    def _plan(self, budget: str) -> budgets.Plan:
        return budgets.cascade_plan(budget, self._steps)

    def _network(self, plan: budgets.Plan) -> nn.Module:
        return CascadeNet(plan, self.bins, len(self.geometry.template))

    def _training(self, net: nn.Module, plan: budgets.Plan) -> LightningModule:
        assert isinstance(net, CascadeNet)
        return CascadeTraining(net, plan)

    def _maps(self, net: nn.Module, images: np.ndarray) -> QuantOutput:
        return self._both(net, images).dense

    def _answers(self, net: nn.Module, images: np.ndarray, decode: Decode) -> list[dict[str, np.ndarray]]:
        output = self._both(net, images)
        fields = decoded(output.dense, images.shape[1:3], decode)
        return [{"uv": uv, "heat": heat} for uv, heat in zip(fields, output.heat.float().cpu().numpy(), strict=True)]

    def _landmarks(self, answer: Arrays, *, refine: bool) -> tuple[np.ndarray, np.ndarray]:
        heat, uv = answer["heat"], answer["uv"]
        if not np.isfinite(uv).any():
            return np.full((len(heat), 2), np.nan), np.zeros(len(heat), np.bool_)
        points = read_heatmaps(heat, uv.shape[:2], refine=refine)
        return points, np.ones(len(heat), np.bool_)

    @staticmethod
    def _both(net: nn.Module, images: np.ndarray) -> CascadeOutput:
        output = forward(net, images)
        if not isinstance(output, CascadeOutput):
            raise InputError("the network is not a cascade")
        return output
