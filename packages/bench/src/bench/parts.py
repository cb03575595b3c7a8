"""Splits that are parts of another split: the frames of one action, camera or subject, the faces of some yaw.

A part has no predictions of its own. The whole split is predicted once, and each part is scored on the same file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.naming import digest
from bench.spec import Benchmark, Interval, Where
from core_eval import Dataset, InputError, Kind, Sample


@dataclass(frozen=True, slots=True)
class Part:
    """The samples of the split `of` for which every target[name] is one of the values, or in the interval."""

    name: str
    of: str
    where: Where


def parts_of(benchmark: Benchmark) -> tuple[Part, ...]:
    return tuple(Part(name, one.part_of, one.where) for name, one in benchmark.splits.items() if one.part_of)


def whole(benchmark: Benchmark, split: str) -> str:
    """The split that is predicted for the sake of this one."""
    return benchmark.splits[split].part_of or split


class Parted:
    """A data set with additional splits that are parts of its own. Other attributes are the data set's."""

    def __init__(self, dataset: Dataset, parts: Sequence[Part]) -> None:
        self._dataset = dataset
        self._parts = {part.name: part for part in parts}
        self._values: dict[str, dict[str, NDArray[np.float64]]] = {}

    @property
    def name(self) -> str:
        return self._dataset.name

    @property
    def kind(self) -> Kind:
        return self._dataset.kind

    def split(self, name: str) -> Sequence[Sample]:
        """The split; a part is found by reading the targets of the whole when it is first indexed."""
        part = self._parts.get(name)
        return self._dataset.split(name) if part is None else _PartOf(self, part)

    def fingerprint(self, name: str) -> str:
        part = self._parts.get(name)
        if part is None:
            return self._dataset.fingerprint(name)
        where = [[key, asdict(fits) if isinstance(fits, Interval) else fits] for key, fits in part.where]
        return digest("part", self._dataset.fingerprint(part.of), where)

    def __getattr__(self, key: str) -> Any:
        found = getattr(self._dataset, key)
        if key not in ("missing", "partial"):
            return found
        # What is missing of a part is what is missing of the whole.
        return lambda name: found(self._parts[name].of if name in self._parts else name)

    def rows(self, part: Part) -> NDArray[np.intp]:
        """Indices of the part's samples in the whole. Raises `InputError` for a sample without such a number."""
        if part.of not in self._values:
            keys = {key for one in self._parts.values() if one.of == part.of for key, _ in one.where}
            samples = self._dataset.split(part.of)
            prepare = getattr(samples, "prepare", None)
            if callable(prepare):
                prepare()
            found: dict[str, list[float]] = {key: [] for key in sorted(keys)}
            for sample in samples:
                for key, values in found.items():
                    if key not in sample.target or np.size(sample.target[key]) != 1:
                        raise InputError(
                            "expected one number, by which the split is divided", sample=sample.id, field=key
                        )
                    values.append(float(np.asarray(sample.target[key]).item()))
            self._values[part.of] = {key: np.array(values) for key, values in found.items()}
        masks = [_fit(self._values[part.of][key], fits) for key, fits in part.where]
        return np.flatnonzero(np.all(masks, axis=0))


def _fit(values: NDArray[np.float64], fits: tuple[int, ...] | Interval) -> NDArray[np.bool_]:
    """Which values (N,) are among those that are named, or in the interval."""
    if not isinstance(fits, Interval):
        return np.isin(values, fits)
    sizes = np.abs(values) if fits.absolute else values
    return (fits.low <= sizes) & (sizes < fits.high)


class _PartOf(Sequence[Sample]):
    """Samples of a part, indexed lazily."""

    def __init__(self, dataset: Parted, part: Part, rows: NDArray[np.intp] | None = None) -> None:
        self._dataset, self._part, self._rows = dataset, part, rows
        self._samples = dataset.split(part.of)

    @property
    def _found(self) -> NDArray[np.intp]:
        if self._rows is None:
            self._rows = self._dataset.rows(self._part)
        return self._rows

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return _PartOf(self._dataset, self._part, self._found[index])
        return self._samples[int(self._found[index])]

    def __iter__(self) -> Iterator[Sample]:
        return (self._samples[int(row)] for row in self._found)
