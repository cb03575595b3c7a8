"""Error of dense template coordinates.

Axis letters: H rows, W columns.

`uv_error` is the mean distance. A pixel that is missed altogether costs sqrt(2) there, some fifty times an ordinary
error, so that the outline rules the mean. `uv_auc` is the thesis' measure for bodies (ratio of correct points, Sec.
4.2.3) with distances on the template in place of geodesics: a missed pixel is wrong at every threshold and costs 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core_eval.contracts import Arrays, Metric, UnscorableError
from core_eval.errors import InputError
from core_eval.signature import signature


def uv_distances(prediction: Arrays, target: Arrays) -> NDArray[np.float64]:
    """(number of pixels where the target has coordinates,) Euclidean distances of predicted and true (u_h, u_v).

    Template units; infinite where the prediction is not finite (NaN says background). `uv` arrays are (H, W, 2).
    Raises `InputError` when shapes differ, `UnscorableError` without target pixels.
    """
    truth, guess = np.asarray(target["uv"], np.float64), np.asarray(prediction["uv"], np.float64)
    if truth.shape != guess.shape:
        raise InputError(f"predicted uv has shape {guess.shape}, the target {truth.shape}", field="uv")
    inside = ~np.isnan(truth).any(axis=-1)
    if not inside.any():
        raise UnscorableError("no pixel with template coordinates")
    guess, truth = guess[inside], truth[inside]
    found = np.isfinite(guess).all(axis=-1)
    distances = np.full(len(truth), np.inf)
    distances[found] = np.hypot(*(guess[found] - truth[found]).T)
    return distances


def uv_error_sums(prediction: Arrays, target: Arrays) -> NDArray[np.float64]:
    """(sum of errors, number of pixels) over the pixels where the target has template coordinates.

    A pixel without a prediction counts with the largest distance of coordinates in [0, 1], sqrt(2): what is not found
    is wrong. Raises as `uv_distances` does.
    """
    distances = uv_distances(prediction, target)
    return np.array([np.where(np.isinf(distances), np.sqrt(2.0), distances).sum(), len(distances)], np.float64)


def uv_error(name: str = "uv-error") -> Metric:
    """Mean Euclidean error of template coordinates over all foreground pixels; template units, lower is better."""
    return Metric(
        name=name,
        unit="template units",
        better="lower",
        signature=signature(
            "uv-error", distance="euclidean", pixels="target-foreground", missed="sqrt2", pool="pixels"
        ),
        needs=("uv",),
        per_sample=uv_error_sums,
        failed=np.array([np.sqrt(2.0), 1.0]),
        reduce=_mean,
        terms=lambda sums: sums,
    )


def uv_auc(name: str = "uv-auc", *, limit: float) -> Metric:
    """Area under the curve of the share of foreground pixels within a distance, up to `limit` template units.

    ``mean(clip(1 - d / limit, 0, 1))`` over the foreground pixels of all images; a fraction, higher is better. Raises
    `InputError` for a limit that is not positive.
    """
    if not (np.isfinite(limit) and limit > 0):
        raise InputError(f"must be a positive number of template units, got {limit}", field="limit")

    def credit(prediction: Arrays, target: Arrays) -> NDArray[np.float64]:
        distances = uv_distances(prediction, target)
        return np.array([np.clip(1 - distances / limit, 0, 1).sum(), len(distances)], np.float64)

    return Metric(
        name=name,
        unit="fraction",
        better="higher",
        signature=signature(
            "uv-auc",
            distance="euclidean",
            limit=f"{limit:g}",
            pixels="target-foreground",
            integral="closed-form",
            missed="infinite",
            pool="pixels",
        ),
        needs=("uv",),
        per_sample=credit,
        failed=np.array([0.0, 1.0]),
        reduce=_mean,
        terms=lambda sums: sums,
    )


def _mean(sums: NDArray[np.float64]) -> float:
    return float(sums[:, 0].sum() / sums[:, 1].sum())
