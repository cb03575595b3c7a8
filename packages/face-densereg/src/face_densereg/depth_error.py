"""Error of a depth field.

Axis letters: H rows, W columns.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core_eval import Arrays, InputError, Metric, UnscorableError, signature

Align = Literal["none", "shift", "affine"]


def depth_errors(prediction: Arrays, target: Arrays, align: Align = "none") -> NDArray[np.float64]:
    """(pixels where the target has a depth,) absolute differences; infinite where the prediction is not finite.

    `depth` arrays are (H, W). Raises `InputError` when their shapes differ, `UnscorableError` without target pixels.

    Args:
        align: bring the face's prediction to its truth first, by the ``shift`` or the ``affine`` map that is best in
            the sense of least squares: that leaves the errors of its form, as the literature does where scale and
            offset of a single view are not known.
    """
    truth, guess = np.asarray(target["depth"], np.float64), np.asarray(prediction["depth"], np.float64)
    if truth.shape != guess.shape:
        raise InputError(f"predicted depth has shape {guess.shape}, the target {truth.shape}", field="depth")
    inside = np.isfinite(truth)
    if not inside.any():
        raise UnscorableError("no pixel with a depth")
    truth, guess = truth[inside], guess[inside]
    found = np.isfinite(guess)
    errors = np.full(len(truth), np.inf)
    if found.any():
        truth, guess = truth[found], guess[found]
        centred = guess - guess.mean()
        if align == "affine":
            spread = float(centred @ centred)
            guess = truth.mean() + (float(centred @ truth) / spread if spread > 0 else 0.0) * centred
        elif align == "shift":
            guess = truth.mean() + centred
        errors[found] = np.abs(guess - truth)
    return errors


def depth_error(name: str = "depth-error", *, align: Align = "none") -> Metric:
    """Mean absolute error of depth over all face pixels of all images, in the target's unit; lower is better.

    A pixel without a prediction counts 1, the whole range of a depth in [0, 1]. `align` as of `depth_errors`. Raises
    `InputError` for an unknown one.
    """
    if align not in get_args(Align):
        raise InputError(f"unknown alignment {align!r}; known: {', '.join(get_args(Align))}", field="align")

    def sums(prediction: Arrays, target: Arrays) -> NDArray[np.float64]:
        errors = depth_errors(prediction, target, align)
        return np.array([np.where(np.isinf(errors), 1.0, errors).sum(), len(errors)], np.float64)

    return Metric(
        name=name,
        unit="depth units",
        better="lower",
        signature=signature(
            "depth-error", error="absolute", align=align, pixels="target-foreground", missed="1", pool="pixels"
        ),
        needs=("depth",),
        per_sample=sums,
        failed=np.array([1.0, 1.0]),
        reduce=lambda totals: float(totals[:, 0].sum() / totals[:, 1].sum()),
        terms=lambda totals: totals,
    )
