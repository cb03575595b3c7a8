"""What an appearance model sees of an image.

Axis letters: S side of the frame, C channels, P landmarks, Q side of a patch.
"""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
BLUR = 1.0
"""Standard deviation, px, of the smoothing before the gradient."""


def edge_structure(image: NDArray[np.uint8]) -> F32:
    """(S, S, 3) uint8 RGB -> (S, S, 2): the gradient over its magnitude plus the mean magnitude.

    Strong edges give their direction alone and weak ones fade, so that neither light nor contrast counts (Cootes and
    Taylor, "On representing edge structure for model matching", CVPR 2001).
    """
    grey = cv2.GaussianBlur(cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2GRAY), (0, 0), BLUR)
    x, y = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=1), cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=1)
    magnitude = np.hypot(x, y)
    return np.stack([x, y], -1) / (magnitude + magnitude.mean() + np.float32(1e-3))[..., None]


def sample_patches(features: F32, points: NDArray[np.float64], side: int) -> F32:
    """Patches around points, bilinear, the edge continued.

    Args:
        features: (S, S, C).
        points: (P, 2) px, finite; the middle of each patch.
        side: Q.

    Returns (P, Q, Q, C).
    """
    patches = np.empty((len(points), side, side, features.shape[2]), np.float32)
    _sample(features, np.ascontiguousarray(points, np.float64), patches)
    return patches


@njit(nogil=True, cache=True)
def _sample(features, points, patches):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    rows, columns, channels = features.shape
    side = patches.shape[1]
    for p in range(len(points)):
        for i in range(side):
            y = min(max(points[p, 1] + i - (side - 1) / 2, 0.0), rows - 1.0)
            top = min(int(y), rows - 2)
            down = y - top
            for j in range(side):
                x = min(max(points[p, 0] + j - (side - 1) / 2, 0.0), columns - 1.0)
                left = min(int(x), columns - 2)
                right = x - left
                for c in range(channels):
                    above = (1 - right) * features[top, left, c] + right * features[top, left + 1, c]
                    below = (1 - right) * features[top + 1, left, c] + right * features[top + 1, left + 1, c]
                    patches[p, i, j, c] = (1 - down) * above + down * below
