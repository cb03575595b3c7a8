"""Training batches of annotated and other images.

Axis letters: N images, P landmarks, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_train import EpochSampler, numpy_generator
from landmark_semisup.arrays import Images
from landmark_semisup.tasks import Task
from landmark_semisup.transforms import augment, draw_transforms, transform_images


class SemiBatches:
    """Batches that are a function of the step: annotated images, then others if a cost uses them.

    Both are shuffled on their own, so that every step has annotated images however few there are. The others' landmarks
    do not leave this class: `annotated` is false for them and `points` is zero.

    Args:
        images: all training images.
        annotated: (N,) bool, whose landmarks may be used.
        costs: letters of L, C and T.
        task: range of T, augmentation.
        batch: annotated images a step, and others.
        seed: names the order and the transformations.
        classes: keys of the labels that cost C uses.
    """

    def __init__(
        self,
        images: Images,
        annotated: NDArray[np.bool_],
        costs: frozenset[str],
        task: Task,
        batch: tuple[int, int],
        seed: int,
        classes: Sequence[str] = (),
    ) -> None:
        self._images, self._task, self._seed, self._classes = images, task, seed, tuple(classes)
        self._transform = "T" in costs
        self._with = np.flatnonzero(annotated)
        self._others = np.flatnonzero(~annotated) if costs & {"C", "T"} else self._with[:0]
        self._samplers = [
            EpochSampler(len(part), count, seed, name) if len(part) else None
            for name, part, count in zip(("annotated", "others"), (self._with, self._others), batch, strict=True)
        ]

    def __len__(self) -> int:
        """Batches until all images of the larger kind have been seen."""
        return max(len(sampler) for sampler in self._samplers if sampler is not None)

    def batch(self, step: int) -> dict[str, Tensor]:
        """`image` (N, H, W, 1), `points` (N, P, 2), `annotated` (N, P), and `label` (N, branches) with cost C.

        With cost T also `moved` images and their `matrices` (., 2, 3), for the last images of the batch: those without
        annotation, or all where the task says so.
        """
        with_, others = self._samplers
        first = self._with[with_.indices(step)] if with_ is not None else self._with
        second = self._others[others.indices(step)] if others is not None else self._others
        chosen, images = np.concatenate([first, second]), self._images
        image, points = images.image[chosen], images.points[chosen]
        known = images.known[chosen] & (np.arange(len(chosen)) < len(first))[:, None]
        if self._task.augment:
            generator = numpy_generator(self._seed, "augment", step)
            image, points, inside = augment(generator, image, points, self._task)
            known &= inside
        arrays: dict[str, np.ndarray] = {
            "image": image,
            "points": np.where(known[..., None], points, 0),
            "annotated": known,
        }
        if self._classes:
            arrays["label"] = np.stack([images.labels[key][chosen] for key in self._classes], 1)
        last = image if self._task.everywhere else image[len(first) :]
        if self._transform and len(last):
            generator = numpy_generator(self._seed, "transform", step)
            matrices = draw_transforms(generator, len(last), image.shape[1:3], self._task)
            arrays["moved"] = transform_images(last, matrices)
            arrays["matrices"] = matrices.astype(np.float32)
        return {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in arrays.items()}
