"""Convex polygons as anti-aliased pictures, many pictures at a time.

Axis letters: N pictures, F polygons of a picture, V corners, H rows and columns of a picture. Corners are (x, y) in px,
0-based pixel centres.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def fill(corners: Floats, size: int) -> NDArray[np.uint8]:
    """The union of convex polygons, white on black.

    Args:
        corners: (N, F, V, 2) px, either way round; a polygon with fewer corners repeats its last one.
        size: H.

    Returns: (N, H, H) uint8. A pixel is 255 times the share that the nearest edge leaves of it, as if that edge were a
    straight line across the pixel; where polygons meet in a pixel, the largest share counts.
    """
    following = np.roll(corners, -1, axis=2)
    along = following - corners
    length = np.linalg.norm(along, axis=-1)
    area = (corners[..., 0] * following[..., 1] - corners[..., 1] * following[..., 0]).sum(-1)
    normal = np.stack([-along[..., 1], along[..., 0]], -1) * np.sign(area)[..., None, None]
    normal /= np.where(length > 0, length, 1.0)[..., None]
    offset = -(normal * corners).sum(-1)
    offset = np.where(length > 0, offset, np.inf)  # a repeated corner bounds nothing
    place = np.arange(size, dtype=np.float32)
    across = normal[..., 0, None].astype(np.float32) * place  # (N, F, V, H)
    down = normal[..., 1, None].astype(np.float32) * place + offset[..., None].astype(np.float32)
    share = np.zeros((len(corners), size, size), np.float32)
    for polygon in range(corners.shape[1]):
        inside = np.full_like(share, np.inf)  # distance to the nearest edge, negative outside
        for edge in range(corners.shape[2]):
            np.minimum(inside, across[:, polygon, edge, None, :] + down[:, polygon, edge, :, None], out=inside)
        np.maximum(share, inside + 0.5, out=share)
    return np.rint(255 * share.clip(0, 1)).astype(np.uint8)


def place(corners: Floats, scale: Floats, angle: Floats, shift: Floats) -> Floats:
    """Scale, rotate (radians, x towards y) and shift points.

    Args:
        corners: (N, ..., 2).
        scale: (N,).
        angle: (N,).
        shift: (N, 2).

    Returns: (N, ..., 2).
    """
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.stack([np.stack([cosine, sine], -1), np.stack([-sine, cosine], -1)], -2)  # row vectors times matrix
    flat = corners.reshape(len(corners), -1, 2)
    moved: Floats = flat @ turn + shift[:, None]
    return moved.reshape(corners.shape)
