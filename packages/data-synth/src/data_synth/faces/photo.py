"""From a linear picture to a photograph: exposure, colour cast, blur, sensor noise, JPEG.

Axis letters: `H` rows and columns of the image, `B` cells of the stored noise.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from data_synth.shade import CURVE_SCALE, curve_table

F32 = NDArray[np.float32]


def take_photo(linear: F32, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Linear RGB (H, H, 3) -> 8-bit sRGB, with the defects of a camera and of a compressed file drawn from `rng`."""
    picture, size = linear, linear.shape[0]
    cast = rng.normal(1.0, [0.05, 0.02, 0.06])
    if rng.random() < 0.35:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.1) * size / 128)
    elif rng.random() < 0.1:
        picture = cv2.filter2D(picture, -1, _motion(rng, size))
    light = (cast * np.exp(rng.normal(0.0, 0.22))).astype(np.float32)
    read, shot = rng.gamma(1.5, 0.0025), rng.gamma(1.5, 0.006)
    noise = _noise(rng, size)
    grey = rng.random() < 0.06  # black and white
    table = curve_table(min(max(rng.normal(0.15, 0.3), -0.5), 0.9))
    photo = _develop(np.ascontiguousarray(picture), light, noise, np.float32(read), np.float32(shot), table, grey)
    if rng.random() < 0.7:
        quality = int(rng.integers(35, 96))
        _, code = cv2.imencode(".jpg", cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
        photo = cv2.cvtColor(cv2.imdecode(code, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return photo


@njit(nogil=True, cache=True)
def _develop(picture, light, noise, read, shot, table, grey):  # type: ignore[no-untyped-def]
    """Exposed picture (light: 3 gains) with noise of standard deviation read + shot sqrt(signal), through the curve."""
    out = np.empty(picture.shape, np.uint8)
    zero, half, last = np.float32(0), np.float32(0.5), len(table) - 1
    scale = np.float32(CURVE_SCALE)
    for r in range(np.uint32(picture.shape[0])):
        for c in range(np.uint32(picture.shape[1])):
            red = max(picture[r, c, 0] * light[0], zero)
            green = max(picture[r, c, 1] * light[1], zero)
            blue = max(picture[r, c, 2] * light[2], zero)
            red += noise[r, c, 0] * (read + shot * np.sqrt(red))
            green += noise[r, c, 1] * (read + shot * np.sqrt(green))
            blue += noise[r, c, 2] * (read + shot * np.sqrt(blue))
            if grey:
                red = np.float32(0.25) * red + np.float32(0.65) * green + np.float32(0.10) * blue
                green = red
                blue = red
            out[r, c, 0] = table[np.uint32(min(max(int(red * scale + half), 0), last))]
            out[r, c, 1] = table[np.uint32(min(max(int(green * scale + half), 0), last))]
            out[r, c, 2] = table[np.uint32(min(max(int(blue * scale + half), 0), last))]
    return out


@lru_cache(maxsize=1)
def _bank() -> F32:
    """Unit noise (B, B, 3), a little correlated between neighbours as in demosaiced images; the same on every run."""
    white = np.random.default_rng(1).normal(size=(768, 768, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(white, (0, 0), 0.55)
    return soft / soft.std()


def _noise(rng: np.random.Generator, size: int) -> F32:
    bank = _bank()
    if size > len(bank):
        return rng.normal(size=(size, size, 3)).astype(np.float32)
    row, column = rng.integers(0, len(bank) - size + 1, 2)
    return bank[row : row + size, column : column + size]


def _motion(rng: np.random.Generator, size: int) -> F32:
    """A straight motion-blur kernel."""
    length, angle = rng.uniform(1.5, 4.0) * size / 128, rng.uniform(0, np.pi)
    half = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    end = 128 * length / 2 * np.array([np.cos(angle), np.sin(angle)])  # in 256ths of a pixel, from the middle
    a, b = (np.rint(128 * 2 * half + sign * 2 * end).astype(int) for sign in (-1, 1))
    cv2.line(kernel, a.tolist(), b.tolist(), 1.0, 1, cv2.LINE_AA, 8)
    return kernel / kernel.sum()
