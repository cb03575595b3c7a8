"""Random geometric and photometric changes of a batch, for images with the labels that move with them.

Axes: N images, H rows, W columns, P points, A coordinate axes. Pixel (0, 0) has its centre at (x, y) = (0, 0). A
matrix `(2, 3)` maps source to output pixels: (x', y') = M (x, y, 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from core_train.batches import ArrayBatch

FILL = 127
"""Grey value where an output pixel lies outside the source image."""


@dataclass(frozen=True, slots=True)
class Augment:
    """A transform for `ArrayBatches`: mirror, scale, rotate, shift, crop and recolour the samples of a batch, each on
    its own.

    Knows the keys `image (N, H, W, 3) uint8`, `uv (N, H, W, A) float32` (NaN: no label), `part (N, H, W)` integer (0:
    background, also outside the source) and `points (N, P, 2)` px; other keys pass unchanged.

    Attributes:
        size: (H, W) of the output, a crop about the (shifted) image centre; None keeps the size.
        scale: range of the factor, drawn log-uniformly (the paper: 0.75 to 1.25).
        rotation: largest angle in degrees, either way (the paper: 30).
        shift: largest shift, either way, as a fraction of the source size.
        mirror: swaps left and right of a whole batch, labels included (only the package knows its mirror pairs);
            applied to half of the samples.
        brightness: largest change of the grey level, either way, as a fraction of 255.
        contrast: largest change of each channel's gain, either way.
    """

    size: tuple[int, int] | None = None
    scale: tuple[float, float] = (0.75, 1.25)
    rotation: float = 30.0
    shift: float = 0.05
    mirror: Callable[[ArrayBatch], ArrayBatch] | None = None
    brightness: float = 0.1
    contrast: float = 0.2

    def __call__(self, arrays: ArrayBatch, generator: np.random.Generator) -> ArrayBatch:
        """Return the changed batch. Raises KeyError without `image`."""
        arrays = dict(arrays)
        count, height, width = arrays["image"].shape[:3]
        if self.mirror is not None:
            arrays = _mirrored(arrays, self.mirror, np.less(generator.random(count), 0.5))
        size = (height, width) if self.size is None else self.size
        matrices = random_affines(
            generator, count, (height, width), size, scale=self.scale, rotation=self.rotation, shift=self.shift
        )
        gain = 1 + self.contrast * generator.uniform(-1, 1, (count, 1, 1, 3))
        level = 255 * self.brightness * generator.uniform(-1, 1, (count, 1, 1, 1))
        arrays["image"] = recolour(warp_images(arrays["image"], matrices, size), gain, level)
        if "uv" in arrays:
            arrays["uv"] = warp_coordinates(arrays["uv"], matrices, size)
        if "part" in arrays:
            arrays["part"] = warp_labels(arrays["part"], matrices, size)
        if "points" in arrays:
            arrays["points"] = move_points(arrays["points"], matrices)
        return arrays


def random_affines(
    generator: np.random.Generator,
    count: int,
    source: tuple[int, int],
    output: tuple[int, int],
    *,
    scale: tuple[float, float] = (1.0, 1.0),
    rotation: float = 0.0,
    shift: float = 0.0,
) -> np.ndarray:
    """Draw `count` similarity transforms `(N, 2, 3)` float64 which take the centre of the source, shifted, to that of
    the output.

    Args:
        source, output: sizes (H, W).
        scale, rotation, shift: as in `Augment`.
    """
    factor = np.exp(generator.uniform(np.log(scale[0]), np.log(scale[1]), count))
    angle = np.deg2rad(rotation) * generator.uniform(-1, 1, count)
    offset = shift * generator.uniform(-1, 1, (count, 2)) * np.array([source[1], source[0]])
    matrices = np.empty((count, 2, 3))
    cosine, sine = factor * np.cos(angle), factor * np.sin(angle)
    matrices[:, 0, 0], matrices[:, 0, 1] = cosine, -sine
    matrices[:, 1, 0], matrices[:, 1, 1] = sine, cosine
    centre = (np.array([source[1], source[0]]) - 1) / 2 + offset
    target = (np.array([output[1], output[0]]) - 1) / 2
    matrices[:, :, 2] = target - np.einsum("nij,nj->ni", matrices[:, :, :2], centre)
    return matrices


def warp_images(images: np.ndarray, matrices: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resample `(N, H, W, C)` images bilinearly to `(N, *size, C)`; `FILL` outside the source."""
    output = np.empty((len(images), *size, images.shape[3]), images.dtype)
    for image, matrix, out in zip(images, matrices, output, strict=True):
        cv2.warpAffine(image, matrix, size[::-1], dst=out, flags=cv2.INTER_LINEAR, borderValue=(FILL, FILL, FILL))
    return output


