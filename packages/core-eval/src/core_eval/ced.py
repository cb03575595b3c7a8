"""Cumulative error distribution: curve, area under it, failure rate.

Axis letters: N images, T thresholds.

Source: 300-W competition (Sagonas et al. 2016) and DenseReg (Güler et al., Sec. 5.3). Both numbers use one limit t:
``AUC = (1/t) int_0^t CED`` in closed form ``mean(clip(1 - e/t, 0, 1))``, failure rate = share with ``e > t``.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core_eval.contracts import Metric
from core_eval.errors import InputError
from core_eval.nme import _error_metric
from core_eval.statistics import over_samples


def _errors(errors: ArrayLike) -> NDArray[np.float64]:
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


def ced_curve(errors: ArrayLike, thresholds: ArrayLike) -> NDArray[np.float64]:
    """Share of the N `errors` that are ``<=`` each of the (T,) `thresholds`: (T,) in [0, 1]."""
    ordered = np.sort(_errors(errors))
    return np.searchsorted(ordered, np.asarray(thresholds, dtype=np.float64), side="right") / ordered.size


def area_under_ced(errors: ArrayLike, limit: float) -> float:
    """Exact area under the CED on [0, limit] divided by `limit`: ``mean(clip(1 - e/limit, 0, 1))``, in [0, 1]."""
    return float(np.clip(1.0 - _errors(errors) / _limit(limit), 0.0, 1.0).mean())


def failure_rate(errors: ArrayLike, limit: float) -> float:
    """Percentage of errors above `limit`; ``e == limit`` is a hit, NaN and infinity are failures."""
    return float(100.0 * np.mean(_errors(errors) > _limit(limit)))


def _auc_terms(errors: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    """(N,) errors -> (N, 2) numerators and denominators of `area_under_ced`."""
    return over_samples(np.clip(1.0 - _errors(errors) / limit, 0.0, 1.0))


def _failure_terms(errors: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    """(N,) errors -> (N, 2) numerators and denominators of `failure_rate`."""
    return over_samples(100.0 * (_errors(errors) > limit))


def ced_auc(name: str = "ced-auc", *, limit: float, normaliser: str, layout: str = "ibug68") -> Metric:
    """Area under the CED of the normalised mean error up to `limit`; a fraction, higher is better."""
    return _error_metric(
        name,
        "fraction",
        "ced-auc",
        normaliser,
        layout,
        partial(area_under_ced, limit=_limit(limit)),
        partial(_auc_terms, limit=limit),
        limit=f"{limit:g}",
        hit="e<=t",
        integral="closed-form",
    )


def failure(name: str = "failure", *, limit: float, normaliser: str, layout: str = "ibug68") -> Metric:
    """Percentage of images whose normalised mean error exceeds `limit`; lower is better."""
    return _error_metric(
        name,
        "percent",
        "failure-rate",
        normaliser,
        layout,
        partial(failure_rate, limit=_limit(limit)),
        partial(_failure_terms, limit=limit),
        limit=f"{limit:g}",
        hit="e<=t",
    )
