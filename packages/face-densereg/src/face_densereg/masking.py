"""Faces in training images that carry no annotation: their regions do not contribute to the loss (Sec. 5.1).

Axis letters: N images, H rows, W columns, B boxes, P landmarks.

"Many of these images contain multiple faces, some of which are not annotated. We deal with this issue by employing [a]
face detector [...] to obtain the regions that contain a face for all of the images. The detected regions that do not
overlap with the ground truth landmarks do not contribute to the loss."

A training sample names such regions as `ignore` (B, 4) px, (x1, y1, x2, y2), among its inputs or its target.
`unannotated` picks them out of a detector's boxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core_eval import InputError, Sample
from core_quantreg import IGNORE
from core_train.batches import ArrayBatch, Transform

KEY = "ignore"


def unannotated(boxes: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Those of a detector's boxes (B, 4) px in which none of the landmarks (P, 2) px lies; landmarks may be NaN."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    inside = (points >= boxes[:, None, :2]) & (points <= boxes[:, None, 2:])
    return boxes[~inside.all(-1).any(-1)]


def ignored_pixels(boxes: NDArray[np.floating], height: int, width: int) -> NDArray[np.bool_]:
    """(H, W): the pixels whose centres lie in one of the boxes (B, 4) px, borders included."""
    x, y = np.arange(width), np.arange(height)
    left, top, right, bottom = np.asarray(boxes, np.float64).reshape(-1, 4).T[..., None]
    columns, rows = (x >= left) & (x <= right), (y >= top) & (y <= bottom)
    return np.asarray((rows[:, :, None] & columns[:, None, :]).any(0))


def ignore_boxes(sample: Sample) -> NDArray[np.float64] | None:
    """`ignore` (B, 4) of a sample, None where it has none. Raises `InputError` for anything but finite boxes."""
    found = {**sample.target, **sample.inputs}.get(KEY)
    if found is None:
        return None
    boxes = np.asarray(found, np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all():
        raise InputError(f"expected finite boxes (B, 4), got shape {boxes.shape}", sample=sample.id, field=KEY)
    return boxes


class Masked(Sequence[Sample]):
    """Training samples with `ignored` (H, W) uint8 in their target: 1 in the boxes that are not to be learnt from."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Masked: ...
    def __getitem__(self, index: int | slice) -> Sample | Masked:
        if isinstance(index, slice):
            return Masked(self.samples[index])
        sample = self.samples[index]
        boxes = ignore_boxes(sample)
        size = sample.inputs["image"].shape[:2]
        mask = ignored_pixels(np.empty((0, 4)) if boxes is None else boxes, *size)
        return Sample(sample.id, sample.inputs, {**sample.target, "ignored": mask.astype(np.uint8)}, sample.group)


def moving_masks(augment: Transform) -> Transform:
    """An augmentation that moves `ignored` (N, H, W) with the image, as labels of parts."""

    def apply(arrays: ArrayBatch, generator: np.random.Generator) -> ArrayBatch:
        if "ignored" not in arrays:
            return augment(arrays, generator)
        renamed = {"part" if name == "ignored" else name: value for name, value in arrays.items()}
        moved = dict(augment(renamed, generator))
        moved["ignored"] = moved.pop("part")
        return moved

    return apply


def known_part(batch: Mapping[str, Tensor]) -> Tensor | None:
    """(N, H, W) long: 1 where `uv` (N, H, W, 2) is on the template, else 0; `IGNORE` in a mask; None without one."""
    if "ignored" not in batch:
        return None
    on = torch.isfinite(batch["uv"]).all(-1).long()
    return on.masked_fill(batch["ignored"] > 0, IGNORE)
