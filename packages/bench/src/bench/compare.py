"""Two prediction files on the same samples: which is better, and where.

Axis letters: N samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.evaluate import about
from bench.examine import Choice, Examined
from bench.naming import seed
from bench.verdicts import LEVEL
from core_eval import InputError, Metric, Paired, holm, paired_bootstrap
from core_eval.ced import failures

Finding = Literal["A is better", "B is better", "undecided", "not comparable"]
Floats = NDArray[np.float64]
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Difference:
    """``A - B`` in one metric. `adjusted` is Holm's p-value over the metrics compared; `error`: why there is none."""

    choice: Choice
    a: float
    b: float
    test: Paired | None
    adjusted: float | None
    error: str

    @property
    def finding(self) -> Finding:
        if self.test is None or self.adjusted is None:
            return "not comparable"
        if self.adjusted >= LEVEL:
            return "undecided"
        better = self.test.difference > 0 if self.choice.metric.better == "higher" else self.test.difference < 0
        return "A is better" if better else "B is better"


@dataclass(frozen=True, slots=True)
class Changes:
    """The samples in which A and B differ most.

    Attributes:
        metrics: names of the metrics that see it.
        threshold: of failure, for a metric that has one; then `better` are the samples that A fixes (only B fails) and
            `worse` those that A breaks. Without, they are the largest gains and losses.
        better, worse: sample id -> (value of A, value of B), largest difference first: the errors where there is a
            threshold, else the metric on this sample alone.
    """

    metrics: tuple[str, ...]
    threshold: float | None
    better: Mapping[str, tuple[float, float]]
    worse: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything about two files on their common samples."""

    a: Examined
    b: Examined
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    differences: tuple[Difference, ...]
    changes: tuple[Changes, ...]
    alone: Mapping[str, tuple[Floats, Floats]]

    @property
    def partial(self) -> str:
        return "" if len(self.ids) == self.a.expected else f"{len(self.ids)} of {self.a.expected}"


def compare(a: Examined, b: Examined, replicates: int) -> Comparison:
    """Compare on the samples that both have. Raises `InputError` if there is none, or no metric in common."""
    first, second = a.scored.samples, b.scored.samples
    common = [one for one in a.choices if one.metric.name in b.scored.scores]
    if first is None or second is None or not common or not set(first.ids) & set(second.ids):
        raise InputError("the two files have no sample or no metric in common", file=b.given.path)
    rows_a, rows_b = _rows(first.ids, second.ids), _rows(second.ids, first.ids)
    ids, groups = tuple(first.ids[row] for row in rows_a), tuple(first.groups[row] for row in rows_a)
    values = {
        one.metric.name: (
            a.scored.scores[one.metric.name].per_sample[rows_a],
            b.scored.scores[one.metric.name].per_sample[rows_b],
        )
        for one in common
    }
    found = [_difference(a, one, *values[one.metric.name], groups, replicates) for one in common]
    tested = [one.test.p_value for one in found if one.test is not None]
    adjusted = iter(holm(tested) if tested else ())
    alone = {
        one.metric.name: tuple(alone_values(one.metric, side) for side in values[one.metric.name]) for one in common
    }
    return Comparison(
        a,
        b,
        ids,
        groups,
        tuple(
            one
            if one.test is None
            else Difference(one.choice, one.a, one.b, one.test, float(next(adjusted)), one.error)
            for one in found
        ),
        tuple(_changes(common, values, alone, ids)),
        alone,  # type: ignore[arg-type]  # pairs
    )


def _rows(ids: Sequence[str], others: Sequence[str]) -> list[int]:
    """Rows of the ids that the others have too; both are in the split's order."""
    known = set(others)
    return [row for row, sample in enumerate(ids) if sample in known]


def _difference(
    examined: Examined, choice: Choice, a: Floats, b: Floats, groups: Sequence[str], replicates: int
) -> Difference:
    metric, target = choice.metric, examined.target
    values = (metric.reduce(a), metric.reduce(b))
    if not np.isfinite(values).all():
        return Difference(choice, *values, None, None, "a sample failed altogether, and no finite value is left")
    rng = np.random.default_rng(seed("compare", target.benchmark.key, target.split, target.data, metric.signature))
    try:
        test = paired_bootstrap(a[None], b[None], groups, metric.reduce, rng, replicates=replicates, terms=metric.terms)
    except InputError as reason:
        return Difference(choice, *values, None, None, reason.message)
    return Difference(choice, *values, test, None, "")


