"""The texture of the head: where each vertex lies in it, and what each texel is (lips, brows, lids, beard ...).

Axis letters: `V` vertices, `T` rows and columns of the texture, `P` corners of an outline.

The texture lies on the cylinder that also gives the template's UV, but reaches further round and down, so that neck,
ears and scalp have texels too, and it is stretched so that the middle of the face gets most of them (`to_texel`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from data_synth.faces.model import FaceModel
from data_synth.faces.model_build import PARTS
from data_synth.faces.model_uv import AXIS_Z
from data_synth.raster import interpolate, rasterise

F32 = NDArray[np.float32]

SIZE = 256
CENTRE, HALF_SPAN = np.array([0.5, 0.5]), np.array([0.85, 0.95])
"""Middle and half extent of the texture in (u_h, u_v)."""
STRETCH = np.array([0.65, 0.40])
"""By how much more than their share the middle texels show."""
MILLIMETRES = np.array([205.0, 188.0])
"""About how many millimetres of skin one unit of (u_h, u_v) is, in front."""


class Mask(IntEnum):
    """Channels of `SkinAtlas.masks`. Along and across belong to the nearest brow: 0 at its inner to 1 at its outer end,
    and mm above its middle line. Lid is mm from the nearest lid rim, negative inside; lid height is mm above the line
    between the eye's corners. X and Y are m on the mean head. The others are weights in [0, 1]."""

    ALONG = 0
    ACROSS = 1
    LID = 2
    LID_HEIGHT = 3
    X = 4
    Y = 5
    LIPS = 6
    CHEEKS = 7
    NOSE_TIP = 8
    UNDER_EYE = 9
    BEARD = 10
    MOUSTACHE = 11
    GOATEE = 12
    FOREHEAD = 13
    CROWS_FEET = 14


@dataclass(frozen=True)
class SkinAtlas:
    """What the texels of the mean face are: made once per model.

    texel (V, 2) float32 texture coordinates of the vertices in texels; masks (T, T, len(Mask)) float32.
    """

    texel: F32
    masks: F32

    @cached_property
    def noise(self) -> dict[int, F32]:
        """Unit-variance periodic noise (2 T, 2 T) of several grain sizes (Gaussian sigma in texels)."""
        white = np.random.default_rng(68).normal(size=(2 * SIZE, 2 * SIZE)).astype(np.float32)
        bank = {}
        for sigma in (1, 3, 9, 27):
            tiled = cv2.GaussianBlur(np.tile(white, (2, 2)), (0, 0), sigma)[SIZE : 3 * SIZE, SIZE : 3 * SIZE]
            bank[sigma] = tiled / tiled.std()
        return bank


def build_atlas(model: FaceModel) -> SkinAtlas:
    """Lay the mean face into the texture and find out what each texel is."""
    uv = _cylinder(model)
    texel = to_texel(uv).astype(np.float32)
    position = _positions(model, texel)
    axis = np.arange(SIZE, dtype=np.float64)
    grid = from_texel(np.stack(np.meshgrid(axis, axis), axis=2)) * MILLIMETRES
    spots = model.landmarks.points(uv) * MILLIMETRES
    brows = [_along(grid, spots[[21, 20, 19, 18, 17]]), _along(grid, spots[[22, 23, 24, 25, 26]])]
    nearer = np.abs(brows[0][2]) < np.abs(brows[1][2])
    eyes = [_lid(grid, rim) for rim in _lid_rims(model, uv)]
    first = np.abs(eyes[0][0]) < np.abs(eyes[1][0])
    x, y = position[..., 0], position[..., 1]

    def bump(cx: float, cy: float, rx: float, ry: float) -> F32:
        front = (position[..., 2] > -0.06).astype(np.float32)
        return front * np.exp(-(((np.abs(x) - cx) / rx) ** 2) - ((y - cy) / ry) ** 2)

    rows = np.clip((y - 0.054) / 0.008, 0, 1) * np.clip((0.092 - y) / 0.01, 0, 1)
    layers = {
        Mask.ALONG: np.where(nearer, brows[0][0], brows[1][0]),
        Mask.ACROSS: np.where(nearer, brows[0][1], brows[1][1]),
        Mask.LID: np.where(first, eyes[0][0], eyes[1][0]),
        Mask.LID_HEIGHT: np.where(first, eyes[0][1], eyes[1][1]),
        Mask.X: x,
        Mask.Y: y,
        Mask.LIPS: _polygon(spots[48:60], 0.8),
        Mask.CHEEKS: bump(0.043, -0.014, 0.020, 0.020),
        Mask.NOSE_TIP: bump(0.0, -0.014, 0.014, 0.012),
        Mask.UNDER_EYE: bump(0.031, 0.012, 0.014, 0.007),
        **_beard_masks(spots, spots[[48, 54]], spots[[31, 35]]),
        Mask.FOREHEAD: rows * np.exp(-((x / 0.045) ** 4)),
        Mask.CROWS_FEET: bump(0.056, 0.027, 0.007, 0.012),
    }
    masks = np.stack([layers[name] for name in Mask], axis=2).astype(np.float32)
    return SkinAtlas(texel=texel, masks=masks)


