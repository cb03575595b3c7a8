"""Fields of a crop at the scale of its photograph.

Axis letters: S side of a crop, H rows and W columns of a photograph, C channels, M points of a line.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.measure import find_contours

JUMP = 0.08
"""Neighbouring pixels whose values differ by more show different surfaces, as at the edge of a nose in profile."""


def enlarge_field(
    field: NDArray[np.float32], to_image: NDArray[np.float64], height: int, width: int, *, jump: float = JUMP
) -> NDArray[np.float32]:
    """(S, S, C) field of a crop, NaN where there is none -> (H, W, C) of the photograph, bilinear.

    Args:
        field: values at the crop's pixel centres.
        to_image: (2, 3), maps crop px to photograph px.
        height: H.
        width: W.
        jump: across larger differences the nearest pixel's value is taken, for there is none in between.

    A pixel of the photograph has values where the larger part of the crop's pixels around it has.
    """
    known = np.isfinite(field).all(-1)
    if not known.any():
        return np.full((height, width, field.shape[-1]), np.nan, np.float32)
    size = width, height

    def warp(values: NDArray[np.floating], flags: int, border: int) -> NDArray[np.float32]:
        moved = cv2.warpAffine(np.ascontiguousarray(values, np.float32), to_image, size, flags=flags, borderMode=border)
        return np.asarray(moved).reshape(height, width, -1)

    inside = warp(known.astype(np.float32), cv2.INTER_LINEAR, cv2.BORDER_CONSTANT) >= 0.5
    filled = _continued(field, known)
    smooth = warp(filled, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)
    nearest = warp(filled, cv2.INTER_NEAREST, cv2.BORDER_REPLICATE)
    torn = np.abs(smooth - nearest).max(-1, keepdims=True) > jump / 2
    return np.where(inside, np.where(torn, nearest, smooth), np.float32(np.nan))


def iso_lines(
    values: NDArray[np.float32], levels: NDArray[np.floating], to_image: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Lines of equal value of a map (S, S) of a crop: each (M, 2) px of the photograph, (x, y)."""
    lines = [line for level in levels for line in find_contours(values.astype(np.float64), float(level))]
    return [line[:, ::-1] @ to_image[:, :2].T + to_image[:, 2] for line in lines if len(line) > 1]


def _continued(field: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The field with the value of the nearest known pixel where there is none."""
    _, nearest = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    values = np.empty((nearest.max() + 1, field.shape[-1]), np.float32)
    values[nearest[known]] = field[known]
    return values[nearest]
