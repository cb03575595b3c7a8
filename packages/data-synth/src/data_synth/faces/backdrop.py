"""What is behind a face.

Axis letters: `H` rows and columns of the (square) picture, `B` cells of the stored noise on a side. Drawing happens
in 8-bit sRGB; the result is linear RGB.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from data_synth.shade import to_linear

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
Colour = tuple[int, int, int]

_LINEAR = to_linear(np.arange(256) / 255.0)[None]


def draw_backdrop(rng: np.random.Generator, size: int, *, outdoor: bool, skin: F32, gain: float = 1.0) -> F32:
    """A cluttered, more or less blurred surrounding (H, H, 3), times `gain`. `skin`: linear colour for face-like
    distractors."""
    draw = Random(int(rng.integers(2**62)))  # many scalar draws: the standard library's generator is much faster
    scenes = (_street, _foliage, _sky, _clutter) if outdoor else (_wall, _shelves, _clutter, _plain)
    scene: Callable[[Random, int], U8] = draw.choices(scenes, (0.35, 0.35, 0.2, 0.1) if outdoor else (4, 2, 2.5, 1.5))[
        0
    ]
    people = draw.randint(1, 3) if draw.random() < 0.3 else 0
    blur = draw.choice((1.2, 1.8, 2.5, 4.0) if people else (0.0, 0.7, 0.7, 1.5, 1.5, 3.0, 5.0)) * size / 128
    coarse = blur > 1.3 * size / 128
    picture = scene(draw, size // 2 if coarse else size)
    for _ in range(people):
        _person(draw, picture, srgb(skin))
    if blur:
        picture = cv2.GaussianBlur(picture, (0, 0), blur / 2 if coarse else blur)
    if coarse:
        picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)
    return cv2.LUT(picture, _LINEAR * np.float32(gain))


def srgb(linear: F32) -> tuple[float, float, float]:
    """Linear RGB -> sRGB in [0, 255], near enough for drawing."""
    red, green, blue = 255 * np.clip(np.asarray(linear, float), 0, 1) ** (1 / 2.2)
    return float(red), float(green), float(blue)


def colour(draw: Random, low: float = 20, high: float = 230, spread: float = 45) -> Colour:
    """A colour of random brightness and modest saturation, as most things have."""
    chance = draw.random
    grey = low + (high - low) * chance()
    spread *= 2.45 * chance()  # the sum of two chances has a standard deviation of 1 / 2.45
    red = int(grey + spread * (chance() + chance() - 1))
    green = int(grey + spread * (chance() + chance() - 1))
    blue = int(grey + spread * (chance() + chance() - 1))
    return min(255, max(0, red)), min(255, max(0, green)), min(255, max(0, blue))


_PITCH = 8


@lru_cache(maxsize=1)
def _clouds() -> F32:
    """Smooth unit noise (_PITCH B, _PITCH B), the same on every run, from which grain is cut."""
    white = np.random.default_rng(3).normal(size=(128, 128)).astype(np.float32)
    return cv2.resize(white, None, fx=_PITCH, fy=_PITCH, interpolation=cv2.INTER_CUBIC)


def _grain(draw: Random, size: int, cells: int, strength: float) -> F32:
    """Smooth noise (H, H, 1) with `cells` cells across."""
    bank, side = _clouds(), cells * _PITCH
    row, column = int(draw.random() * (len(bank) - side)), int(draw.random() * (len(bank) - side))
    piece = bank[row : row + side, column : column + side]
    noise = cv2.resize(piece, (size, size), interpolation=cv2.INTER_LINEAR)
    noise *= np.float32(strength)
    return noise[..., None]


def _gradient(size: int, top: Colour, bottom: Colour) -> F32:
    ends = np.array([[top], [bottom]], np.float32)
    return np.ascontiguousarray(cv2.resize(ends, (size, size), interpolation=cv2.INTER_LINEAR))


def _textured(draw: Random, base: F32) -> U8:
    size = base.shape[0]
    base += _grain(draw, size, draw.randint(3, 7), 10) + _grain(draw, size, draw.randint(24, 60), 6 * draw.random())
    return _to_u8(base)


def _to_u8(picture: F32) -> U8:
    return cv2.convertScaleAbs(np.maximum(picture, 0))


def _plain(draw: Random, size: int) -> U8:
    return _textured(draw, _gradient(size, colour(draw), colour(draw)))


def _wall(draw: Random, size: int) -> U8:
    picture = _textured(draw, _gradient(size, colour(draw, 60, 230, 25), colour(draw, 60, 230, 25)))
    for _ in range(draw.randint(1, 4)):  # pictures, doors, windows
        x, y = draw.randint(-size // 6, size), draw.randint(-size // 6, size)
        w, h = draw.randint(size // 6, size // 2), draw.randint(size // 6, size // 2)
        cv2.rectangle(picture, (x, y), (x + w, y + h), colour(draw), -1)
        cv2.rectangle(picture, (x, y), (x + w, y + h), colour(draw), draw.randint(1, 3))
        if draw.random() < 0.4:
            cv2.line(picture, (x + w // 2, y), (x + w // 2, y + h), colour(draw), 2)
    return picture


def _shelves(draw: Random, size: int) -> U8:
    picture = _textured(draw, _gradient(size, colour(draw, 20, 120, 20), colour(draw, 20, 120, 20)))
    pitch = draw.randint(size // 5, size // 3)
    for y in range(draw.randint(-pitch, 0), size, pitch):
        x = 0
        while x < size:
            w, h = draw.randint(size // 40, size // 10), draw.randint(pitch // 2, pitch)
            cv2.rectangle(picture, (x, y + pitch - h), (x + w - 1, y + pitch - 3), colour(draw, 20, 220, 70), -1)
            x += w
    return picture


def _clutter(draw: Random, size: int) -> U8:
    picture = _textured(draw, _gradient(size, colour(draw), colour(draw)))
    for _ in range(draw.randint(6, 25)):
        kind, ink = draw.random(), colour(draw, 10, 245, 70)
        x, y = draw.uniform(0, size), draw.uniform(0, size)
        if kind < 0.4:
            spread = size / 7
            corners = [(x + draw.gauss(0, spread), y + draw.gauss(0, spread)) for _ in range(draw.randint(3, 6))]
            cv2.fillPoly(picture, [np.array(corners, np.int32)], ink, cv2.LINE_AA)
        elif kind < 0.7:
            axes = draw.randint(2, size // 5), draw.randint(2, size // 5)
            cv2.ellipse(picture, (int(x), int(y)), axes, draw.uniform(0, 180), 0, 360, ink, -1, cv2.LINE_AA)
        else:
            end = int(x + draw.gauss(0, size / 2)), int(y + draw.gauss(0, size / 2))
            cv2.line(picture, (int(x), int(y)), end, ink, draw.randint(1, 5), cv2.LINE_AA)
    return picture


def _sky(draw: Random, size: int) -> U8:
    haze = draw.uniform(0, 60)
    picture = _gradient(size, (int(70 + haze), int(120 + haze), int(190 + haze / 2)), (190, 210, 230))
    clouds = np.clip(_grain(draw, size, 5, 1) + _grain(draw, size, 11, 0.5) - 0.2, 0, 1)
    picture += clouds * (245 - picture)
    horizon = min(int(draw.uniform(0.5, 1.1) * size), size)
    ground = _gradient(size, colour(draw, 40, 170, 30), colour(draw, 40, 170, 30)) + _grain(draw, size, 40, 12)
    picture[horizon:] = ground[horizon:]
    return _to_u8(picture)


def _foliage(draw: Random, size: int) -> U8:
    tint = np.array([draw.uniform(0.45, 1.0), draw.uniform(0.8, 1.1), draw.uniform(0.25, 0.6)], np.float32)
    light = 95 + _grain(draw, size, 6, 30) + _grain(draw, size, 22, 26) + _grain(draw, size, 60, 22)
    picture = _to_u8(light * tint)
    for _ in range(draw.randint(0, 4)):
        x, trunk = draw.randrange(size), colour(draw, 20, 90, 15)
        end = x + int(draw.gauss(0, size / 8)), size
        cv2.line(picture, (x, 0), end, trunk, draw.randint(2, size // 9), cv2.LINE_AA)
    for _ in range(draw.randint(0, 24)):  # sky between the leaves
        at = draw.randrange(size), draw.randrange(size)
        cv2.circle(picture, at, draw.randint(1, 3), (225, 235, 240), -1, cv2.LINE_AA)
    return picture


def _street(draw: Random, size: int) -> U8:
    picture = _sky(draw, size)
    x = draw.randint(-size // 3, 0)
    while x < size:
        w, top = draw.randint(size // 5, size // 2), draw.randint(-size // 2, size // 2)
        cv2.rectangle(picture, (x, top), (x + w, size), colour(draw, 50, 210, 30), -1)
        pane, step = colour(draw, 15, 200, 20), draw.randint(size // 14, size // 6)
        for wy in range(max(top, -step) + 4, size, step):
            for wx in range(x + 3, min(x + w - step // 2, size), step):
                cv2.rectangle(picture, (wx, wy), (wx + step // 2, wy + int(step * 0.6)), pane, -1)
        x += w + draw.randint(0, 12)
    return picture


def _person(draw: Random, picture: U8, skin: tuple[float, float, float]) -> None:
    """An out-of-focus head and shoulders: something of the colour of skin that is not the face to be found."""
    size = picture.shape[0]
    x, y, r = draw.uniform(0, size), draw.uniform(0.05, 0.8) * size, draw.uniform(0.05, 0.13) * size
    gain = draw.uniform(0.6, 1.15)
    tone, shade = tuple(min(255.0, c * gain) for c in skin), tuple(c * gain * 0.6 for c in skin)
    coat, hair = colour(draw, 20, 200, 60), colour(draw, 15, 110, 25)
    for dy, half_w, half_h, ink in ((3.4, 2.1, 2.3, coat), (-0.25, 1.1, 1.3, hair), (0.0, 0.85, 1.15, tone)):
        axes = int(half_w * r), int(half_h * r)
        cv2.ellipse(picture, (int(x), int(y + dy * r)), axes, 0, 0, 360, ink, -1, cv2.LINE_AA)
    for side in (-1, 1):
        cv2.circle(picture, (int(x + side * 0.35 * r), int(y - 0.1 * r)), max(1, int(0.12 * r)), shade, -1, cv2.LINE_AA)
    cv2.line(picture, (int(x - 0.3 * r), int(y + 0.6 * r)), (int(x + 0.3 * r), int(y + 0.6 * r)), shade, 1, cv2.LINE_AA)
