"""Batches of annotated and other images, and the training step: eq. 3 and 4 put together.

Axis letters: N images, P landmarks, C classes, H rows, W columns.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
import torch
from lightning.pytorch import LightningModule
from numpy.typing import NDArray
from torch import Tensor

from core_eval import InputError
from core_train import EpochSampler, numpy_generator, predict_batches
from core_train.augment import random_affines
from landmark_semisup.arrays import Images
from landmark_semisup.budgets import Task
from landmark_semisup.costs import classification_cost, heatmap_cost, landmark_cost, transformation_cost
from landmark_semisup.networks import HeatmapMT, Network

CHUNK = 64


class SemiBatches:
    """Batches that are a function of the step: `batch` annotated images, then as many others if a cost uses them.

    Both are shuffled on their own, so that every step has annotated images however few there are. The others' landmarks
    do not leave this class: `annotated` is false for them and `points` is zero.

    Args:
        images: all training images.
        annotated: (N,) bool, whose landmarks may be used.
        costs: letters of L, C and T.
        task: range of T.
        batch: of each kind.
        seed: names the order and the transformations.
    """

    def __init__(
        self, images: Images, annotated: NDArray[np.bool_], costs: frozenset[str], task: Task, batch: int, seed: int
    ) -> None:
        self._images, self._task, self._seed, self._transform = images, task, seed, "T" in costs
        self._with = np.flatnonzero(annotated)
        self._others = np.flatnonzero(~annotated) if costs & {"C", "T"} else self._with[:0]
        self._samplers = [
            EpochSampler(len(part), batch, seed, name) if len(part) else None
            for name, part in (("annotated", self._with), ("others", self._others))
        ]

    def __len__(self) -> int:
        """Batches until all images of the larger kind have been seen."""
        return max(len(sampler) for sampler in self._samplers if sampler is not None)

    def batch(self, step: int) -> dict[str, Tensor]:
        """`image` (N, H, W, 1), `points` (N, P, 2), `annotated` (N, P), `label` (N,) if there are classes; with cost T,
        `moved` images and their `matrices` (., 2, 3) for the last images of the batch, which have no annotation."""
        with_, others = self._samplers
        first = self._with[with_.indices(step)] if with_ is not None else self._with
        second = self._others[others.indices(step)] if others is not None else self._others
        chosen, images = np.concatenate([first, second]), self._images
        known = images.visible[chosen] & (np.arange(len(chosen)) < len(first))[:, None]
        arrays: dict[str, np.ndarray] = {
            "image": images.image[chosen],
            "points": np.where(known[..., None], images.points[chosen], 0),
            "annotated": known,
        }
        if images.label is not None:
            arrays["label"] = images.label[chosen]
        if self._transform and len(second):
            generator = numpy_generator(self._seed, "transform", step)
            matrices = draw_transforms(generator, len(second), images.image.shape[1:3], self._task)
            arrays["moved"] = transform_images(images.image[second], matrices)
            arrays["matrices"] = matrices.astype(np.float32)
        return {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in arrays.items()}


def draw_transforms(generator: np.random.Generator, count: int, size: tuple[int, ...], task: Task) -> np.ndarray:
    """(N, 2, 3) float64 similarity transforms about the centre of an image of `size` (H, W), in the task's range."""
    height, width = size
    return random_affines(
        generator,
        count,
        (height, width),
        (height, width),
        scale=task.scale,
        rotation=task.rotation,
        shift=task.shift,
    )


