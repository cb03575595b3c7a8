"""Z-buffer rasteriser: which triangle is seen at the centre of each pixel, and where inside it.

Axis letters: `V` vertices, `F` triangles, `H`/`W` rows and columns, `C` attribute channels.

Conventions. Pixel coordinates are (x, y), x to the right, y down, 0-based pixel *centres*: the pixel in row r and
column c is sampled at exactly (c, r). The third vertex coordinate is the depth along the optical axis (any unit,
positive in front of the camera). Coverage is decided in exact integer arithmetic on coordinates snapped to 1/65536
pixel, with the top-left fill rule: a sample on an edge shared by two triangles belongs to exactly one of them, so
closed surfaces have neither gaps nor double hits. Equal depths are won by the triangle with the lower index.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

SUBPIXEL = 1 << 16
"""Snapping resolution: coordinates are multiples of 1/SUBPIXEL pixel."""

GUARD_BAND = 8192.0
"""Largest allowed |coordinate| in pixels; keeps every edge function below 2^62."""


class Raster(NamedTuple):
    """What the camera sees, per pixel.

    tri: (H, W) int32, index of the nearest triangle, -1 where there is none.
    bary: (H, W, 3) float32, perspective-correct barycentric weights in the order of the triangle's vertices, 0 outside.
    depth: (H, W) float32, depth at the pixel centre in the unit of the input, +inf outside.
    """

    tri: NDArray[np.int32]
    bary: NDArray[np.float32]
    depth: NDArray[np.float32]


def rasterise(
    vertices_px: NDArray[np.floating],
    faces: NDArray[np.int32],
    height: int,
    width: int,
    *,
    perspective: bool = True,
    cull_back: bool = False,
) -> Raster:
    """Draw triangles into a z-buffer of `height` x `width` samples at the pixel centres.

    vertices_px: (V, 3), pixels and depth as the module says. faces: (F, 3) vertex indices.
    perspective: 1/depth is linear on screen (pin-hole camera); otherwise depth itself is (orthographic).
    cull_back: leave out triangles whose vertices run clockwise on screen (counter-clockwise is the front of a mesh).
    Triangles with a vertex at depth <= 0 are left out when `perspective` (there is no near-plane clipping).

    Raises ValueError for wrong shapes, non-finite coordinates, or pixels beyond `GUARD_BAND`.
    """
    triangles = np.ascontiguousarray(faces, np.int32)
    fixed, near = _prepare(vertices_px, triangles, perspective, quincunx=False)
    tri, best = _draw(fixed, near, triangles, height, width, perspective, cull_back, 0)
    screen = _screen(fixed, near if perspective else np.ones_like(near))
    return Raster(tri, *_resolve(tri, best, screen, triangles, perspective))


class Quincunx(NamedTuple):
    """What the camera sees at the centres and at the corners of the pixels of an image of N rows and M columns.

    Sample [2 r + 1, c] lies on the centre of pixel (r, c), sample [2 r, c] on the corner above and to the left of it,
    at (c - 0.5, r - 0.5); the last sample of an odd row has no place and is empty.

    tri: (2 N + 1, M + 1) int32, index of the nearest triangle, -1 where there is none.
    near: (2 N + 1, M + 1) float32, 1 / depth there, -inf where there is none.
    screen (V, 3) float64: the vertices as `weights_at` wants them.
    """

    tri: NDArray[np.int32]
    near: NDArray[np.float32]
    screen: NDArray[np.float64]


def rasterise_quincunx(
    vertices_px: NDArray[np.floating], faces: NDArray[np.int32], height: int, width: int, *, cull_back: bool = False
) -> Quincunx:
    """Draw triangles under perspective into a z-buffer at the pixels' centres and corners (see `Quincunx`).

    Arguments and errors as for `rasterise`; the guard band is half as wide.
    """
    triangles = np.ascontiguousarray(faces, np.int32)
    fixed, near = _prepare(vertices_px, triangles, True, quincunx=True)
    tri, best = _draw(fixed, near, triangles, 2 * height + 1, 2 * width + 1, True, cull_back, 1)
    return Quincunx(tri, best, _screen(fixed, near))


def _prepare(
    vertices_px: NDArray[np.floating], triangles: NDArray[np.int32], perspective: bool, *, quincunx: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Checked vertices in fixed point, and their nearness (see `_draw`); `quincunx` puts two samples on a pixel."""
    vertices_px = np.asarray(vertices_px)
    if vertices_px.ndim != 2 or vertices_px.shape[1] != 3 or triangles.ndim != 2 or triangles.shape[1] != 3:
        raise ValueError(f"expected vertices (V, 3) and faces (F, 3), got {vertices_px.shape} and {triangles.shape}")
    scale, shift = (2.0, 1.0) if quincunx else (1.0, 0.0)
    fixed, near, inside, indexed = _snap(np.ascontiguousarray(vertices_px), triangles, perspective, scale, shift)
    if not inside:
        raise ValueError(f"vertices must be finite and within {GUARD_BAND / scale:g} pixels")
    if not indexed:
        raise ValueError(f"faces must index the {len(vertices_px)} vertices")
    return fixed, near


