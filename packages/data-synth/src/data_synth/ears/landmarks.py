"""55 landmarks of the right ear, and the template that thin plate splines carry to an image.

Axis letters: P = 55 landmarks, H rows and W columns of an image, V vertices.

Curves are drawn once, on the mean face seen from the subject's right: z and y in m of the face model's frame, the place
on the surface being what is in front there. Landmarks follow each curve in equal steps, in the order of the iBUG ears
(Zhou and Zafeiriou 2017): outer helix from its front end over the top to the lobe (20), inner edge of the helix (15),
round the concha from the tragus over antitragus and antihelix to the inferior crus (15), superior crus (5). The data
set's own marking scheme is described by these names alone; how the curves run is ours.

The template is the mean ear in the same view, scaled to [0, 1] with `MARGIN` around it. As in the paper there is no
surface model behind the correspondence: the thin plate spline through the 55 landmarks defines it (Sec. 5.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from data_synth.faces.model import FaceModel
from data_synth.raster import rasterise

F64 = NDArray[np.float64]

# (z, y) in tenths of a millimetre.
OUTER_HELIX = (
    (-438, 163), (-469, 237), (-512, 280), (-569, 311), (-621, 303), (-668, 260), (-703, 214), (-720, 163), (-727, 109),
    (-724, 54), (-706, -4), (-675, -55), (-633, -105), (-594, -137), (-574, -168), (-551, -203), (-516, -214),
    (-469, -209), (-434, -191), (-418, -172),
)  # fmt: skip
INNER_HELIX = (
    (-469, 151), (-492, 198), (-524, 233), (-570, 257), (-613, 247), (-644, 210), (-664, 163), (-668, 109), (-671, 39),
    (-656, -4), (-625, -39), (-586, -59), (-547, -86), (-504, -113),
)  # fmt: skip
CONCHA = (
    (-446, 78), (-465, 31), (-477, 0), (-457, -35), (-455, -78), (-485, -90), (-512, -72), (-551, -51), (-594, -28),
    (-625, 4), (-631, 46), (-609, 85), (-578, 110), (-539, 118), (-508, 113), (-469, 128),
)  # fmt: skip
SUPERIOR_CRUS = ((-633, 109), (-625, 148), (-617, 187), (-605, 218), (-594, 237))
CURVES = ((OUTER_HELIX, 20), (INNER_HELIX, 15), (CONCHA, 15), (SUPERIOR_CRUS, 5))

POINTS = 55
OUTLINE = 20
"""The first landmarks: with the line that closes them they surround the ear."""
MARGIN = 0.06
"""Of the template on each side."""
REACH = 0.035
"""The labelled region ends this far outside the outline, in the template, so that landmarks on it are inside."""
TEXELS = 512
"""Rows and columns in which the template's region is decided."""
VIEW = 0.00005
"""Size in m of the pixels in which the curves are looked up on the surface."""


@dataclass(frozen=True, slots=True)
class EarLandmarks:
    """triangles (P, 3) int32 vertex indices and weights (P, 3) float64 that sum to one; template (P, 2) in [0, 1]."""

    triangles: NDArray[np.int32]
    weights: F64
    template: F64

    @classmethod
    @lru_cache(maxsize=1)
    def load(cls) -> EarLandmarks:
        """Find the landmarks on the mesh of `FaceModel.load()`."""
        model = FaceModel.load()
        places = np.concatenate([resample(np.array(curve) * 1e-4, count) for curve, count in CURVES])
        low, high = places.min(axis=0) - 0.002, places.max(axis=0) + 0.002
        # The right ear is at negative x: the smaller x, the nearer to a camera on that side.
        side = np.column_stack([(model.mean[:, 2] - low[0]), (high[1] - model.mean[:, 1])]) / VIEW
        near = (model.mean[:, 2] > low[0] - 0.05) & (model.mean[:, 2] < high[0] + 0.05) & (model.mean[:, 0] < 0)
        faces = model.faces[near[model.faces].all(axis=1)]
        columns, rows = np.ceil((high - low) / VIEW).astype(int)
        depth = 1.0 + model.mean[:, 0]
        raster = rasterise(np.column_stack([side, depth]), faces, int(rows), int(columns), perspective=False)
        at = np.rint(np.column_stack([places[:, 0] - low[0], high[1] - places[:, 1]]) / VIEW).astype(int)
        triangle = raster.tri[at[:, 1], at[:, 0]]
        flat = places * [1, -1]
        size = np.ptp(flat, axis=0).max() / (1 - 2 * MARGIN)
        template = (flat - (flat.min(axis=0) + flat.max(axis=0)) / 2) / size + 0.5
        weights = raster.bary[at[:, 1], at[:, 0]].astype(float)
        return cls(faces[triangle], weights / weights.sum(axis=1, keepdims=True), template)

    def points(self, values: NDArray[np.floating]) -> F64:
        """(P, D) landmarks from per-vertex values (V, D): positions or pixels."""
        return np.asarray(np.einsum("pkd,pk->pd", values[self.triangles].astype(float), self.weights))


def resample(curve: F64, count: int) -> F64:
    """`count` places (count, 2) along a polyline (K, 2), in equal steps from its first to its last."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    steps = np.linspace(0, length[-1], count)
    return np.column_stack([np.interp(steps, length, axis) for axis in curve.T])


def correspondence(points: F64, template: F64, size: int) -> NDArray[np.float32]:
    """Template coordinates (H, H, 2) float32 of an ear with `points` (P, 2) px: NaN outside it.

    The thin plate spline that takes the points to `template` (P, 2) exactly, at the pixels whose coordinate lies inside
    the template's outline or no more than `REACH` outside.
    """
    spline = RBFInterpolator(points, template, kernel="thin_plate_spline")
    low = np.maximum(np.floor(points.min(axis=0)) - 6, 0).astype(int)
    high = np.minimum(np.ceil(points.max(axis=0)) + 7, size).astype(int)
    out = np.full((size, size, 2), np.nan, np.float32)
    if (low >= high).any():
        return out
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]]
    uv = spline(np.column_stack([x.ravel(), y.ravel()]))
    # Far from its points the spline may come back to the template: the outline in the image decides as well.
    stretch = float(np.ptp(points, axis=0).max() / np.ptp(template, axis=0).max())
    near = region(points, (size, size), 2 * REACH * stretch)[y.ravel(), x.ravel()]
    allowed = region(template * TEXELS - 0.5, (TEXELS, TEXELS), REACH * TEXELS)
    texel = np.clip(np.rint(uv * TEXELS - 0.5), 0, TEXELS - 1).astype(int)
    kept = near & ((uv >= 0) & (uv <= 1)).all(axis=1) & allowed[texel[:, 1], texel[:, 0]]
    out[y.ravel()[kept], x.ravel()[kept]] = uv[kept]
    return out


def region(points: F64, shape: tuple[int, int], reach: float) -> NDArray[np.bool_]:
    """(H, W) pixels of an image of `shape` inside the outline of `points` (P, 2) px, or no more than `reach` px off."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(points[:OUTLINE] * 16).astype(np.int32)], 1, shift=4)
    radius = max(1, round(reach))
    return cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)) > 0
