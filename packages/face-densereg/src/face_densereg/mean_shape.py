"""The baseline that looks at nothing: the mean of the training landmarks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from core_eval import Arrays, InputError, Sample


class MeanShape:
    """Predicts the mean training landmarks, in fractions of the image's width and height, for every image."""

    def __init__(self) -> None:
        self._points: np.ndarray | None = None

    def fit(self, train: Sequence[Sample], valid: Sequence[Sample], *, seed: int, budget: str, workdir: Path) -> None:
        """Average the landmarks of all training images; `seed`, `budget` and `workdir` change nothing."""
        if not len(train):
            raise InputError("no training samples")
        self._points = np.mean([_relative(sample) for sample in train], axis=0)

    def predict(self, inputs: Iterable[Arrays]) -> Iterator[Arrays]:
        """Yield `points` (P, 2) px. Raises `InputError` before `fit` or `load`."""
        if self._points is None:
            raise InputError("the mean shape is not fitted")
        for arrays in inputs:
            yield {"points": (self._points + 0.5) * np.array(arrays["image"].shape[1::-1]) - 0.5}

    def save(self, path: Path) -> None:
        """Write `mean.npy` into the folder `path`."""
        if self._points is None:
            raise InputError("the mean shape is not fitted")
        path.mkdir(parents=True, exist_ok=True)
        np.save(path / "mean.npy", self._points, allow_pickle=False)

    def load(self, path: Path) -> None:
        """Read what `save` wrote. Raises `InputError` for anything else."""
        try:
            points = np.load(path / "mean.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError) as reason:
            raise InputError(f"not a mean shape: {reason}", file=path / "mean.npy") from None
        if points.dtype.kind != "f" or points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
            raise InputError(f"not a mean shape: {points.dtype} {points.shape}", file=path / "mean.npy")
        self._points = points


def _relative(sample: Sample) -> np.ndarray:
    """Landmarks in (-0.5, 0.5] of the image, from pixel centres."""
    size = np.array(sample.inputs["image"].shape[1::-1])
    return (np.asarray(sample.target["points"]) + 0.5) / size - 0.5
