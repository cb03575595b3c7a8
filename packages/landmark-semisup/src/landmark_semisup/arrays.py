"""Samples as the arrays that training needs, all in memory: grey images of one size are small.

Axis letters: N images, P landmarks, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample
from landmark_semisup.crops import framed, move
from landmark_semisup.tasks import Task


@dataclass(frozen=True, slots=True)
class Images:
    """`image` (N, H, W, 1) uint8 grey, `points` (N, P, 2) float32 px in it, `known` (N, P) bool, `labels` (N,) int64 by
    key."""

    image: NDArray[np.uint8]
    points: NDArray[np.float32]
    known: NDArray[np.bool_]
    labels: Mapping[str, NDArray[np.int64]]


def load(samples: Sequence[Sample], task: Task, classes: Sequence[str] = ()) -> Images:
    """Read samples with `image` and `points`, and those labels of the task and of `classes` that they have.

    A point that is NaN is not known, nor is, where the task masks occluded points, one that is not `visible`. Raises
    `InputError` for images or points of several sizes, or where some samples lack a label and others have it.
    """
    images: list[NDArray[np.uint8]] = []
    points: list[NDArray[np.float32]] = []
    known: list[NDArray[np.bool_]] = []
    labels: dict[str, list[int]] = {key: [] for key in dict.fromkeys([*task.classes, *classes])}
    for sample in samples:
        truth = np.asarray(sample.target["points"], np.float64)
        try:
            image, matrix = framed(sample.inputs, task, truth)
        except InputError as reason:
            raise InputError(reason.message, sample=sample.id, field=reason.field) from None
        if images and (image.shape != images[0].shape or truth.shape != points[0].shape):
            raise InputError(
                f"image {image.shape[:2]} and points {truth.shape} differ from those before, "
                f"{images[0].shape[:2]} and {points[0].shape}",
                sample=sample.id,
                field="image" if image.shape != images[0].shape else "points",
            )
        finite = np.asarray(np.isfinite(truth).all(-1))
        images.append(image)
        points.append(np.where(finite[:, None], move(np.nan_to_num(truth), matrix), 0).astype(np.float32))
        known.append(finite & np.asarray(sample.target.get("visible", finite), np.bool_) if task.masked else finite)
        for key, values in labels.items():
            if key in sample.target:
                values.append(_label(sample, key))
            if values and len(values) < len(images):
                raise InputError("some samples have a class and others none", sample=sample.id, field=key)
    return Images(
        np.stack(images),
        np.stack(points),
        np.stack(known),
        {key: np.array(values, np.int64) for key, values in labels.items() if values},
    )


def load_once(samples: Sequence[Sample], task: Task, classes: Sequence[str] = ()) -> Images:
    """`load`, but once for a split in a process, as long as the split lives; a list is read anew every time."""
    if samples.__hash__ is None or not hasattr(samples, "__weakref__"):
        return load(samples, task, classes)
    known = _LOADED.setdefault(samples, {})
    key = (task.side, task.margin, task.masked, *dict.fromkeys([*task.classes, *classes]))
    if key not in known:
        known[key] = load(samples, task, classes)
    return known[key]


_LOADED: WeakKeyDictionary[Sequence[Sample], dict[tuple[object, ...], Images]] = WeakKeyDictionary()


def _label(sample: Sample, key: str) -> int:
    value = np.asarray(sample.target[key])
    if value.size != 1 or value.dtype.kind not in "iu" or value.item() < 0:
        raise InputError(f"a class is one integer from 0 on, got {value}", sample=sample.id, field=key)
    return int(value.item())
