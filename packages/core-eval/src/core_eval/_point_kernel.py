"""The compiled loop of `core_eval.point_statistics`.

Axis letters: N samples, P points.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})
def accumulate(
    prediction: Floats, target: Floats, size: Floats, threshold: float, limit: float, errors: Floats, sums: Floats
) -> None:
    """Fill the (N,) errors and add to the (3, P) hits, areas and counts; see `core_eval.point_statistics`."""
    points = prediction.shape[1]
    distances = np.empty(points)
    for sample in range(len(size)):
        scale = 1.0 / size[sample] if size[sample] > 0.0 else np.inf
        for point in range(points):
            dx = prediction[sample, point, 0] - target[sample, point, 0]
            dy = prediction[sample, point, 1] - target[sample, point, 1]
            distances[point] = np.sqrt(dx * dx + dy * dy) * scale
        total = 0.0
        count = 0.0
        for point in range(points):
            distance = distances[point]
            present = 1.0
            if not distance < np.inf:  # something is not finite: find out what
                tx, ty = target[sample, point, 0], target[sample, point, 1]
                present = 1.0 if np.isfinite(tx) and np.isfinite(ty) else 0.0
                distance = np.inf if present else 0.0
            total += distance
            count += present
            sums[0, point] += present if distance <= threshold else 0.0
            sums[1, point] += present * max(1.0 - distance / limit, 0.0)
            sums[2, point] += present
        errors[sample] = total / count
