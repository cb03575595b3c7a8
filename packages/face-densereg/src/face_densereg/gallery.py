"""Pictures of predictions, in the manner of the paper's figure 9.

Axis letters: H rows and W columns of an image, P landmarks.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from core_eval import Arrays

U8 = NDArray[np.uint8]
TRUTH, GUESS, ERROR = (60, 220, 90), (60, 140, 255), (255, 60, 60)
SHIFT = 4


def figure(items: Iterable[tuple[Arrays, Arrays, Arrays]], *, side: int = 192, columns: int = 1) -> U8:
    """Four pictures for each (inputs, target, prediction): image, true and predicted coordinates, landmarks.

    Landmarks as in the paper: predicted blue, annotated green, their difference red. Each picture is scaled to `side`
    px; `columns` samples stand side by side. Returns (rows, columns, 3) uint8 RGB.
    """
    strips = []
    for inputs, target, prediction in items:
        image = _enlarge(np.asarray(inputs["image"]), side)
        zoom = np.array(image.shape[1::-1]) / np.array(inputs["image"].shape[1::-1])
        tiles = [image, _enlarge(colour(target["uv"]), side), _enlarge(colour(prediction["uv"]), side)]
        tiles.append(draw(image, prediction["points"], target["points"], zoom))
        strips.append(np.hstack(tiles))
    blank = [np.full_like(strips[0], 255)] * (-len(strips) % columns)
    rows = [np.hstack(row) for row in zip(*[iter([*strips, *blank])] * columns, strict=True)]
    return np.vstack(rows)


def colour(uv: NDArray[np.floating], lines: int = 10) -> U8:
    """(H, W, 2) template coordinates as colours: u_h blue to red, u_v dark to bright, a line at each tenth."""
    inside = np.isfinite(uv).all(-1)
    u, v = np.moveaxis(np.where(inside[..., None], uv, 0.0), -1, 0)
    hsv = np.stack([120 * (1 - u), np.full_like(u, 190), 110 + 145 * v], -1).astype(np.uint8)
    picture = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    cell = np.floor(np.stack([u, v]) * lines)
    edge = (np.diff(cell, axis=2, prepend=cell[:, :, :1]) != 0) | (np.diff(cell, axis=1, prepend=cell[:, :1]) != 0)
    picture[edge.any(0)] = picture[edge.any(0)] // 2
    picture[~inside] = 255
    return picture


def draw(image: U8, guess: NDArray[np.floating], truth: NDArray[np.floating], zoom: NDArray[np.floating]) -> U8:
    """Landmarks (P, 2) px of the unscaled image, on `image` that is `zoom` (x, y) times as large."""
    picture = image.copy()
    ends = (_fixed((np.asarray(points) + 0.5) * zoom - 0.5) for points in (truth, guess))
    for there, here in zip(*ends, strict=True):
        if there is not None and here is not None:
            cv2.line(picture, there, here, ERROR, 1, cv2.LINE_AA, SHIFT)
        for place, shade in ((there, TRUTH), (here, GUESS)):
            if place is not None:
                cv2.circle(picture, place, 22, shade, -1, cv2.LINE_AA, SHIFT)
    return picture


def _fixed(points: NDArray[np.floating]) -> list[tuple[int, int] | None]:
    """(P, 2) px in OpenCV's fixed point with `SHIFT` fractional bits; None where not finite."""
    return [(int(x * 2**SHIFT), int(y * 2**SHIFT)) if np.isfinite(x + y) else None for x, y in points]


def _enlarge(image: U8, side: int) -> U8:
    scale = side / max(image.shape[:2])
    size = round(image.shape[1] * scale), round(image.shape[0] * scale)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST if scale > 1 else cv2.INTER_AREA))
