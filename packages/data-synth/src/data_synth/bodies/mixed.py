"""`h36m-mixed`: `h36m`, its training images interleaved with those of `h36m-2d`, as Human3.6M is with MPII.

| split       | images | what |
|-------------|-------:|------|
| train       |  9,000 | after every two images of `h36m` one of `h36m-2d`, without `joints_mm` |
| valid, test |        | as in `h36m` |
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, overload

from core_eval import Sample
from data_synth.bodies.body_set import BodySet, BodySplit
from data_synth.bodies.dataset import RECIPE as SOLID
from data_synth.bodies.dataset_2d import RECIPE as FLAT
from data_synth.shards import Progress

NAME = "h36m-mixed"
TURN = 3
"""Of so many images one has 2D joints alone."""


class MixedSplit(Sequence[Sample]):
    """Samples of both sets in turns, or of a slice of them; the first n are a fair small mixture."""

    def __init__(self, solid: BodySplit, flat: BodySplit, indices: range | None = None) -> None:
        self.solid, self.flat = solid, flat
        turns = min(len(solid) // (TURN - 1), len(flat))
        self.indices = range(TURN * turns) if indices is None else indices

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> MixedSplit: ...
    def __getitem__(self, index: int | slice) -> Sample | MixedSplit:
        if isinstance(index, slice):
            return MixedSplit(self.solid, self.flat, self.indices[index])
        turn, place = divmod(self.indices[index], TURN)
        return self.flat[turn] if place == TURN - 1 else self.solid[(TURN - 1) * turn + place]

    def prepare(self, progress: Progress | None = None, workers: int | None = None) -> None:
        """Render whatever is missing of this slice, on all cores."""
        if self.indices:
            turns = max(self.indices[0], self.indices[-1]) // TURN + 1
            self.solid[: (TURN - 1) * turns].prepare(progress, workers)
            self.flat[:turns].prepare(progress, workers)


class MixedBodies:
    """The data set (`core_eval.Dataset`). `cache`: where shards are kept, shared with both sets."""

    name = NAME
    kind: Literal["stand-in"] = "stand-in"

    def __init__(self, cache: Path | None = None, root: Path | None = None) -> None:
        self.solid, self.flat = BodySet(SOLID, cache, root), BodySet(FLAT, cache, root)

    def split(self, name: str) -> BodySplit | MixedSplit:
        """A split, rendered as it is read. Raises `InputError` for an unknown name."""
        solid = self.solid.split(name)
        return MixedSplit(solid, self.flat.split(name)) if name == "train" else solid

    def fingerprint(self, name: str) -> str:
        """Of both sets and their turns; of `valid` and `test`, that of `h36m`."""
        solid = self.solid.fingerprint(name)
        if name != "train":
            return solid
        return hashlib.sha256(repr((NAME, TURN, solid, self.flat.fingerprint(name))).encode()).hexdigest()

    def missing(self, name: str) -> int:
        """How many samples of a split are still to be rendered."""
        return self.solid.missing(name) + (self.flat.missing(name) if name == "train" else 0)

    def preview(self, split: str, path: Path, *, n: int = 24, progress: Progress | None = None) -> None:
        """Write a contact sheet (PNG) of the first `n` samples of a split, with the joints drawn."""
        from data_synth.bodies.preview import preview

        samples = self.split(split)[:n]
        samples.prepare(progress)
        preview(samples, path)


def stand_in_h36m_mixed(
    *,
    cache: Path | None = None,
    root: Path | None = None,
    allow_partial: bool = False,  # noqa: ARG001 - every data set factory takes it
) -> MixedBodies:
    """Make the data set. `root` must be None (there is nothing to be read); `allow_partial` has no effect."""
    return MixedBodies(cache, root)
