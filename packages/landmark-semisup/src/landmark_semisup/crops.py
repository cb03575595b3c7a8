"""Square crops about a box, for the tasks whose images are not whole.

Axis letters: H rows, W columns, P points, S side of the crop. A box is (x1, y1, x2, y2) px; pixel (0, 0) has its centre
at (0, 0); a matrix (2, 3) maps image to crop as (x', y') = M (x, y, 1).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from core_eval import Arrays, InputError
from landmark_semisup.tasks import Task

Floats = NDArray[np.float64]
IDENTITY = np.eye(2, 3)
BLUR = 0.4
"""Standard deviation of the blur before an image is made smaller, in pixels of the crop."""


def grey(image: np.ndarray) -> NDArray[np.uint8]:
    """(H, W, 3) RGB, (H, W, 1) or (H, W), uint8 -> (H, W, 1). Raises `InputError` for anything else."""
    image = np.asarray(image)
    plain = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1)
    if image.dtype != np.uint8 or not (plain or (image.ndim == 3 and image.shape[2] == 3)) or not image.size:
        raise InputError(f"expected (H, W, 3) or (H, W) uint8, got {image.dtype} of shape {image.shape}", field="image")
    if plain:
        return image.reshape(*image.shape[:2], 1)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), np.uint8)[..., None]


def box_of(points: np.ndarray) -> Floats:
    """The tight box (4,) of the finite points among (P, 2). Raises `InputError` if there are fewer than two."""
    known = np.asarray(points, np.float64)[np.isfinite(points).all(-1)]
    if len(known) < 2:
        raise InputError("a box needs two annotated points", field="points")
    return np.concatenate([known.min(0), known.max(0)])


def crop_matrix(box: np.ndarray, side: int, margin: float) -> Floats:
    """(2, 3) matrix that takes a square about the centre of `box` to (S, S) px: its longer side, enlarged by `margin`.

    Raises `InputError` for a box that has no extent or is not finite.
    """
    box = np.asarray(box, np.float64)
    longer = np.max(box[2:] - box[:2], initial=0.0) if box.shape == (4,) and np.isfinite(box).all() else 0.0
    if longer <= 0:
        raise InputError(f"a box is (x1, y1, x2, y2) with x1 < x2 and y1 < y2, got {box.tolist()}", field="box")
    scale = side / (margin * longer)
    return np.hstack([scale * np.eye(2), ((side - 1) / 2 - scale * (box[:2] + box[2:]) / 2)[:, None]])


def cut(image: NDArray[np.uint8], matrix: Floats, side: int) -> NDArray[np.uint8]:
    """(H, W, 1) -> (S, S, 1), bilinear; what comes from outside is black, as in the public code of RCN."""
    scale = float(np.hypot(*matrix[:, 0]))
    if scale < 0.8:  # bilinear reading would pick single pixels
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), BLUR / scale), np.uint8)
    return np.asarray(cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR), np.uint8)[..., None]


def move(points: np.ndarray, matrix: Floats) -> Floats:
    """(P, 2) px by a (2, 3) matrix."""
    moved: Floats = np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return moved


def framed(inputs: Arrays, task: Task, points: np.ndarray | None = None) -> tuple[NDArray[np.uint8], Floats]:
    """What the network sees of a sample, (H, W, 1) uint8, and the matrix that took it from the image.

    A task with a `side` crops about ``inputs["box"]``, or else about the annotated `points` (P, 2); an image that has
    that size and no box is taken whole. Raises `InputError` for an image without any of these.
    """
    image = grey(inputs["image"])
    if task.side is None:
        return image, IDENTITY
    if "box" in inputs:
        box = inputs["box"]
    elif image.shape[:2] == (task.side, task.side):
        return image, IDENTITY
    elif points is not None:
        box = box_of(points)
    else:
        raise InputError(
            f"an image of {image.shape[1]}x{image.shape[0]} px, not {task.side}x{task.side}, needs a box", field="box"
        )
    matrix = crop_matrix(box, task.side, task.margin)
    return cut(image, matrix, task.side), matrix
