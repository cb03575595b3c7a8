"""Contracts, metrics with signatures, and statistics for landmark, pose and dense-correspondence evaluation."""

from core_eval.contracts import Arrays, Dataset, Kind, Method, Metric, Sample, Score, UnscorableError
from core_eval.errors import InputError
from core_eval.landmarks import Scheme, scheme
from core_eval.predictions import Predictions, load_predictions, save_predictions, sha256
from core_eval.results import Budget, Provenance, Result
from core_eval.score import score
from core_eval.signature import signature
from core_eval.statistics import Interval, Paired, bootstrap, holm, paired_bootstrap

__all__ = [
    "Arrays",
    "Budget",
    "Dataset",
    "InputError",
    "Interval",
    "Kind",
    "Method",
    "Metric",
    "Paired",
    "Predictions",
    "Provenance",
    "Result",
    "Sample",
    "Scheme",
    "Score",
    "UnscorableError",
    "bootstrap",
    "holm",
    "load_predictions",
    "paired_bootstrap",
    "save_predictions",
    "scheme",
    "score",
    "sha256",
    "signature",
]
