"""Our own ``.npz``: ids and named arrays, the schema of `core_eval.predictions`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core_eval import InputError
from core_eval.predictions import Predictions, read_arrays
from core_formats.checks import checked, fault, regular, sample_id
from core_formats.formats import Prediction
from core_formats.videopose3d import VideoPose3d


class Npz:
    """``ids`` (N,) text; every other array (N, ...) with row i of ``ids[i]``."""

    name = "npz"
    about = "our schema: ids and named arrays in one .npz, as `bench` itself writes"
    detections = False

    def recognises(self, path: Path) -> bool:
        return path.suffix.lower() == ".npz" and not VideoPose3d().recognises(path)

    def read(self, path: Path) -> Iterator[Prediction]:
        """Raises `InputError` for whatever `core_eval.load_predictions` refuses, but not for a repeated id."""
        arrays = read_arrays(regular(path))
        ids = arrays.pop("ids", None)
        if ids is None or ids.ndim != 1 or ids.dtype.kind != "U":
            raise InputError("expected a one-dimensional text array", file=path, field="ids")
        Predictions.of([f"{row}" for row in range(len(ids))], arrays, file=path)
        suspect = any(fault(key, array) for key, array in arrays.items())
        for row in range(len(ids)):
            where = f"row {row}"
            try:
                sample = sample_id(str(ids[row]), path, where, "ids")
            except (ValueError, SystemError) as reason:  # an array of text may hold values that are no characters
                raise InputError(f"{where}: {getattr(reason, 'message', reason)}", file=path, field="ids") from None
            own = {key: array[row] for key, array in arrays.items()}
            if suspect:
                checked(own, file=path, sample=sample, where=where)
            yield Prediction(sample, own, f"{path.name}, {where}")
