"""Everything that point distances are reduced to, in one pass over the arrays.

Axis letters: N samples, P points.

NME, PCK and the areas under their curves all start from the same N x P distances. Evaluators compute them again for
every number and every threshold; one pass over the coordinates suffices, since each area is a mean of closed forms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core_eval.blocks import in_blocks
from core_eval.errors import InputError

Floats = NDArray[np.float64]

_BLOCK = 2048


@dataclass(frozen=True, slots=True)
class PointStatistics:
    """What is left of the distances.

    Attributes:
        errors: (N,) mean of each sample's distances divided by its size; infinite if a point is not predicted or the
            size is not positive, NaN for a sample without annotated points.
        hits: (P,) samples whose point is within the threshold.
        areas: (P,) sums over the samples of ``clip(1 - d / limit, 0, 1)``.
        counts: (P,) samples that have the point.
    """

    errors: Floats
    hits: Floats
    areas: Floats
    counts: Floats

    @property
    def nme(self) -> float:
        """Mean error of the samples, in percent."""
        return float(100.0 * np.mean(self.errors))

    @property
    def pck(self) -> float:
        """Points within the threshold, in percent of all annotated points."""
        return float(100.0 * self.hits.sum() / self.counts.sum())

    @property
    def pck_auc(self) -> float:
        """Exact area under the PCK curve up to the limit, in percent, pooled over all annotated points."""
        return float(100.0 * self.areas.sum() / self.counts.sum())


def point_statistics(
    prediction: ArrayLike, target: ArrayLike, size: ArrayLike, *, threshold: float, limit: float
) -> PointStatistics:
    """Statistics of the distances between two (N, P, 2) arrays, each sample's divided by its `size` (N,).

    Target rows that are not finite are not annotated and left out; predictions that are not finite are infinitely far.
    A distance equal to the `threshold` is a hit. Arrays are read in blocks, so memory maps will do. Raises `InputError`
    for shapes that do not fit, a threshold or a limit that is not positive.
    """
    from core_eval._point_kernel import accumulate

    guess, truth, sizes = np.asarray(prediction), np.asarray(target), np.asarray(size, dtype=np.float64)
    if guess.ndim != 3 or guess.shape[2] != 2 or guess.shape != truth.shape or sizes.shape != guess.shape[:1]:
        raise InputError(f"expected (N, P, 2) twice and (N,), got {guess.shape}, {truth.shape} and {sizes.shape}")
    for name, value in (("threshold", threshold), ("limit", limit)):
        if not (np.isfinite(value) and value > 0):
            raise InputError(f"must be a positive number, got {value}", field=name)
    count, points = guess.shape[:2]
    errors = np.empty(count)
    sums = np.zeros((-(-count // _BLOCK), 3, points))

    def run(start: int, stop: int) -> None:
        x, y = (np.ascontiguousarray(array[start:stop], dtype=np.float64) for array in (guess, truth))
        accumulate(x, y, sizes[start:stop], threshold, limit, errors[start:stop], sums[start // _BLOCK])

    in_blocks(run, count, _BLOCK)
    hits, areas, counts = sums.sum(axis=0)
    return PointStatistics(errors, hits, areas, counts)
