"""What the matching of detections starts from: all pairs of detections and objects of each image.

Axis letters: N images, D detections, G objects (ground truth), S = sum of D_n G_n pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core_eval.contracts import Arrays
from core_eval.errors import InputError

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidates:
    """The detections and objects of N images, one after the other, with the similarity of all pairs of an image.

    Attributes:
        detections_of, objects_of: (N + 1,) where the rows of an image start and end.
        similarity: (S,) in [0, 1], for each image its (D_n, G_n) table row by row.
        scores, detection_areas: (D,) of the detections; areas in square pixels.
        areas, ignored, crowd: (G,) of the objects; a crowd is also ignored.
        box_overlaps: (S,) as `similarity`; only ``rules="densepose"`` reads it.

    Raises `InputError` for shapes that do not fit, values that are not finite, and negative areas.
    """

    detections_of: Indices
    objects_of: Indices
    similarity: Floats
    scores: Floats
    detection_areas: Floats
    areas: Floats
    ignored: NDArray[np.bool_]
    crowd: NDArray[np.bool_]
    box_overlaps: Floats | None = None

    def __post_init__(self) -> None:
        if self.detections_of.shape != self.objects_of.shape or self.objects_of.size == 0:
            raise InputError("detections and objects must be those of the same images", field="objects_of")
        pairs = int((np.diff(self.detections_of) * np.diff(self.objects_of)).sum())
        expected = {
            "similarity": (self.similarity, pairs),
            "scores": (self.scores, self.detections_of[-1]),
            "detection_areas": (self.detection_areas, self.detections_of[-1]),
            "areas": (self.areas, self.objects_of[-1]),
            "ignored": (self.ignored, self.objects_of[-1]),
            "crowd": (self.crowd, self.objects_of[-1]),
        }
        if self.box_overlaps is not None:
            expected["box_overlaps"] = (self.box_overlaps, pairs)
        for name, (array, size) in expected.items():
            if array.shape != (size,):
                raise InputError(f"expected ({size},) values, got {array.shape}", field=name)
            if not np.isfinite(array).all():
                raise InputError("not finite", field=name)
        if (self.areas < 0).any() or (self.detection_areas < 0).any():
            raise InputError("an area is negative", field="areas")

    @classmethod
    def single(
        cls,
        similarity: Floats,
        scores: Floats,
        *,
        detection_areas: Floats,
        areas: Floats,
        ignored: NDArray[np.bool_],
        crowd: NDArray[np.bool_],
        box_overlaps: Floats | None = None,
    ) -> Candidates:
        """One image, with tables (D, G). Raises `InputError` as the constructor does."""
        for name, table in (("similarity", similarity), ("box_overlaps", box_overlaps)):
            if table is not None and table.shape != (len(scores), len(areas)):
                raise InputError(f"expected {(len(scores), len(areas))}, got {table.shape}", field=name)
        return cls(
            np.array([0, len(scores)]),
            np.array([0, len(areas)]),
            similarity.ravel(),
            scores,
            detection_areas,
            areas,
            ignored | crowd,
            crowd,
            None if box_overlaps is None else box_overlaps.ravel(),
        )


def box_overlaps(detections: Floats, objects: Floats, crowd: NDArray[np.bool_]) -> Floats:
    """(D, G) intersection over union of boxes (D, 4) and (G, 4): x, y, width, height in px.

    A `crowd` (G,) is divided by the detection's own area instead, as in pycocotools. Disjoint boxes have 0.
    """
    low = np.maximum(detections[:, None, :2], objects[None, :, :2])
    high = np.minimum(detections[:, None, :2] + detections[:, None, 2:], objects[None, :, :2] + objects[None, :, 2:])
    common = np.where((high > low).all(axis=2), (high - low).prod(axis=2), 0.0)
    own = detections[:, 2:].prod(axis=1)[:, None]
    union = np.where(crowd[None], own, own + objects[:, 2:].prod(axis=1)[None] - common)
    overlaps: Floats = np.divide(common, union, out=np.zeros_like(common), where=common > 0)
    return overlaps


def gather(items: Sequence[Arrays], key: str, tail: tuple[int, ...], *, side: str) -> tuple[Floats, Indices]:
    """The rows of one array of all images: (rows, *tail) float64, and (N + 1,) where the rows of each image start.

    An image may hold padding: where it has the key ``count``, only that many rows are real. Raises `InputError` for an
    image that lacks the array (`side` says whether it is an annotated or a predicted one) and for any other shape.
    """
    arrays = [_cut(item, key, tail, side) for item in items]
    starts = np.zeros(len(arrays) + 1, dtype=np.int64)
    np.cumsum([len(array) for array in arrays], out=starts[1:])
    return np.concatenate(arrays).astype(np.float64, copy=False), starts


def rows(item: Arrays, key: str, tail: tuple[int, ...], *, side: str, count: int | None = None) -> Floats:
    """The finite (count, *tail) rows of one array of one image, as in `gather`; `InputError` for anything else."""
    values = _cut(item, key, tail, side).astype(np.float64, copy=False)
    if count is not None and len(values) != count:
        raise InputError(f"expected {count} rows, got {len(values)}", field=key)
    if not np.isfinite(values).all():
        raise InputError(f"{side} values are not finite", field=key)
    return values


def _cut(item: Arrays, key: str, tail: tuple[int, ...], side: str) -> np.ndarray:
    array = item.get(key)
    if array is None:
        raise InputError(f"there is no {side} array of that name", field=key)
    shape = array.shape
    if shape[1:] != tail or not shape:
        raise InputError(f"expected shape {('rows', *tail)}, got {shape}".replace("'", ""), field=key)
    if "count" not in item:
        return array
    count = int(item["count"])
    if not 0 <= count <= shape[0]:
        raise InputError(f"{count} rows are declared real, but there are {shape[0]}", field="count")
    return array[:count]