def warp_labels(labels: np.ndarray, matrices: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resample `(N, H, W)` integer labels of at most 16 bits by the nearest neighbour; 0 outside the source."""
    output = np.empty((len(labels), *size), labels.dtype)
    for label, matrix, out in zip(labels, matrices, output, strict=True):
        cv2.warpAffine(label, matrix, size[::-1], dst=out, flags=cv2.INTER_NEAREST, borderValue=0)
    return output


def warp_coordinates(uv: np.ndarray, matrices: np.ndarray, size: tuple[int, int], jump: float = 0.05) -> np.ndarray:
    """Resample `(N, H, W, A)` template coordinates to `(N, *size, A)` float32; NaN where the nearest source pixel has
    none.

    Bilinear where all four neighbours are labelled and belong together; at edges, and where the result is further
    than `jump` from the nearest label (one surface hides another), the nearest label is kept: a mean of both sides
    would lie on neither.
    """
    output = np.empty((len(uv), *size, uv.shape[3]), np.float32)
    for field, matrix, out in zip(uv, matrices, output, strict=True):
        labelled = np.isfinite(field).all(-1)
        filled = np.where(labelled[..., None], field, 0).astype(np.float32)
        nearest = _warp(
            np.where(labelled[..., None], field, np.nan).astype(np.float32), matrix, size, cv2.INTER_NEAREST, np.nan
        )
        smooth = _warp(filled, matrix, size, cv2.INTER_LINEAR, 0.0)
        share = _warp(labelled.astype(np.float32)[..., None], matrix, size, cv2.INTER_LINEAR, 0.0)
        inside = (share > 1 - 1e-4) & (np.abs(smooth - nearest).max(-1, keepdims=True) < jump)  # False for NaN
        np.copyto(out, np.where(inside, smooth, nearest))
    return output


def move_points(points: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Map `(N, P, 2)` points (x, y), px."""
    moved: np.ndarray = np.einsum("nij,npj->npi", matrices[:, :, :2], points) + matrices[:, None, :, 2]
    return moved


def recolour(images: np.ndarray, gain: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return uint8 images `(x - 127.5) gain + 127.5 + level`, clipped; gain `(N, 1, 1, 3)`, level `(N, 1, 1, 1)`."""
    changed = images.astype(np.float32)
    changed *= gain.astype(np.float32)
    changed += (127.5 * (1 - gain) + level).astype(np.float32)
    return np.clip(np.rint(changed, out=changed), 0, 255, out=changed).astype(np.uint8)


def _warp(field: np.ndarray, matrix: np.ndarray, size: tuple[int, int], method: int, border: float) -> np.ndarray:
    warped = cv2.warpAffine(field, matrix, size[::-1], flags=method, borderValue=(border,) * 4)
    return np.asarray(warped).reshape(*size, field.shape[2])


def _mirrored(arrays: ArrayBatch, mirror: Callable[[ArrayBatch], ArrayBatch], chosen: np.ndarray) -> ArrayBatch:
    swapped = mirror({key: value[chosen] for key, value in arrays.items()})
    result = {}
    for key, value in arrays.items():
        result[key] = value.copy()
        result[key][chosen] = swapped[key]
    return result
