"""Where the landmarks are on the template, learnt from annotated samples.

Axis letters: N samples, P landmarks, H rows, W columns.

The paper draws its landmarks on the template by hand. Here they follow from any training set that has both landmarks
and template coordinates: a landmark's coordinate is the median over the samples of the coordinate under it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample


def sample_field(field: NDArray[np.float32], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bilinear values of `field` (H, W, 2) at `points` (P, 2) px: (P, 2), NaN outside or where a neighbour is NaN."""
    rows, columns = field.shape[:2]
    corner = np.floor(points)
    share = points - corner
    x, y = corner.astype(np.int64).T
    inside = (x >= 0) & (y >= 0) & (x < columns - 1) & (y < rows - 1)
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    fx, fy = share[:, :1], share[:, 1:]
    top = (1 - fx) * field[y, x] + fx * field[y, x + 1]
    bottom = (1 - fx) * field[y + 1, x] + fx * field[y + 1, x + 1]
    return np.where(inside[:, None], (1 - fy) * top + fy * bottom, np.nan)


def landmark_coordinates(samples: Iterable[Sample]) -> NDArray[np.float64]:
    """(P, 2) template coordinates of the landmarks: medians over samples where the landmark is visible.

    Reads `points`, `uv` and, where there is one, `visible` of each target. Raises `InputError` when a landmark is never
    seen on the template.
    """
    values = []
    for sample in samples:
        at = sample_field(np.asarray(sample.target["uv"]), np.asarray(sample.target["points"], np.float64))
        if "visible" in sample.target:
            at[~np.asarray(sample.target["visible"], bool)] = np.nan
        values.append(at)
    stacked = np.array(values)
    never = np.flatnonzero(np.isnan(stacked).all(axis=(0, 2))) if len(stacked) else [0]
    if len(never):
        raise InputError(f"landmarks never visible on the template in the training samples: {list(map(int, never))}")
    return np.nanmedian(stacked, axis=0)
