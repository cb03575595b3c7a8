"""Intervals and paired comparisons by the bootstrap.

Axis letters: S training seeds, N samples, G groups (clusters), B replicates.

Both functions resample whole groups (identity, video, subject) and training seeds. `scipy.stats.bootstrap` knows
neither, so it serves the tests as the independent check for the unclustered case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core_eval.errors import InputError

Reduce = Callable[[NDArray[np.float64]], float]
Terms = Callable[[NDArray[np.float64]], NDArray[np.float64]]
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
    terms: Terms | None = None,
) -> Interval:
    """Interval of the mean over seeds of ``reduce``, by resampling seeds and groups.

    Args:
        per_sample: (S, N, ...) contributions of the samples, one row per training seed.
        groups: (N,) group names; samples of a group are drawn together.
        reduce: (N, ...) contributions -> number.
        rng: every draw comes from here.
        level: of the interval.
        replicates: B.
        terms: `Metric.terms` of the same metric, where it has them: same draws and numbers, hundreds of times faster.

    Raises `InputError` for shapes that do not fit.
    """
    per_sample, index, _ = _check(per_sample, groups)
    drawn = _replicates([per_sample], index, reduce, terms, rng, replicates)[:, 0]
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
    terms: Terms | None = None,
    same_seeds: bool = False,
) -> Paired:
    """Compare two systems on the same N samples: ``a - b`` of the mean over seeds of ``reduce``.

    `a` is (S_a, N, ...) and `b` (S_b, N, ...), in the same sample order; a replicate draws one set of groups for both,
    and seeds for each. With `same_seeds` it draws them once for both: row s of `a` and row s of `b` come from one
    training (two ways to read the same network), so what the training adds to both is not a difference.

    Raises `InputError` for shapes that do not fit and for systems that both have infinite values.
    """
    a, index, count = _check(a, groups)
    b, _, _ = _check(b, groups)
    if same_seeds and len(a) != len(b):
        raise InputError(f"{len(a)} and {len(b)} seeds are not the same trainings")
    drawn = _replicates([a, b], index, reduce, terms, rng, replicates, same_seeds)
    with np.errstate(invalid="ignore"):  # two infinities are caught below
        differences = drawn[:, 0] - drawn[:, 1]
    if np.isnan(differences).any():
        raise InputError("the two systems cannot be compared: in some replicate both have no finite value")
    low, high = np.quantile(differences, [(1 - level) / 2, (1 + level) / 2])
    tie = 1e-12 * np.abs(drawn).max()  # a tie at zero must not be broken by rounding
    wrong = min(int((differences <= tie).sum()), int((differences >= -tie).sum()))
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
    """Holm's step-down adjusted p-values (Holm 1979), in the order given. Raises `InputError` outside [0, 1]."""
    p = np.asarray(p_values, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise InputError("a p-value must lie in [0, 1]")
    order = np.argsort(p, kind="stable")
    stepped = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    adjusted = np.empty_like(p)
    adjusted[order] = stepped
    return adjusted


def over_samples(numerators: ArrayLike) -> NDArray[np.float64]:
    """The `Metric.terms` of a mean over samples: (N,) numerators -> (N, 2) with denominators 1."""
    top = np.asarray(numerators, dtype=np.float64)
    return np.stack([top, np.ones_like(top)], axis=1)


def _mean(per_sample: NDArray[np.float64], reduce: Reduce) -> float:
    return float(np.mean([reduce(row) for row in per_sample]))


def _check(per_sample: NDArray[np.float64], groups: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.intp], int]:
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
    terms: Terms | None,
    rng: np.random.Generator,
    replicates: int,
    same_seeds: bool = False,
) -> NDArray[np.float64]:
    """(B, systems): a group drawn k times contributes each of its samples k times, in every system alike."""
    count = int(index.max()) + 1
    drawings = systems[:1] if same_seeds else systems
    weights = [_times(rng, len(system), replicates) / len(system) for system in drawings]
    weights *= len(systems) // len(weights)
    sums = [_group_sums(system, index, terms) for system in systems] if terms else []
    values = np.empty((replicates, len(systems)))
    block = max(1, BLOCK // count)
    for start in range(0, replicates, block):
        rows = slice(start, min(start + block, replicates))
        times = _times(rng, count, rows.stop - start)
        for column, system in enumerate(systems):
            if sums and np.isfinite(sums[column]).all():
                top, bottom = np.moveaxis(times.astype(np.float64) @ sums[column], -1, 0)  # (S, rows) each
                drawn = (top / bottom).T
            else:
                drawn = _reduced(system, index, reduce, times, weights[column][rows])
            values[rows, column] = (drawn * weights[column][rows]).sum(axis=1)
    return values


BLOCK = 2**15
"""Drawn group counts that are held in memory at once: they fit the cache of a core. The draws do not depend on it."""


def _times(rng: np.random.Generator, count: int, replicates: int) -> NDArray[np.int64]:
    """(B, count): how often each of `count` things is drawn in `count` draws with replacement."""
    drawn = rng.integers(count, size=(replicates, count)) + count * np.arange(replicates)[:, None]
    return np.bincount(drawn.ravel(), minlength=replicates * count).reshape(replicates, count)


def _group_sums(system: NDArray[np.float64], index: NDArray[np.intp], terms: Terms) -> NDArray[np.float64]:
    """(S, G, 2): numerators and denominators summed over the samples of a group."""
    sums = np.zeros((len(system), int(index.max()) + 1, 2))
    for seed, per_sample in enumerate(system):
        np.add.at(sums[seed], index, terms(per_sample))
    return sums


def _reduced(
    system: NDArray[np.float64],
    index: NDArray[np.intp],
    reduce: Reduce,
    times: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(rows, S): `reduce` of each replicate's samples, one by one; 0 for a seed that the replicate did not draw."""
    values = np.zeros(weights.shape)
    for replicate, seed in zip(*np.nonzero(weights), strict=True):
        rows = np.repeat(np.arange(len(index)), times[replicate][index])
        values[replicate, seed] = reduce(system[seed][rows])
    return values
