"""What a prediction format is, and how the right one is found.

Axis letters: N samples, D detections of an image.

Every reader yields `Prediction`: a sample's id and named arrays with the conventions of `core_eval.contracts`, whatever
the file's own (1-based pixels, (y, x) order, metres). Readers take files from strangers: sizes are checked before
anything is allocated, nothing is unpickled, no path inside a file is followed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from core_eval import InputError
from core_eval.contracts import Arrays
from core_eval.predictions import LARGEST, Predictions
from core_formats.plugin import FORMATS


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a file says of one sample. `where` names the place in the file, for messages: ``pose.json, entry 17``."""

    id: str
    arrays: Arrays
    where: str


@runtime_checkable
class Format(Protocol):
    """One way to write predictions.

    Attributes:
        name: as given to ``--format``.
        about: one line for ``--help``.
        detections: the arrays of a sample have a leading detection axis D, and a sample that the file does not name is
            one without detections (`none_found`), not a missing one.
    """

    @property
    def name(self) -> str: ...

    @property
    def about(self) -> str: ...

    @property
    def detections(self) -> bool: ...

    def recognises(self, path: Path) -> bool:
        """Cheap, by the suffix and a look at the head. Never raises."""
        ...

    def read(self, path: Path) -> Iterator[Prediction]:
        """The predictions in file order. A sample that is there twice is yielded twice: whoever validates counts.

        Raises `InputError` naming file, sample and field, at the latest when the iterator reaches the fault.
        """
        ...


Factories = Mapping[str, Callable[..., Any]]


def detect(path: Path, formats: Factories = FORMATS) -> str:
    """The name of the one format that recognises the file or folder. Raises `InputError` for none, several, no file."""
    if not path.exists():
        raise InputError("no such file", file=path)
    found = [name for name, factory in formats.items() if factory().recognises(path)]
    if len(found) != 1:
        problem = f"could be any of {', '.join(found)}" if found else f"is none of {', '.join(formats)}"
        raise InputError(f"the format cannot be told: it {problem}; name one", file=path)
    return found[0]


def read(path: Path, format: str | None = None, formats: Factories = FORMATS) -> list[Prediction]:
    """All predictions of a file or folder, in its order, duplicates included. Raises `InputError` as its reader."""
    name = detect(path, formats) if format is None else format
    if name not in formats:
        raise InputError(f"unknown format {name!r}; known: {', '.join(formats)}", file=path)
    return list(formats[name]().read(path))


def none_found(like: Arrays) -> dict[str, np.ndarray]:
    """The arrays of an image without detections, for a file whose other images look `like` this."""
    return {key: np.asarray(array)[:0] for key, array in like.items()}


def renamed(
    predictions: Sequence[Prediction], ids: Sequence[str], *, file: str | Path | None = None
) -> list[Prediction]:
    """The predictions with other ids, in the same order, for a file whose samples only have numbers.

    Raises `InputError` unless there are as many.
    """
    if len(ids) != len(predictions):
        raise InputError(f"{len(ids)} ids for {len(predictions)} predictions", file=file, field="ids")
    return [Prediction(sample, old.arrays, old.where) for sample, old in zip(ids, predictions, strict=True)]


def pooled(
    predictions: Sequence[Prediction], *, detections: bool = False, file: str | Path | None = None
) -> Predictions:
    """All in the one schema that is saved: the arrays of all samples stacked.

    With `detections` (what the format says of itself), shorter lists are padded, and ``count`` says how many rows of a
    sample are real; otherwise all shapes are the same. Raises `InputError` for a sample that is there twice, arrays
    that not all samples have, shapes that do not fit, or too many bytes.
    """
    if not predictions:
        raise InputError("holds no prediction", file=file)
    for sample, times in Counter(prediction.id for prediction in predictions).items():
        if times > 1:
            raise InputError(f"the sample is there {times} times", file=file, sample=sample)
    keys = tuple(predictions[0].arrays)
    for prediction in predictions:
        for key in set(prediction.arrays) ^ set(keys):
            raise InputError("not all samples have this array", file=file, sample=prediction.id, field=key)
    arrays = {key: _stack(predictions, key, detections, file) for key in keys}
    if detections:
        arrays["count"] = _counts(predictions, file)
    return Predictions.of([prediction.id for prediction in predictions], arrays, file=file)


def _stack(predictions: Sequence[Prediction], key: str, padded: bool, file: str | Path | None) -> np.ndarray:
    """(N, ...), if `padded` with zeros after the real rows."""
    like = [(np.shape(array), np.asarray(array).dtype) for array in (one.arrays[key] for one in predictions)]
    first = like[0][0]
    for prediction, (shape, _) in zip(predictions, like, strict=True):
        if shape != first and not (padded and len(shape) == len(first) > 0):
            message = f"shape {shape} does not go with {first} of the first sample"
            raise InputError(message, file=file, sample=prediction.id, field=key)
    dtype = np.result_type(*{dtype for _, dtype in like})
    whole = (len(like), *(max(sizes) for sizes in zip(*(shape for shape, _ in like), strict=True)))
    if math.prod(whole) * dtype.itemsize > LARGEST:
        raise InputError(f"padded to shape {whole}, the array takes more than {LARGEST} bytes", file=file, field=key)
    stacked = np.zeros(whole, dtype=dtype)
    for row, (prediction, (shape, _)) in enumerate(zip(predictions, like, strict=True)):
        place: tuple[int | slice, ...] = (row, *(slice(size) for size in shape))
        stacked[place] = prediction.arrays[key]
    return stacked


def _counts(predictions: Sequence[Prediction], file: str | Path | None) -> np.ndarray:
    """(N,) how many rows of each sample are real; all arrays of a sample have as many."""
    counts = []
    for prediction in predictions:
        lengths = {np.shape(array)[:1] for array in prediction.arrays.values()}
        if len(lengths) != 1 or () in lengths or "count" in prediction.arrays:
            raise InputError("the arrays are not lists of the same detections", file=file, sample=prediction.id)
        counts.append(next(iter(lengths))[0])
    return np.array(counts, dtype=np.int64)
