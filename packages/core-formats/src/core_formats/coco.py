"""Results files of the COCO evaluation: a list with one object a detection.

Axis letters: D detections of an image, P key points.

Source: the results format of cocodataset.org and `COCO.loadRes` of pycocotools. Coordinates are px, 0-based. An image
has any number of detections, in any place of the file; ids are ``str(image_id)``, and an image that the file does not
name has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError
from core_formats.checks import numbers, sample_id, shown
from core_formats.formats import Prediction
from core_formats.json_text import entries, keys_in_head

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Detection:
    """One object of the file: its number from 1, image, confidence, and box (4,) x, y, width, height in px if any."""

    entry: int
    image: str
    score: float
    box: Floats | None
    item: dict[str, Any]

    def refuse(self, message: str, field: str, path: Path) -> InputError:
        """The error that names this detection."""
        return InputError(f"entry {self.entry}: {message}", file=path, sample=self.image, field=field)

    def floats(self, key: str, path: Path) -> Floats:
        """One array of finite numbers of this detection. Raises `InputError`."""
        try:
            array = numbers(self.item.get(key)).astype(np.float64)
        except ValueError as reason:
            raise self.refuse(str(reason), key, path) from None
        if not np.isfinite(array).all():
            raise self.refuse("a number is not finite, or null", key, path)
        return array


def detections(path: Path, category: int) -> Iterator[Detection]:
    """The detections of a file. Raises `InputError` for a missing or malformed field and for another category."""
    for number, item in entries(path):
        where = f"entry {number}"
        image = item.get("image_id")
        if type(image) is int and abs(image) < 2**63:
            image = str(image)
        bare = Detection(number, sample_id(image, path, where, "image_id"), 0.0, None, item)
        if item.get("category_id") != category or type(item["category_id"]) is not int:
            found = shown(item.get("category_id"))
            raise bare.refuse(f"only category {category} is scored, got {found}", "category_id", path)
        score = bare.floats("score", path)
        if score.ndim:
            raise bare.refuse("expected one number", "score", path)
        yield Detection(number, bare.image, float(score), _box(bare, path), item)


def _box(detection: Detection, path: Path) -> Floats | None:
    if detection.item.get("bbox", []) == []:
        return None
    box = detection.floats("bbox", path)
    if box.shape != (4,) or (box[2:] < 0).any():
        raise detection.refuse("expected x, y, width, height", "bbox", path)
    return box


def place(path: Path, found: list[Detection]) -> str:
    """Where the detections of one image stand, for messages."""
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{path.name}, entry {found[0].entry}{more}"


class CocoKeypoints:
    """Arrays: ``points`` (D, P, 2) px, ``scores`` (D,), and ``boxes`` (D, 4) if the file has them.

    What `core_eval.oks` reads. The third number of a key point (a confidence) and all other fields are not used, as in
    pycocotools, which also takes the area from the box where there is one.
    """

    name = "coco-keypoints"
    about = "COCO key-point results: a JSON list of image_id, category_id, keypoints, score"
    detections = True

    def __init__(self, *, category: int = 1) -> None:
        self.category = category

    def recognises(self, path: Path) -> bool:
        keys = keys_in_head(path)
        return path.suffix.lower() == ".json" and {"image_id", "keypoints"} <= keys and "uv_data" not in keys

    def read(self, path: Path) -> Iterator[Prediction]:
        """Raises `InputError` for a malformed detection, or one with other fields or key points than the first."""
        images: dict[str, list[tuple[Detection, Floats]]] = {}
        first: tuple[int, bool] | None = None
        for detection in detections(path, self.category):
            points = _points(detection, path)
            detection.item.clear()
            kind = (len(points), detection.box is not None)
            first = first or kind
            if kind != first:
                message = f"{kind[0]} key points {'with' if kind[1] else 'without'} a box, the first entry differs"
                raise detection.refuse(message, "keypoints", path)
            images.setdefault(detection.image, []).append((detection, points))
        if not images:
            raise InputError("holds no detection", file=path)
        for image, found in images.items():
            arrays = {
                "points": np.stack([points for _, points in found]),
                "scores": np.array([detection.score for detection, _ in found]),
            }
            boxes = [detection.box for detection, _ in found if detection.box is not None]
            if boxes:
                arrays["boxes"] = np.stack(boxes)
            yield Prediction(image, arrays, place(path, [detection for detection, _ in found]))


def _points(detection: Detection, path: Path) -> Floats:
    """(P, 2) px."""
    flat = detection.floats("keypoints", path)
    if flat.ndim != 1 or len(flat) == 0 or len(flat) % 3:
        raise detection.refuse("expected x, y and a number for each key point", "keypoints", path)
    return flat.reshape(-1, 3)[:, :2]
