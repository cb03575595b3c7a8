"""Contracts, metrics with signatures, and statistics for landmark, pose and dense-correspondence evaluation.

Names are imported on first use, so that `core_eval.InputError` costs no numpy and the command line starts fast. (No
module here is called like a public name, except `signature`, which is therefore bound at once.)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from core_eval.signature import signature

if TYPE_CHECKING:
    from core_eval.contracts import Arrays, Dataset, Kind, Method, Metric, Sample, Score, UnscorableError
    from core_eval.conventions import variant, variants
    from core_eval.errors import InputError, NotMeasurableError
    from core_eval.landmarks import Scheme, scheme
    from core_eval.lazy import LazyFactory
    from core_eval.predictions import Predictions, load_predictions, save_predictions, sha256
    from core_eval.results import Budget, Provenance, Result
    from core_eval.scoring import Scorer, score, scores
    from core_eval.statistics import Interval, Paired, bootstrap, holm, paired_bootstrap

_HOME = {
    name: module
    for module, names in {
        "contracts": ("Arrays", "Dataset", "Kind", "Method", "Metric", "Sample", "Score", "UnscorableError"),
        "conventions": ("variant", "variants"),
        "errors": ("InputError", "NotMeasurableError"),
        "landmarks": ("Scheme", "scheme"),
        "lazy": ("LazyFactory",),
        "predictions": ("Predictions", "load_predictions", "save_predictions", "sha256"),
        "results": ("Budget", "Provenance", "Result"),
        "scoring": ("Scorer", "score", "scores"),
        "statistics": ("Interval", "Paired", "bootstrap", "holm", "paired_bootstrap"),
    }.items()
    for name in names
}

__all__ = [
    "Arrays",
    "Budget",
    "Dataset",
    "InputError",
    "Interval",
    "Kind",
    "LazyFactory",
    "Method",
    "Metric",
    "NotMeasurableError",
    "Paired",
    "Predictions",
    "Provenance",
    "Result",
    "Sample",
    "Scheme",
    "Score",
    "Scorer",
    "UnscorableError",
    "bootstrap",
    "holm",
    "load_predictions",
    "paired_bootstrap",
    "save_predictions",
    "scheme",
    "score",
    "scores",
    "sha256",
    "signature",
    "variant",
    "variants",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"core_eval.{_HOME[name]}"), name)
    return value
