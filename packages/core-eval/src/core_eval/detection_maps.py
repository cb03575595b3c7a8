"""Dense predictions of detections: maps of chart and coordinates inside boxes, and their masks in the image.

Axis letters: D detections, G persons, R rows and C columns of a map, H rows and W columns of the image.

The arrays are described in `core_eval.gps`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core_eval.candidates import rows
from core_eval.contracts import Arrays
from core_eval.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DenseMaps:
    """What was detected in one image.

    Attributes:
        scores: (D,) confidence.
        boxes: (D, 4) x, y, width, height in px.
        maps: (D, R, C, 3) uint8, chart, 255 u, 255 v.
        sizes: (D, 2) rows and columns of each map in use.
        pixels: (D, 2) rows and columns in which a point may lie: of the box if a cell is a pixel, otherwise `sizes`.
        per_pixel: a cell is a pixel, counted from the box's corner; otherwise the cells cover the box evenly.
    """

    scores: Floats
    boxes: Floats
    maps: NDArray[np.uint8]
    sizes: NDArray[np.int64]
    pixels: NDArray[np.int64]
    per_pixel: bool


def read_maps(prediction: Arrays) -> DenseMaps:
    """Check and cut the arrays of one image. Raises `InputError` naming the array that is missing or malformed."""
    scores = rows(prediction, "scores", (), side="predicted")
    count = len(scores)
    boxes = rows(prediction, "boxes", (4,), side="predicted", count=count)
    if bool((boxes[:, 2:] < 0).any()):
        raise InputError("a box has a negative size", field="boxes")
    maps = np.asarray(prediction.get("iuv", ()))
    if maps.ndim != 4 or maps.shape[3] != 3 or maps.dtype != np.uint8 or len(maps) < count:
        raise InputError(f"expected uint8 ({count}, R, C, 3), got {maps.dtype} {maps.shape}", field="iuv")
    maps = np.ascontiguousarray(maps[:count])
    if "sizes" not in prediction:
        if count and maps.size == 0:
            raise InputError("a map has no cells", field="iuv")
        sizes = np.tile(np.array(maps.shape[1:3]), (count, 1))
        return DenseMaps(scores, boxes, maps, sizes, sizes, per_pixel=False)
    sizes = rows(prediction, "sizes", (2,), side="predicted", count=count).astype(np.int64)
    pixels = boxes[:, [3, 2]].astype(np.int64)
    if bool((sizes < pixels).any() or (sizes > maps.shape[1:3]).any()):
        raise InputError("a map is smaller than its box or than declared", field="sizes")
    return DenseMaps(scores, boxes, maps, sizes, pixels, per_pixel=True)


def read_masks(target: Arrays, count: int) -> NDArray[np.bool_]:
    """(G, H, W) masks of the persons. Raises `InputError` if they are missing or not `count`."""
    masks = np.asarray(target.get("masks", ()))
    if masks.ndim != 3 or len(masks) != count:
        raise InputError(f"expected ({count}, H, W) masks, got {masks.shape}", field="masks")
    nonzero: NDArray[np.bool_] = np.not_equal(masks, 0)
    return nonzero


def mask_overlaps(found: DenseMaps, masks: NDArray[np.bool_], crowd: NDArray[np.bool_]) -> Floats:
    """(D, G) intersection over union of the maps' foreground, put into the image, and the (G, H, W) `masks`.

    A `crowd` (G,) is divided by the detection's own area instead, as in pycocotools.
    """
    out = np.zeros((len(found.maps), len(masks)))
    own = masks.sum(axis=(1, 2))
    for d, (box, size) in enumerate(zip(found.boxes, found.sizes, strict=True)):
        down, row = _cells(box[1], box[3], int(size[0]), masks.shape[1], found.per_pixel)
        across, column = _cells(box[0], box[2], int(size[1]), masks.shape[2], found.per_pixel)
        mine = found.maps[d, row[:, None], column, 0] > 0
        common = (masks[:, down, across] & mine).sum(axis=(1, 2))
        union = np.where(crowd, mine.sum(), mine.sum() + own - common)
        np.divide(common, union, out=out[d], where=common > 0)
    return out


def _cells(start: float, extent: float, cells: int, limit: int, per_pixel: bool) -> tuple[slice, NDArray[np.int64]]:
    """The image's pixels that a box covers along one axis, and the map's cell at each."""
    if per_pixel:  # as the public evaluators paste a mask
        first = int(start)
        low = max(first, 0)
        high = max(low, min(int(start + extent), limit, first + cells))
        return slice(low, high), np.arange(low, high) - first
    low = max(int(np.ceil(start)), 0)
    high = max(low, min(int(np.ceil(start + extent)), limit))
    inside = np.arange(low, high)
    return slice(low, high), np.minimum(((inside - start) / extent * cells).astype(np.int64), cells - 1)
