"""Our own ``.npz``: ids and named arrays, the schema of `core_eval.predictions`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core_eval import InputError
from core_eval.predictions import Predictions, read_arrays
from core_formats.formats import Prediction


class Npz:
    """``ids`` (N,) text; every other array (N, ...) with row i of ``ids[i]``."""

    name = "npz"
    about = "ids and named arrays in one .npz, as `bench` itself writes"
    detections = False

    def recognises(self, path: Path) -> bool:
        return path.suffix == ".npz"

    def read(self, path: Path) -> Iterator[Prediction]:
        """Raises `InputError` for whatever `core_eval.load_predictions` refuses, but for repeated ids."""
        arrays = read_arrays(path)
        ids = arrays.pop("ids", None)
        if ids is None or ids.ndim != 1 or ids.dtype.kind != "U":
            raise InputError("expected a one-dimensional text array", file=path, field="ids")
        Predictions.of([f"{row}" for row in range(len(ids))], arrays, file=path)
        for row, sample in enumerate(ids):
            yield Prediction(str(sample), {key: array[row] for key, array in arrays.items()}, f"{path.name}, row {row}")