def depth_map(
    vertices_px: NDArray[np.floating], faces: NDArray[np.int32], height: int, width: int, *, cull_back: bool = False
) -> NDArray[np.float32]:
    """`rasterise(..., perspective=False).depth`, without the rest."""
    triangles = np.ascontiguousarray(faces, np.int32)
    fixed, near = _prepare(vertices_px, triangles, False, quincunx=False)
    return -_draw(fixed, near, triangles, height, width, False, cull_back, 0)[1]


def corners_of(tri: NDArray[np.int32], faces: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
    """Which of `count` vertices are corners of a triangle that is seen in tri (any 2-D z-buffer, -1 is empty)."""
    return _corners_of(tri, np.ascontiguousarray(faces, np.int32), count)


def interpolate(
    raster: Raster, faces: NDArray[np.int32], attributes: NDArray[np.float32], *, fill: float = 0.0
) -> NDArray[np.float32]:
    """Attributes (V, C) of the vertices, interpolated per pixel: (H, W, C) float32, `fill` where nothing is seen."""
    values = np.ascontiguousarray(attributes, np.float32)
    if values.ndim != 2:
        raise ValueError(f"expected attributes (V, C), got {values.shape}")
    return _interpolate(raster.tri, raster.bary, np.ascontiguousarray(faces, np.int32), values, np.float32(fill))


def vertex_normals(vertices: NDArray[np.floating], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """Area-weighted unit normals (V, 3) float32; zero for a vertex without a triangle of positive area."""
    return _vertex_normals(np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(faces, np.int32))


@njit(nogil=True, cache=True)
def _snap(vertices, faces, perspective, scale, shift):  # type: ignore[no-untyped-def]
    """Fixed-point positions, nearness (see `_draw`), and whether all vertices and all indices are in range."""
    count = vertices.shape[0]
    fixed = np.empty((count, 2), np.int64)
    near = np.empty(count, np.float64)
    inside = True
    for i in range(count):
        x, y, z = scale * vertices[i, 0] + shift, scale * vertices[i, 1] + shift, float(vertices[i, 2])
        if abs(x) <= GUARD_BAND and abs(y) <= GUARD_BAND and abs(z) < np.inf:  # false for NaN
            fixed[i, 0], fixed[i, 1] = np.int64(np.rint(x * SUBPIXEL)), np.int64(np.rint(y * SUBPIXEL))
            near[i] = -z if not perspective else (1.0 / z if z > 0 else -1.0)
        else:
            inside = False
    indexed = True
    for f in range(faces.shape[0]):
        for k in range(3):
            if faces[f, k] < 0 or faces[f, k] >= count:
                indexed = False
    return fixed, near, inside, indexed


@njit(nogil=True, cache=True)
def _draw(fixed, near, faces, height, width, perspective, cull_back, shift):  # type: ignore[no-untyped-def]
    """Fixed-point z-buffer: the nearest triangle and its nearness at each sample.

    `near` grows towards the camera and is linear on screen (1/depth, or -depth). shift: 0 draws all samples, 1 only
    those where row + column is even, without gaps between them: sample k of row r is in column 2 k + r % 2.
    """
    slots = (width + shift) >> shift
    tri = np.full((height, slots), -1, np.int32)
    best = np.full((height, slots), -np.inf, np.float32)
    for f in range(faces.shape[0]):
        i0, i1, i2 = np.uint32(faces[f, 0]), np.uint32(faces[f, 1]), np.uint32(faces[f, 2])
        x0, y0 = fixed[i0, 0], fixed[i0, 1]
        x1, y1 = fixed[i1, 0], fixed[i1, 1]
        x2, y2 = fixed[i2, 0], fixed[i2, 1]
        area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
        if area == 0 or (cull_back and area > 0):
            continue
        # First and last sample inside the bounding box: ceil and floor of the fixed-point coordinates.
        left = max(-(-min(x0, x1, x2) >> 16), 0)
        right = min(max(x0, x1, x2) >> 16, width - 1)
        top = max(-(-min(y0, y1, y2) >> 16), 0)
        bottom = min(max(y0, y1, y2) >> 16, height - 1)
        if left > right or top > bottom:
            continue
        w0, w1, w2 = near[i0], near[i1], near[i2]
        if perspective and (w0 <= 0.0 or w1 <= 0.0 or w2 <= 0.0):
            continue
        if area < 0:  # y points down, so the front of a mesh arrives with negative area: walk it the other way round
            area = -area
            x1, x2, y1, y2, w1, w2 = x2, x1, y2, y1, w2, w1
        # Edge k is opposite to vertex k. A sample on it counts only if the edge is a top or a left one; the others lose
        # one unit of the doubled area, so that a single sign test of all three decides.
        dx0, dy0 = x2 - x1, y2 - y1
        dx1, dy1 = x0 - x2, y0 - y2
        dx2, dy2 = x1 - x0, y1 - y0
        open0 = 0 if dy0 < 0 or (dy0 == 0 and dx0 > 0) else 1
        open1 = 0 if dy1 < 0 or (dy1 == 0 and dx1 > 0) else 1
        open2 = 0 if dy2 < 0 or (dy2 == 0 and dx2 > 0) else 1
        px, py = np.int64(left) << 16, np.int64(top) << 16
        row0 = dx0 * (py - y1) - dy0 * (px - x1) - open0
        row1 = dx1 * (py - y2) - dy1 * (px - x2) - open1
        row2 = dx2 * (py - y0) - dy2 * (px - x0) - open2
        right0, right1, right2 = dy0 << 16, dy1 << 16, dy2 << 16
        down0, down1, down2 = dx0 << 16, dx1 << 16, dx2 << 16
        scale = 1.0 / area
        near_row = ((row0 + open0) * w0 + (row1 + open1) * w1 + (row2 + open2) * w2) * scale
        near_right = -(right0 * w0 + right1 * w1 + right2 * w2) * scale
        near_down = (down0 * w0 + down1 * w1 + down2 * w2) * scale
        step0, step1, step2, near_step = right0 << shift, right1 << shift, right2 << shift, near_right * (1 << shift)
        for r in range(top, bottom + 1):
            odd = r & shift
            first = (left - odd + shift) >> shift
            last = (right - odd) >> shift
            skip = (first << shift) + odd - left
            e0, e1, e2 = row0 - skip * right0, row1 - skip * right1, row2 - skip * right2
            n = near_row + skip * near_right
            # Unsigned indices: numba need not ask whether they count from the end.
            for c in range(np.uint32(first), np.uint32(last + 1)):
                old = best[r, c]
                new = np.float32(n)
                if ((e0 | e1 | e2) >= 0) & (new > old):
                    best[r, c] = new
                    tri[r, c] = f
                e0 -= step0
                e1 -= step1
                e2 -= step2
                n += near_step
            row0 += down0
            row1 += down1
            row2 += down2
            near_row += near_down
    return tri, best


@njit(nogil=True, cache=True)
def _screen(fixed, near):  # type: ignore[no-untyped-def]
    """(V, 3) x, y in fixed point and nearness, side by side; whole numbers of this size are exact in a float."""
    out = np.empty((len(near), 3), np.float64)
    for i in range(len(near)):
        out[i, 0], out[i, 1], out[i, 2] = fixed[i, 0], fixed[i, 1], near[i]
    return out


@njit(nogil=True, cache=True, inline="always")
def weights_at(x, y, i0, i1, i2, screen):  # type: ignore[no-untyped-def]
    """Perspective-correct barycentric weights (float32) of a triangle's corners at the sample in column x, row y."""
    px, py = 65536.0 * x, 65536.0 * y
    ax, ay = screen[i0, 0] - px, screen[i0, 1] - py
    bx, by = screen[i1, 0] - px, screen[i1, 1] - py
    cx, cy = screen[i2, 0] - px, screen[i2, 1] - py
    b0 = (bx * cy - by * cx) * screen[i0, 2]
    b1 = (cx * ay - cy * ax) * screen[i1, 2]
    b2 = (ax * by - ay * bx) * screen[i2, 2]
    inverse = 1.0 / (b0 + b1 + b2)
    return np.float32(b0 * inverse), np.float32(b1 * inverse), np.float32(b2 * inverse)


@njit(nogil=True, cache=True, error_model="numpy")
def _resolve(tri, best, screen, faces, perspective):  # type: ignore[no-untyped-def]
    """Barycentric weights of the samples, and depth in the place of nearness."""
    bary = np.zeros((*tri.shape, 3), np.float32)
    for r in range(tri.shape[0]):
        for c in range(tri.shape[1]):
            f = tri[r, c]
            if f < 0:
                best[r, c] = np.inf
                continue
            best[r, c] = np.float32(1) / best[r, c] if perspective else -best[r, c]
            b0, b1, b2 = weights_at(c, r, faces[f, 0], faces[f, 1], faces[f, 2], screen)
            bary[r, c, 0], bary[r, c, 1], bary[r, c, 2] = b0, b1, b2
    return bary, best


@njit(nogil=True, cache=True)
def _corners_of(tri, faces, count):  # type: ignore[no-untyped-def]
    out = np.zeros(count, np.bool_)
    for r in range(tri.shape[0]):
        before = -1
        for c in range(tri.shape[1]):
            f = tri[r, c]
            if f != before and f >= 0:
                for k in range(3):
                    out[faces[f, k]] = True
            before = f
    return out


@njit(nogil=True, cache=True)
def _interpolate(tri, bary, faces, values, fill):  # type: ignore[no-untyped-def]
    height, width = tri.shape
    channels = values.shape[1]
    out = np.empty((height, width, channels), np.float32)
    for r in range(height):
        for c in range(width):
            f = tri[r, c]
            if f < 0:
                for k in range(channels):
                    out[r, c, k] = fill
            else:
                i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
                b0, b1, b2 = bary[r, c, 0], bary[r, c, 1], bary[r, c, 2]
                for k in range(channels):
                    out[r, c, k] = b0 * values[i0, k] + b1 * values[i1, k] + b2 * values[i2, k]
    return out


@njit(nogil=True, cache=True)
def _vertex_normals(vertices, faces):  # type: ignore[no-untyped-def]
    out = np.zeros((vertices.shape[0], 3), np.float32)
    for f in range(faces.shape[0]):
        i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = (
            vertices[i1, 0] - vertices[i0, 0],
            vertices[i1, 1] - vertices[i0, 1],
            vertices[i1, 2] - vertices[i0, 2],
        )
        bx, by, bz = (
            vertices[i2, 0] - vertices[i0, 0],
            vertices[i2, 1] - vertices[i0, 1],
            vertices[i2, 2] - vertices[i0, 2],
        )
        nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        for i in (i0, i1, i2):
            out[i, 0] += nx
            out[i, 1] += ny
            out[i, 2] += nz
    for i in range(out.shape[0]):
        length = np.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2)
        if length > 0:
            out[i, 0] /= length
            out[i, 1] /= length
            out[i, 2] /= length
    return out
