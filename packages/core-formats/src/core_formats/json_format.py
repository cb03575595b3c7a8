"""The JSON equivalent of our ``.npz``: a list with one object a sample, its ``id`` and its arrays as nested lists.

::

    [{"id": "indoor_001", "points": [[30.5, 41.25], [31.0, null], ...]}, ...]

Types and shapes are those of `core_eval.contracts`; ``null`` or ``NaN`` is a coordinate that was not found.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from core_eval import InputError
from core_formats.checks import checked, numbers, sample_id, typed
from core_formats.formats import Prediction
from core_formats.json_text import entries, keys_in_head


class Json:
    """One object a sample."""

    name = "json"
    about = 'our schema as JSON: [{"id": "a", "points": [[x, y], ...]}, ...]'
    detections = False

    def recognises(self, path: Path) -> bool:
        keys = keys_in_head(path)
        return path.suffix.lower() == ".json" and "id" in keys and "image_id" not in keys

    def read(self, path: Path) -> Iterator[Prediction]:
        """Raises `InputError` for whatever is not a list of objects with an ``id`` and arrays of numbers."""
        for number, item in entries(path):
            where = f"entry {number}"
            sample = sample_id(item.pop("id", None), path, where)
            arrays = {key: _array(key, value, path, sample, where) for key, value in item.items()}
            if not arrays:
                raise InputError(f"{where}: has no array", file=path, sample=sample)
            yield Prediction(sample, checked(arrays, file=path, sample=sample, where=where), f"{path.name}, {where}")


def _array(key: str, value: Any, path: Path, sample: str, where: str) -> np.ndarray:
    if not key.isidentifier() or key == "ids":
        raise InputError(f"{where}: not a usable array name", file=path, sample=sample, field=ascii(key[:60]))
    try:
        return typed(key, numbers(value))
    except ValueError as reason:
        raise InputError(f"{where}: {reason}", file=path, sample=sample, field=key) from None
