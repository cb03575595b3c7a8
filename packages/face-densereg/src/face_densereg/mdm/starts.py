"""Shapes to start from in training: the truth, disturbed as much as the starts that a fit will get.

Axis letters: N images, P landmarks, S side of the frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core_train.batches import ArrayBatch
from face_densereg.aligned import Frame
from face_densereg.shape_model import LARGEST_DEVIATION, ShapeModel, similarity

F64 = NDArray[np.float64]

BOX_SCALE, BOX_SHIFT = 0.12, 0.06
"""Of a detector's box: standard deviations of log size, and of the shift in sizes of the face."""

MODE_NOISE, TURN, SCALE, SHIFT = 0.14, 0.03, 0.02, 0.012
"""Of DenseReg's landmarks after reconstruction, as measured on the `valid` split: standard deviations of the error in
every mode's coefficient (in units of the mean shape, and about equal in all modes, as errors of single landmarks make
it), of rotation (radians), log size, and shift in sizes of the face."""

AMOUNT = (0.3, 2.0)
"""Of all four together, in one start: faces seen from the side are found less well than others."""


def box_start(truth: F64, model: ShapeModel, rng: np.random.Generator) -> F64:
    """The upright mean shape in a box about the truth (P, 2) px, as a detector finds it: (P, 2) px."""
    low, high = truth.min(0), truth.max(0)
    size = float((high - low).max())
    mean_low, mean_high = model.mean.min(0), model.mean.max(0)
    zoom = size / float((mean_high - mean_low).max()) * np.exp(BOX_SCALE * rng.normal())
    middle = (low + high) / 2 + BOX_SHIFT * size * rng.normal(size=2)
    return (model.mean - (mean_low + mean_high) / 2) * zoom + middle


def near_start(truth: F64, model: ShapeModel, rng: np.random.Generator) -> F64:
    """The truth (P, 2) px seen through the shape model, its modes and place disturbed: (P, 2) px."""
    rotation, shift = similarity(truth, model.mean)
    amount = rng.uniform(*AMOUNT)
    weights = model.modes @ (truth @ rotation.T + shift - model.mean).ravel()
    weights += amount * MODE_NOISE * rng.normal(size=len(weights))
    limit = LARGEST_DEVIATION * model.deviations
    shape = model.mean + (np.clip(weights, -limit, limit) @ model.modes).reshape(-1, 2)
    angle, zoom = amount * TURN * rng.normal(), np.exp(amount * SCALE * rng.normal())
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    size = float(np.ptp(model.mean, axis=0).max())
    shape = shape @ turn.T + amount * SHIFT * size * rng.normal(size=2)
    return (shape - shift) @ np.linalg.inv(rotation).T


@dataclass(frozen=True, slots=True)
class Starts:
    """A transform for `core_train.ArrayBatches`: images and truth in the frame of a start, half of each kind."""

    model: ShapeModel
    frame: Frame

    def __call__(self, arrays: ArrayBatch, generator: np.random.Generator) -> ArrayBatch:
        """`image` (N, H, W, 3) uint8 and `points` (N, P, 2) px -> `image` (N, S, S, 3), `start` and `target`
        (N, P, 2) float32 px of the frame."""
        images, starts, targets = [], [], []
        for image, truth in zip(arrays["image"], arrays["points"], strict=True):
            draw = box_start if generator.random() < 0.5 else near_start
            crop, start = self.frame.crop(image, draw(truth, self.model, generator))
            images.append(crop.image)
            starts.append(start)
            targets.append((truth - crop.to_image[:, 2]) @ np.linalg.inv(crop.to_image[:, :2]).T)
        return {
            "image": np.stack(images),
            "start": np.array(starts, np.float32),
            "target": np.array(targets, np.float32),
        }
