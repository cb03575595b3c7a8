"""Samples as the arrays that training needs, all in memory: grey images of one size are small.

Axis letters: N images, P landmarks, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample


@dataclass(frozen=True, slots=True)
class Images:
    """`image` (N, H, W, 1) uint8 grey, `points` (N, P, 2) float32 px, `visible` (N, P) bool, `label` (N,) int64 or None
    without classes."""

    image: NDArray[np.uint8]
    points: NDArray[np.float32]
    visible: NDArray[np.bool_]
    label: NDArray[np.int64] | None


def grey(image: np.ndarray) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB -> (H, W, 1)."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), np.uint8)[..., None]


def load(samples: Sequence[Sample]) -> Images:
    """Read samples with `image` and `points`, and `visible` and `label` where they have them.

    A point that is NaN counts as not visible. Raises `InputError` for images or points of several sizes, or where some
    samples lack a label and others have one.
    """
    images, points, visible, labels = [], [], [], []
    for sample in samples:
        image, place = grey(sample.inputs["image"]), np.asarray(sample.target["points"], np.float32)
        if images and (image.shape != images[0].shape or place.shape != points[0].shape):
            raise InputError(
                f"image {image.shape[:2]} and points {place.shape} differ from those before, "
                f"{images[0].shape[:2]} and {points[0].shape}",
                sample=sample.id,
                field="image" if image.shape != images[0].shape else "points",
            )
        known = np.isfinite(place).all(-1)
        images.append(image)
        points.append(np.where(known[:, None], place, 0))
        visible.append(known & np.asarray(sample.target.get("visible", known)))
        if "label" in sample.target:
            labels.append(int(sample.target["label"]))
        if labels and len(labels) < len(images):
            raise InputError("some samples have a class and others none", sample=sample.id, field="label")
    return Images(np.stack(images), np.stack(points), np.stack(visible), np.array(labels, np.int64) if labels else None)
