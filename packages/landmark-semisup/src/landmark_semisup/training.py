"""The training step, eq. 3 and 4 put together, and the validation error.

Axis letters: N images, P landmarks, C classes, H rows, W columns.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from core_eval import InputError
from core_train import Muon, predict_batches
from landmark_semisup.arrays import Images
from landmark_semisup.costs import classification_cost, heatmap_cost, landmark_cost, transformation_cost
from landmark_semisup.networks import HeatmapMT, Network

CHUNK = 64


class SemiTraining(LightningModule):
    """One step on L, C and T; keeps the weights of the smallest validation error (early stopping).

    `best` holds these weights, `error` the error, `waited` the checks since: all of it is saved in a checkpoint.

    Args:
        net: trained in place, by its own plan.
        costs: letters of L, C and T.
        validate: the error of a network in evaluation mode; None keeps the last weights.
    """

    error: Tensor
    waited: Tensor

    def __init__(
        self,
        net: Network,
        costs: frozenset[str],
        *,
        validate: Callable[[Network], float] | None,
    ) -> None:
        super().__init__()
        self.net, self.costs, self.validate, self.plan = net, costs, validate, net.plan
        self.best = copy.deepcopy(net).requires_grad_(False)
        self.register_buffer("error", torch.tensor(float("inf")))
        self.register_buffer("waited", torch.zeros((), dtype=torch.int64))

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> Tensor:
        """A batch of `SemiBatches` -> the weighted sum of the costs in use."""
        images, count = batch["image"], len(batch["image"])
        moved = batch.get("moved")
        answer = self.net(images if moved is None else torch.cat([images, moved]))
        task, growth = self.net.task, self.growth() if "L" in self.costs else 1.0
        total = torch.zeros((), device=images.device)
        with torch.autocast(images.device.type, enabled=False):
            if "L" in self.costs and isinstance(self.net, HeatmapMT):
                assert answer.maps is not None
                maps = answer.maps.pixels()[:count]
                total = total + heatmap_cost(maps, batch["points"], batch["annotated"])
            elif "L" in self.costs:
                cost = landmark_cost(answer.points[:count], batch["points"], batch["annotated"])
                total = total + task.landmark * cost
            if "C" in self.costs:
                for logits, label in zip(answer.logits, batch["label"].unbind(1), strict=True):
                    total = total + growth * classification_cost(logits[:count], label)
            if moved is not None:
                points, size = answer.points[count - len(moved) : count], (images.shape[1], images.shape[2])
                cost = transformation_cost(points, answer.points[count:], batch["matrices"], size)
                total = total + task.transformation * growth * cost
        return total

    def growth(self) -> float:
        """Of the weights of C and T, in [0, 1]: while the network knows little, T holds all landmarks at the centre of
        the image, where no turn moves them, and C pulls them to places that tell the class but are no landmarks."""
        ramp = self.plan.ramp * self.plan.steps
        return 1.0 if self.trainer.global_step >= ramp else (self.trainer.global_step / ramp) ** 2

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, which the paper names for Multi-PIE; its decay is the gradient of gamma |W|^2 (eq. 3). Or Muon."""
        decay = 2 * self.net.task.decay
        if self.plan.kernel_rate is None:
            return torch.optim.Adam(self.net.parameters(), self.plan.rate, weight_decay=decay, fused=True)
        return Muon(self.net, self.net.localiser, lr=self.plan.kernel_rate, adam_lr=self.plan.rate, weight_decay=decay)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, then validate when it is time: before the checkpoint of the same step is written."""
        super().optimizer_step(*args, **kwargs)
        step = self.trainer.global_step + 1  # Lightning counts after this hook
        if step % self.plan.check == 0 or step >= self.plan.steps:
            self._keep_the_better()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Stop when the validation error has not become smaller for long."""
        if self.plan.patience is not None and int(self.waited) >= self.plan.patience:
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


def validation(images: Images, landmarks: bool, classes: Sequence[str] = ()) -> Callable[[Network], float]:
    """The validation error of a network: mean distance, px, of known landmarks, or the share of wrong `classes`.

    Raises `InputError` if the images lack what it is measured with.
    """
    if landmarks and not images.known.any():
        raise InputError("no landmark of the validation images is visible", field="visible")
    if not landmarks:
        for key in classes:
            if key not in images.labels:
                raise InputError("the validation images have no classes", field=key)

    def error(net: Network) -> float:
        parts = [images.image[start : start + CHUNK] for start in range(0, len(images.image), CHUNK)]
        answers = list(predict_batches(net, parts))
        if landmarks:
            points = torch.cat([answer.points for answer in answers]).float().cpu().numpy()
            distance = np.linalg.norm(points - images.points, axis=-1)
            return float(distance[images.known].mean())
        wrong = [
            torch.cat([answer.logits[branch] for answer in answers]).float().cpu().numpy().argmax(1)
            != images.labels[key]
            for branch, key in enumerate(classes)
        ]
        return float(np.mean(wrong))

    return error
