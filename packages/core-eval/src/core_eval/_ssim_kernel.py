"""The compiled loops of `core_eval.image_similarity`, whose `ssim_maps` is their plain twin.

Axis letters: H rows, W columns.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def ssim_sums(x: Floats, y: Floats, half: Floats, c1: float, c2: float) -> tuple[float, float]:
    """Sums of SSIM and of its contrast-structure factor over the (H - 10) x (W - 10) whole windows of two planes.

    `x` and `y` are (H, W); `half` (6,) are the weights of the symmetric 11-tap window at distance 0 to 5. Columns are
    filtered before rows, so that both passes run along contiguous memory.
    """
    height, width = x.shape
    energy = np.empty((height, width))  # x^2 + y^2: the sum of the variances is all that SSIM needs
    product = np.empty((height, width))
    for row in range(height):
        for column in range(width):
            a, b = x[row, column], y[row, column]
            energy[row, column] = a * a + b * b
            product[row, column] = a * b
    w0, w1, w2, w3, w4, w5 = half[0], half[1], half[2], half[3], half[4], half[5]
    down = np.empty((4, width))
    across = np.empty((4, width))
    total, total_structure = 0.0, 0.0
    for row in range(5, height - 5):
        for plane in range(4):
            source = x if plane == 0 else y if plane == 1 else energy if plane == 2 else product
            r0, r1, r2, r3, r4 = source[row - 5], source[row - 4], source[row - 3], source[row - 2], source[row - 1]
            r6, r7, r8, r9, r10 = source[row + 1], source[row + 2], source[row + 3], source[row + 4], source[row + 5]
            r5 = source[row]
            v = down[plane]
            for column in range(width):
                v[column] = (
                    w0 * r5[column]
                    + w1 * (r4[column] + r6[column])
                    + w2 * (r3[column] + r7[column])
                    + w3 * (r2[column] + r8[column])
                    + w4 * (r1[column] + r9[column])
                    + w5 * (r0[column] + r10[column])
                )
            h = across[plane]
            for column in range(5, width - 5):
                h[column] = (
                    w0 * v[column]
                    + w1 * (v[column - 1] + v[column + 1])
                    + w2 * (v[column - 2] + v[column + 2])
                    + w3 * (v[column - 3] + v[column + 3])
                    + w4 * (v[column - 4] + v[column + 4])
                    + w5 * (v[column - 5] + v[column + 5])
                )
        for column in range(5, width - 5):
            mx, my = across[0, column], across[1, column]
            squares, cross = mx * mx + my * my, mx * my
            structure = (2.0 * (across[3, column] - cross) + c2) / (across[2, column] - squares + c2)
            total_structure += structure
            total += structure * (2.0 * cross + c1) / (squares + c1)
    return total, total_structure
