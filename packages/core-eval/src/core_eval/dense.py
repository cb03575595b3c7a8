"""Error of dense template coordinates.

Axis letters: H rows, W columns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core_eval.contracts import Arrays, Metric, UnscorableError
from core_eval.errors import InputError
from core_eval.signature import signature


def uv_error_sums(prediction: Arrays, target: Arrays) -> NDArray[np.float64]:
    """(sum of errors, number of pixels) over the pixels where the target has template coordinates.

    The error of a pixel is the Euclidean distance of predicted and true (u_h, u_v), in template units. A pixel where
    the prediction is not finite (NaN says background) counts with the largest error that coordinates in [0, 1] can
    have, sqrt(2): what is not found is wrong. `uv` arrays are (H, W, 2). Raises `InputError` when shapes differ,
    `UnscorableError` without target pixels.
    """
    truth, guess = np.asarray(target["uv"], np.float64), np.asarray(prediction["uv"], np.float64)
    if truth.shape != guess.shape:
        raise InputError(f"predicted uv has shape {guess.shape}, the target {truth.shape}", field="uv")
    inside = ~np.isnan(truth).any(axis=-1)
    if not inside.any():
        raise UnscorableError("no pixel with template coordinates")
    found = inside & np.isfinite(guess).all(axis=-1)
    distances = np.hypot(*(guess[found] - truth[found]).T)
    missed = np.count_nonzero(inside) - np.count_nonzero(found)
    return np.array([distances.sum() + np.sqrt(2.0) * missed, float(np.count_nonzero(inside))])


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
        reduce=lambda sums: float(sums[:, 0].sum() / sums[:, 1].sum()),
        terms=lambda sums: sums,
    )
