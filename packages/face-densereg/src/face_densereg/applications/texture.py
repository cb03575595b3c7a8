"""The texture of one face on another, through the template (Fig. 1: "face transfer").

Axis letters: H rows and W columns of the target, h and w of the source.

Two pixels show the same place if they have the same template coordinate. So every pixel of the target's face takes the
colour from where the source's field, which is continued linearly between its pixels, has the pixel's coordinate.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import cKDTree

from core_eval import InputError

REACH = 0.03
"""Farther than this from all that the source shows, on the template, a place is not visible in it."""

FEATHER = 0.03
"""Width of the seam between new and old colours, in sizes of the face (the root of its area)."""


def correspondence(
    source_uv: NDArray[np.floating],
    target_uv: NDArray[np.floating],
    *,
    source_to_image: NDArray[np.float64] | None = None,
    reach: float = REACH,
) -> NDArray[np.float32]:
    """Where the source shows what each pixel of the target shows.

    Args:
        source_uv: (h, w, 2) template coordinates, NaN off the face.
        target_uv: (H, W, 2), likewise.
        source_to_image: (2, 3), maps pixels of `source_uv` to those of the source image; by default they are the same.
        reach: see `REACH`.

    Returns (H, W, 2) px of the source image, (x, y); NaN off the target's face and where the source does not show it.
    Raises `InputError` where the source has too few coordinates to interpolate.
    """
    rows, columns = np.nonzero(np.isfinite(source_uv).all(-1))
    places = np.column_stack([columns, rows]).astype(np.float64)
    coordinates, first = np.unique(source_uv[rows, columns].astype(np.float64), axis=0, return_index=True)
    if len(coordinates) < 4 or np.linalg.matrix_rank(coordinates - coordinates.mean(0)) < 2:
        raise InputError("the source shows too little of a face to take a texture from", field="uv")
    places = places[first]
    if source_to_image is not None:
        places = places @ source_to_image[:, :2].T + source_to_image[:, 2]
    found = np.full((*target_uv.shape[:2], 2), np.nan, np.float32)
    on = np.isfinite(target_uv).all(-1)
    wanted = target_uv[on].astype(np.float64)
    if len(wanted):
        values = LinearNDInterpolator(coordinates, places)(wanted)
        distance, _ = cKDTree(coordinates).query(wanted, distance_upper_bound=reach)
        values[~np.isfinite(distance)] = np.nan
        found[on] = values
    return found


def transfer_texture(
    source: NDArray[np.uint8], target: NDArray[np.uint8], places: NDArray[np.float32], *, feather: float = FEATHER
) -> NDArray[np.uint8]:
    """The target with the source's colours where `places` says so.

    Args:
        source: (h, w, 3) uint8 RGB.
        target: (H, W, 3) uint8 RGB.
        places: (H, W, 2) px of the source, as of `correspondence`.
        feather: see `FEATHER`; 0 for a hard seam.

    Returns (H, W, 3) uint8. Pixels without a place keep their colour.
    """
    known = np.isfinite(places).all(-1)
    if not known.any():
        return target.copy()
    where = np.where(known[..., None], places, np.float32(-1))
    taken = cv2.remap(source, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    share = known.astype(np.float64)
    width = feather * np.sqrt(known.sum())
    if width >= 1:
        depth = cv2.distanceTransform(np.pad(known, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
        share = np.clip(depth / width, 0.0, 1.0)
    mixed = share[..., None] * taken + (1 - share[..., None]) * target
    return np.rint(mixed).astype(np.uint8)
