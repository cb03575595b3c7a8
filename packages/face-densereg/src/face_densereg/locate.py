"""Find the face in an image of any size with the network's own foreground.

Axis letters: H rows and W columns of the image, S side of the square crop that the network was trained on.

The paper gives whole images, largest side 800 px, to networks trained at that scale: no detector, no box. A network
trained on S x S crops sees one scale of faces only, so the image is shown to it at several scales, and the scale whose
foreground is as large as in training gives the crop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

LARGEST_SIDE = 800
SCALES = (1.0, 1.5, 2.25, 3.4, 5.0, 6.25)
"""Largest side of the pyramid's levels in multiples of S; at S = 128 the last one is the paper's 800 px."""

MULTIPLE = 64
"""Image sides are padded to this multiple: the product of the trunks' down-samplings."""

Foreground = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""(H, W, 3) uint8 RGB -> (H, W) probability of face."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A square crop: `to_image` (2, 3) maps crop pixel centres to image pixel centres."""

    image: NDArray[np.uint8]
    to_image: NDArray[np.float64]

    def points_to_image(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(P, 2) px of the crop -> px of the image."""
        return points @ self.to_image[:, :2].T + self.to_image[:, 2]

    def field_to_image(self, field: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
        """(S, S, C) field of the crop -> (H, W, C) of the image, nearest pixel, NaN outside the crop."""
        return cv2.warpAffine(
            np.ascontiguousarray(field),
            self.to_image,
            (width, height),
            flags=cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(np.nan,) * 4,
        )


def whole(image: NDArray[np.uint8]) -> Crop:
    """The image as its own crop."""
    return Crop(image, np.array([[1.0, 0, 0], [0, 1, 0]]))


def find_face(image: NDArray[np.uint8], side: int, expected: float, foreground: Foreground) -> Crop | None:
    """The crop of side `side` px in which the face is as large as in training, or None when no face is found.

    Args:
        image: (H, W, 3) uint8 RGB, any size.
        side: S.
        expected: the training faces' size, square root of the foreground's area in px of the crop.
        foreground: the network.

    Of all pyramid levels' connected foreground components, the one with the best product of mean probability and
    closeness in size (Gaussian in the logarithm of size over expected size) is taken.
    """
    height, width = image.shape[:2]
    best: tuple[float, tuple[float, float], float] | None = None
    for scale in SCALES:
        zoom = scale * side / max(height, width)
        if zoom * max(height, width) > max(LARGEST_SIDE, side):
            continue
        level = resize(image, zoom)
        probability = foreground(_pad(level))[: level.shape[0], : level.shape[1]]
        count, labels, stats, centres = cv2.connectedComponentsWithStats((probability > 0.5).astype(np.uint8))
        for component in range(1, count):
            size = float(np.sqrt(stats[component, cv2.CC_STAT_AREA]))
            certainty = float(probability[labels == component].mean())
            quality = certainty * np.exp(-0.5 * (np.log(size / expected) / 0.5) ** 2)
            if best is None or quality > best[0]:
                centre = (centres[component] + 0.5) / zoom - 0.5
                best = quality, (float(centre[0]), float(centre[1])), expected / size * zoom
    if best is None:
        return None
    _, (x, y), zoom = best
    to_image = np.array([[1 / zoom, 0, x - (side - 1) / 2 / zoom], [0, 1 / zoom, y - (side - 1) / 2 / zoom]])
    # Shrink with area averaging first: a bilinear warp that skips pixels aliases.
    shrink = min(1.0, zoom)
    small = resize(image, shrink)
    real = np.array([small.shape[1] / width, small.shape[0] / height])[:, None]
    to_small = to_image * real
    to_small[:, 2] += (real[:, 0] - 1) / 2
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(small, to_small, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return Crop(crop, to_image)


def resize(image: NDArray[np.uint8], zoom: float) -> NDArray[np.uint8]:
    """Scale by `zoom`, rounding the sides; area averaging when shrinking."""
    height, width = (max(1, round(zoom * side)) for side in image.shape[:2])
    if (height, width) == image.shape[:2]:
        return image
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR)


def _pad(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    bottom, right = (-side % MULTIPLE for side in image.shape[:2])
    return cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
