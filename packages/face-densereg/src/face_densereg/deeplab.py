"""The baseline of Table 1: a network trained for segmentation, after DeepLab-v2 (Chen et al. 2016), on the same trunk.

Axis letters: N images, H rows, W columns, S side of the training images, C classes, h rows and w columns of the maps.

Trunk, images, steps, optimiser and the scale of the loss are those of DenseReg's plan; only the supervision differs:
one label a pixel, which is the template's mask transferred by the true coordinates, in place of the coordinates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from core_eval import Arrays, InputError, Sample
from core_quantreg import upsample
from core_train import (
    ArrayBatches,
    Augment,
    Budget,
    Muon,
    adamw,
    chunks,
    cosine,
    fit_module,
    load_weights,
    polynomial,
    predict_batches,
    save_weights,
    seed_torch,
    to_input,
)
from core_train.batches import ArrayBatch
from face_densereg import budgets
from face_densereg.geometry import training_part
from face_densereg.images import rgb
from face_densereg.network import trunk
from face_densereg.segmentation import template_mask, transfer

RATES = (6, 12, 18, 24)
"""Dilations of the four branches of atrous spatial pyramid pooling (ASPP-L), for maps of `PRINTED_SIDE`."""
PRINTED_SIDE = 41
"""Side of DeepLab-v2's maps: its training crops of 321 px at stride 8."""
BATCH = 32


class DeepLabNet(nn.Module):
    """Trunk and atrous spatial pyramid pooling: four dilated 3x3 classifiers, added up.

    Args:
        plan: the trunk's.
        classes: C.
        side: S; the printed dilations are scaled to the maps that images of this side give.
    """

    def __init__(self, plan: budgets.Plan, classes: int, side: int) -> None:
        super().__init__()
        self.fold = plan.fold
        self.trunk = trunk(plan)
        width, stride = self.trunk.out_channels, self.trunk.stride * plan.fold
        rates = [max(1, round(rate * side / stride / PRINTED_SIDE)) for rate in RATES]
        self.branches = nn.ModuleList(nn.Conv2d(width, classes, 3, padding=rate, dilation=rate) for rate in rates)
        for name, values in self.branches.named_parameters():
            nn.init.normal_(values, std=0.01) if name.endswith("weight") else nn.init.zeros_(values)

    def forward(self, images: Tensor) -> Tensor:
        """(N, H, W, 3) uint8 RGB -> scores (N, C, h, w)."""
        features = self.trunk(F.pixel_unshuffle(to_input(images), self.fold))
        return torch.stack([branch(features) for branch in self.branches]).sum(0)


class DeepLabTraining(LightningModule):
    """Cross entropy at image scale, as DenseReg's."""

    def __init__(self, net: DeepLabNet, plan: budgets.Plan) -> None:
        super().__init__()
        self.net, self.plan = net, plan

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> Tensor:
        """`image` (N, H, W, 3) uint8 and `part` (N, H, W) uint8 -> the loss."""
        scores = self.net(batch["image"])
        with torch.autocast(batch["image"].device.type, enabled=False):
            return F.cross_entropy(upsample(scores.float(), batch["part"].shape[1:]), batch["part"].long())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """As for DenseReg."""
        if self.plan.kernel_rate is None:
            return adamw(self.net, self.plan.rate)
        return Muon(self.net, self.net.trunk, self.plan.kernel_rate, adam_lr=self.plan.rate)


class DeepLab:
    """Direct segmentation (`core_eval.Method`) of images whose training samples have `uv` and `template_part`.

    Args:
        steps: optimiser steps in place of the budget's.
    """

    def __init__(self, *, steps: int | None = None) -> None:
        if steps is not None and steps < 1:
            raise InputError(f"the number of steps must be at least 1, got {steps}", field="steps")
        self._steps = steps
        self._net: DeepLabNet | None = None
        self._meta: dict[str, object] = {}
        self._side = 0

    def fit(self, train: Sequence[Sample], valid: Sequence[Sample], *, seed: int, budget: str, workdir: Path) -> None:
        """Train on square images; goes on from a checkpoint in `workdir`.

        Raises `InputError` for an unknown budget, no samples, samples that are not square, or no mask.
        """
        plan = budgets.plan(budget, self._steps)
        train, side = training_part(train, plan)
        mask = template_mask(train)
        classes = int(mask.max()) + 1
        augment = Augment() if plan.augment else None

        def label(arrays: ArrayBatch, generator: np.random.Generator) -> ArrayBatch:
            arrays = arrays if augment is None else augment(arrays, generator)
            return {"image": arrays["image"], "part": transfer(mask, arrays["uv"])}

        seed_torch(seed, "weights")
        net = DeepLabNet(plan, classes, side)
        fit_module(
            DeepLabTraining(net, plan),
            ArrayBatches(train, plan.batch, seed, "batches", keys=("image", "uv"), transform=label),
            budget=Budget(steps=plan.steps),
            seed=seed,
            workdir=workdir,
            schedule=cosine() if plan.schedule == "cosine" else polynomial(warmup=0.02),
            averaging=0.99 if plan.schedule == "cosine" else None,
            run=f"deeplab classes={classes} {asdict(plan)}",
            title="DeepLab",
        )
        self._net, self._side = net, side
        self._meta = {"plan": asdict(plan), "classes": classes, "side": side}

    def predict(self, inputs: Iterable[Arrays]) -> Iterator[Arrays]:
        """Yield `part` (H, W) uint8. An image of another size is scaled to fit into S x S px, its scores back."""
        if self._net is None:
            raise InputError("the method is neither fitted nor loaded")
        for chunk in chunks(inputs, BATCH):
            images = [rgb(arrays) for arrays in chunk]
            fitted = [self._fit_in(image) for image in images]
            scores = next(predict_batches(self._net, [np.stack([square for square, _ in fitted])]))
            scores = upsample(scores.float(), (self._side, self._side)).cpu()
            for image, (_, (height, width)), score in zip(images, fitted, scores, strict=True):
                whole = upsample(score[None, :, :height, :width], image.shape[:2])
                yield {"part": whole[0].argmax(0).numpy().astype(np.uint8)}

    def save(self, path: Path) -> None:
        """Write the weights into the folder `path`."""
        if self._net is None:
            raise InputError("the method is neither fitted nor loaded")
        save_weights(path, self._net, self._meta)

    def load(self, path: Path) -> None:
        """Read what `save` wrote. Raises `InputError` for anything else."""
        tensors, meta = load_weights(path)
        try:
            net = DeepLabNet(budgets.Plan(**meta["plan"]), int(meta["classes"]), int(meta["side"]))
            net.load_state_dict(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError) as reason:
            raise InputError(f"not weights of this network: {reason}", file=path) from None
        self._net, self._meta, self._side = net.eval(), meta, int(meta["side"])

    def _fit_in(self, image: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
        """The image in the top left corner of S x S px, border repeated, and its (rows, columns) there."""
        zoom = self._side / max(image.shape[:2])
        height, width = (max(1, round(zoom * side)) for side in image.shape[:2])
        if zoom != 1:
            method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
            image = np.asarray(cv2.resize(image, (width, height), interpolation=method))
        below, right = self._side - height, self._side - width
        if below or right:
            image = np.asarray(cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE))
        return image, (height, width)
