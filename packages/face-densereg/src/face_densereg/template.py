"""Where the landmarks are on the template.

Axis letters: N samples, P landmarks, H rows, W columns.

The paper's authors marked them on their template. A data set that knows its template's landmarks gives them as
`landmark_uv`; with any other they are learnt: a landmark's coordinate is the medoid over the samples of the coordinate
under it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample

REACH = 2
"""A landmark on the outline may lie just off the template: the nearest labelled pixel within this many px speaks."""


def nearest_label(field: NDArray[np.float32], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of `field` (H, W, 2) at the labelled pixels nearest to `points` (P, 2) px: (P, 2), NaN beyond `REACH`.

    Where all four pixels around a point are labelled, the value is interpolated bilinearly.
    """
    values = _bilinear(field, points)
    for p in np.flatnonzero(np.isnan(values[:, 0]) & np.isfinite(points).all(1)):
        x, y = points[p]
        left, top = max(int(x) - REACH, 0), max(int(y) - REACH, 0)
        patch = field[top : int(y) + REACH + 2, left : int(x) + REACH + 2]
        rows, columns = np.nonzero(np.isfinite(patch[..., 0]))
        distance = np.hypot(columns + left - x, rows + top - y)
        if len(distance) and distance.min() <= REACH:
            nearest = int(np.argmin(distance))
            values[p] = patch[rows[nearest], columns[nearest]]
    return values


def _bilinear(field: NDArray[np.float32], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P, 2) interpolated values; NaN outside, or where a neighbour is not labelled."""
    rows, columns = field.shape[:2]
    corner = np.floor(np.nan_to_num(points, nan=-1.0))
    x, y = corner.astype(np.int64).T
    inside = (x >= 0) & (y >= 0) & (x < columns - 1) & (y < rows - 1)
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    fx, fy = (points - corner).T[..., None]
    top = (1 - fx) * field[y, x] + fx * field[y, x + 1]
    bottom = (1 - fx) * field[y + 1, x] + fx * field[y + 1, x + 1]
    return np.where(inside[:, None], (1 - fy) * top + fy * bottom, np.nan)


def landmark_coordinates(samples: Iterable[Sample]) -> NDArray[np.float64]:
    """(P, 2) template coordinates: `landmark_uv` of the first target, or medoids over samples with visible landmarks.

    Reads `points`, `uv` and, where there are, `landmark_uv` and `visible` of each target. Raises `InputError` when a
    landmark is never seen on the template.
    """
    values = []
    for sample in samples:
        if "landmark_uv" in sample.target:
            return np.asarray(sample.target["landmark_uv"], np.float64)
        at = nearest_label(np.asarray(sample.target["uv"]), np.asarray(sample.target["points"], np.float64))
        if "visible" in sample.target:
            at[~np.asarray(sample.target["visible"], bool)] = np.nan
        values.append(at)
    stacked = np.array(values)
    never = np.flatnonzero(np.isnan(stacked).all(axis=(0, 2))) if len(stacked) else [0]
    if len(never):
        raise InputError(f"landmarks never visible on the template in the training samples: {list(map(int, never))}")
    return np.array([_medoid(column[np.isfinite(column[:, 0])]) for column in stacked.transpose(1, 0, 2)])


def _medoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The value (2,) with the least total distance to the others: unlike a median by axis it is one that occurs.

    Outline landmarks have two kinds of place, on faces seen from the front and from the side.
    """
    values = values[:: max(1, len(values) // 500)]
    return values[np.linalg.norm(values[:, None] - values[None], axis=-1).sum(1).argmin()]
