"""Glasses and clothes.

Axis letters: `V` vertices, `F` triangles. Frame and units are the face model's (metres, y up, z front).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
_RING = 28
_SIDE = 4 * _RING + 5


@dataclass(frozen=True, slots=True)
class Solid:
    """A small mesh with its own colours: vertices (V, 3) m, faces (F, 3), albedo (V, 3) linear RGB, opacity (F,)."""

    vertices: F32
    faces: NDArray[np.int32]
    albedo: F32
    opacity: F32


@dataclass(frozen=True, slots=True)
class Glasses:
    """Half width and half height of a lens and width of its rim (m), squareness (2 is an ellipse), colours, lens
    opacity."""

    half: tuple[float, float]
    rim: float
    squareness: float
    frame: F32
    lens: F32
    lens_opacity: float


def draw_glasses(rng: np.random.Generator) -> Glasses:
    dark = rng.random() < 0.25
    frame = rng.choice([0.01, 0.03, 0.12, 0.35]) * rng.uniform(0.6, 1.2, 3)
    return Glasses(
        half=(rng.uniform(0.0225, 0.0275), rng.uniform(0.0155, 0.0225)),
        rim=float(rng.choice([0.0012, 0.0022, 0.0035])),
        squareness=rng.uniform(2.0, 4.5),
        frame=frame.astype(np.float32),
        lens=(rng.uniform(0.005, 0.04, 3) if dark else np.full(3, 0.9)).astype(np.float32),
        lens_opacity=rng.uniform(0.75, 0.97) if dark else rng.uniform(0.02, 0.12),
    )


def build_glasses(glasses: Glasses, eyes: F32, ears: F32, front: float) -> Solid:
    """Put glasses on a head.

    eyes (2, 3): centres of the eyeballs, image left first; ears (2, 3): where the temples rest; front: z of the lenses.
    """
    ring, face, kind = _topology()
    a, b = glasses.half
    shape = (np.abs(ring) ** glasses.squareness).sum(axis=1)
    unit = ring / shape[:, None] ** (1 / glasses.squareness)
    spread = max(abs(eyes[1, 0] - eyes[0, 0]) / 2, a + 0.007)
    height = float(eyes[0, 1] + eyes[1, 1]) / 2 - 0.003
    points = np.empty((2 * _SIDE + 4, 3), np.float32)
    for k, side in enumerate((-1, 1)):
        part = points[k * _SIDE :]
        inner, outer, back, lens = (part[j * _RING : (j + 1) * _RING] for j in range(4))
        inner[:, :2] = unit * (a, b) + (side * spread, height)
        outer[:, :2] = unit * (a + glasses.rim, b + glasses.rim) + (side * spread, height)
        inner[:, 2] = outer[:, 2] = front - np.maximum(0.15 * (unit[:, 0] * side * a), 0)  # bent round the face
        back[:], lens[:] = outer, inner
        back[:, 2] -= 0.004
        lens[:, 2] -= 0.001
        part[4 * _RING] = side * spread, height, front - 0.001
        up = max(glasses.rim, 0.0018)
        hinge = side * (spread + a), height + 0.35 * b, front - 0.15 * a
        ear = side * abs(ears[k, 0]), ears[k, 1], ears[0, 2]
        for j, ((x, y, z), dy) in enumerate(((hinge, -up), (hinge, up), (ear, up), (ear, -up))):
            part[4 * _RING + 1 + j] = x, y + dy, z
    span, low, z = spread - a, height + 0.25 * b, front + 0.002
    points[-4:] = (-span, low, z), (span, low, z), (span, low + glasses.rim, z), (-span, low + glasses.rim, z)
    albedo = np.tile(glasses.frame, (len(points), 1))
    for first in (3 * _RING, _SIDE + 3 * _RING):
        albedo[first : first + _RING + 1] = glasses.lens
    opacity = np.where(kind == 1, glasses.lens_opacity, 1.0).astype(np.float32)
    return Solid(points, face, albedo, opacity)


@cache
def _topology() -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]:
    """Directions round a lens (_RING, 2), the triangles of a pair of glasses, and which of them (F,) are lens: 1.

    A side has rings of _RING vertices (inside and outside of the rim, its back, the lens), the middle of the lens and
    the four corners of the temple; the bridge comes last.
    """
    k = np.arange(_RING)
    after = (k + 1) % _RING
    strip = np.concatenate([np.stack([k, after, k + _RING], 1), np.stack([after, after + _RING, k + _RING], 1)])
    fan = np.stack([np.full(_RING, _RING), k, after], 1)
    quad = np.array([[0, 1, 2], [0, 2, 3]])
    side = np.concatenate([strip, strip + _RING, fan + 3 * _RING, quad + 4 * _RING + 1])
    kind = np.repeat([0, 1, 0], [2 * len(strip), len(fan), len(quad)])
    faces = np.concatenate([side, side + _SIDE, quad + 2 * _SIDE]).astype(np.int32)
    angle = 2 * np.pi * k / _RING
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return ring, faces, np.concatenate([kind, kind, [0, 0]]).astype(np.int32)


def collar(mean: F32, rng: np.random.Generator) -> F32:
    """Metres (V,) by which each vertex of the mean head lies inside the clothes, for a round or a V neck."""
    x, y, z = mean.T
    edge = rng.uniform(-0.165, -0.135) - rng.uniform(0.35, 0.65) * (z + 0.02)
    if rng.random() < 0.4:
        edge = edge - rng.uniform(0.03, 0.07) * np.exp(-np.abs(x) / 0.035) * (z > -0.07)
    return (edge - y).astype(np.float32)
