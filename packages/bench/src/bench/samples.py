"""Per-sample values of a run in one ``.npz``: what intervals, paired tests and curves are computed from.

Axis letters: N samples.

Schema: that of `core_eval.predictions`; ``groups`` (N,) text, and one array per different contribution. Metrics with
equal contributions (an AUC and a failure rate of one error) share an array, whose name joins theirs:
``ced_auc_0_10__failure_0_10``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Predictions, load_predictions, save_predictions


@dataclass(frozen=True, slots=True)
class Samples:
    """`values[metric]` is (N, ...) contributions in the order of `ids`; `groups` is (N,)."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    values: Mapping[str, NDArray[np.float64]]


def array_name(metric: str) -> str:
    """A metric's name as an identifier without a double underscore."""
    return re.sub(r"[\W_]+", "_", metric).strip("_")


def save(path: Path, samples: Samples) -> None:
    """Write atomically. Raises `InputError` for two metrics whose names differ in punctuation only."""
    names = [array_name(metric) for metric in samples.values]
    if len(set(names)) != len(names):
        raise InputError("two metrics have nearly the same name", file=path, field=", ".join(samples.values))
    shared: dict[tuple[tuple[int, ...], bytes], list[str]] = {}
    for metric, values in samples.values.items():
        shared.setdefault((values.shape, values.tobytes()), []).append(metric)
    arrays = {"__".join(map(array_name, metrics)): samples.values[metrics[0]] for metrics in shared.values()}
    save_predictions(path, Predictions.of(samples.ids, {"groups": np.asarray(samples.groups, np.str_), **arrays}))


def load(path: Path, metrics: Mapping[str, tuple[int, ...]]) -> Samples:
    """Read the values of the named metrics.

    `metrics` maps a name to the shape of one sample's contribution. Raises `InputError` for a file that is damaged,
    lacks a metric, or holds another shape.
    """
    stored = load_predictions(path)
    groups = stored.arrays.get("groups")
    if groups is None or groups.ndim != 1 or groups.dtype.kind != "U":
        raise InputError("expected one text per sample", file=path, field="groups")
    by_name = {part: array for name, array in stored.arrays.items() for part in name.split("__") if name != "groups"}
    values: dict[str, NDArray[np.float64]] = {}
    for metric, shape in metrics.items():
        array = by_name.get(array_name(metric))
        if array is None:
            raise InputError(f"no values of the metric {metric!r}", file=path)
        if array.dtype != np.float64 or array.shape[1:] != shape:
            raise InputError(f"expected float64 contributions of shape {shape}, got {array.shape[1:]}", file=path)
        values[metric] = array
    return Samples(stored.ids, tuple(str(group) for group in groups), values)
