"""What is behind a face, and what is held in front of it.

Axis letters: `H` rows and columns of the (square) image. Colours are linear RGB; drawing happens in 8-bit sRGB.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from data_synth.shade import to_linear

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
Rng = np.random.Generator

_LINEAR = to_linear(np.arange(256) / 255.0)


def draw_backdrop(rng: Rng, size: int, *, outdoor: bool, skin: F32) -> F32:
    """A cluttered, more or less blurred surrounding (H, H, 3). `skin`: linear colour for face-like distractors."""
    if outdoor:
        picture = _pick(rng, (_street, 0.35), (_foliage, 0.35), (_sky, 0.2), (_clutter, 0.1))(rng, size)
    else:
        picture = _pick(rng, (_wall, 0.4), (_shelves, 0.2), (_clutter, 0.25), (_plain, 0.15))(rng, size)
    if rng.random() < 0.3:
        for _ in range(rng.integers(1, 4)):
            _person_blob(picture, rng, skin)
    blur = rng.choice([0.0, 0.7, 1.5, 3.0, 5.0], p=[0.15, 0.25, 0.25, 0.2, 0.15]) * size / 128
    if blur:
        picture = cv2.GaussianBlur(picture, (0, 0), blur)
    return _LINEAR[picture]


def draw_occluder(rng: Rng, size: int, box: NDArray[np.floating], skin: F32) -> tuple[F32, F32]:
    """Something in front of part of the face: colour (H, H, 3) linear and opacity (H, H, 1).

    box: (left, top, right, bottom) of the face, px. skin (3,): linear colour of the hand's skin as it appears in this
    light.
    """
    scale = 4
    fine = size * scale
    colour = np.zeros((fine, fine, 3), np.uint8)
    alpha = np.zeros((fine, fine), np.uint8)
    draw = _pick(rng, (partial(_hand, skin=_srgb(skin)), 0.45), (_panel, 0.25), (_microphone, 0.2), (_bars, 0.1))
    draw(rng, colour, alpha, np.asarray(box, float) * scale)
    colour = cv2.resize(colour, (size, size), interpolation=cv2.INTER_AREA)
    opacity = cv2.resize(alpha, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)[..., None] / 255
    return _LINEAR[colour], opacity


def _pick(rng: Rng, *choices: tuple[Callable[..., U8], float]) -> Callable[..., U8]:
    return choices[rng.choice(len(choices), p=[weight for _, weight in choices])][0]


def _srgb(linear: F32) -> NDArray[np.float64]:
    return 255 * np.clip(np.asarray(linear, float), 0, 1) ** (1 / 2.2)


def _colour(rng: Rng, low: float = 20, high: float = 230, spread: float = 60) -> tuple[int, int, int]:
    """A colour of random brightness and modest saturation, as most things have."""
    value = np.clip(rng.uniform(low, high) + rng.normal(0, spread * rng.random(), 3), 0, 255)
    return int(value[0]), int(value[1]), int(value[2])


def _grain(rng: Rng, size: int, cells: int, strength: float) -> F32:
    """Smooth noise (H, H, 1) with `cells` cells across."""
    seed = rng.normal(0, strength, (cells, cells)).astype(np.float32)
    return cv2.resize(seed, (size, size), interpolation=cv2.INTER_CUBIC)[..., None]


def _gradient(rng: Rng, size: int, top: tuple[int, int, int], bottom: tuple[int, int, int]) -> F32:
    t = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    return np.broadcast_to((1 - t) * np.float32(top) + t * np.float32(bottom), (size, size, 3)).copy()


def _textured(rng: Rng, base: F32) -> U8:
    size = base.shape[0]
    rough = _grain(rng, size, int(rng.integers(3, 8)), 10) + _grain(
        rng, size, int(rng.integers(24, 64)), 6 * rng.random()
    )
    return np.clip(base + rough, 0, 255).astype(np.uint8)


def _plain(rng: Rng, size: int) -> U8:
    return _textured(rng, _gradient(rng, size, _colour(rng), _colour(rng)))


def _wall(rng: Rng, size: int) -> U8:
    picture = _textured(rng, _gradient(rng, size, _colour(rng, 60, 230, 25), _colour(rng, 60, 230, 25)))
    for _ in range(rng.integers(1, 5)):  # pictures, doors, windows
        x, y = rng.integers(-20, size, 2)
        w, h = rng.integers(size // 6, size // 1.5, 2)
        cv2.rectangle(picture, (x, y), (x + w, y + h), _colour(rng), -1)
        cv2.rectangle(picture, (x, y), (x + w, y + h), _colour(rng), int(rng.integers(1, 4)))
        if rng.random() < 0.4:
            cv2.line(picture, (x + w // 2, y), (x + w // 2, y + h), _colour(rng), 2)
    return picture


def _shelves(rng: Rng, size: int) -> U8:
    picture = _textured(rng, _gradient(rng, size, _colour(rng, 20, 120, 20), _colour(rng, 20, 120, 20)))
    pitch = int(rng.integers(size // 6, size // 3))
    for y in range(int(rng.integers(-pitch, 0)), size, pitch):
        x = 0
        while x < size:
            w, h = int(rng.integers(3, 12)), int(rng.integers(pitch // 2, pitch))
            cv2.rectangle(picture, (x, y + pitch - h), (x + w - 1, y + pitch - 3), _colour(rng, 20, 220, 90), -1)
            x += w
    return picture


def _clutter(rng: Rng, size: int) -> U8:
    picture = _textured(rng, _gradient(rng, size, _colour(rng), _colour(rng)))
    for _ in range(rng.integers(6, 30)):
        kind, colour = rng.random(), _colour(rng, 10, 245, 80)
        centre = rng.uniform(0, size, 2)
        if kind < 0.4:
            corners = centre + rng.normal(0, size / 7, (int(rng.integers(3, 7)), 2))
            cv2.fillPoly(picture, [corners.astype(np.int32)], colour, cv2.LINE_AA)
        elif kind < 0.7:
            axes = rng.uniform(2, size / 5, 2).astype(int)
            cv2.ellipse(
                picture,
                centre.astype(int).tolist(),
                axes.tolist(),
                rng.uniform(0, 180),
                0,
                360,
                colour,
                -1,
                cv2.LINE_AA,
            )
        else:
            end = centre + rng.normal(0, size / 2, 2)
            cv2.line(
                picture,
                centre.astype(int).tolist(),
                end.astype(int).tolist(),
                colour,
                int(rng.integers(1, 6)),
                cv2.LINE_AA,
            )
    return picture


def _sky(rng: Rng, size: int) -> U8:
    haze = rng.uniform(0, 60)
    base = _gradient(rng, size, (int(70 + haze), int(120 + haze), int(190 + haze / 2)), (190, 210, 230))
    clouds = np.clip(_grain(rng, size, 5, 1) + _grain(rng, size, 11, 0.5) - 0.2, 0, 1)
    picture = np.clip(base + clouds * (245 - base), 0, 255)
    horizon = int(rng.uniform(0.5, 1.1) * size)
    ground = _gradient(rng, size, _colour(rng, 40, 170, 30), _colour(rng, 40, 170, 30)) + _grain(rng, size, 40, 12)
    picture[horizon:] = ground[horizon:]
    return np.clip(picture, 0, 255).astype(np.uint8)


def _foliage(rng: Rng, size: int) -> U8:
    tint = np.array([rng.uniform(0.45, 1.0), rng.uniform(0.8, 1.1), rng.uniform(0.25, 0.6)], np.float32)
    light = 95 + _grain(rng, size, 6, 30) + _grain(rng, size, 22, 26) + _grain(rng, size, 60, 22)
    picture = np.clip(light * tint, 0, 255).astype(np.uint8)
    for _ in range(rng.integers(0, 5)):
        x = int(rng.uniform(0, size))
        trunk = _colour(rng, 20, 90, 15)
        cv2.line(picture, (x, 0), (x + int(rng.normal(0, 15)), size), trunk, int(rng.integers(2, 14)), cv2.LINE_AA)
    for _ in range(rng.integers(0, 25)):  # sky between the leaves
        cv2.circle(
            picture, rng.integers(0, size, 2).tolist(), int(rng.integers(1, 4)), (225, 235, 240), -1, cv2.LINE_AA
        )
    return picture


def _street(rng: Rng, size: int) -> U8:
    picture = _sky(rng, size)
    x = int(rng.integers(-size // 3, 0))
    while x < size:
        w, top = int(rng.integers(size // 5, size // 1.6)), int(rng.integers(-size // 2, size // 1.8))
        facade = _colour(rng, 50, 210, 30)
        cv2.rectangle(picture, (x, top), (x + w, size), facade, -1)
        pane, step = _colour(rng, 15, 200, 20), int(rng.integers(8, 22))
        for wy in range(top + 4, size, step):
            for wx in range(x + 3, x + w - step // 2, step):
                cv2.rectangle(picture, (wx, wy), (wx + step // 2, wy + int(step * 0.6)), pane, -1)
        x += w + int(rng.integers(0, 12))
    return np.clip(picture + _grain(rng, size, 48, 5), 0, 255).astype(np.uint8)


def _person_blob(picture: U8, rng: Rng, skin: F32) -> None:
    """An out-of-focus head and shoulders: something of the colour of skin that is not the face to be found."""
    size = picture.shape[0]
    x, y, r = rng.uniform(0, size), rng.uniform(0.05, 0.8) * size, rng.uniform(0.05, 0.13) * size
    tone = np.clip(_srgb(skin) * rng.uniform(0.6, 1.15), 0, 255)
    coat, hair = _colour(rng, 20, 200, 60), _colour(rng, 15, 110, 25)
    at = (int(x), int(y))
    cv2.ellipse(picture, (int(x), int(y + 3.4 * r)), (int(2.1 * r), int(2.3 * r)), 0, 0, 360, coat, -1, cv2.LINE_AA)
    cv2.ellipse(picture, (int(x), int(y - 0.25 * r)), (int(1.1 * r), int(1.3 * r)), 0, 0, 360, hair, -1, cv2.LINE_AA)
    cv2.ellipse(picture, at, (int(0.85 * r), int(1.15 * r)), 0, 0, 360, tone.tolist(), -1, cv2.LINE_AA)
    shade = (tone * 0.6).tolist()
    for side in (-1, 1):
        cv2.circle(picture, (int(x + side * 0.35 * r), int(y - 0.1 * r)), max(1, int(0.12 * r)), shade, -1, cv2.LINE_AA)
    cv2.line(picture, (int(x - 0.3 * r), int(y + 0.6 * r)), (int(x + 0.3 * r), int(y + 0.6 * r)), shade, 1, cv2.LINE_AA)


def _hand(rng: Rng, colour: U8, alpha: U8, box: NDArray[np.float64], *, skin: NDArray[np.float64]) -> None:
    """Fingers and the back of a hand, coming from outside the face."""
    size = box[2:] - box[:2]
    unit = float(size.max())
    side = rng.choice([-1, 1])
    tip = (box[:2] + box[2:]) / 2 + [side * rng.uniform(0.12, 0.42) * size[0], rng.uniform(0.05, 0.45) * size[1]]
    angle = np.radians(rng.uniform(35, 100))  # where the arm comes from: below, on the same side
    away = np.array([side * np.cos(angle), np.sin(angle)])
    across = np.array([-away[1], away[0]])
    wrist = tip + away * unit * 0.62
    palm = tip + away * unit * 0.34

    def capsule(a: NDArray[np.float64], b: NDArray[np.float64], width: float, tone: float) -> None:
        shade = np.clip(skin * tone, 0, 255).tolist()
        dark = np.clip(skin * tone * 0.78, 0, 255).tolist()
        p, q = a.astype(int).tolist(), b.astype(int).tolist()
        cv2.line(alpha, p, q, 255, int(width), cv2.LINE_AA)
        cv2.line(colour, p, q, dark, int(width * 1.1), cv2.LINE_AA)
        light = (across * width * 0.13 * side).astype(int)
        cv2.line(
            colour,
            (a + light).astype(int).tolist(),
            (b + light).astype(int).tolist(),
            shade,
            int(width * 0.72),
            cv2.LINE_AA,
        )

    capsule(palm, wrist + away * unit, unit * 0.26, rng.uniform(0.8, 1.0))
    width = unit * rng.uniform(0.085, 0.105)
    for k in range(4):
        spread = (k - 1.5) * width * rng.uniform(0.95, 1.1)
        reach = [0.82, 1.0, 0.95, 0.75][k] * rng.uniform(0.85, 1.0)
        base = palm + across * spread
        capsule(base, base + (tip - palm) * reach + across * spread * 0.15, width, rng.uniform(0.88, 1.08))
    thumb = palm - across * side * width * 2.0
    capsule(palm, thumb - away * unit * 0.1, width * 1.1, rng.uniform(0.85, 1.0))
    colour[:] = cv2.GaussianBlur(colour, (0, 0), 1.6)


def _panel(rng: Rng, colour: U8, alpha: U8, box: NDArray[np.float64]) -> None:
    """A book, a phone, a sheet of paper or a cup that covers a side or the lower part of the face."""
    size = box[2:] - box[:2]
    centre = box[:2] + size * rng.choice([[0.5, 1.05], [0.0, 0.8], [1.0, 0.8], [0.1, 0.5], [0.9, 0.5]])
    corners = cv2.boxPoints((centre.tolist(), (size * rng.uniform(0.3, 0.62, 2)).tolist(), rng.normal(0, 20)))
    cv2.fillPoly(alpha, [corners.astype(np.int32)], 255, cv2.LINE_AA)
    cv2.fillPoly(colour, [corners.astype(np.int32)], _colour(rng, 15, 240, 70), cv2.LINE_AA)
    for _ in range(rng.integers(0, 7)):
        a, b = rng.uniform(0, 1, (2, 4))
        a, b = a / a.sum(), b / b.sum()
        ink = _colour(rng, 10, 240, 70)
        cv2.line(
            colour,
            (a @ corners).astype(int).tolist(),
            (b @ corners).astype(int).tolist(),
            ink,
            int(rng.integers(2, 14)),
            cv2.LINE_AA,
        )
    cv2.polylines(colour, [corners.astype(np.int32)], True, _colour(rng, 10, 120, 20), 5, cv2.LINE_AA)


def _microphone(rng: Rng, colour: U8, alpha: U8, box: NDArray[np.float64]) -> None:
    size = box[2:] - box[:2]
    head = box[:2] + size * [rng.uniform(0.25, 0.75), rng.uniform(0.82, 1.0)]
    end = head + size.max() * np.array([rng.normal(0, 0.4), 1.0])
    r = float(size.max()) * rng.uniform(0.06, 0.1)
    tone = _colour(rng, 20, 110, 8)
    for target, ink in ((colour, tone), (alpha, 255)):
        cv2.line(target, head.astype(int).tolist(), end.astype(int).tolist(), ink, int(1.3 * r), cv2.LINE_AA)
        cv2.circle(target, head.astype(int).tolist(), int(r), ink, -1, cv2.LINE_AA)
    light = tuple(min(255, c + 70) for c in tone)
    cv2.circle(colour, (head - 0.3 * r).astype(int).tolist(), int(0.5 * r), light, -1, cv2.LINE_AA)
    colour[:] = cv2.GaussianBlur(colour, (0, 0), 0.2 * r)


def _bars(rng: Rng, colour: U8, alpha: U8, box: NDArray[np.float64]) -> None:
    """Thin things near the camera: twigs, wires, a railing."""
    size = box[2:] - box[:2]
    for _ in range(rng.integers(1, 4)):
        p = box[:2] + size * rng.uniform(-0.1, 1.1, 2)
        direction = rng.normal(size=2)
        direction *= 2 * size.max() / np.linalg.norm(direction)
        width, ink = int(size.max() * rng.uniform(0.015, 0.05)), _colour(rng, 10, 200, 30)
        for target, value in ((colour, ink), (alpha, 255)):
            cv2.line(
                target,
                (p - direction).astype(int).tolist(),
                (p + direction).astype(int).tolist(),
                value,
                width,
                cv2.LINE_AA,
            )
