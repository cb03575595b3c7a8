"""Scoring: the one loop from predictions and targets to a `Score` per metric."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from core_eval.contracts import Arrays, Metric, Score, UnscorableError
from core_eval.errors import InputError, NotMeasurableError


def score(metric: Metric, items: Iterable[tuple[str, Arrays, Arrays]]) -> Score:
    """Score (id, prediction, target) triples with one metric; see `scores`."""
    return scores([metric], items)[metric.name]


def scores(metrics: Sequence[Metric], items: Iterable[tuple[str, Arrays, Arrays]]) -> dict[str, Score]:
    """Score (id, prediction, target) triples with several metrics in one pass; by metric name.

    NaN and infinite contributions and `UnscorableError` count as failures: the sample stays in the denominator with
    the metric's `failed` contribution and its id is reported. Raises `InputError` for a missing or malformed array, a
    repeated id, two metrics of one name, or no samples at all; `NotMeasurableError` where the missing array is the
    output of an external network.
    """
    tallies = {metric.name: _Tally(metric) for metric in metrics}
    if len(tallies) != len(metrics):
        raise InputError("two metrics have the same name", field="metrics")
    ids: dict[str, None] = {}
    for sample, prediction, target in items:
        if sample in ids:
            raise InputError("duplicate sample id", sample=sample)
        ids[sample] = None
        for tally in tallies.values():
            tally.add(sample, prediction, target)
    if not ids:
        raise InputError(f"no samples to score with {', '.join(tallies)}")
    return {name: tally.score(tuple(ids)) for name, tally in tallies.items()}


class _Tally:
    """The contributions to one metric so far."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.failed = np.asarray(metric.failed, dtype=np.float64)
        self.values: list[np.ndarray] = []
        self.failures: dict[str, str] = {}

    def add(self, sample: str, prediction: Arrays, target: Arrays) -> None:
        for key in self.metric.needs:
            self._check(sample, key, prediction)
        try:
            value = np.asarray(self.metric.per_sample(prediction, target), dtype=np.float64)
            if not np.isfinite(value).all():
                self.failures[sample] = "not finite"
                value = self.failed
        except UnscorableError as reason:
            self.failures[sample] = str(reason)
            value = self.failed if reason.contribution is None else np.asarray(reason.contribution, dtype=np.float64)
        except InputError as reason:
            if reason.sample is not None:
                raise
            raise InputError(reason.message, file=reason.file, sample=sample, field=reason.field) from None
        if self.values and value.shape != self.values[0].shape:
            raise InputError(f"contributes {value.shape} numbers, the first {self.values[0].shape}", sample=sample)
        self.values.append(value)

    def _check(self, sample: str, key: str, prediction: Arrays) -> None:
        metric = self.metric
        if key not in prediction:
            if metric.external:
                raise NotMeasurableError(f"not measurable without {metric.external}", sample=sample, field=key)
            raise InputError(f"prediction lacks the array that {metric.name} reads", sample=sample, field=key)
        if np.asarray(prediction[key]).dtype.kind not in "biuf":
            raise InputError(f"expected numbers, got {np.asarray(prediction[key]).dtype}", sample=sample, field=key)

    def score(self, ids: tuple[str, ...]) -> Score:
        per_sample = np.stack(self.values)
        return Score(self.metric.reduce(per_sample), len(ids), ids, per_sample, self.failures)
