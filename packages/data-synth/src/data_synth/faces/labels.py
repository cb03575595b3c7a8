"""Exact labels of a rendered face: UV, parts, landmarks, visibility.

Axis letters: `H` rows and columns of the image, `S` = 2 H + 1 rows and `K` = H + 1 columns of a `raster.Quincunx`, `V`
vertices, `F` triangles, `P` landmarks.

Labels are those of the head mesh as its own z-buffer sees it. Hair, hats, glasses and whatever else is in front of
the face do not remove them, as in the data of the paper, where a fitted mesh gives the labels.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data_synth.raster import weights_at

OUTSIDE = np.uint16(65535)
"""Code of a pixel without UV."""

_STEPS = 65534.0


def encode_uv(uv: NDArray[np.floating]) -> NDArray[np.uint16]:
    """[0, 1] -> 0..65534, NaN -> 65535; the rounding error is below 8e-6."""
    known = np.isfinite(uv)
    return np.where(known, np.rint(np.clip(np.where(known, uv, 0), 0, 1) * _STEPS), OUTSIDE).astype(np.uint16)


def decode_uv(code: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The inverse: float32 in [0, 1], NaN where there is no template."""
    return np.where(code == OUTSIDE, np.float32(np.nan), code * np.float32(1 / _STEPS))


@njit(nogil=True, cache=True, error_model="numpy")
def label_maps(tri, screen, faces, uv, part):  # type: ignore[no-untyped-def]
    """UV code (H, H, 2) uint16 and part (H, H) uint8 at the pixel centres of a z-buffer tri (S, K).

    screen: see `raster.Quincunx`; uv (V, 2) in [0, 1]; part (F,) uint8, 0 outside the face region.
    """
    height, width = tri.shape[0] // 2, tri.shape[1] - 1
    code = np.full((height, width, 2), 65535, np.uint16)
    label = np.zeros((height, width), np.uint8)
    for r in range(np.uint32(height)):
        for c in range(np.uint32(width)):
            f = tri[2 * r + 1, c]
            if f < 0 or part[f] == 0:
                continue
            label[r, c] = part[f]
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            b0, b1, b2 = weights_at(2 * c + 1, 2 * r + 1, i0, i1, i2, screen)
            for k in range(2):
                value = b0 * uv[i0, k] + b1 * uv[i1, k] + b2 * uv[i2, k]
                code[r, c, k] = np.uint16(min(max(value, np.float32(0)), np.float32(1)) * 65534.0 + 0.5)
    return code, label


def visible_points(
    points: NDArray[np.floating], near: NDArray[np.float32], tolerance: float = 0.006
) -> NDArray[np.bool_]:
    """Which points (P, 3: x px, y px, depth m) nothing of the head hides, by the nearness (S, K) of its z-buffer.

    A point counts as visible if at a sample no more than a pixel away nothing lies more than `tolerance` metres in
    front: marched jaw points sit on the outline itself. Points outside the image are not visible.
    """
    return _visible(np.ascontiguousarray(points, np.float64), near, tolerance)


@njit(nogil=True, cache=True)
def _visible(points, near, tolerance):  # type: ignore[no-untyped-def]
    height, width = near.shape[0], 2 * near.shape[1] - 1
    out = np.zeros(points.shape[0], np.bool_)
    for i in range(points.shape[0]):
        # Pixel centres are samples of odd row and column; round to the nearest of them.
        x, y = 2 * int(np.floor(points[i, 0] + 0.5)) + 1, 2 * int(np.floor(points[i, 1] + 0.5)) + 1
        if x < 0 or y < 0 or x >= width or y >= height:
            continue
        farthest = points[i, 2] - tolerance
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                r, c = y + dy, x + dx
                if (dx + dy) % 2 or r < 0 or c < 0 or r >= height or c >= width:
                    continue
                if near[r, c >> 1] * farthest <= 1:
                    out[i] = True
    return out
