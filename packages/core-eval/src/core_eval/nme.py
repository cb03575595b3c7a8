"""Normalised mean error of landmarks.

Axis letters: P points.

Source: the 300-W competition's error, ``e = (1/P) sum_i ||p_i - g_i|| / d`` (Sagonas et al. 2016, Sec. 3); which `d`
a paper means is part of the signature.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core_eval.contracts import Arrays, Metric, UnscorableError
from core_eval.errors import InputError
from core_eval.landmarks import Scheme, scheme
from core_eval.signature import signature
from core_eval.statistics import over_samples

SMALLEST = 1e-3
"""A normaliser below this share of the same points' box diagonal is taken for zero (our choice, no paper says)."""


def outer_eye_corners(points: NDArray[np.float64], layout: Scheme) -> float:
    """Distance of the outer eye corners in px. `points` (P, 2) px."""
    first, second = layout.outer_eye_corners
    return float(np.linalg.norm(points[first] - points[second]))


def eye_centres(points: NDArray[np.float64], layout: Scheme) -> float:
    """Distance of the eye centres in px; a centre is the mean of the eye's outline points. `points` (P, 2) px."""
    first, second = (points[list(eye)].mean(axis=0) for eye in layout.eyes)
    return float(np.linalg.norm(first - second))


def box(points: NDArray[np.float64], layout: Scheme) -> float:  # noqa: ARG001
    """``sqrt(w h)`` of the points' tight box in px. `points` (P, 2) px."""
    width, height = np.ptp(points, axis=0)
    return float(np.sqrt(width * height))


def box_diagonal(points: NDArray[np.float64], layout: Scheme) -> float:  # noqa: ARG001
    """Diagonal of the points' tight box in px. `points` (P, 2) px."""
    return float(np.linalg.norm(np.ptp(points, axis=0)))


NORMALISERS: dict[str, Callable[[NDArray[np.float64], Scheme], float]] = {
    "outer-eye-corners": outer_eye_corners,
    "eye-centres": eye_centres,
    "box": box,
    "box-diagonal": box_diagonal,
}


def normalised_error(prediction: Arrays, target: Arrays, *, layout: Scheme, normaliser: str) -> float:
    """Mean point-to-point distance over the annotated points divided by the normaliser; a fraction.

    `prediction["points"]` and `target["points"]` are (P, 2) px; a target row with NaN is not annotated and left out.
    The normaliser is computed from the target alone. Raises `InputError` for another shape, `UnscorableError` for a
    zero or non-finite normaliser or a sample without annotated points.
    """
    truth = np.asarray(target["points"], dtype=np.float64)
    guess = np.asarray(prediction["points"], dtype=np.float64)
    if guess.shape != (layout.points, 2):
        raise InputError(f"expected ({layout.points}, 2) predicted points, got {guess.shape}", field="points")
    if truth.shape != guess.shape:
        raise InputError(f"expected ({layout.points}, 2) annotated points, got {truth.shape}", field="points")
    annotated = np.isfinite(truth).all(axis=1)
    if not annotated.any():
        raise UnscorableError("no annotated point")
    distance = NORMALISERS[normaliser](truth, layout)
    if not np.isfinite(distance) or distance <= SMALLEST * np.linalg.norm(np.ptp(truth[annotated], axis=0)):
        raise UnscorableError(f"the normaliser {normaliser} is zero or not finite")
    return float(np.linalg.norm(guess[annotated] - truth[annotated], axis=1).mean() / distance)


def nme(name: str = "nme", *, normaliser: str, layout: str = "ibug68") -> Metric:
    """Mean over images of the per-image normalised mean error, in percent. Lower is better.

    A failed image makes the mean infinite, hence not a number that can be published: `failed` is infinite on purpose.
    """
    return _error_metric(
        name,
        "percent",
        "nme",
        normaliser,
        layout,
        lambda e: 100.0 * float(np.mean(e)),
        lambda e: over_samples(100.0 * e),
    )


def _error_metric(
    name: str,
    unit: str,
    kind: str,
    normaliser: str,
    layout: str,
    reduce: Callable[[NDArray[np.float64]], float],
    terms: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    **choices: object,
) -> Metric:
    if normaliser not in NORMALISERS:
        raise InputError(f"unknown normaliser {normaliser!r}; known: {', '.join(NORMALISERS)}", field="normaliser")
    table = scheme(layout)
    return Metric(
        name=name,
        unit=unit,
        better="higher" if kind == "ced-auc" else "lower",
        signature=signature(
            kind, error="mean-distance", points=table.name, norm=normaliser, pool="per-image", **choices
        ),
        needs=("points",),
        per_sample=partial(normalised_error, layout=table, normaliser=normaliser),
        failed=np.inf,
        reduce=reduce,
        terms=terms,
    )
