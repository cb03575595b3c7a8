"""Annotations that somebody drew on the template, carried to photographs (Sec. 3: solve a task once, on the template).

Axis letters: H rows and W columns of a photograph, T rows and U columns of a drawing, P points.

A drawing is a picture in template coordinates: the texel in row r and column c covers u_v in [r, r + 1) / T and u_h in
[c, c + 1) / U. Points are a CSV file with the columns ``name,u_h,u_v``, or a JSON object ``{"name": [u_h, u_v]}``.
"""

from __future__ import annotations

import colorsys
import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError
from face_densereg.photo import read_rgba

MOST_LABELS = 32
MOST_POINTS = 10_000
LARGEST_FILE = 1 << 20
HEADINGS = ["name", "u_h", "u_v"]


@dataclass(frozen=True, slots=True)
class TemplatePoints:
    """Named places on the template: `uv` (P, 2) in [0, 1], (u_h, u_v)."""

    names: tuple[str, ...]
    uv: NDArray[np.float64]


def read_points(path: Path) -> TemplatePoints:
    """Read points from a ``.csv`` or ``.json`` file.

    Raises `InputError`, with the point's name, for a file of another kind, a name that comes twice, or coordinates that
    are no numbers in [0, 1].
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"larger than {LARGEST_FILE} bytes", file=path)
        text = path.read_text("utf-8-sig")
    except OSError as reason:
        raise InputError(f"cannot be read: {reason.strerror}", file=path) from None
    except UnicodeDecodeError:
        raise InputError("not a text file", file=path) from None
    rows = _json_rows(text, path) if path.suffix.lower() == ".json" else _csv_rows(text, path)
    if not 0 < len(rows) <= MOST_POINTS:
        raise InputError(f"expected 1 to {MOST_POINTS} points, got {len(rows)}", file=path)
    names, places = [], []
    for name, values in rows:
        if name in names:
            raise InputError("the name comes twice", file=path, field=name)
        try:
            place = np.array([float(value) for value in values])
        except (TypeError, ValueError):
            place = np.empty(0)
        if place.shape != (2,) or not ((place >= 0) & (place <= 1)).all():
            raise InputError(f"expected u_h and u_v in [0, 1], got {values}", file=path, field=name)
        names.append(name)
        places.append(place)
    return TemplatePoints(tuple(names), np.array(places))


def _csv_rows(text: str, path: Path) -> list[tuple[str, list[Any]]]:
    reader = csv.reader(io.StringIO(text))
    try:
        lines = [[cell.strip() for cell in line] for line in reader if line]
    except csv.Error as reason:
        raise InputError(f"not a CSV file: {reason}", file=path) from None
    if not lines or [cell.lower() for cell in lines[0]] != HEADINGS:
        raise InputError(f"expected the headings {','.join(HEADINGS)}", file=path)
    return [(line[0], line[1:]) for line in lines[1:]]


def _json_rows(text: str, path: Path) -> list[tuple[str, list[Any]]]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as reason:
        raise InputError(f"not a JSON file: {reason}", file=path) from None
    if not isinstance(record, dict):
        raise InputError('expected an object {"name": [u_h, u_v], ...}', file=path)
    return [(name, value if isinstance(value, list) else [value]) for name, value in record.items()]


def read_drawing(path: Path) -> NDArray[np.uint8]:
    """Read a drawing as (T, U, 4) uint8 RGBA.

    Without transparency of its own, black is where nothing is drawn. A grey picture of at most `MOST_LABELS` values is
    a map of labels: each gets a colour of its own, in the order of the values, and 0 none.

    Raises `InputError` for what is no picture, as `photo.read_photo`.
    """
    drawing = read_rgba(path)
    if (drawing[..., 3] < 255).any():
        return drawing
    values, labels = np.unique(drawing[..., 0], return_inverse=True)
    if len(values) <= MOST_LABELS and (drawing[..., :3] == drawing[..., :1]).all():
        colours = np.vstack([label_colour(k) for k in range(len(values))])
        drawing[..., :3] = colours[labels.reshape(drawing.shape[:2])]
        drawing[..., 3] = np.where(values == 0, 0, 255)[labels.reshape(drawing.shape[:2])]
        return drawing
    drawing[..., 3] = np.where(drawing[..., :3].any(-1), 255, 0)
    return drawing


def label_colour(label: int) -> NDArray[np.uint8]:
    """(3,) RGB: bright colours whose hues are a golden angle apart, so that neighbouring labels differ."""
    hue = (label * 0.381966) % 1.0
    return np.array([round(255 * x) for x in colorsys.hsv_to_rgb(hue, 0.75, 0.95)], np.uint8)


def painted(
    image: NDArray[np.uint8], uv: NDArray[np.floating], drawing: NDArray[np.uint8], *, opacity: float = 1.0
) -> NDArray[np.uint8]:
    """The photograph with a drawing on its face.

    Args:
        image: (H, W, 3) uint8 RGB.
        uv: (H, W, 2) template coordinates, NaN off the face.
        drawing: (T, U, 4) uint8 RGBA on the template.
        opacity: of the opaque parts of the drawing.

    The nearest texel is taken, so that the colours of a mask stay what they are.
    """
    texels = texel_of(uv, drawing.shape[0], drawing.shape[1])
    colour = drawing[texels[..., 1], texels[..., 0]].astype(np.float64)
    share = np.where(np.isfinite(uv).all(-1), opacity * colour[..., 3] / 255, 0.0)[..., None]
    return np.rint(share * colour[..., :3] + (1 - share) * image).astype(np.uint8)


def texel_of(uv: NDArray[np.floating], rows: int, columns: int) -> NDArray[np.intp]:
    """(..., 2) column and row of the texel at template coordinates (..., 2); texel (0, 0) where they are NaN."""
    size = np.array([columns, rows])
    known = np.isfinite(uv).all(-1, keepdims=True)
    return np.clip(np.where(known, uv, 0) * size, 0, size - 1).astype(np.intp)
