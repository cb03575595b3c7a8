"""From the predictions of a split to what each sample contributes: the one path of every command that scores.

`bench reproduce` scores its saved predictions here, `evaluate`, `compare`, `submit` and `verify-result` those of a
user. A sample that has no prediction, or one that a metric cannot read, is told apart from a failure: a failure counts,
these must not exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.samples import Samples
from core_eval import Arrays, InputError, Metric, Sample, Score, Scorer


@dataclass(frozen=True, slots=True)
class Scored:
    """What a split's predictions gave.

    Attributes:
        ids: of the split, in its order; `missing` are those without a prediction, `malformed` those with one that some
            metric cannot read, and why. The scores are over the others.
        samples: groups and contributions; None if nothing was scored.
        scores: by metric name.
    """

    ids: tuple[str, ...]
    missing: tuple[str, ...]
    malformed: Mapping[str, InputError]
    samples: Samples | None
    scores: Mapping[str, Score]

    @property
    def failures(self) -> dict[str, dict[str, str]]:
        """Metric -> sample -> why it counts as failed."""
        return {name: dict(score.failures) for name, score in self.scores.items()}


def score_split(metrics: Sequence[Metric], split: Iterable[Sample], predictions: Mapping[str, Arrays]) -> Scored:
    """Score a split in one pass. Predictions are found by id, in whatever order they are."""
    scorer = Scorer(metrics)
    ids: list[str] = []
    missing: list[str] = []
    groups: list[str] = []
    malformed: dict[str, InputError] = {}
    for sample in split:
        ids.append(sample.id)
        if sample.id not in predictions:
            missing.append(sample.id)
            continue
        try:
            scorer.add(sample.id, predictions[sample.id], sample.target)
        except InputError as reason:
            malformed[sample.id] = reason
        else:
            groups.append(sample.group)
    found = scorer.scores() if groups and metrics else {}
    samples = None
    if found:
        scored = next(iter(found.values())).ids
        samples = Samples(scored, tuple(groups), {name: score.per_sample for name, score in found.items()})
    return Scored(tuple(ids), tuple(missing), malformed, samples, found)
