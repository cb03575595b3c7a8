"""Rendered data sets with labels in common terms: splits in shards, slices of them, fingerprints, contact sheets.

Axis letters: `B` samples of a request, `H` rows and columns of an image.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

import cv2
import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample
from data_synth.shards import Field, Progress, Render, Shards, cache_root

U8 = NDArray[np.uint8]

ZOOM = 3


@dataclass(frozen=True, slots=True)
class Recipe:
    """What makes a rendered data set.

    counts: split -> images; fields: what is stored; block: images that are rendered together; render: split -> the
    callable that renders ranges of it; sample: (split, index, stored arrays) -> a sample; source: hash of everything
    that decides what the pictures look like, as text; tile: a sample -> its picture with the labels drawn.
    """

    name: str
    counts: Mapping[str, int]
    fields: Mapping[str, Field]
    block: int
    render: Callable[[str], Render]
    sample: Callable[[str, int, Mapping[str, np.ndarray]], Sample]
    source: Callable[[], str]
    tile: Callable[[Sample], U8]


class RenderedSet:
    """A `core_eval.Dataset` made by a recipe. cache: where shards are kept, by default `shards.cache_root()`."""

    kind: Literal["stand-in"] = "stand-in"

    def __init__(self, recipe: Recipe, cache: Path | None = None) -> None:
        self.name, self.recipe, self._cache = recipe.name, recipe, cache
        self._splits: dict[str, RenderedSplit] = {}

    def split(self, name: str) -> RenderedSplit:
        """A split, rendered as it is read. Raises `InputError` for an unknown name."""
        if name not in self._splits:
            count, recipe = self._count(name), self.recipe
            folder = (self._cache or cache_root()) / self.name / f"{name}-{self.fingerprint(name)[:16]}"
            shards = Shards(folder, count, recipe.fields, recipe.render(name), block=recipe.block)
            self._splits[name] = RenderedSplit(name, recipe, shards, range(count))
        return self._splits[name]

    def fingerprint(self, name: str) -> str:
        """SHA-256 over data set, split and what makes the pictures; nothing is rendered. Raises `InputError` for an
        unknown split."""
        text = repr((self.name, name, self._count(name), self.recipe.block, self.recipe.source()))
        return hashlib.sha256(text.encode()).hexdigest()

    def missing(self, name: str) -> int:
        """How many samples of a split are still to be rendered."""
        shards = self.split(name).shards
        return sum(len(shards.span(k)) for k in shards.missing())

    def preview(self, split: str, path: Path, *, n: int = 24, progress: Progress | None = None) -> None:
        """Write a contact sheet (PNG) of `n` samples spread evenly over the first thousand of a split, with their
        labels drawn."""
        samples = self.split(split)[:1000]
        samples.prepare(progress)
        chosen = np.unique(np.linspace(0, len(samples) - 1, min(n, len(samples))).astype(int))
        write_sheet(path, [self.recipe.tile(samples[int(index)]) for index in chosen])

    def _count(self, split: str) -> int:
        if split not in self.recipe.counts:
            known = ", ".join(self.recipe.counts)
            raise InputError(f"unknown split {split!r} of {self.name}; there are {known}", field="split")
        return self.recipe.counts[split]


class RenderedSplit(Sequence[Sample]):
    """Samples of a split, or of a slice of it."""

    def __init__(self, name: str, recipe: Recipe, shards: Shards, indices: range) -> None:
        self.name, self.recipe, self.shards, self.indices = name, recipe, shards, indices

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> RenderedSplit: ...
    def __getitem__(self, index: int | slice) -> Sample | RenderedSplit:
        if isinstance(index, slice):
            return RenderedSplit(self.name, self.recipe, self.shards, self.indices[index])
        number = self.indices[index]
        return self.recipe.sample(self.name, number, self.shards.sample(number))

    def batch(
        self, indices: Sequence[int] | NDArray[np.integer], names: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Stored arrays of several samples, stacked: name -> (B, ...); indices count within this slice."""
        return self.shards.batch([self.indices[i] for i in indices], names)

    def prepare(self, progress: Progress | None = None, workers: int | None = None) -> None:
        """Render whatever is missing of this slice, on all cores."""
        if self.indices:
            self.shards.prepare(max(self.indices[0], self.indices[-1]) + 1, progress, workers)


def no_root(name: str, root: Path | None) -> None:
    """Raises `InputError` where a folder is named for a data set that reads none."""
    if root is not None:
        raise InputError(f"{name} is rendered and takes no root folder", file=root, field="root")


def hash_files(base: Path, files: Iterable[Path]) -> str:
    """SHA-256 over the names below `base` and the contents of files, in the order of their names."""
    digest = hashlib.sha256()
    for file in sorted(set(files)):
        digest.update(file.relative_to(base).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def enlarge(image: U8, points: NDArray[np.floating], zoom: int = ZOOM) -> tuple[U8, NDArray[np.int64]]:
    """The image (H, H, 3) `zoom` times as large, and its points (P, 2) px in sixteenths of a large pixel, as
    OpenCV draws them with shift 4."""
    shown = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    return np.asarray(shown, np.uint8), np.rint((np.asarray(points) + 0.5) * zoom * 16 - 8).astype(np.int64)


def write_sheet(path: Path, tiles: Sequence[U8], columns: int = 8) -> None:
    """Write tiles (all (H, W, 3) uint8 RGB of one size) in rows as PNG. Raises `InputError` where there are none, or
    the file cannot be written."""
    if not tiles:
        raise InputError("nothing to show: the split is empty")
    columns = min(columns, len(tiles))
    cells = [*tiles, *[np.zeros_like(tiles[0])] * (-len(tiles) % columns)]
    sheet = np.vstack([np.hstack(cells[k : k + columns]) for k in range(0, len(cells), columns)])
    _, code = cv2.imencode(".png", sheet[..., ::-1])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".png")
        with os.fdopen(handle, "wb") as stream:
            stream.write(code.tobytes())
        Path(temporary).replace(path)
    except OSError as error:
        raise InputError(f"cannot write the preview: {error.strerror}", file=path) from error