def to_texel(uv: NDArray[np.floating]) -> NDArray[np.float64]:
    """(u_h, u_v) (..., 2) -> texture coordinates in texels, 0-based texel centres; monotone, clamped to the texture."""
    x = np.clip((uv - CENTRE) / HALF_SPAN, -1, 1)
    return (x * (1 + STRETCH - STRETCH * np.abs(x)) + 1) * (SIZE / 2) - 0.5


def from_texel(texel: NDArray[np.floating]) -> NDArray[np.float64]:
    """The inverse of `to_texel` inside the texture."""
    a = (texel + 0.5) / (SIZE / 2) - 1
    x = (1 + STRETCH - np.sqrt((1 + STRETCH) ** 2 - 4 * STRETCH * np.abs(a))) / (2 * STRETCH)
    return np.sign(a) * x * HALF_SPAN + CENTRE


def _cylinder(model: FaceModel) -> NDArray[np.float64]:
    """(V, 2) the template's UV, continued over the rest of the head by the plain cylinder it was made from."""
    known = np.isfinite(model.uv).all(axis=1)
    mean = model.mean.astype(np.float64)
    height = np.polyfit(mean[known, 1], model.uv[known, 1], 1)  # u_v is linear in y, but for what was unfolded
    angle = np.arctan2(mean[:, 0], mean[:, 2] - AXIS_Z)
    around = np.polyfit(angle[known], model.uv[known, 0], 1)
    plain = np.stack([np.polyval(around, angle), np.polyval(height, mean[:, 1])], axis=1)
    return np.where(known[:, None], model.uv, plain)


def _positions(model: FaceModel, texel: F32) -> F32:
    """(T, T, 3) mean position of each texel; texels outside the mesh repeat the nearest one inside."""
    skin = model.faces[model.component == PARTS.index("skin")]
    wide = np.ptp(texel[skin, 0], axis=1) > SIZE / 3  # triangles across the seam at the back
    skin = skin[~wide]
    flat = np.column_stack([texel, -model.mean[:, 2]])
    raster = rasterise(flat, skin, SIZE, SIZE, perspective=False)
    position = interpolate(raster, skin, model.mean)
    outside = (raster.tri < 0).astype(np.uint8)
    labels = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)[1]
    source = np.zeros(labels.max() + 1, np.int64)
    source[labels[outside == 0]] = np.flatnonzero(outside == 0)
    return position.reshape(-1, 3)[source[labels]]


def _along(grid: NDArray[np.floating], line: NDArray[np.floating]) -> tuple[NDArray[np.float64], ...]:
    """Per texel: place along a polyline (below 0 or above 1 past its ends), mm above it, and distance in mm."""
    best = np.full(grid.shape[:2], np.inf)
    place, above = np.zeros_like(best), np.zeros_like(best)
    lengths = np.linalg.norm(np.diff(line, axis=0), axis=1)
    start = np.concatenate([[0], np.cumsum(lengths)]) / lengths.sum()
    for k, (a, b) in enumerate(pairwise(line)):
        direction = (b - a) / lengths[k]
        t = (grid - a) @ direction
        low = -20.0 if k == 0 else 0.0
        high = lengths[k] + (20.0 if k == len(lengths) - 1 else 0.0)
        t = np.clip(t, low, high)
        offset = grid - a - t[..., None] * direction
        distance = np.linalg.norm(offset, axis=2)
        closer = distance < best
        best = np.where(closer, distance, best)
        place = np.where(closer, start[k] + t / lengths.sum(), place)
        above = np.where(closer, np.where(offset[..., 1] < 0, distance, -distance), above)
    return place, above, best


