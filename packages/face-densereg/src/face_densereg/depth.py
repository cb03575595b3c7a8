"""Depth along with the template coordinates: one more branch on the same trunk (thesis, Sec. 2.4.5).

Axis letters: N images, H rows, W columns, S side of the training images.

"We adopt this as an additional supervision signal: Z in [0, 1] and add another branch to our network to estimate the
depth along with the deformation-free coordinates": one 1 x 1 convolution behind the last shared layer, here trained as
plain regression (K = 1) at image scale, on the face alone.

`depth` (H, W) float32 in [0, 1] grows away from the viewer and is NaN off the face. S px of a training image, those of
the crop around a face, are one unit: at the prediction's `depth_unit` u () px, a pixel (x, y) lies at (x, y, u depth)
in scaled orthographic projection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from core_eval import Arrays, InputError, Sample
from core_quantreg import QuantHead, QuantOutput, quant_loss
from core_quantreg import predict as decode_maps
from core_train.batches import ArrayBatch, Transform
from face_densereg import budgets
from face_densereg.decoding import Decode, decoded, forward
from face_densereg.locate import Crop
from face_densereg.method import DenseReg
from face_densereg.network import DenseRegNet, DenseRegTraining


class DepthOutput(NamedTuple):
    """Maps of the template coordinates, and of the depth: one axis, K = 1, no background of its own."""

    dense: QuantOutput
    depth: QuantOutput


class DepthNet(DenseRegNet):
    """`DenseRegNet` and a 1 x 1 convolution for the depth; trunk and head start from the same weights as without."""

    def __init__(self, plan: budgets.Plan, bins: int) -> None:
        super().__init__(plan, bins)
        self.depth = QuantHead(self.trunk.out_channels, 1, axes=1, background=False)

    def forward(self, images: Tensor) -> DepthOutput:  # type: ignore[override]
        """(N, H, W, 3) uint8 RGB -> maps at the trunk's stride."""
        features = self.features(images)
        return DepthOutput(self.head(features), self.depth(features))


class DepthTraining(DenseRegTraining):
    """The losses of the coordinates, and the normalised smooth L1 of the depth with the weight of plain regression."""

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> Tensor:
        """As without depth, with `depth` (N, H, W) float32, NaN off the face."""
        output = self.net(batch["image"])
        with torch.autocast(batch["image"].device.type, enabled=False):
            return self.dense_loss(output.dense, batch) + self.depth_loss(output.depth, batch)

    def depth_loss(self, output: QuantOutput, batch: Mapping[str, Tensor]) -> Tensor:
        """Over the pixels of `depth` that are not NaN, nor `ignored`."""
        truth = batch["depth"]
        if "ignored" in batch:
            truth = truth.masked_fill(batch["ignored"] > 0, torch.nan)
        return quant_loss(output, truth[:, None], max_positions=self.limit(batch)).total


class DenseRegDepth(DenseReg):
    """DenseReg whose prediction has `depth` (H, W) float32 and `depth_unit` () px too.

    Training samples carry `depth` as the module says. Options as of `DenseReg`.
    """

    name: ClassVar[str] = "densereg-depth"
    title: ClassVar[str] = "DenseReg with depth"
    arrays: ClassVar[tuple[str, ...]] = ("image", "uv", "depth")

    def _network(self, plan: budgets.Plan) -> nn.Module:
        return DepthNet(plan, self.bins)

    def _training(self, net: nn.Module, plan: budgets.Plan) -> LightningModule:
        assert isinstance(net, DepthNet)
        return DepthTraining(net, rate=plan.rate, kernel_rate=plan.kernel_rate, positions=plan.positions)

    def _learn(self, train: Sequence[Sample], side: int) -> None:
        if "depth" not in train[0].target:
            raise InputError("the samples have no depth", sample=train[0].id, field="depth")
        super()._learn(train, side)

    def _augment(self, augment: Transform) -> Transform:
        return moving_depth(super()._augment(augment))

    def _maps(self, net: nn.Module, images: np.ndarray) -> QuantOutput:
        return self._both(net, images).dense

    def _answers(self, net: nn.Module, images: np.ndarray, decode: Decode) -> list[dict[str, np.ndarray]]:
        output = self._both(net, images)
        size = images.shape[1:3]
        depths = decode_maps(output.depth, size).u[:, 0].float().cpu().numpy()
        fields = decoded(output.dense, size, decode)
        return [{"uv": uv, "depth": depth} for uv, depth in zip(fields, depths, strict=True)]

    def _read(
        self, image: np.ndarray, crop: Crop | None, answer: Arrays | None, *, pca: bool, refine: bool
    ) -> dict[str, np.ndarray]:
        prediction = super()._read(image, crop, answer, pca=pca, refine=refine)
        height, width = image.shape[:2]
        if crop is None or answer is None:
            depth, unit = np.full((height, width), np.nan, np.float32), np.nan
        else:
            depth = np.where(np.isfinite(answer["uv"]).all(-1), answer["depth"], np.float32(np.nan))
            unit = self.geometry.side * float(crop.to_image[0, 0])
            if crop.image is not image:
                depth = crop.field_to_image(depth[..., None], height, width).reshape(height, width)
        return {**prediction, "depth": depth, "depth_unit": np.array(unit)}

    @staticmethod
    def _both(net: nn.Module, images: np.ndarray) -> DepthOutput:
        output = forward(net, images)
        if not isinstance(output, DepthOutput):
            raise InputError("the network has no depth branch")
        return output


def moving_depth(augment: Transform) -> Transform:
    """An augmentation that moves `depth` (N, H, W) with `uv` (N, H, W, 2).

    A face that is scaled in the image is scaled along the viewing direction too, about 0.5: two points in the place of
    landmarks tell by how much. Arrays with `points` of their own are not taken.
    """

    def apply(arrays: ArrayBatch, generator: np.random.Generator) -> ArrayBatch:
        ruler = np.tile(np.eye(2), (len(arrays["image"]), 1, 1))
        joined = np.concatenate([arrays["uv"], arrays["depth"][..., None]], -1)
        rest = {name: value for name, value in arrays.items() if name != "depth"}
        moved = dict(augment({**rest, "uv": joined, "points": ruler}, generator))
        ends = moved.pop("points")
        scale = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=-1) / np.sqrt(2.0)
        joined = moved["uv"]
        depth = 0.5 + scale[:, None, None] * (joined[..., 2] - 0.5)
        return {**moved, "uv": joined[..., :2], "depth": depth.astype(np.float32)}

    return apply
