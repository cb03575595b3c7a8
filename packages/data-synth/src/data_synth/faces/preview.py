"""A contact sheet of a face split: picture, landmarks and UV side by side."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core_eval import Arrays, InputError, Sample, scheme

U8 = NDArray[np.uint8]

_ZOOM = 2
_COLOURS = {
    "jaw": (255, 220, 60),
    "brow": (255, 130, 60),
    "nose": (90, 220, 255),
    "eye": (120, 255, 120),
    "mouth": (255, 90, 150),
}


def contact_sheet(samples: Sequence[Sample], columns: int = 4) -> U8:
    """(rows, columns, 3) uint8 RGB: each sample as three tiles (the picture, its landmarks, its UV)."""
    if not len(samples):
        raise InputError("nothing to show: the split is empty")
    cells = [np.hstack(_tiles(sample.inputs, sample.target)) for sample in samples]
    blank = np.zeros_like(cells[0])
    cells += [blank] * (-len(cells) % columns)
    return np.vstack([np.hstack(cells[k : k + columns]) for k in range(0, len(cells), columns)])


def preview(samples: Sequence[Sample], path: Path, n: int = 24) -> None:
    """Write a contact sheet (PNG) of n samples spread evenly over a split. Raises `InputError` if it cannot be
    written."""
    chosen = [samples[i] for i in np.unique(np.linspace(0, len(samples) - 1, min(n, len(samples))).astype(int))]
    _, code = cv2.imencode(".png", contact_sheet(chosen)[..., ::-1])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".png")
        with os.fdopen(handle, "wb") as stream:
            stream.write(code.tobytes())
        Path(temporary).replace(path)
    except OSError as error:
        raise InputError(f"cannot write the preview: {error.strerror}", file=path) from error


def draw_points(image: U8, points: NDArray[np.floating], visible: NDArray[np.bool_], zoom: int = _ZOOM) -> U8:
    """The image enlarged, with the 68 points and the lines between them; hidden points are hollow.

    points: (68, 2) px, 0-based pixel centres of the small image.
    """
    shown = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    at = np.rint((points + 0.5) * zoom * 16 - 8).astype(int)  # sixteenths of a large pixel
    ibug = scheme("ibug68")
    for name, (first, last) in ibug.groups.items():
        colour = next(c for part, c in _COLOURS.items() if part in name)
        line = at[first : last + 1]
        cv2.polylines(shown, [line], name in ibug.closed, colour, 1, cv2.LINE_AA, 4)
        for (x, y), seen in zip(line, visible[first : last + 1], strict=True):
            cv2.circle(shown, (int(x), int(y)), 16 if seen else 24, colour, -1 if seen else 1, cv2.LINE_AA, 4)
    return shown


def colour_uv(uv: NDArray[np.floating], zoom: int = _ZOOM) -> U8:
    """UV (H, W, 2) as colours with contour lines every tenth; black where there is none."""
    known = np.isfinite(uv).all(axis=2)
    u, v = np.where(known, uv[..., 0], 0.0), np.where(known, uv[..., 1], 0.0)
    rgb = np.stack([u, v, 0.25 + 0.75 * (1 - u)], axis=2)
    contour = (np.abs((u * 10) % 1 - 0.5) > 0.42) | (np.abs((v * 10) % 1 - 0.5) > 0.42)
    rgb = np.where(contour[..., None], 0.55 * rgb, rgb) * known[..., None]
    return cv2.resize((rgb * 255).astype(np.uint8), None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST)


def _tiles(inputs: Arrays, target: Arrays) -> list[U8]:
    image = inputs["image"]
    plain = cv2.resize(image, None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_CUBIC)
    return [plain, draw_points(image, target["points"], target["visible"]), colour_uv(target["uv"])]
