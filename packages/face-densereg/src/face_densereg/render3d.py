"""A face in three dimensions from one picture: pixels lifted by their depth, seen from other sides (thesis, Fig. 2.9).

Axis letters: H rows, W columns, V vertices, F triangles.

In scaled orthographic projection, in which depth is given, a pixel (x, y) lies at (x, y, unit * depth): px, x right, y
down, z away from the viewer. Neighbouring pixels make triangles, unless the depth jumps between them. A view turns
the surface about its middle and draws it with a z-buffer; an angle of 0 gives the picture back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import cos, radians, sin

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from core_eval import InputError

STEEPEST = 4.0
"""Px of depth from a pixel to the next one that are still one surface, as where it turns away from the viewer by 76
degrees; a nose before a cheek is farther from it."""

LIGHT = np.array([-0.4, -0.5, -0.77])
"""Where the light of `relief` comes from: the left, above, the viewer."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """vertices (V, 3) float64 px, as the module says; faces (F, 3) int32; colours (V, 3) uint8 RGB."""

    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]
    colours: NDArray[np.uint8]


def lift(image: NDArray[np.uint8], depth: NDArray[np.floating], unit: float, *, steepest: float = STEEPEST) -> Mesh:
    """The surface over the pixels whose depth is known.

    Args:
        image: (H, W, 3) uint8 RGB.
        depth: (H, W), growing away from the viewer, NaN off the surface.
        unit: px that are 1 of `depth` (`depth_unit` of a prediction).
        steepest: see `STEEPEST`.

    Raises `InputError` when the shapes differ, or nothing is known.
    """
    image, depth = np.asarray(image), np.asarray(depth, np.float64)
    if image.shape != (*depth.shape, 3) or depth.ndim != 2:
        raise InputError(f"an image {image.shape} cannot be lifted by a depth {depth.shape}", field="depth")
    known = np.isfinite(depth)
    if not (known.any() and np.isfinite(unit)):
        raise InputError("no pixel has a depth", field="depth")
    number = np.full(depth.shape, -1, np.int32)
    number[known] = np.arange(known.sum())
    rows, columns = np.nonzero(known)
    vertices = np.column_stack([columns, rows, unit * depth[known]]).astype(np.float64)
    a, b, c, d = (part.ravel() for part in (number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]))
    # Of the two diagonals of a square the one along which the depth changes less: creases stay sharp. Where three
    # corners alone are known they are one triangle.
    z, whole = np.append(vertices[:, 2], np.nan), np.minimum.reduce([a, b, c, d]) >= 0
    across = np.abs(z[a] - z[d]) <= np.abs(z[b] - z[c])
    one, other = whole & across, whole & ~across
    halves = [
        (a, c, d, one | (b < 0)),
        (a, d, b, one | (c < 0)),
        (a, c, b, other | (d < 0)),
        (b, c, d, other | (a < 0)),
    ]
    faces = np.concatenate([np.column_stack([p, q, r])[chosen] for p, q, r, chosen in halves])
    faces = faces[(faces >= 0).all(axis=1)]
    faces = faces[np.ptp(vertices[:, 2][faces], axis=1) <= steepest]
    return Mesh(vertices, np.ascontiguousarray(faces, np.int32), np.ascontiguousarray(image[known]))


def normals(mesh: Mesh) -> NDArray[np.float64]:
    """(V, 3) unit normals on the viewer's side (z < 0), weighted by area; zero for a vertex without a triangle."""
    a, b, c = mesh.vertices[mesh.faces].transpose(1, 0, 2)
    area = np.cross(b - a, c - a)
    area *= -np.sign(area[:, 2:])
    out = np.zeros_like(mesh.vertices)
    for corner in range(3):
        np.add.at(out, mesh.faces[:, corner], area)
    length = np.linalg.norm(out, axis=1, keepdims=True)
    return np.asarray(np.divide(out, length, out=np.zeros_like(out), where=length > 0))


