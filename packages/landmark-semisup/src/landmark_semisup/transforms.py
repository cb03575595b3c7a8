"""Random similarity transforms of images: those of cost T, and the augmentation (footnotes 1, 8 and 9).

Axis letters: N images, P landmarks, H rows, W columns. A matrix (2, 3) maps points (x, y) px as (x', y') = M (x, y, 1).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from core_train.augment import move_points, random_affines
from landmark_semisup.tasks import Task

BLOCKED = 0.4
"""Longest side of a black rectangle as a share of the image's; not printed."""


def draw_transforms(generator: np.random.Generator, count: int, size: tuple[int, ...], task: Task) -> np.ndarray:
    """(N, 2, 3) float64 similarity transforms about the centre of an image of `size` (H, W), in the task's range."""
    height, width = size
    return random_affines(
        generator,
        count,
        (height, width),
        (height, width),
        scale=task.scale,
        rotation=task.rotation,
        shift=task.shift,
    )


def transform_images(images: NDArray[np.uint8], matrices: np.ndarray) -> NDArray[np.uint8]:
    """T of images (N, H, W, 1), bilinear; what comes from outside repeats the border, black where that is black."""
    moved = np.empty_like(images)
    for image, matrix, out in zip(images, matrices, moved, strict=True):
        out[..., 0] = cv2.warpAffine(
            image[..., 0], matrix, image.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    return moved


def augment(
    generator: np.random.Generator, images: NDArray[np.uint8], points: NDArray[np.float32], task: Task
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]:
    """Turn, scale and shift images (N, H, W, 1) with their landmarks (N, P, 2), then block them where the task does.

    Returns: images and landmarks, and which landmarks (N, P) are still in the image.
    """
    height, width = images.shape[1:3]
    matrices = draw_transforms(generator, len(images), (height, width), task)
    moved = transform_images(images, matrices)
    if task.blocked:
        block(generator, moved)
    places = move_points(points.astype(np.float64), matrices).astype(np.float32)
    inside = (places >= -0.5) & (places < np.array([width, height]) - 0.5)
    return moved, places, np.asarray(inside.all(-1))


def block(generator: np.random.Generator, images: NDArray[np.uint8]) -> None:
    """Put a black rectangle on each image (N, H, W, 1), in place: centre anywhere, sides uniform up to `BLOCKED`."""
    size = np.array(images.shape[1:3])
    centre = generator.random((len(images), 2)) * size
    half = generator.random((len(images), 2)) * size * BLOCKED / 2
    low = np.maximum(centre - half, 0).astype(np.int64)
    high = np.maximum(centre + half, 0).astype(np.int64)
    for image, (top, left), (bottom, right) in zip(images, low, high, strict=True):
        image[top:bottom, left:right] = 0