def alone_values(metric: Metric, contributions: Floats) -> Floats:
    """(N,) the metric on each sample alone, in its unit; NaN where it is undefined there."""
    if metric.terms is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            top, bottom = metric.terms(contributions).T
            return np.asarray(top / bottom)
    values = np.full(len(contributions), np.nan)
    for row in range(len(values)):
        try:
            values[row] = metric.reduce(contributions[row : row + 1])
        except InputError:  # no annotated joint of the group, say
            continue
    return values


def _changes(
    common: Sequence[Choice],
    values: Mapping[str, tuple[Floats, Floats]],
    alone: Mapping[str, tuple[Floats, ...]],
    ids: Sequence[str],
) -> list[Changes]:
    crossing: dict[tuple[float, str, bytes], list[str]] = {}
    largest: list[Changes] = []
    for choice in common:
        name, rule = choice.metric.name, failing(choice.metric)
        if rule is not None:
            errors = b"".join(side.tobytes() for side in values[name])
            crossing.setdefault((*rule, errors), []).append(name)
            continue
        a, b = alone[name]
        gain = (a - b) if choice.metric.better == "higher" else (b - a)
        order = np.argsort(-np.nan_to_num(gain), kind="stable")
        better = [row for row in order[:SHOWN] if gain[row] > 0]
        worse = [row for row in order[::-1][:SHOWN] if gain[row] < 0]
        largest.append(Changes((name,), None, _pairs(ids, better, a, b), _pairs(ids, worse, a, b)))
    found = []
    for (limit, convention, _), names in crossing.items():
        a, b = values[names[0]]
        a_fails, b_fails = (failures(side, limit, convention) for side in (a, b))
        with np.errstate(invalid="ignore"):  # both infinite
            order = np.argsort(-np.abs(np.nan_to_num(a - b)), kind="stable")
        better = [row for row in order if b_fails[row] and not a_fails[row]]
        worse = [row for row in order if a_fails[row] and not b_fails[row]]
        found.append(Changes(tuple(names), limit, _pairs(ids, better, a, b), _pairs(ids, worse, a, b)))
    return [*found, *largest]


def failing(metric: Metric) -> tuple[float, str] | None:
    """(threshold, convention of `core_eval.ced.failures`) of a metric of per-image errors; None for others."""
    kind, *parts = metric.signature.split("|")
    if kind not in ("ced-auc", "failure-rate"):
        return None
    choices = dict(part.partition(":")[::2] for part in parts)
    return float(choices["limit"]), "strict-less" if choices.get("hit") == "e<t" else "closed-form"


def _pairs(ids: Sequence[str], rows: Sequence[int], a: Floats, b: Floats) -> dict[str, tuple[float, float]]:
    return {ids[row]: (float(a[row]), float(b[row])) for row in rows}


def document(comparison: Comparison) -> dict[str, Any]:
    """A comparison as one JSON document; numbers that are not finite are null."""
    a = about(comparison.a)
    return {
        **{key: a[key] for key in ("protocol", "split", "data", "dataset", "fingerprint", "expected")},
        "compared": len(comparison.ids),
        "groups": len(set(comparison.groups)),
        "partial": f"partial: {comparison.partial}" if comparison.partial else None,
        "a": a["predictions"],
        "b": about(comparison.b)["predictions"],
        "metrics": [
            {
                "name": one.choice.name,
                "convention": one.choice.convention or None,
                "a": _finite(one.a),
                "b": _finite(one.b),
                "difference": one.test.difference if one.test else None,
                "low": one.test.low if one.test else None,
                "high": one.test.high if one.test else None,
                "p_value": one.test.p_value if one.test else None,
                "p_value_holm": one.adjusted,
                "finding": one.finding,
                "unit": one.choice.metric.unit,
                "better": one.choice.metric.better,
                "signature": one.choice.metric.signature,
                "error": one.error or None,
            }
            for one in comparison.differences
        ],
        "changes": [
            {
                **asdict(one),
                "better": {sample: list(map(_finite, pair)) for sample, pair in one.better.items()},
                "worse": {sample: list(map(_finite, pair)) for sample, pair in one.worse.items()},
            }
            for one in comparison.changes
        ],
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
