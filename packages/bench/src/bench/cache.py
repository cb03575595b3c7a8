"""The cache: trained models, predictions and per-sample values, each under a key made of all it depends on.

Layout below the root (``$BENCH_CACHE``, or the user's cache folder)::

    models/<key>/{method/, model.json}    work/<key>/  checkpoints of a training that goes on
    predictions/<key>.{npz,json}          samples/<run>.{npz,json}
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from bench.naming import key, sources
from bench.plan import Run


def default_root() -> Path:
    """``$BENCH_CACHE``, or the user's cache folder of `bench`."""
    named = os.environ.get("BENCH_CACHE")
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("bench"))


@dataclass(frozen=True, slots=True)
class Keys:
    """Where the products of a run are: trained model, predictions, scores."""

    model: str
    predictions: str
    run: str


def keys(
    run: Run,
    *,
    train: Mapping[str, str],
    predicted: str,
    test: str,
    part: str = "",
    arrays: Sequence[str],
    signatures: Mapping[str, str],
) -> Keys:
    """Keys of a run.

    Args:
        train: fingerprints of the training and validation splits.
        predicted: the split that is predicted: the scored one, or what it is a part of.
        test: fingerprint of the predicted split.
        part: fingerprint of the scored split where it is a part.
        arrays: prediction arrays that are kept.
        signatures: metric name -> signature of the columns that are scored.
    """
    source = dict(sources(run.package))
    model = key("model", *run.model, dict(train), source)
    predictions = key("predictions", model, run.predict, run.dataset, predicted, test, sorted(arrays))
    scored = key("run", predictions, run.table, run.row, run.repetition, dict(signatures), *([part] if part else []))
    return Keys(model, predictions, scored)


@dataclass(frozen=True, slots=True)
class Cache:
    """Paths below the cache's root; makes nothing."""

    root: Path

    def model(self, keys: Keys) -> Path:
        return self.root / "models" / keys.model

    def work(self, keys: Keys) -> Path:
        return self.root / "work" / keys.model

    def predictions(self, keys: Keys) -> Path:
        return self.root / "predictions" / f"{keys.predictions}.npz"

    def samples(self, keys: Keys) -> Path:
        return self.root / "samples" / f"{keys.run}.npz"

    def lock(self, name: str) -> Path:
        return self.root / "locks" / f"{name}.lock"

    def has_model(self, keys: Keys) -> bool:
        return (self.model(keys) / "model.json").is_file()

    def has_checkpoint(self, keys: Keys) -> bool:
        work = self.work(keys)
        return work.is_dir() and any(work.iterdir())

    def has_predictions(self, keys: Keys) -> bool:
        file = self.predictions(keys)
        return file.is_file() and file.with_suffix(".json").is_file()
