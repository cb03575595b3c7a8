"""PCA shape model of landmarks, for the reconstruction of Sec. 5.3.

Axis letters: N shapes, P landmarks, M modes.

"We provide a slightly improved initialization with very small computational cost by reconstructing the detected
landmarks with a PCA shape model that is constructed from ground-truth annotations."
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError

VARIANCE = 0.98
"""Share of the shape variance that the modes keep (the paper prints neither this nor a number of modes)."""

LARGEST_DEVIATION = 3.0
"""Mode coefficients are clipped to this many standard deviations (Cootes et al. 2001)."""


@dataclass(frozen=True, slots=True)
class ShapeModel:
    """Mean shape (P, 2) of unit scale, orthonormal modes (M, 2 P), their standard deviations (M,)."""

    mean: NDArray[np.float64]
    modes: NDArray[np.float64]
    deviations: NDArray[np.float64]

    def reconstruct(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The model's nearest shape to `points` (P, 2) px, in the same frame; NaN stays NaN."""
        if not np.isfinite(points).all():
            return np.full_like(points, np.nan)
        scale_rotation, shift = similarity(points, self.mean)
        aligned = points @ scale_rotation.T + shift
        weights = self.modes @ (aligned - self.mean).ravel()
        weights = np.clip(weights, -LARGEST_DEVIATION * self.deviations, LARGEST_DEVIATION * self.deviations)
        shape = self.mean + (weights @ self.modes).reshape(-1, 2)
        return (shape - shift) @ np.linalg.inv(scale_rotation).T


def similarity(
    source: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least-squares similarity without reflection: `(A, b)` with ``source @ A.T + b`` nearest to `target`.

    Both are (P, 2); A is (2, 2), b is (2,). In the plane the optimum is one complex ratio. Raises `InputError` for
    coincident source points.
    """
    z = (source - source.mean(0)) @ np.array([1, 1j])
    w = (target - target.mean(0)) @ np.array([1, 1j])
    spread = float(np.vdot(z, z).real)
    if spread == 0:
        raise InputError("a shape whose points coincide cannot be aligned")
    ratio = np.vdot(z, w) / spread
    rotation = np.array([[ratio.real, -ratio.imag], [ratio.imag, ratio.real]])
    return rotation, target.mean(0) - rotation @ source.mean(0)


def fit_shape_model(shapes: NDArray[np.float64], *, variance: float = VARIANCE, rounds: int = 5) -> ShapeModel:
    """Generalised Procrustes alignment of `shapes` (N, P, 2), then PCA keeping `variance` of the spread.

    Raises `InputError` for fewer than two shapes or values that are not finite.
    """
    if len(shapes) < 2 or not np.isfinite(shapes).all():
        raise InputError("a shape model needs at least two finite shapes", field="points")
    mean = _unit(shapes[0])
    for _ in range(rounds):
        aligned = np.array([shape @ a.T + b for shape in shapes for a, b in [similarity(shape, mean)]])
        mean = _unit(aligned.mean(0))
    deviations = (aligned - aligned.mean(0)).reshape(len(shapes), -1)
    _, singular, modes = np.linalg.svd(deviations, full_matrices=False)
    energy = np.cumsum(singular**2) / np.sum(singular**2)
    keep = int(np.searchsorted(energy, variance)) + 1
    return ShapeModel(aligned.mean(0), modes[:keep], singular[:keep] / np.sqrt(len(shapes) - 1))


def _unit(shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centred, with a root-mean-square radius of one."""
    centred = shape - shape.mean(0)
    return centred / np.sqrt((centred**2).sum(1).mean())