def transform_images(images: NDArray[np.uint8], matrices: np.ndarray) -> NDArray[np.uint8]:
    """T of images (N, H, W, 1), bilinear; what comes from outside repeats the border, black where that is black."""
    moved = np.empty_like(images)
    for image, matrix, out in zip(images, matrices, moved, strict=True):
        out[..., 0] = cv2.warpAffine(
            image[..., 0], matrix, image.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    return moved


class SemiTraining(LightningModule):
    """One step of Adam on L, C and T; keeps the weights of the smallest validation error (early stopping).

    `best` holds these weights, `error` the error, `waited` the checks since: all of it is saved in a checkpoint.

    Args:
        net: trained in place.
        costs: letters of L, C and T.
        rate: learning rate.
        validate: the error of a network in evaluation mode; None keeps the last weights.
        check: steps between two validations.
        patience: validations without a better error before training stops; None: never.
        steps: of the whole run, for the last validation.
    """

    error: Tensor
    waited: Tensor

    def __init__(
        self,
        net: Network,
        costs: frozenset[str],
        *,
        rate: float,
        validate: Callable[[Network], float] | None,
        check: int,
        patience: int | None,
        steps: int,
    ) -> None:
        super().__init__()
        self.net, self.costs, self.rate = net, costs, rate
        self.validate, self.check, self.patience, self.steps = validate, check, patience, steps
        self.best = copy.deepcopy(net).requires_grad_(False)
        self.register_buffer("error", torch.tensor(float("inf")))
        self.register_buffer("waited", torch.zeros((), dtype=torch.int64))

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> Tensor:
        """A batch of `SemiBatches` -> the weighted sum of the costs in use."""
        images, count = batch["image"], len(batch["image"])
        moved = batch.get("moved")
        answer = self.net(images if moved is None else torch.cat([images, moved]))
        task = self.net.task
        total = torch.zeros((), device=images.device)
        with torch.autocast(images.device.type, enabled=False):
            if "L" in self.costs and isinstance(self.net, HeatmapMT):
                assert answer.maps is not None
                total = total + heatmap_cost(answer.maps[:count], batch["points"], batch["annotated"])
            elif "L" in self.costs:
                cost = landmark_cost(answer.points[:count], batch["points"], batch["annotated"])
                total = total + task.landmark * cost
            if "C" in self.costs:
                assert answer.logits is not None
                total = total + classification_cost(answer.logits[:count], batch["label"])
            if moved is not None:
                points, size = answer.points[count - len(moved) : count], (images.shape[1], images.shape[2])
                cost = transformation_cost(points, answer.points[count:], batch["matrices"], size)
                total = total + task.transformation * cost
        return total

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, which the paper names for Multi-PIE; its decay is the gradient of gamma |W|^2 (eq. 3)."""
        return torch.optim.Adam(self.net.parameters(), self.rate, weight_decay=2 * self.net.task.decay, fused=True)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, then validate when it is time: before the checkpoint of the same step is written."""
        super().optimizer_step(*args, **kwargs)
        step = self.trainer.global_step + 1  # Lightning counts after this hook
        if step % self.check == 0 or step >= self.steps:
            self._keep_the_better()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Stop when the validation error has not become smaller for long."""
        if self.patience is not None and int(self.waited) >= self.patience:
            self.trainer.should_stop = True

    def _keep_the_better(self) -> None:
        error = 0.0 if self.validate is None else self.validate(self.net.eval())
        self.net.train()
        if self.validate is None or error < float(self.error):
            self.best.load_state_dict(self.net.state_dict())
            self.error.fill_(error)
            self.waited.zero_()
        else:
            self.waited.add_(1)


def validation(images: Images, landmarks: bool) -> Callable[[Network], float]:
    """The validation error of a network: mean distance, px, of visible landmarks, or the share of wrong classes.

    Raises `InputError` if the images lack what it is measured with.
    """
    if landmarks and not images.visible.any():
        raise InputError("no landmark of the validation images is visible", field="visible")
    if not landmarks and images.label is None:
        raise InputError("the validation images have no classes", field="label")

    def error(net: Network) -> float:
        parts = [images.image[start : start + CHUNK] for start in range(0, len(images.image), CHUNK)]
        answers = list(predict_batches(net, parts))
        if landmarks:
            points = torch.cat([answer.points for answer in answers]).float().cpu().numpy()
            distance = np.linalg.norm(points - images.points, axis=-1)
            return float(distance[images.visible].mean())
        logits = torch.cat([answer.logits for answer in answers]).float().cpu().numpy()
        return float((logits.argmax(1) != images.label).mean())

    return error
