"""Intervals and paired comparisons by the bootstrap.

Axis letters: S training seeds, N samples, G groups (clusters), B replicates.

Both functions resample whole groups (identity, video, subject) and training seeds. `scipy.stats.bootstrap` knows neither,
so it serves the tests as the independent check for the unclustered case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core_eval.errors import InputError

Reduce = Callable[[NDArray[np.float64]], float]
REPLICATES = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its percentile bootstrap interval."""

    value: float
    low: float
    high: float
    level: float
    seeds: int
    n: int


@dataclass(frozen=True, slots=True)
class Paired:
    """Difference ``a - b`` with interval and two-sided p-value (never zero: (1 + wrong side) / (1 + B), doubled)."""

    difference: float
    low: float
    high: float
    p_value: float
    level: float
    seeds: tuple[int, int]
    n: int
    groups: int


def bootstrap(
    per_sample: NDArray[np.float64],
    groups: Sequence[str],
    reduce: Reduce,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    replicates: int = REPLICATES,
) -> Interval:
    """Interval of the mean over seeds of ``reduce``, by resampling seeds and groups.

    Args:
        per_sample: (S, N, ...) contributions of the samples, one row per training seed.
        groups: (N,) group names; samples of a group are drawn together.
        reduce: (N, ...) contributions -> number.
        rng: every draw comes from here.

    Raises `InputError` for shapes that do not fit.
    """
    per_sample, index, _ = _check(per_sample, groups)
    drawn = _replicates([per_sample], index, reduce, rng, replicates)[:, 0]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(_mean(per_sample, reduce), float(low), float(high), level, len(per_sample), per_sample.shape[1])


def paired_bootstrap(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    groups: Sequence[str],
    reduce: Reduce,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    replicates: int = REPLICATES,
) -> Paired:
    """Compare two systems on the same N samples: ``a - b`` of the mean over seeds of ``reduce``.

    `a` is (S_a, N, ...) and `b` (S_b, N, ...), in the same sample order; a replicate draws one set of groups for both,
    and seeds for each. Raises `InputError` for shapes that do not fit.
    """
    a, index, count = _check(a, groups)
    b, _, _ = _check(b, groups)
    drawn = _replicates([a, b], index, reduce, rng, replicates)
    differences = drawn[:, 0] - drawn[:, 1]
    low, high = np.quantile(differences, [(1 - level) / 2, (1 + level) / 2])
    wrong = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return Paired(
        difference=_mean(a, reduce) - _mean(b, reduce),
        low=float(low),
        high=float(high),
        p_value=min(1.0, 2 * (1 + wrong) / (1 + replicates)),
        level=level,
        seeds=(len(a), len(b)),
        n=a.shape[1],
        groups=count,
    )


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down adjusted p-values (Holm 1979), in the order given."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    adjusted = np.empty_like(p)
    adjusted[order] = stepped
    return adjusted


def _mean(per_sample: NDArray[np.float64], reduce: Reduce) -> float:
    return float(np.mean([reduce(row) for row in per_sample]))


def _check(
    per_sample: NDArray[np.float64], groups: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.intp], int]:
    per_sample = np.asarray(per_sample, dtype=np.float64)
    if per_sample.ndim < 2 or 0 in per_sample.shape[:2]:
        raise InputError(f"expected (seeds, samples, ...) contributions, got shape {per_sample.shape}")
    if per_sample.shape[1] != len(groups):
        raise InputError(f"{per_sample.shape[1]} samples but {len(groups)} group names")
    names, index = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
    return per_sample, index, len(names)


def _replicates(
    systems: list[NDArray[np.float64]],
    index: NDArray[np.intp],
    reduce: Reduce,
    rng: np.random.Generator,
    replicates: int,
) -> NDArray[np.float64]:
    """(B, systems): a group drawn k times contributes each of its samples k times, in every system alike."""
    count = int(index.max()) + 1
    samples = np.arange(len(index))
    values = np.empty((replicates, len(systems)))
    for replicate in range(replicates):
        times = np.bincount(rng.integers(count, size=count), minlength=count)
        rows = np.repeat(samples, times[index])
        for column, per_sample in enumerate(systems):
            seeds = np.bincount(rng.integers(len(per_sample), size=len(per_sample)), minlength=len(per_sample))
            values[replicate, column] = sum(
                weight * reduce(per_sample[seed][rows]) for seed, weight in enumerate(seeds) if weight
            ) / len(per_sample)
    return values