def _lid_rims(model: FaceModel, uv: NDArray[np.floating]) -> list[NDArray[np.float64]]:
    """Closed outlines (P, 2) in mm of the two openings between the lids: where skin and eye socket meet."""
    skin, socket = (np.unique(model.faces[model.component == PARTS.index(name)]) for name in ("skin", "eye_cavity"))
    rim = np.intersect1d(skin, socket)
    outlines = []
    for side in (rim[model.mean[rim, 0] < 0], rim[model.mean[rim, 0] > 0]):
        points = uv[side] * MILLIMETRES
        offset = points - (points.min(axis=0) + points.max(axis=0)) / 2
        outlines.append(points[np.argsort(np.arctan2(offset[:, 1] * 2.5, offset[:, 0]))])
    return outlines


def _lid(grid: NDArray[np.floating], rim: NDArray[np.floating]) -> tuple[F32, NDArray[np.float64]]:
    """Per texel: mm from the rim of an eye (negative inside), mm above the line between its corners."""
    polygon = rim.astype(np.float32)[:, None]
    flat = grid.reshape(-1, 2)
    distance = np.full(len(flat), 99.0, np.float32)
    near = (np.abs(flat - rim.mean(axis=0)) < 30).all(axis=1)
    distance[near] = [-cv2.pointPolygonTest(polygon, (float(x), float(y)), True) for x, y in flat[near]]
    inner, outer = rim[rim[:, 0].argmin()], rim[rim[:, 0].argmax()]
    level = inner[1] + (grid[..., 0] - inner[0]) * (outer[1] - inner[1]) / (outer[0] - inner[0])
    return distance.reshape(grid.shape[:2]), level - grid[..., 1]


def _polygon(points: NDArray[np.floating], soften: float) -> F32:
    """A polygon given in mm as an anti-aliased mask (T, T), blurred by `soften` texels."""
    mask = np.zeros((SIZE, SIZE), np.float32)
    cv2.fillPoly(mask, [np.rint(to_texel(points / MILLIMETRES) * 256).astype(np.int32)], 1.0, cv2.LINE_AA, 8)
    return cv2.GaussianBlur(mask, (0, 0), soften)


def _beard_masks(
    spots: NDArray[np.floating], mouth: NDArray[np.floating], nose: NDArray[np.floating]
) -> dict[Mask, F32]:
    lips = _polygon(spots[48:60], 1.0)
    chin, centre = spots[8], (mouth[0] + mouth[1]) / 2
    left, right = spots[0], spots[16]

    def outline(*corners: tuple[NDArray[np.floating], float, float]) -> NDArray[np.float64]:
        return np.array([anchor + np.array([dx, dy]) for anchor, dx, dy in corners])

    full = outline(
        (left, 0, -4), (left, 12, 4), (left, 20, 34), (mouth[0], -16, -8), (nose[0], -5, 3), (nose[1], 5, 3),
        (mouth[1], 16, -8), (right, -20, 34), (right, -12, 4), (right, 0, -4), (right, 0, 60),
        (chin, 55, 30), (chin, 0, 30), (chin, -55, 30), (left, 0, 60),
    )  # fmt: skip
    around = outline(
        (mouth[0], -6, -2), (mouth[1], 6, -2), (chin, 20, -4), (chin, 12, 14), (chin, -12, 14), (chin, -20, -4)
    )
    upper = outline(
        (mouth[0], -4, 4), (nose[0], -2, 4), (nose[1], 2, 4), (mouth[1], 4, 4), (spots[51], 0, 0), (mouth[0], 0, 0)
    )
    below = outline((spots[58], 0, 0), (spots[56], 0, 0), (centre, 7, 17), (centre, -7, 17))
    below_lip = _polygon(below, 1.5)
    return {
        Mask.BEARD: np.clip(_polygon(full, 3.0) - 1.2 * lips - 0.5 * below_lip, 0, 1).astype(np.float32),
        Mask.GOATEE: np.clip(_polygon(around, 2.0) - 1.2 * lips - 0.5 * below_lip, 0, 1).astype(np.float32),
        Mask.MOUSTACHE: np.clip(_polygon(upper, 1.5) - 1.2 * lips, 0, 1).astype(np.float32),
    }