def relief(mesh: Mesh) -> Mesh:
    """The same surface in grey, lit from the left and above: what depth alone says."""
    lit = np.clip(normals(mesh) @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
    grey = np.rint(40 + 200 * lit).astype(np.uint8)
    return Mesh(mesh.vertices, mesh.faces, np.repeat(grey[:, None], 3, axis=1))


def turned(mesh: Mesh, yaw: float, pitch: float = 0.0) -> Mesh:
    """The surface turned about the middle of its bounding box, by degrees.

    A positive yaw moves what is near to the right of the image, a positive pitch moves it up.
    """
    (cy, sy), (cp, sp) = ((cos(radians(angle)), sin(radians(angle))) for angle in (yaw, pitch))
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    middle = (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2
    return Mesh((mesh.vertices - middle) @ (about_x @ about_y).T + middle, mesh.faces, mesh.colours)


def draw(
    mesh: Mesh, height: int, width: int, *, zoom: int = 1, smooth: int = 1, background: int = 255
) -> NDArray[np.uint8]:
    """(zoom * height, zoom * width, 3) uint8 RGB: the surface as seen in an image of `height` x `width` px.

    Args:
        zoom: px of the picture in a px of the image.
        smooth: samples a px, in each direction, that are averaged.
        background: grey level.
    """
    fine = zoom * smooth
    places = mesh.vertices.copy()
    places[:, :2] = (places[:, :2] + 0.5) * fine - 0.5
    picture = np.full((fine * height, fine * width, 3), float(background))
    _draw(places, mesh.faces, mesh.colours.astype(np.float64), picture, np.full(picture.shape[:2], np.inf))
    if smooth > 1:
        picture = np.asarray(cv2.resize(picture, (zoom * width, zoom * height), interpolation=cv2.INTER_AREA))
    return np.rint(picture).astype(np.uint8)


def views(
    image: NDArray[np.uint8],
    depth: NDArray[np.floating],
    unit: float,
    angles: Iterable[tuple[float, float]] = ((-40.0, 0.0), (0.0, 0.0), (40.0, 0.0)),
    *,
    zoom: int = 2,
    textured: bool = True,
) -> list[NDArray[np.uint8]]:
    """The face as seen from other sides: for each (yaw, pitch) in degrees a picture (zoom H, zoom W, 3) uint8 RGB.

    `image`, `depth` and `unit` as of `lift`; without texture the pictures show the relief. Raises as `lift`.
    """
    mesh = lift(image, depth, unit)
    mesh = mesh if textured else relief(mesh)
    return [draw(turned(mesh, *angle), *depth.shape, zoom=zoom, smooth=2) for angle in angles]


@njit(nogil=True, cache=True)
def _draw(places, faces, colours, picture, front):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Triangles with colours (V, 3) into `picture` (H, W, 3) at the pixel centres; `front` (H, W) is the z-buffer."""
    height, width = front.shape
    for f in range(len(faces)):
        i, j, k = faces[f]
        ax, ay, bx, by, cx, cy = (
            places[i, 0], places[i, 1], places[j, 0], places[j, 1], places[k, 0], places[k, 1],
        )  # fmt: skip
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-12:
            continue
        for y in range(max(int(np.ceil(min(ay, by, cy))), 0), min(int(np.floor(max(ay, by, cy))) + 1, height)):
            for x in range(max(int(np.ceil(min(ax, bx, cx))), 0), min(int(np.floor(max(ax, bx, cx))) + 1, width)):
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
                w = 1.0 - u - v
                if min(u, v, w) < -1e-9:
                    continue
                z = u * places[i, 2] + v * places[j, 2] + w * places[k, 2]
                if z < front[y, x]:
                    front[y, x] = z
                    for channel in range(3):
                        picture[y, x, channel] = (
                            u * colours[i, channel] + v * colours[j, channel] + w * colours[k, channel]
                        )
