"""Cumulative error distribution: curve, area under it, failure rate.

Axis letters: N images, T thresholds.

Source: 300-W competition (Sagonas et al. 2016) and DenseReg (Güler et al., Sec. 5.3). Both numbers use one limit t:
``AUC = (1/t) int_0^t CED`` in closed form ``mean(clip(1 - e/t, 0, 1))``, failure rate = share with ``e > t``. Public
evaluators approximate the integral by some quadrature; theirs are in `CONVENTIONS` under names, for comparison.
"""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core_eval.contracts import Metric
from core_eval.errors import InputError
from core_eval.nme import Distance, PointProtocol, error_metric
from core_eval.quadrature import Quadrature, plain_mean, trapezoid
from core_eval.statistics import over_samples

Floats = NDArray[np.float64]


def _simpson(limit: float) -> tuple[Floats, Floats]:
    grid = np.arange(
        0.0, limit + 1e-4, 1e-4
    )  # one step too many for some limits, 0.05 and 0.07 among them: as published
    return grid, _simpson_weights(len(grid))


@lru_cache(maxsize=8)
def _simpson_weights(count: int) -> Floats:
    from scipy.integrate import simpson

    return np.asarray(simpson(np.eye(count), dx=1e-4))


def _histogram(limit: float) -> tuple[Floats, Floats]:
    edges = np.linspace(0.0, limit, 1001)
    widths = np.diff(edges)
    edges[-1] = np.nextafter(limit, np.inf)  # numpy's bins are half open, but for the last one
    return edges[1:], widths


CONVENTIONS: dict[str, Quadrature] = {
    "closed-form": Quadrature(None, False, "the definition; what this project reports"),
    "menpo-simpson": Quadrature(
        _simpson, False, "menpofit and its many copies: Simpson over arange(0, t + 1e-4, 1e-4)"
    ),
    "trapezoid-2000": Quadrature(
        trapezoid(lambda limit: np.linspace(0.0, limit, 2000)),
        True,
        "D-X-Y/landmark-detection: linspace(0, t, 2000), e < x",
    ),
    "histogram": Quadrature(_histogram, True, "sum over a cumulative numpy.histogram of 1000 bins on [0, t]"),
    "rectangle-0.001": Quadrature(
        plain_mean(lambda limit: np.linspace(0.0, 1.0, 1000)[: round(1000 * limit)]),
        True,
        "FAN: mean over the first 1000 t of linspace(0, 1, 1000), e < x",
    ),
}
"""Ways to compute the area under the CED, by name: ours, and published ones that differ from it."""

FAILURE_CONVENTIONS: dict[str, str] = {
    "closed-form": "e<=t",  # our definition
    "strict-less": "e<t",  # D-X-Y/landmark-detection and others: an error equal to the limit fails
    "menpo-simpson": "e<=last-grid-point",  # menpofit reads the failure rate at the end of its grid, beyond t at 0.05
}


def _errors(errors: ArrayLike) -> Floats:
    """(N,) errors with NaN as infinite: a failure never leaves the denominator."""
    values = np.asarray(errors, dtype=np.float64).ravel()
    if values.size == 0:
        raise InputError("no errors to accumulate")
    if (values < 0).any():
        raise InputError("an error is negative")
    return np.where(np.isnan(values), np.inf, values)


def _limit(limit: float) -> float:
    if not (np.isfinite(limit) and limit > 0):
        raise InputError(f"the limit must be a positive number, got {limit}", field="limit")
    return float(limit)


def ced_curve(errors: ArrayLike, thresholds: ArrayLike) -> Floats:
    """Share of the N `errors` that are ``<=`` each of the (T,) `thresholds`: (T,) in [0, 1]."""
    ordered = np.sort(_errors(errors))
    return np.searchsorted(ordered, np.asarray(thresholds, dtype=np.float64), side="right") / ordered.size


def image_areas(errors: ArrayLike, limit: float, convention: str = "closed-form") -> Floats:
    """(N,) errors -> (N,) areas under each image's own CED on [0, limit], whose mean is the area under the CED.

    In [0, 1] but for "menpo-simpson", which exceeds 1 where its grid exceeds the limit.
    """
    if convention not in CONVENTIONS:
        raise InputError(f"unknown convention {convention!r}; known: {', '.join(CONVENTIONS)}", field="convention")
    return CONVENTIONS[convention].areas(_errors(errors), _limit(limit))


def area_under_ced(errors: ArrayLike, limit: float, convention: str = "closed-form") -> float:
    """Area under the CED on [0, limit] divided by `limit`; exact in the convention "closed-form"."""
    return float(image_areas(errors, limit, convention).mean())


def failures(errors: ArrayLike, limit: float, convention: str = "closed-form") -> NDArray[np.bool_]:
    """(N,) errors -> (N,) whether they exceed `limit`; NaN and infinity do."""
    values = _errors(errors)
    if convention not in FAILURE_CONVENTIONS:
        known = ", ".join(FAILURE_CONVENTIONS)
        raise InputError(f"unknown convention {convention!r}; known: {known}", field="convention")
    if convention == "menpo-simpson":
        return np.asarray(values > _simpson(_limit(limit))[0][-1])
    return np.asarray(values >= _limit(limit) if convention == "strict-less" else values > _limit(limit))


def failure_rate(errors: ArrayLike, limit: float, convention: str = "closed-form") -> float:
    """Percentage of errors above `limit`; ``e == limit`` is a hit (except in "strict-less"), NaN is a failure."""
    return float(100.0 * np.mean(failures(errors, limit, convention)))


def _auc_terms(errors: Floats, limit: float, convention: str) -> Floats:
    """(N,) errors -> (N, 2) numerators and denominators of `area_under_ced`."""
    return over_samples(image_areas(errors, limit, convention))


def _failure_terms(errors: Floats, limit: float, convention: str) -> Floats:
    """(N,) errors -> (N, 2) numerators and denominators of `failure_rate`."""
    return over_samples(100.0 * failures(errors, limit, convention))


def ced_auc(
    name: str = "ced-auc",
    *,
    limit: float,
    normaliser: str,
    layout: str = "ibug68",
    subset: str | None = None,
    visible: bool = False,
    distance: Distance = "mean-distance",
    convention: str = "closed-form",
) -> Metric:
    """Area under the CED of the normalised mean error up to `limit`; a fraction, higher is better."""
    image_areas([0.0], limit, convention)
    return error_metric(
        name,
        "fraction",
        "ced-auc",
        PointProtocol(normaliser, layout, subset, visible, distance),
        partial(area_under_ced, limit=limit, convention=convention),
        partial(_auc_terms, limit=limit, convention=convention),
        better="higher",
        limit=f"{limit:g}",
        hit="e<t" if CONVENTIONS[convention].strict else "e<=t",
        integral=convention,
    )


def failure(
    name: str = "failure",
    *,
    limit: float,
    normaliser: str,
    layout: str = "ibug68",
    subset: str | None = None,
    visible: bool = False,
    distance: Distance = "mean-distance",
    convention: str = "closed-form",
) -> Metric:
    """Percentage of images whose normalised mean error exceeds `limit`; lower is better."""
    failures([0.0], limit, convention)
    return error_metric(
        name,
        "percent",
        "failure-rate",
        PointProtocol(normaliser, layout, subset, visible, distance),
        partial(failure_rate, limit=limit, convention=convention),
        partial(_failure_terms, limit=limit, convention=convention),
        limit=f"{limit:g}",
        hit=FAILURE_CONVENTIONS[convention],
    )
