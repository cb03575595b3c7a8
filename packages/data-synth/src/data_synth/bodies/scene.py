"""Where people are seen: a room with furniture, or somewhere else, and the light there.

Axis letters: `T` texels of a side of the room, `V` vertices, `F` triangles.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data_synth.faces.backdrop import draw_backdrop
from data_synth.faces.lights import draw_lighting
from data_synth.shade import Lighting, to_linear

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
TEXELS = 192

# Light is drawn with x to the right, y up, z towards the viewer of a person who faces the viewer.
_TO_WORLD = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])


@dataclass(frozen=True)
class Room:
    """Inside of a box: half (2,) m from the middle to the walls, ceiling m, atlas (6, T, T, 3) float32 linear RGB of
    its sides in the order of `paint.cast_room`, pitch (6,) float32 m."""

    half: F64
    ceiling: float
    atlas: F32
    pitch: F32


@dataclass(frozen=True)
class Scene:
    """Light (directions in the world's axes), a room or None (then `outdoor` says what is behind), and the colours of
    the furniture (2, 3)."""

    lighting: Lighting
    room: Room | None
    outdoor: bool
    wood: F32


@dataclass(frozen=True)
class Solid:
    """vertices (V, 3) float64 m in the world, each of one flat side; faces (F, 3) int32; albedo (V, 3) float32."""

    vertices: F64
    faces: NDArray[np.int32]
    albedo: F32


def draw_scene(rng: np.random.Generator, *, inside: bool, outdoor: bool = False) -> Scene:
    drawn = draw_lighting(rng, outdoor=outdoor)
    angle = rng.uniform(0, 2 * np.pi)
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ _TO_WORLD
    # A hall with many lamps: more light from all around than at a portrait.
    around = np.float32(1.0 if outdoor else 1.6)
    lighting = Lighting(
        (drawn.direction @ turn.T).astype(np.float32),
        drawn.colour,
        around * drawn.sky,
        around * drawn.ground,
        drawn.shadow,
    )
    room = draw_room(rng) if inside else None
    return Scene(lighting, room, outdoor, to_linear(rng.uniform(0.15, 0.8) * np.array([1, rng.uniform(0.6, 1), 0.55])))


def draw_room(rng: np.random.Generator) -> Room:
    atlas = np.empty((6, TEXELS, TEXELS, 3), np.float32)
    for side in range(2, 6):
        wall = draw_backdrop(rng, TEXELS, outdoor=False, skin=to_linear((0.7, 0.5, 0.4)))
        atlas[side] = 0.04 + 0.96 * cv2.GaussianBlur(wall, (0, 0), 0.7) ** 0.8  # no black walls
    atlas[0] = _floor(rng)
    atlas[1] = to_linear(np.full(3, rng.uniform(0.6, 0.9)))
    pitch = np.array([rng.uniform(1.2, 2.4), 1.0, *rng.uniform(2.2, 4.0, 4)], np.float32)
    return Room(np.array([3.2, 6.2]) + rng.uniform(0, 1.5, 2), float(rng.uniform(2.5, 3.4)), atlas, pitch)


def _floor(rng: np.random.Generator) -> F32:
    """Boards, tiles or a carpet."""
    base = rng.uniform(0.25, 0.75) * np.array([1.0, rng.uniform(0.75, 1.0), rng.uniform(0.5, 1.0)])
    picture = np.tile(base, (TEXELS, TEXELS, 1))
    kind = rng.integers(3)
    if kind == 0:
        for k, board in enumerate(np.array_split(np.arange(TEXELS), 12)):
            picture[board] *= rng.normal(1, 0.07)
            picture[board[0]] *= 0.75
            picture[board, (k * 83) % TEXELS] *= 0.75
    elif kind == 1:
        tile = TEXELS // 4
        check = (np.add.outer(np.arange(TEXELS) // tile, np.arange(TEXELS) // tile) % 2)[..., None]
        picture *= 1 - rng.uniform(0, 0.35) * check
        picture[::tile] *= 0.8
        picture[:, ::tile] *= 0.8
    picture *= 1 + 0.04 * rng.normal(size=(TEXELS, TEXELS, 1))
    return to_linear(np.clip(picture, 0.02, 0.95))


def chair(seat: tuple[float, float, float, float], wood: F32, rng: np.random.Generator) -> Solid:
    """A chair or a stool for somebody who sits at seat (x, y m, heading degrees, height m)."""
    x, y, heading, height = seat
    wide, front, back = rng.uniform(0.19, 0.23), -rng.uniform(0.20, 0.27), rng.uniform(0.20, 0.26)
    boxes = [((-wide, front, height - 0.05), (wide, back, height))]
    leg = 0.018
    for sx in (-1, 1):
        for yy in (front + leg, back - leg):
            at = sx * (wide - leg)
            boxes.append(((at - leg, yy - leg, 0.0), (at + leg, yy + leg, height - 0.05)))
    if rng.random() < 0.7:
        top = height + rng.uniform(0.28, 0.40)
        for sx in (-1, 1):
            at = sx * (wide - leg)
            boxes.append(((at - leg, back + 0.05, height - 0.05), (at + leg, back + 0.08, top)))
        boxes.append(((-wide, back + 0.05, top - rng.uniform(0.12, 0.22)), (wide, back + 0.08, top)))
    solid = make_boxes(boxes)
    c, s = np.cos(np.radians(heading)), np.sin(np.radians(heading))
    turned = solid @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T + [x, y, 0]
    return Solid(turned, box_faces(len(boxes)), np.tile(wood, (len(turned), 1)).astype(np.float32))


_CORNERS = np.array(
    [
        [[1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 0, 1]],
        [[0, 0, 0], [0, 0, 1], [0, 1, 1], [0, 1, 0]],
        [[0, 1, 0], [0, 1, 1], [1, 1, 1], [1, 1, 0]],
        [[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1]],
        [[0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]],
        [[0, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, 0]],
    ]
)
"""Corners (6, 4, 3) of the sides of a unit box, counter-clockwise seen from outside."""


def make_boxes(boxes: list[tuple[tuple[float, ...], tuple[float, ...]]]) -> F64:
    """(24 boxes, 3) vertices of boxes given by their lowest and highest corners; sides do not share vertices."""
    low, high = np.array([b[0] for b in boxes]), np.array([b[1] for b in boxes])
    corners = low[:, None, None] + _CORNERS * (high - low)[:, None, None]
    return corners.reshape(-1, 3)


def box_faces(count: int) -> NDArray[np.int32]:
    """(12 boxes, 3) triangles of `make_boxes`."""
    corner = np.arange(6 * count)[:, None, None] * 4 + np.array([[0, 1, 2], [0, 2, 3]])
    return corner.reshape(-1, 3).astype(np.int32)
