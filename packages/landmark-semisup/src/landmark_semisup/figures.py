"""Pictures in the manner of the paper's figures 4 (maps of Shapes) and 7 (landmarks of several systems).

Axis letters: H rows and W columns of an image, P landmarks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from core_eval import Arrays

U8 = NDArray[np.uint8]
TRUTH, GUESS = (60, 200, 80), (235, 60, 50)
LANDMARKS = ((235, 60, 50), (60, 110, 255))
"""Colours of the first two landmarks of figure 4; others begin again."""
GAP = 4


def shapes_figure(items: Iterable[tuple[Arrays, Arrays, Arrays, np.ndarray]], *, side: int = 120) -> U8:
    """Figure 4 from (inputs, target, prediction, maps (P, H, W)): a column for each sample.

    On top the picture, with a cross for each landmark; the shape that the predicted class names is green. Below it the
    landmarks' maps before the softmax, from their smallest value (black) to their largest (white).

    Returns: (rows, columns, 3) uint8 RGB.
    """
    columns = []
    for inputs, target, prediction, maps in items:
        image = _coloured(np.asarray(inputs["image"]), np.asarray(target["points"])[int(prediction["label"])])
        top, zoom = enlarge(image, side)
        for index, place in enumerate(prediction["points"]):
            cross(top, place, zoom, LANDMARKS[index % len(LANDMARKS)])
        columns.append(_stack([top, *(enlarge(_scaled(one), side)[0] for one in maps)], axis=0))
    return _stack(columns, axis=1)


def landmarks_figure(
    samples: Sequence[tuple[Arrays, Arrays]], systems: Sequence[tuple[str, Sequence[Arrays]]], *, side: int = 120
) -> U8:
    """Figure 7: a column for each (inputs, target), a row for each (name, predictions); true places green, found red.

    Returns: (rows, columns, 3) uint8 RGB.
    """
    rows = []
    for name, predictions in systems:
        tiles = [_label(name, side)]
        for (inputs, target), prediction in zip(samples, predictions, strict=True):
            tile, zoom = enlarge(np.asarray(inputs["image"]), side)
            for places, colour in ((target["points"], TRUTH), (prediction["points"], GUESS)):
                for place in places:
                    cross(tile, place, zoom, colour)
            tiles.append(tile)
        rows.append(_stack(tiles, axis=1))
    return _stack(rows, axis=0)


def enlarge(image: U8, side: int) -> tuple[U8, float]:
    """(H, W, 3) -> (side, ., 3) and the factor; a place x becomes (x + 0.5) factor - 0.5."""
    zoom = side / image.shape[0]
    width = round(image.shape[1] * zoom)
    return np.asarray(cv2.resize(image, (width, side), interpolation=cv2.INTER_NEAREST), np.uint8), zoom


def cross(picture: U8, place: np.ndarray, zoom: float, colour: tuple[int, int, int]) -> None:
    """Draw a cross at a place (x, y) px of the picture before it was enlarged; none where that is not finite."""
    if np.isfinite(place).all():
        x, y = np.rint((np.asarray(place, np.float64) + 0.5) * zoom - 0.5).astype(int).tolist()
        cv2.drawMarker(picture, (x, y), colour, cv2.MARKER_TILTED_CROSS, 9, 2, cv2.LINE_AA)


def _coloured(image: U8, place: np.ndarray) -> U8:
    """The white shape around a place, of those on black, in green."""
    _, parts = cv2.connectedComponents((image[..., 0] > 0).astype(np.uint8), connectivity=8)
    x, y = np.rint(place).astype(int)
    result = image.copy()
    result[parts == parts[y, x], ::2] //= 4
    return result


def _scaled(values: np.ndarray) -> U8:
    """(H, W) -> (H, W, 3) grey, over the whole range."""
    low, high = float(values.min()), float(values.max())
    level = np.rint(255 * (values - low) / max(high - low, 1e-12)).astype(np.uint8)
    return np.repeat(level[..., None], 3, axis=2)


def _label(text: str, side: int) -> U8:
    tile = np.full((side, round(1.3 * side), 3), 255, np.uint8)
    size = side / 240
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    place = (max((tile.shape[1] - width) // 2, 2), (side + height) // 2)
    cv2.putText(tile, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, (40, 40, 40), 1, cv2.LINE_AA)
    return tile


def _stack(tiles: Sequence[U8], axis: int) -> U8:
    """Tiles of equal size across the axis, with white gaps."""
    shape = list(tiles[0].shape)
    shape[axis] = GAP
    gap = np.full(shape, 255, np.uint8)
    parts = [part for tile in tiles for part in (gap, tile)][1:]
    return np.concatenate(parts, axis=axis)
