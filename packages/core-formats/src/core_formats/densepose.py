"""DensePose results: COCO detections whose chart and coordinates are a PNG in base64.

Axis letters: D detections of an image, R rows and C columns of a map.

``uv_shape`` is [3, R, C] and ``uv_data`` a PNG of C x R pixels, 8-bit RGB: chart (0 = background), 255 u, 255 v, one
pixel for each pixel of the box from its corner. Source: the results format of the COCO DensePose challenges
(facebookresearch/DensePose, ``challenge/encode_results_for_competition.py`` and ``results_format.md``).
"""

from __future__ import annotations

import io
import struct
from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core_eval import InputError
from core_eval.predictions import HIGHEST_RATIO, UNSUSPICIOUS
from core_formats.coco import Detection, detections, place
from core_formats.formats import Prediction
from core_formats.json_text import keys_in_head

LARGEST_SIDE = 16384
"""Rows or columns of one map."""

LARGEST_IMAGE = 2**30
"""Bytes of all maps of one image, padded to the largest."""

_HEADER = struct.Struct(">8s4x4sIIBB")
_SIGNATURE, _CHUNK, _EIGHT_BITS, _RGB = b"\x89PNG\r\n\x1a\n", b"IHDR", 8, 2


class Maps(Mapping[str, np.ndarray]):
    """The arrays of one image; the maps stay compressed until ``iuv`` is asked for.

    ``scores`` (D,), ``boxes`` (D, 4) x, y, width, height in px, ``sizes`` (D, 2) rows and columns of each map, ``iuv``
    (D, R, C, 3) uint8 with background beyond those: what `core_eval.gps` reads.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], images: tuple[bytes, ...]) -> None:
        self._arrays, self._images = arrays, images

    def __getitem__(self, key: str) -> np.ndarray:
        if key != "iuv":
            return self._arrays[key]
        sizes = self._arrays["sizes"]
        maps = np.zeros((len(sizes), *sizes.max(axis=0), 3), dtype=np.uint8)
        for target, (height, width), data in zip(maps, sizes, self._images, strict=True):
            target[:height, :width] = decode(data)
        return maps

    def __iter__(self) -> Iterator[str]:
        return iter((*self._arrays, "iuv"))

    def __len__(self) -> int:
        return len(self._arrays) + 1


class DensePose:
    """Arrays: those of `Maps`."""

    name = "densepose"
    about = "DensePose results: a JSON list of image_id, category_id, bbox, score, uv_shape, uv_data (PNG in base64)"
    detections = True

    def __init__(self, *, category: int = 1) -> None:
        self.category = category

    def recognises(self, path: Path) -> bool:
        return path.suffix.lower() == ".json" and "uv_data" in keys_in_head(path)

    def read(self, path: Path) -> Iterator[Prediction]:
        """Every PNG is decoded once to check it. Raises `InputError` for a malformed detection."""
        images: dict[str, list[tuple[Detection, tuple[int, int], bytes]]] = {}
        total = 0
        for detection in detections(path, self.category):
            size = _size(detection, path)
            total += 3 * size[0] * size[1]
            if total > UNSUSPICIOUS and total > HIGHEST_RATIO * path.stat().st_size:
                raise detection.refuse(f"the maps inflate to more than {total / 2**30:.1f} GiB", "uv_data", path)
            data = _png(detection, size, path)
            detection.item.clear()
            images.setdefault(detection.image, []).append((detection, size, data))
        if not images:
            raise InputError("holds no detection", file=path)
        for image, found in images.items():
            sizes = np.array([size for _, size, _ in found], dtype=np.int64)
            if 3 * len(sizes) * int(np.prod(sizes.max(axis=0))) > LARGEST_IMAGE:
                raise InputError(
                    "the maps of the image are too large together", file=path, sample=image, field="uv_data"
                )
            arrays = {
                "scores": np.array([detection.score for detection, _, _ in found]),
                "boxes": np.stack([detection.box for detection, _, _ in found if detection.box is not None]),
                "sizes": sizes,
            }
            maps = Maps(arrays, tuple(data for _, _, data in found))
            yield Prediction(image, maps, place(path, [detection for detection, _, _ in found]))


def decode(data: bytes) -> np.ndarray:
    """(R, C, 3) uint8 of a PNG. Raises whatever Pillow does."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image, dtype=np.uint8)


def _size(detection: Detection, path: Path) -> tuple[int, int]:
    """Rows and columns as declared, at least those of the box."""
    shape: Any = detection.item.get("uv_shape")
    if not (isinstance(shape, list) and len(shape) == 3 and all(type(side) is int for side in shape) and shape[0] == 3):
        raise detection.refuse("expected [3, rows, columns]", "uv_shape", path)
    _, height, width = shape
    if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE):
        raise detection.refuse(f"expected 1 to {LARGEST_SIDE} rows and columns", "uv_shape", path)
    if detection.box is None:
        raise detection.refuse("expected x, y, width, height", "bbox", path)
    if height < int(detection.box[3]) or width < int(detection.box[2]):
        raise detection.refuse("the map has fewer rows or columns than the box has pixels", "uv_shape", path)
    return height, width


def _png(detection: Detection, size: tuple[int, int], path: Path) -> bytes:
    """The bytes of the PNG, after its declared size was compared with `size` and it was decoded."""
    text: Any = detection.item.get("uv_data")
    try:
        data = b64decode("".join(text.split()), validate=True)
        signature, chunk, width, height, bits, colours = _HEADER.unpack_from(data)
    except (AttributeError, ValueError, struct.error):
        raise detection.refuse("expected a PNG in base64", "uv_data", path) from None
    if (signature, chunk, bits, colours) != (_SIGNATURE, _CHUNK, _EIGHT_BITS, _RGB):
        raise detection.refuse("expected an 8-bit RGB PNG", "uv_data", path)
    if (height, width) != size:
        message = f"the PNG has {height} rows and {width} columns, uv_shape says {size[0]} and {size[1]}"
        raise detection.refuse(message, "uv_data", path)
    try:
        whole = decode(data).shape == (*size, 3)
    except Exception as reason:  # Pillow raises a dozen kinds for hostile bytes
        raise detection.refuse(f"the PNG cannot be decoded: {type(reason).__name__}", "uv_data", path) from None
    if not whole:
        raise detection.refuse("the PNG decodes to another shape", "uv_data", path)
    return data
