"""Numbers of predictions that a user brings, with intervals.

Axis letters: N samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import given, splits, workspace
from bench.cache import default_root
from bench.examine import Choice, Examined, choices, examine
from bench.jobs import Place
from bench.naming import seed
from bench.splits import Target, Tell
from core_eval import InputError, Kind, Metric, bootstrap
from core_eval.statistics import REPLICATES


@dataclass(frozen=True, slots=True)
class Ask:
    """What predictions are scored against, and by what."""

    protocol: str
    data: Kind | None = None
    split: str | None = None
    root: Path | None = None
    allow_partial: bool = False
    format: str | None = None
    ids: Path | None = None
    metrics: tuple[str, ...] = ()
    convention: str = ""
    all_conventions: bool = False

    def place(self) -> Place:
        return Place(default_root(), self.root, self.allow_partial, commit="", dirty=False)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number. `value` is None, and `error` says why, where failed samples leave nothing finite."""

    choice: Choice
    value: float | None
    low: float | None
    high: float | None
    n: int
    groups: int
    failures: Mapping[str, str]
    error: str

    @property
    def metric(self) -> Metric:
        return self.choice.metric


def look(predictions: Path, ask: Ask, tell: Tell, target: Target | None = None) -> Examined:
    """Read and examine a file. Raises `InputError` for anything but ids and arrays that do not fit, which it lists."""
    home = workspace.find()
    benchmark = home.catalogue.benchmark(ask.protocol)
    if not benchmark.metrics:
        raise InputError(
            f"the protocol {benchmark.key} has no metrics yet, so nothing can be scored by it; {splits.able(home)}",
            file=benchmark.file,
            field="metrics",
        )
    wanted = choices(
        benchmark,
        ask.metrics,
        convention=ask.convention,
        all_conventions=ask.all_conventions,
    )
    if target is None:
        target = find(ask, tell)
    return examine(target, given.read(predictions, ask.format, ask.ids), wanted, strict=bool(ask.metrics))


def find(ask: Ask, tell: Tell) -> Target:
    """The split that is asked for."""
    return splits.find(workspace.find(), ask.protocol, data=ask.data, split=ask.split, place=ask.place(), tell=tell)


def measure(examined: Examined, replicates: int = REPLICATES) -> tuple[Measurement, ...]:
    """The numbers of what was scored; intervals resample whole groups. No interval with fewer than two replicates."""
    return tuple(_measure(examined, choice, replicates) for choice in examined.choices)


def _measure(examined: Examined, choice: Choice, replicates: int) -> Measurement:
    samples, metric, target = examined.scored.samples, choice.metric, examined.target
    assert samples is not None
    score = examined.scored.scores[metric.name]
    groups = len(set(samples.groups))
    if not np.isfinite(score.value):
        error = f"the value is {score.value}: {len(score.failures)} samples failed"
        return Measurement(choice, None, None, None, score.n, groups, score.failures, error)
    low = high = None
    if replicates > 1:
        rng = np.random.default_rng(seed("evaluate", target.benchmark.key, target.split, target.data, metric.signature))
        found = bootstrap(
            score.per_sample[None], samples.groups, metric.reduce, rng, replicates=replicates, terms=metric.terms
        )
        low, high = found.low, found.high
    return Measurement(choice, score.value, low, high, score.n, groups, score.failures, "")


def document(examined: Examined, measurements: tuple[Measurement, ...]) -> dict[str, Any]:
    """An evaluation as one JSON document."""
    return {
        **about(examined),
        "metrics": [
            {
                "name": one.choice.name,
                "convention": one.choice.convention or None,
                "value": one.value,
                "low": one.low,
                "high": one.high,
                "n": one.n,
                "groups": one.groups,
                "unit": one.metric.unit,
                "better": one.metric.better,
                "signature": one.metric.signature,
                "failures": dict(one.failures),
                "error": one.error or None,
            }
            for one in measurements
        ],
    }


def about(examined: Examined) -> dict[str, Any]:
    """What was scored against what, for JSON."""
    target = examined.target
    return {
        "protocol": target.benchmark.key,
        "split": target.split,
        "data": target.data,
        "dataset": target.dataset.name,
        "fingerprint": target.fingerprint,
        "expected": examined.expected,
        "scored": examined.present,
        "partial": f"partial: {examined.partial}" if examined.partial else None,
        "incomplete_copy": target.partial or None,
        "predictions": {
            "file": str(examined.given.path),
            "format": examined.given.format,
            "sha256": examined.given.sha256 or None,
        },
        "extra": len(examined.extra),
        "not_measured": dict(examined.left_out),
    }
