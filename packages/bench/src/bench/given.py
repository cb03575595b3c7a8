"""Prediction files that a user brings: found by format, read, and looked at before anything is believed.

A format is what a plugin registers under ``FORMATS``: it has `recognises(path)`, `read(path)` yielding (id, arrays,
where), and `detections` if a sample that the file does not name is one without detections. Without any installed, our
own ``.npz`` is read all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from bench import registry
from core_eval import Arrays, InputError, load_predictions, sha256

OWN = "npz"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Given:
    """The predictions of a file or folder.

    Attributes:
        format: id of the format.
        sha256: of the file's bytes; empty for a folder.
        arrays: by sample id, in file order; of an id that is there twice, the first.
        duplicates: sample id -> every place where it stands, for ids that are there more than once.
        detections: a sample that is not named has no detections, and is not missing.
    """

    path: Path
    format: str
    sha256: str
    arrays: Mapping[str, Arrays]
    duplicates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    detections: bool = False

    def names(self) -> tuple[str, ...]:
        """Names of the arrays that any sample has."""
        return tuple(dict.fromkeys(name for arrays in self.arrays.values() for name in arrays))

    def nothing_found(self) -> dict[str, np.ndarray]:
        """The arrays of a sample without detections, shaped like those of the others; none if it would be missing."""
        first: Arrays = next(iter(self.arrays.values()), {}) if self.detections else {}
        return {name: np.asarray(array)[:0] for name, array in first.items() if np.ndim(array)}


def read(path: Path, named: str | None = None, ids: Path | None = None) -> Given:
    """Read predictions in the format of that name, or the one that recognises the file.

    `ids` is a text file with one id a line, in the order of the predictions, for formats that only number them. Raises
    `InputError` for no such file, none or several fitting formats, another number of ids, and whatever the format's
    reader finds.
    """
    if not path.exists():
        raise InputError("no such file", file=path)
    known = registry.ids("format")
    names = _lines(ids) if ids else None
    if not known:
        if named not in (None, OWN):
            raise InputError(f"unknown format {named!r}: no package with formats is installed, only {OWN} is read")
        found = own(path)
        return found if names is None else replace(found, arrays=dict(_named(found.arrays.values(), names, path)))
    name = registry.resolve("format", named) if named else _detect(path, list(known))
    reader = registry.make("format", name, {})
    arrays: dict[str, Arrays] = {}
    places: dict[str, list[str]] = {}
    predictions = list(reader.read(path))
    for sample, one in _named(predictions, names or [one.id for one in predictions], path):
        arrays.setdefault(sample, one.arrays)
        places.setdefault(sample, []).append(one.where)
    if not arrays:
        raise InputError("holds no prediction", file=path)
    return Given(
        path=path,
        format=name,
        sha256="" if path.is_dir() else sha256(path),
        arrays=arrays,
        duplicates={sample: tuple(where) for sample, where in places.items() if len(where) > 1},
        detections=bool(getattr(reader, "detections", False)),
    )


def _named(predictions: Collection[T], names: Sequence[str], path: Path) -> Iterator[tuple[str, T]]:
    if len(names) != len(predictions):
        raise InputError(f"{len(names)} ids for {len(predictions)} predictions", file=path, field="--ids")
    return zip(names, predictions, strict=True)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as reason:
        raise InputError(f"cannot be read as lines of text: {reason}", file=path) from None


def _detect(path: Path, names: list[str]) -> str:
    found = [name for name in names if registry.make("format", name, {}).recognises(path)]
    if len(found) != 1:
        what = f"could be any of {', '.join(found)}" if found else f"is none of {', '.join(names)}"
        raise InputError(f"the format cannot be told: it {what}; name it with --format", file=path)
    return found[0]


def own(path: Path) -> Given:
    """A file that this project has written itself."""
    return Given(path, OWN, sha256(path), dict(load_predictions(path)))
