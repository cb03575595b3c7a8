"""From a linear picture to a photograph: exposure, colour cast, blur, sensor noise, JPEG.

Axis letters: `H` rows and columns of the image, `B` cells of the stored noise.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from data_synth.shade import to_srgb

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
    picture = _add_noise(np.ascontiguousarray(picture), light, _noise(rng, size), np.float32(read), np.float32(shot))
    if rng.random() < 0.06:  # black and white
        picture = np.repeat(picture @ np.array([[0.25], [0.65], [0.10]], np.float32), 3, axis=2)
    photo = to_srgb(picture, contrast=float(np.clip(rng.normal(0.15, 0.3), -0.5, 0.9)))
    if rng.random() < 0.7:
        quality = int(rng.integers(35, 96))
        _, code = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        photo = np.ascontiguousarray(cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1])
    return photo


@njit(nogil=True, cache=True)
def _add_noise(picture, light, noise, read, shot):  # type: ignore[no-untyped-def]
    """Exposed picture (light: 3 gains) with noise of standard deviation read + shot sqrt(signal)."""
    out = np.empty_like(picture)
    for r in range(picture.shape[0]):
        for c in range(picture.shape[1]):
            for k in range(3):
                signal = max(picture[r, c, k] * light[k], np.float32(0))
                out[r, c, k] = signal + noise[r, c, k] * (read + shot * np.sqrt(signal))
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
