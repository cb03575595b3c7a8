"""Scoring: the one loop from predictions and targets to a `Score` per metric."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

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
    scorer = Scorer(metrics)
    for sample, prediction, target in items:
        scorer.add(sample, prediction, target)
    return scorer.scores()


class Scorer:
    """Scores samples one by one, for who wants to know which of them cannot be read; `scores` is the loop over it.

    Metrics that ask the same of a sample (an AUC, a failure rate and a mean of one error) share the work and the array
    of contributions.
    """

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = {metric.name: metric for metric in metrics}
        if len(self.metrics) != len(metrics):
            raise InputError("two metrics have the same name", field="metrics")
        tallies: dict[Hashable, _Tally] = {}
        self._tallies = {metric.name: tallies.setdefault(_work(metric), _Tally(metric)) for metric in metrics}
        self._works = tuple(tallies.values())
        self._ids: dict[str, None] = {}

    def add(self, sample: str, prediction: Arrays, target: Arrays) -> None:
        """Score a sample. Raises as `scores` does; then nothing of the sample is kept."""
        if sample in self._ids:
            raise InputError("duplicate sample id", sample=sample)
        found = [tally.look(sample, prediction, target) for tally in self._works]
        self._ids[sample] = None
        for tally, (value, failure) in zip(self._works, found, strict=True):
            tally.keep(sample, value, failure)

    def scores(self) -> dict[str, Score]:
        """The scores of what was added, by metric name. Raises `InputError` if nothing was."""
        if not self._ids:
            raise InputError(f"no samples to score with {', '.join(self.metrics)}")
        ids = tuple(self._ids)
        stacked = {id(tally): np.stack(tally.values) for tally in self._works}
        return {
            name: Score(
                self.metrics[name].reduce(stacked[id(tally)]), len(ids), ids, stacked[id(tally)], dict(tally.failures)
            )
            for name, tally in self._tallies.items()
        }


def _work(metric: Metric) -> Hashable:
    """Equal for metrics whose contributions are always equal: same function, same bound arguments, same failure."""
    work: Hashable = metric.per_sample
    if isinstance(metric.per_sample, partial):
        bound = metric.per_sample
        work = (bound.func, bound.args, tuple(sorted(bound.keywords.items())))
    failed = np.asarray(metric.failed, dtype=np.float64)
    try:
        hash(work)
    except TypeError:  # bound to an array: compared by identity
        work = id(metric.per_sample)
    return (work, metric.needs, metric.external, failed.shape, failed.tobytes())


class _Tally:
    """The contributions so far to all metrics that share them; `metric` is one of those."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.failed = np.asarray(metric.failed, dtype=np.float64)
        self.values: list[NDArray[np.float64]] = []
        self.failures: dict[str, str] = {}

    def look(self, sample: str, prediction: Arrays, target: Arrays) -> tuple[NDArray[np.float64], str]:
        """A sample's contribution, and why it counts as failed (empty if it does not)."""
        for key in self.metric.needs:
            self._check(sample, key, prediction)
        failure = ""
        try:
            value = np.asarray(self.metric.per_sample(prediction, target), dtype=np.float64)
            if not np.isfinite(value).all():
                value, failure = self.failed, "not finite"
        except UnscorableError as reason:
            failure = str(reason)
            value = self.failed if reason.contribution is None else np.asarray(reason.contribution, dtype=np.float64)
        except InputError as reason:
            if reason.sample is not None:
                raise
            raise InputError(reason.message, file=reason.file, sample=sample, field=reason.field) from None
        if self.values and value.shape != self.values[0].shape:
            raise InputError(f"contributes {value.shape} numbers, the first {self.values[0].shape}", sample=sample)
        return value, failure

    def keep(self, sample: str, value: NDArray[np.float64], failure: str) -> None:
        self.values.append(value)
        if failure:
            self.failures[sample] = failure

    def _check(self, sample: str, key: str, prediction: Arrays) -> None:
        metric = self.metric
        if key not in prediction:
            if metric.external:
                raise NotMeasurableError(f"not measurable without {metric.external}", sample=sample, field=key)
            raise InputError(f"prediction lacks the array that {metric.name} reads", sample=sample, field=key)
        if np.asarray(prediction[key]).dtype.kind not in "biuf":
            raise InputError(f"expected numbers, got {np.asarray(prediction[key]).dtype}", sample=sample, field=key)
