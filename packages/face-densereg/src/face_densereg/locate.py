"""Find the face, or all faces, in an image of any size with the network's own foreground.

Axis letters: H rows and W columns of the image, S side of the square crop that the network was trained on.

The paper gives whole images, largest side 800 px, to networks trained at that scale: no detector, no box. A network
trained on S x S crops sees one scale of faces only, so the image is shown to it at several scales, and the scale whose
foreground is as large as in training gives the crop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

LARGEST_SIDE = 800
SCALES = (1.0, 1.5, 2.25, 3.4, 5.0, 6.25)
"""Largest side of the pyramid's levels in multiples of S; at S = 128 the last one is the paper's 800 px."""

MULTIPLE = 64
"""Image sides are padded to this multiple: the product of the trunks' down-samplings."""

MOST_FACES = 20
LEAST_QUALITY = 0.6
"""Of a second face: of the product of a component's mean probability and its closeness in size, at most 1. A face has
more than 0.9 of either at the level that suits it best."""

APART = 0.6
"""Smallest distance of two faces, from middle to middle, in sizes of the larger one."""

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
    found = candidates(image, side, expected, foreground)
    if not found:
        return None
    best = max(found, key=lambda candidate: candidate.quality)
    return cut(image, best.centre, best.zoom, side)


def find_faces(
    image: NDArray[np.uint8], side: int, expected: float, foreground: Foreground, *, most: int = MOST_FACES
) -> list[Crop]:
    """Crops of several faces, best first, at most `most`; arguments as of `find_face`, whose answer is the first.

    Components are taken in the order of their quality, down to `LEAST_QUALITY`; one whose middle lies within another
    face that is taken, or the other way round, shows the same face at another level of the pyramid. So faces must be
    nearly a face's size apart, from middle to middle.
    """
    kept: list[Candidate] = []
    for candidate in sorted(candidates(image, side, expected, foreground), key=lambda candidate: -candidate.quality):
        if len(kept) == most or (kept and candidate.quality < LEAST_QUALITY):
            break
        if all(apart(candidate, other, expected) for other in kept):
            kept.append(candidate)
    return [cut(image, candidate.centre, candidate.zoom, side) for candidate in kept]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A foreground component of a level: its quality, its middle (x, y) px of the image, and crop px in an image px."""

    quality: float
    centre: tuple[float, float]
    zoom: float


def candidates(image: NDArray[np.uint8], side: int, expected: float, foreground: Foreground) -> list[Candidate]:
    """Every foreground component of every level of the pyramid; arguments as of `find_face`."""
    height, width = image.shape[:2]
    found = []
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
            quality = certainty * float(np.exp(-0.5 * (np.log(size / expected) / 0.5) ** 2))
            x, y = (centres[component] + 0.5) / zoom - 0.5
            found.append(Candidate(quality, (float(x), float(y)), expected / size * zoom))
    return found


def apart(one: Candidate, other: Candidate, expected: float) -> bool:
    """Whether neither candidate's middle lies within `APART` times the other's size of its own middle."""
    reach = APART * expected / min(one.zoom, other.zoom)
    return bool(np.hypot(one.centre[0] - other.centre[0], one.centre[1] - other.centre[1]) > reach)


def territories(crops: Sequence[Crop]) -> list[NDArray[np.bool_]]:
    """(S, S) for each crop: the pixels that are nearer to its own middle than to that of another crop.

    Distances count in sides of the respective crop, so that a large face reaches further than a small one beside it.
    """
    spots = [(crop.points_to_image(_middle(crop))[0], float(crop.to_image[0, 0])) for crop in crops]
    masks = []
    for crop, (own, unit) in zip(crops, spots, strict=True):
        height, width = crop.image.shape[:2]
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        places = crop.points_to_image(np.stack([x, y], -1).reshape(-1, 2).astype(np.float64)).reshape(height, width, 2)
        far = np.linalg.norm(places - own, axis=-1) / unit
        nearest = [np.linalg.norm(places - other, axis=-1) / side for other, side in spots]
        masks.append(np.asarray(far <= np.min(nearest, axis=0)))
    return masks


def _middle(crop: Crop) -> NDArray[np.float64]:
    height, width = crop.image.shape[:2]
    return np.array([[(width - 1) / 2, (height - 1) / 2]])


def cut(image: NDArray[np.uint8], centre: tuple[float, float], zoom: float, side: int) -> Crop:
    """The square of `side` crop px around `centre` (x, y) px of the image, `zoom` crop px in one of the image."""
    height, width = image.shape[:2]
    (x, y), reach = centre, (side - 1) / 2 / zoom
    to_image = np.array([[1 / zoom, 0, x - reach], [0, 1 / zoom, y - reach]])
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
