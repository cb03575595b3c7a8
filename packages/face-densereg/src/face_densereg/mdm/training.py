"""Training the Mnemonic Descent Method, and fitting with it.

Axis letters: N images, S side of the frame, P landmarks, T steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import LightningModule
from numpy.typing import NDArray
from torch import Tensor

from core_eval import Sample
from core_train import (
    ArrayBatches,
    Budget,
    Muon,
    adamw,
    cosine,
    fit_module,
    plan_precision,
    prepare_process,
    seed_torch,
)
from face_densereg.aligned import Frame, frame_of
from face_densereg.mdm.network import MnemonicDescent
from face_densereg.mdm.plans import Plan
from face_densereg.mdm.starts import Starts
from face_densereg.shape_model import ShapeModel


class DescentTraining(LightningModule):
    """The mean distance of the landmarks after every step, as in the authors' code; all steps are trained together.

    Distances count in sides of the frame, in which all faces are about equally large; the authors divide by the
    distance of the eyes.
    """

    def __init__(self, net: MnemonicDescent) -> None:
        super().__init__()
        self.net = net

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> Tensor:
        """`image` (N, S, S, 3) uint8, `start` and `target` (N, P, 2) px of the frame -> the loss."""
        shapes = self.net(batch["image"], batch["start"])
        return torch.linalg.vector_norm(shapes - batch["target"], dim=-1).mean() / self.net.plan.side

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW, or Muon for the weights of the memory."""
        plan = self.net.plan
        if plan.kernel_rate is None:
            return adamw(self.net, plan.rate)
        return Muon(self.net, self.net.memory, plan.kernel_rate, adam_lr=plan.rate)


def train(train: Sequence[Sample], shapes: ShapeModel, plan: Plan, *, seed: int, workdir: Path) -> MnemonicDescent:
    """A network trained on samples with `image` and `points`; goes on from a checkpoint in `workdir`."""
    seed_torch(seed, "mdm weights")
    net = MnemonicDescent(len(shapes.mean), plan)
    fit_module(
        DescentTraining(net),
        ArrayBatches(
            train,
            plan.batch,
            seed,
            "mdm batches",
            keys=("image", "points"),
            transform=Starts(shapes, frame(net, shapes)),
        ),
        budget=Budget(steps=plan.updates),
        seed=seed,
        workdir=workdir,
        schedule=cosine(),
        averaging=0.99,
        run=f"mdm {asdict(plan)}",
        title="MDM",
    )
    return net


def frame(net: MnemonicDescent, shapes: ShapeModel) -> Frame:
    """The frame that a network works in."""
    return frame_of(shapes, net.plan.side, net.plan.fill)


def fit(
    net: MnemonicDescent, shapes: ShapeModel, images: Iterable[NDArray[np.uint8]], starts: Sequence[NDArray[np.float64]]
) -> Iterator[NDArray[np.float64]]:
    """Yield the shape (P, 2) px of each image (H, W, 3) uint8 RGB, from its start (P, 2) px; NaN from NaN."""
    found = [bool(np.isfinite(start).all()) for start in starts]
    window = frame(net, shapes)
    seen = [window.crop(image, start) for image, start, ok in zip(images, starts, found, strict=True) if ok]
    fitted: Iterator[NDArray[np.float64]] = iter(())
    if seen:
        device = plan_precision()
        prepare_process(device)
        net.to(device.device)
        with torch.inference_mode():
            crops = torch.from_numpy(np.stack([crop.image for crop, _ in seen])).to(device.device)
            begin = torch.from_numpy(np.array([shape for _, shape in seen], np.float32)).to(device.device)
            fitted = iter(net(crops, begin)[-1].cpu().numpy().astype(np.float64))
    crops_seen = (crop for crop, _ in seen)
    for start, ok in zip(starts, found, strict=True):
        yield next(crops_seen).points_to_image(next(fitted)) if ok else np.full_like(start, np.nan)
