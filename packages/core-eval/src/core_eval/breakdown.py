"""One score by groups of its samples: per action, per camera, per yaw bin.

Axis letters: N samples, G groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core_eval.contracts import Arrays, Metric, Score, UnscorableError
from core_eval.errors import InputError


def breakdown(metric: Metric, score: Score, groups: Mapping[str, str]) -> dict[str, Score]:
    """The score of each group's samples alone, by group name in sorted order; `groups` maps sample ids to names.

    Every sample is in exactly one group, so nothing is scored twice or lost. Raises `InputError` for a sample without
    a group.
    """
    rows: dict[str, list[int]] = {}
    for row, sample in enumerate(score.ids):
        if sample not in groups:
            raise InputError("the sample belongs to no group", sample=sample)
        rows.setdefault(groups[sample], []).append(row)
    return {name: _part(metric, score, rows[name]) for name in sorted(rows)}


def _part(metric: Metric, score: Score, rows: list[int]) -> Score:
    ids = tuple(score.ids[row] for row in rows)
    values = score.per_sample[rows]
    failures = {sample: score.failures[sample] for sample in ids if sample in score.failures}
    return Score(metric.reduce(values), len(ids), ids, values, failures)


def mean_over_groups(metric: Metric, key: str, *, name: str | None = None) -> Metric:
    """A metric whose value is the plain mean of `metric` over the groups of samples with one value of ``target[key]``.

    This is the "average" of tables with one column per action, which weighs a short action like a long one: another
    number than `metric` over all samples, with another signature. ``target[key]`` is one integer.
    """

    def per_sample(prediction: Arrays, target: Arrays) -> NDArray[np.float64]:
        if key not in target or np.size(target[key]) != 1:
            raise InputError("expected one group number in the target", field=key)
        group = float(np.asarray(target[key]).item())
        try:
            contribution = np.asarray(metric.per_sample(prediction, target), dtype=np.float64)
        except UnscorableError as error:  # a failure stays in its group
            lost = metric.failed if error.contribution is None else error.contribution
            raise UnscorableError(str(error), np.append(group, lost)) from None
        if not np.isfinite(contribution).all():
            raise UnscorableError("not finite", np.append(group, metric.failed))
        return np.append(group, contribution)

    def reduce(values: NDArray[np.float64]) -> float:
        groups = values[:, 0]
        shape = np.shape(metric.failed)
        parts = [values[groups == group, 1:].reshape(-1, *shape) for group in np.unique(groups)]
        return float(np.mean([metric.reduce(part) for part in parts]))

    return replace(
        metric,
        name=name or metric.name,
        signature=f"{metric.signature}|mean-over:{key}",
        per_sample=per_sample,
        failed=np.append(np.nan, metric.failed),  # never used: each failure says what it contributes
        reduce=reduce,
        terms=None,
    )
