"""Curves behind the numbers: error distributions, correct key points, correct correspondences, over a threshold.

A curve is recovered from what the samples contributed to a metric, so it can be drawn from committed files.

Axis letters: S seeds, N samples, J joints, P points, T thresholds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core_eval import Metric
from core_eval.ced import ced_curve
from core_eval.pck import AUC_CONVENTIONS
from core_eval.rcp import curve_thresholds

Floats = NDArray[np.float64]
THRESHOLDS = 201
NME_LIMIT = 0.10
"""Where the curve behind a mean error ends: the mean itself names no limit."""
_NORMS = {"0.6*head-box-diagonal": "0.6 of the head box's diagonal", "box-max-side": "the longer side of the box"}


@dataclass(frozen=True, slots=True)
class Curve:
    """A rising curve. `of` maps (N, ...) contributions of one seed to its (T,) values, in [0, 1]."""

    kind: str  # "ced", "pck" or "rcp"; begins the file's name
    title: str
    x: str
    y: str
    thresholds: Floats
    of: Callable[[Floats], Floats]


def behind(metric: Metric) -> Curve | None:
    """The curve that a metric's contributions hold; None if they hold none."""
    kind, *rest = metric.signature.split("|")
    parts = dict(part.partition(":")[::2] for part in rest)
    if kind == "ced-auc" or (kind == "nme" and parts["pool"] == "per-image"):
        return _ced(float(parts.get("limit", NME_LIMIT)))
    if kind == "pck-auc" and parts["integral"] in AUC_CONVENTIONS:
        return _pck(metric, float(parts["limit"]), parts["integral"], parts["norm"])
    if kind == "rcp-auc":
        return _rcp(float(parts["limit"]))
    return None


def _ced(limit: float) -> Curve:
    thresholds = np.linspace(0.0, limit, THRESHOLDS)
    return Curve(
        "ced",
        "Cumulative error distribution",
        "normalised error of an image",
        "share of images",
        thresholds,
        lambda errors: ced_curve(errors, thresholds),
    )


def _pck(metric: Metric, limit: float, integral: str, norm: str) -> Curve:
    """Of (N, J, 2) contributions: area under each joint's step, and whether it is scored.

    A joint is hit at a threshold if its area reaches that of a distance equal to the threshold, so the curve is exact
    at the thresholds of the quadrature, and everywhere for the exact integral.
    """
    rule, strict = AUC_CONVENTIONS[integral].rule, AUC_CONVENTIONS[integral].strict
    thresholds = rule(limit)[0] if rule else np.linspace(0.0, limit, THRESHOLDS)[:-1]  # a miss has the limit's area, 0
    areas = AUC_CONVENTIONS[integral].areas(thresholds, limit)

    def of(contributions: Floats) -> Floats:
        area, scored = contributions[..., 0], contributions[..., 1]
        rates = []
        for edge in areas:
            hit = area > edge + 1e-12 if strict else area >= edge - 1e-12
            rates.append(metric.reduce(np.stack([hit * scored, scored], axis=-1)) / 100)
        return np.array(rates)

    return Curve(
        "pck",
        "Percentage of correct key points",
        f"threshold, relative to {_NORMS.get(norm, norm.replace('-', ' '))}",
        "share of joints",
        thresholds,
        of,
    )


def _rcp(limit: float) -> Curve:
    """Of (N, 2 + T) contributions: credit, number of points, and how many are within each threshold."""
    return Curve(
        "rcp",
        "Ratio of correct points",
        "geodesic error of a point (m)",
        "share of points",
        curve_thresholds(limit),
        lambda sums: sums[:, 2:].sum(axis=0) / sums[:, 1].sum(),
    )
