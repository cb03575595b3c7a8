"""Glasses and clothes.

Axis letters: `V` vertices, `F` triangles. Frame and units are the face model's (metres, y up, z front).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
_RING = 28


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
    vertices: list[NDArray[np.float64]] = []
    faces: list[NDArray[np.int64]] = []
    kinds: list[NDArray[np.int64]] = []  # per face: 1 for lens

    def add(points: NDArray[np.floating], triangles: NDArray[np.int64], lens: int = 0) -> None:
        faces.append(triangles + sum(len(v) for v in vertices))
        vertices.append(np.asarray(points, float))
        kinds.append(np.full(len(triangles), lens))

    a, b = glasses.half
    angle = np.linspace(0, 2 * np.pi, _RING, endpoint=False)
    shape = np.abs(np.cos(angle)) ** glasses.squareness + np.abs(np.sin(angle)) ** glasses.squareness
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1) / shape[:, None] ** (1 / glasses.squareness)
    k = np.arange(_RING)
    after = (k + 1) % _RING
    strip = np.concatenate([np.stack([k, after, k + _RING], 1), np.stack([after, after + _RING, k + _RING], 1)])
    spread = max(abs(eyes[1, 0] - eyes[0, 0]) / 2, a + 0.007)
    height = float(eyes[:, 1].mean()) - 0.003
    for side in (-1, 1):
        centre = np.array([side * spread, height])
        bend = 0.15 * (unit[:, 0] * side * a)  # the lenses curve round the face
        inner = np.column_stack([centre + unit * [a, b], front - np.maximum(bend, 0)])
        outer = np.column_stack([centre + unit * [a + glasses.rim, b + glasses.rim], front - np.maximum(bend, 0)])
        add(np.concatenate([inner, outer]), strip)
        add(np.concatenate([outer, outer - [0, 0, 0.004]]), strip)
        fan = np.stack([np.full(_RING, _RING), k, after], 1)
        add(np.concatenate([inner - [0, 0, 0.001], [[*centre, front - 0.001]]]), fan, lens=1)
        hinge = np.array([side * (spread + a), height + 0.35 * b, front - 0.15 * a])
        ear = np.array([side * abs(ears[0 if side < 0 else 1, 0]), ears[0 if side < 0 else 1, 1], ears[0, 2]])
        up = np.array([0, max(glasses.rim, 0.0018), 0])
        add(np.stack([hinge - up, hinge + up, ear + up, ear - up]), np.array([[0, 1, 2], [0, 2, 3]]))
    span = spread - a
    low = height + 0.25 * b
    bridge = [[-span, low], [span, low], [span, low + glasses.rim], [-span, low + glasses.rim]]
    add(np.column_stack([bridge, np.full(4, front + 0.002)]), np.array([[0, 1, 2], [0, 2, 3]]))
    face = np.concatenate(faces).astype(np.int32)
    kind = np.concatenate(kinds)
    points = np.concatenate(vertices).astype(np.float32)
    albedo = np.tile(glasses.frame, (len(points), 1))
    albedo[np.unique(face[kind == 1])] = glasses.lens
    opacity = np.where(kind == 1, glasses.lens_opacity, 1.0).astype(np.float32)
    return Solid(points, face, albedo, opacity)


def collar(mean: F32, rng: np.random.Generator) -> F32:
    """Metres (V,) by which each vertex of the mean head lies inside the clothes, for a round or a V neck."""
    x, y, z = mean.T
    edge = rng.uniform(-0.165, -0.135) - rng.uniform(0.35, 0.65) * (z + 0.02)
    if rng.random() < 0.4:
        edge = edge - rng.uniform(0.03, 0.07) * np.exp(-np.abs(x) / 0.035) * (z > -0.07)
    return (edge - y).astype(np.float32)
