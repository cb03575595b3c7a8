"""Data sets of rendered people, whatever their labels are: splits in the cache, fingerprints, previews.

Axis letters: `B` samples of a request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample
from data_synth.shards import Field, Progress, Render, Shards, cache_root

SIZE = 128
BLOCK = 15
"""Images that are rendered together; `shards.Shards` cuts a split between them only."""

Describe = Callable[[int], tuple[str, str, Mapping[str, int]]]
"""Index -> id, group, and numbers that belong to the target."""


class Plan(Protocol):
    """What decides what is in a split; its `repr` says all of it."""

    @property
    def images(self) -> int: ...


@dataclass(frozen=True)
class Recipe:
    """A data set: plans by the split's name, stored fields, and for each split how it is rendered and described.

    modules: those of this package that nothing but this data set depends on.
    """

    name: str
    plans: Mapping[str, Plan]
    fields: Mapping[str, Field]
    renderer: Callable[[str], Render]
    describer: Callable[[str], Describe]
    modules: tuple[str, ...]


class BodySet:
    """The data set of a recipe (`core_eval.Dataset`). `cache`: where shards are kept, by default
    `shards.cache_root()`."""

    kind: Literal["stand-in"] = "stand-in"

    def __init__(self, recipe: Recipe, cache: Path | None = None, root: Path | None = None) -> None:
        if root is not None:
            raise InputError(f"{recipe.name} is rendered and takes no root folder", file=root, field="root")
        self.name, self._recipe, self._cache = recipe.name, recipe, cache
        self._shards: dict[str, Shards] = {}

    def split(self, name: str) -> BodySplit:
        """A split, rendered as it is read. Raises `InputError` for an unknown name."""
        fingerprint, recipe = self.fingerprint(name), self._recipe
        count = recipe.plans[name].images
        if name not in self._shards:
            folder = (self._cache or cache_root()) / self.name / f"{name}-{fingerprint[:16]}"
            self._shards[name] = Shards(folder, count, recipe.fields, recipe.renderer(name), block=BLOCK)
        return BodySplit(self._shards[name], range(count), recipe.describer(name))

    def fingerprint(self, name: str) -> str:
        """SHA-256 over split, plan, and the code that makes people, motion and pictures."""
        plans = self._recipe.plans
        if name not in plans:
            raise InputError(f"unknown split {name!r} of {self.name}; there are {', '.join(plans)}", field="split")
        text = repr((self.name, SIZE, BLOCK, name, plans[name], version("anny"), source_hash(self._recipe.modules)))
        return hashlib.sha256(text.encode()).hexdigest()

    def missing(self, name: str) -> int:
        """How many samples of a split are still to be rendered."""
        shards = self.split(name).shards
        return sum(len(shards.span(k)) for k in shards.missing())

    def preview(self, split: str, path: Path, *, n: int = 24, progress: Progress | None = None) -> None:
        """Write a contact sheet (PNG) of the first `n` samples of a split, with the joints drawn."""
        from data_synth.bodies.preview import preview

        samples = self.split(split)[:n]
        samples.prepare(progress)
        preview(samples, path)


class BodySplit(Sequence[Sample]):
    """Samples of a split, or of a slice of it.

    Inputs are {image}; the target has every other stored array, and the numbers that `describe` gives as int64. For
    training, `batch` and `arrays` give the stored arrays alone.
    """

    def __init__(self, shards: Shards, indices: range, describe: Describe) -> None:
        self.shards, self.indices, self._describe = shards, indices, describe

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> BodySplit: ...
    def __getitem__(self, index: int | slice) -> Sample | BodySplit:
        if isinstance(index, slice):
            return BodySplit(self.shards, self.indices[index], self._describe)
        i = self.indices[index]
        name, group, numbers = self._describe(i)
        stored = self.shards.sample(i)
        target = {key: value for key, value in stored.items() if key != "image"}
        target |= {key: np.array(value, np.int64) for key, value in numbers.items()}
        return Sample(id=name, inputs={"image": stored["image"]}, target=target, group=group)

    def batch(
        self, indices: Sequence[int] | NDArray[np.integer], names: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Stored arrays of several samples, stacked: name -> (B, ...); indices count within this slice."""
        return self.shards.batch([self.indices[i] for i in indices], names)

    def arrays(self, name: str) -> list[np.ndarray]:
        """Read-only memory maps of one stored array, shard by shard. Only for a whole split, else ValueError."""
        if self.indices != range(self.shards.n):
            raise ValueError("a slice of a split has no memory maps of its own: use batch")
        return self.shards.arrays(name)

    def prepare(self, progress: Progress | None = None, workers: int | None = None) -> None:
        """Render whatever is missing of this slice, on all cores."""
        if self.indices:
            self.shards.prepare(max(self.indices[0], self.indices[-1]) + 1, progress, workers)


_SHARED = (
    *("actions", "body_set", "camera", "contact", "limits", "paint", "people", "pose", "render", "scene", "sequences"),
    *("signals", "skeleton", "stance", "wardrobe"),
)


@cache
def source_hash(modules: tuple[str, ...]) -> str:
    """SHA-256 of what decides what people do and what the pictures look like, with these modules of this package."""
    here = Path(__file__).parent
    above = here.parent
    files = [above / f"{name}.py" for name in ("raster", "seeds", "shade")]
    files += [above / "faces" / f"{name}.py" for name in ("backdrop", "lights", "photo", "skin", "surface")]
    files += [here / f"{name}.py" for name in sorted({*_SHARED, *modules})]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(above).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
