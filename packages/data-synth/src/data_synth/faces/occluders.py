"""What is held in front of a face: hands, things, microphones, twigs.

Axis letters: `H` rows and columns of the (square) image. Drawing happens in 8-bit sRGB at twice the size.
"""

from __future__ import annotations

from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from data_synth.faces.backdrop import colour, srgb
from data_synth.shade import to_linear

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
Point = NDArray[np.float64]

_SCALE = 2
_LINEAR = to_linear(np.arange(256) / 255.0)[None]


def draw_occluder(rng: np.random.Generator, size: int, box: NDArray[np.floating], skin: F32) -> tuple[F32, F32]:
    """Something in front of part of the face: colour (H, H, 3) linear and opacity (H, H, 1).

    box: (left, top, right, bottom) of the face, px. skin (3,): linear colour of a hand's skin as it appears in this
    light.
    """
    draw = Random(int(rng.integers(2**62)))
    picture = np.zeros((size * _SCALE, size * _SCALE, 3), np.uint8)
    alpha = np.zeros((size * _SCALE, size * _SCALE), np.uint8)
    low, high = np.asarray(box[:2], float) * _SCALE, np.asarray(box[2:], float) * _SCALE
    kind = draw.choices(("hand", "panel", "microphone", "bars"), (0.45, 0.25, 0.2, 0.1))[0]
    if kind == "hand":
        _hand(draw, picture, alpha, low, high, np.array(srgb(skin)))
    else:
        {"panel": _panel, "microphone": _microphone, "bars": _bars}[kind](draw, picture, alpha, low, high)
    picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    opacity = cv2.resize(alpha, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)[..., None] / 255
    return cv2.LUT(picture, _LINEAR), opacity


def _at(point: Point) -> tuple[int, int]:
    return int(point[0]), int(point[1])


def _hand(draw: Random, picture: U8, alpha: U8, low: Point, high: Point, skin: NDArray[np.float64]) -> None:
    """Fingers and the back of a hand, coming from below on one side."""
    size = high - low
    unit = float(size.max())
    side = draw.choice((-1, 1))
    tip = (low + high) / 2 + size * np.array([side * draw.uniform(0.12, 0.42), draw.uniform(0.05, 0.45)])
    angle = np.radians(draw.uniform(35, 100))
    away = np.array([side * np.cos(angle), np.sin(angle)])
    across = np.array([-away[1], away[0]])
    palm = tip + away * unit * 0.34

    def capsule(a: Point, b: Point, width: float, tone: float) -> None:
        dark, light = (tuple(np.clip(skin * tone * k, 0, 255).tolist()) for k in (0.78, 1.0))
        aside = across * width * 0.13 * side
        cv2.line(alpha, _at(a), _at(b), 255, int(width), cv2.LINE_AA)
        cv2.line(picture, _at(a), _at(b), dark, int(width * 1.1), cv2.LINE_AA)
        cv2.line(picture, _at(a + aside), _at(b + aside), light, max(1, int(width * 0.72)), cv2.LINE_AA)

    capsule(palm, tip + away * unit * 1.62, unit * 0.26, draw.uniform(0.8, 1.0))
    width = unit * draw.uniform(0.085, 0.105)
    for k, length in enumerate((0.82, 1.0, 0.95, 0.75)):
        spread = (k - 1.5) * width * draw.uniform(0.95, 1.1)
        base = palm + across * spread
        end = base + (tip - palm) * length * draw.uniform(0.85, 1.0) + across * spread * 0.15
        capsule(base, end, width, draw.uniform(0.88, 1.08))
    thumb = palm - across * side * width * 2.0 - away * unit * 0.1
    capsule(palm, thumb, width * 1.1, draw.uniform(0.85, 1.0))
    picture[:] = cv2.GaussianBlur(picture, (0, 0), 0.4 * _SCALE)


def _panel(draw: Random, picture: U8, alpha: U8, low: Point, high: Point) -> None:
    """A book, a phone, a sheet of paper or a cup that covers a side or the lower part of the face."""
    size = high - low
    x, y = draw.choice(((0.5, 1.05), (0.0, 0.8), (1.0, 0.8), (0.1, 0.5), (0.9, 0.5)))
    half = float(size[0] * draw.uniform(0.3, 0.62)), float(size[1] * draw.uniform(0.3, 0.62))
    corners = cv2.boxPoints(((low + size * np.array([x, y])).tolist(), half, draw.gauss(0, 20)))
    outline = [corners.astype(np.int32)]
    cv2.fillPoly(alpha, outline, 255, cv2.LINE_AA)
    cv2.fillPoly(picture, outline, colour(draw, 15, 240, 70), cv2.LINE_AA)
    for _ in range(draw.randint(0, 6)):
        ends = []
        for _ in range(2):
            weights = np.array([draw.random() for _ in range(4)])
            ends.append(_at(weights @ corners / weights.sum()))
        cv2.line(picture, ends[0], ends[1], colour(draw, 10, 240, 70), draw.randint(1, 3 * _SCALE), cv2.LINE_AA)
    cv2.polylines(picture, outline, True, colour(draw, 10, 120, 20), _SCALE, cv2.LINE_AA)


def _microphone(draw: Random, picture: U8, alpha: U8, low: Point, high: Point) -> None:
    size = high - low
    head = low + size * np.array([draw.uniform(0.25, 0.75), draw.uniform(0.82, 1.0)])
    end = head + size.max() * np.array([draw.gauss(0, 0.4), 1.0])
    r = float(size.max()) * draw.uniform(0.06, 0.1)
    tone = colour(draw, 20, 110, 8)
    for target, ink in ((picture, tone), (alpha, 255)):
        cv2.line(target, _at(head), _at(end), ink, int(1.3 * r), cv2.LINE_AA)
        cv2.circle(target, _at(head), int(r), ink, -1, cv2.LINE_AA)
    cv2.circle(picture, _at(head - 0.3 * r), int(0.5 * r), tuple(c + 70 for c in tone), -1, cv2.LINE_AA)
    picture[:] = cv2.GaussianBlur(picture, (0, 0), 0.2 * r)


def _bars(draw: Random, picture: U8, alpha: U8, low: Point, high: Point) -> None:
    """Thin things near the camera: twigs, wires, a railing."""
    size = high - low
    for _ in range(draw.randint(1, 3)):
        p = low + size * np.array([draw.uniform(-0.1, 1.1), draw.uniform(-0.1, 1.1)])
        angle = draw.uniform(0, np.pi)
        reach = 2 * size.max() * np.array([np.cos(angle), np.sin(angle)])
        width, ink = max(1, int(size.max() * draw.uniform(0.015, 0.05))), colour(draw, 10, 200, 30)
        for target, value in ((picture, ink), (alpha, 255)):
            cv2.line(target, _at(p - reach), _at(p + reach), value, width, cv2.LINE_AA)
