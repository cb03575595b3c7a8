"""Landmarks from dense template coordinates (DenseReg Sec. 5.3).

Axis letters: H rows and W columns of an image, P landmarks.

"The local minima of the Euclidean distance between the estimated coordinates and the landmark coordinates are
considered as detected landmarks. In order to find the local minima, we simply analyze the connected components
separately." A component here is a connected set of pixels nearer than `RADIUS` to the landmark's template coordinate;
where one face is expected, the component with the largest total nearness wins, and its minimum is the landmark: the
centroid of the pixels that tie for it, as those of one bin do when the classification branch answers alone.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

RADIUS = 0.05
"""Template distance that still counts as "at the landmark" (our choice; the paper prints none)."""

TIE = 1e-6
"""Distances this close are equal."""

WINDOW = 3
"""Pixels on each side of a minimum that the sub-pixel fit uses."""


def read_landmarks(
    uv: NDArray[np.float32], template: NDArray[np.float64], *, refine: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Find each landmark in a field of template coordinates.

    Args:
        uv: (H, W, 2) template coordinates, NaN on the background.
        template: (P, 2) template coordinates of the landmarks.
        refine: fit an affine map to the coordinates around the minimum and solve it for the landmark, at most one
            pixel away; without it the result is the minimum's pixel centre, as printed.

    Returns:
        points (P, 2) px, (x, y), pixel centres at integers; NaN everywhere when the field is empty.
        found (P,): a pixel came within `RADIUS`. Otherwise the landmark's own place is not visible and the point is the
        pixel with the nearest coordinate ("landmark marching" in the paper's words).
    """
    points = np.full((len(template), 2), np.nan)
    found = np.zeros(len(template), dtype=np.bool_)
    _read(np.ascontiguousarray(uv, np.float32), np.ascontiguousarray(template, np.float64), refine, points, found)
    return points, found


@njit(nogil=True, cache=True)
def _read(uv, template, refine, points, found):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    rows, columns, _ = uv.shape
    count = 0
    pixels = np.empty(rows * columns, np.int64)
    known = np.empty((2, rows * columns))
    for y in range(rows):
        for x in range(columns):
            if not (np.isnan(uv[y, x, 0]) or np.isnan(uv[y, x, 1])):
                pixels[count] = y * columns + x
                known[0, count], known[1, count] = uv[y, x, 0], uv[y, x, 1]
                count += 1
    if count == 0:
        return
    squares = np.empty(count)
    near = np.empty(count, np.int64)
    distance = np.full(rows * columns, np.inf)  # beyond the radius as well
    seen = np.full(rows * columns, -1, np.int64)
    stack = np.empty(rows * columns, np.int64)
    for p in range(len(template)):
        h, v = template[p]
        for k in range(count):  # nothing else in here: what the compiler can turn into vector instructions
            squares[k] = (known[0, k] - h) ** 2 + (known[1, k] - v) ** 2
        first, close = 0, 0
        for k in range(count):
            if squares[k] < squares[first]:
                first = k
            if squares[k] < RADIUS * RADIUS:
                near[close] = pixels[k]
                distance[pixels[k]] = np.sqrt(squares[k])
                close += 1
        best, tied = pixels[first], 0
        if close > 0:
            found[p] = True
            best_mass = -1.0
            for k in range(close):
                start = near[k]
                if seen[start] == p:
                    continue
                mass, minimum, size = 0.0, start, 1
                sum_x, sum_y, ties = 0.0, 0.0, 0
                stack[0] = start
                seen[start] = p
                while size > 0:
                    size -= 1
                    i = stack[size]
                    mass += RADIUS - distance[i]
                    if distance[i] < distance[minimum] - TIE:
                        minimum, sum_x, sum_y, ties = i, 0.0, 0.0, 0
                    if distance[i] <= distance[minimum] + TIE:
                        sum_x, sum_y, ties = sum_x + i % columns, sum_y + i // columns, ties + 1
                    for y in range(max(i // columns - 1, 0), min(i // columns + 2, rows)):
                        for x in range(max(i % columns - 1, 0), min(i % columns + 2, columns)):
                            j = y * columns + x
                            if seen[j] != p and distance[j] < RADIUS:
                                seen[j] = p
                                stack[size] = j
                                size += 1
                if mass > best_mass:
                    best_mass, best, tied = mass, minimum, ties
                    points[p, 0], points[p, 1] = sum_x / ties, sum_y / ties
        for k in range(close):
            distance[near[k]] = np.inf
        if not found[p]:
            points[p, 0], points[p, 1] = best % columns, best // columns
        elif refine and tied == 1:
            _refine(uv, template[p], best // columns, best % columns, points[p])


@njit(nogil=True, cache=True)
def _refine(uv, target, row, column, point):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Fit ``uv = c + J (dx, dy)`` around the minimum and solve for `target`; where J is singular the pixel stays."""
    normal = np.zeros((3, 3))
    right = np.zeros((3, 2))
    design = np.ones(3)
    for y in range(max(row - WINDOW, 0), min(row + WINDOW + 1, uv.shape[0])):
        for x in range(max(column - WINDOW, 0), min(column + WINDOW + 1, uv.shape[1])):
            dh, dv = uv[y, x, 0] - target[0], uv[y, x, 1] - target[1]
            if not dh * dh + dv * dv < 4 * RADIUS * RADIUS:  # background (NaN) or another surface
                continue
            design[1], design[2] = x - column, y - row
            for a in range(3):
                right[a, 0] += design[a] * dh
                right[a, 1] += design[a] * dv
                for b in range(3):
                    normal[a, b] += design[a] * design[b]
    if normal[0, 0] < 6 or abs(np.linalg.det(normal)) < 1e-6:
        return
    fit = np.linalg.solve(normal, right)
    det = fit[1, 0] * fit[2, 1] - fit[2, 0] * fit[1, 1]
    scale = np.abs(fit[1:]).max()
    if not abs(det) > 1e-2 * scale * scale:  # also where the coordinates are constant, as within a bin
        return
    dx = (-fit[0, 0] * fit[2, 1] + fit[0, 1] * fit[2, 0]) / det
    dy = (-fit[1, 0] * fit[0, 1] + fit[1, 1] * fit[0, 0]) / det
    point[0] += min(max(dx, -1.0), 1.0)
    point[1] += min(max(dy, -1.0), 1.0)
