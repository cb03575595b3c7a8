"""Scoring: the loop from predictions and targets to a `Score`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from core_eval.contracts import Arrays, Metric, Score, UnscorableError
from core_eval.errors import InputError


def score(metric: Metric, items: Iterable[tuple[str, Arrays, Arrays]]) -> Score:
    """Score (id, prediction, target) triples.

    NaN and infinite contributions and `UnscorableError` count as failures: the sample stays in the denominator with
    the metric's `failed` contribution and its id is reported. Raises `InputError` for a missing array, a repeated id,
    or no samples at all.
    """
    ids: list[str] = []
    values: list[np.ndarray] = []
    failures: dict[str, str] = {}
    seen: set[str] = set()
    failed = np.asarray(metric.failed, dtype=np.float64)
    for sample, prediction, target in items:
        if sample in seen:
            raise InputError("duplicate sample id", sample=sample)
        seen.add(sample)
        for key in metric.needs:
            if key not in prediction:
                raise InputError(f"prediction lacks the array that {metric.name} reads", sample=sample, field=key)
        value = failed
        try:
            value = np.asarray(metric.per_sample(prediction, target), dtype=np.float64)
            if not np.isfinite(value).all():
                failures[sample] = "not finite"
                value = failed
        except UnscorableError as reason:
            failures[sample] = str(reason)
        ids.append(sample)
        values.append(value)
    if not ids:
        raise InputError(f"no samples to score with {metric.name}")
    per_sample = np.stack(values)
    return Score(metric.reduce(per_sample), len(ids), tuple(ids), per_sample, failures)
