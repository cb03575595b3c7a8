"""`stand-in-300w` with the splits of 300W's public test set: its test faces again, easy and hard ones, with boxes.

| split | images | people | yaw of the head |
|-------------|----:|----:|------------------|
| common      | 450 | 120 | up to 30 degrees |
| challenging | 150 | 120 | above 30 degrees |
| full        | 600 | 120 | as in test       |

The public test set's samples come with a box (in 300W, of a face detector; papers take that of the annotated points):
`inputs["box"]` is the tight box of the 68 points. The other splits are those of `faces.dataset`, unchanged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from core_eval import InputError, Sample
from data_synth.faces.dataset import NAME, SPLITS, YAW_BINS, FaceSplit, StandIn300W, yaw_of
from data_synth.shards import Progress

FRONTAL = YAW_BINS[0][1]
PUBLIC: dict[str, Callable[[float], bool]] = {
    "common": lambda yaw: abs(yaw) <= FRONTAL,
    "challenging": lambda yaw: abs(yaw) > FRONTAL,
    "full": lambda yaw: True,  # noqa: ARG005
}
VERSION = 1


class PublicSplit(Sequence[Sample]):
    """Some of the test faces, each with its box (4,) px, (x1, y1, x2, y2), among the inputs."""

    def __init__(self, faces: FaceSplit, indices: Sequence[int]) -> None:
        self.faces, self.indices = faces, indices

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> PublicSplit: ...
    def __getitem__(self, index: int | slice) -> Sample | PublicSplit:
        if isinstance(index, slice):
            return PublicSplit(self.faces, self.indices[index])
        sample = self.faces[self.indices[index]]
        points = sample.target["points"]
        box = np.concatenate([points.min(axis=0), points.max(axis=0)])
        return Sample(sample.id, {**sample.inputs, "box": box}, sample.target, sample.group)

    def prepare(self, progress: Progress | None = None, workers: int | None = None) -> None:
        """Render what is missing of the test faces, on all cores."""
        self.faces.prepare(progress, workers)


class PublicStandIn(StandIn300W):
    """The data set with the three splits more."""

    def split(self, name: str) -> FaceSplit | PublicSplit:  # type: ignore[override]  # more splits
        """A split, rendered as it is read. Raises `InputError` for an unknown name."""
        if name not in PUBLIC:
            return super().split(_known(name))
        chosen = [index for index in range(SPLITS["test"].images) if PUBLIC[name](yaw_of("test", index))]
        return PublicSplit(super().split("test"), chosen)

    def fingerprint(self, name: str) -> str:
        """As of the data set it extends; of its own splits, with the version of the rule that divides them."""
        if name not in PUBLIC:
            return super().fingerprint(_known(name))
        text = repr((super().fingerprint("test"), name, FRONTAL, VERSION))
        return hashlib.sha256(text.encode()).hexdigest()

    def missing(self, name: str) -> int:
        """How many samples are still to be rendered before a split can be read."""
        return super().missing("test" if name in PUBLIC else name)

    def preview(self, split: str, path: Path, *, n: int = 24, progress: Progress | None = None) -> None:
        """Write a contact sheet (PNG) of the first `n` samples of a split; of a public one, those of the test split."""
        super().preview("test" if split in PUBLIC else split, path, n=n, progress=progress)


def _known(name: str) -> str:
    if name not in SPLITS:
        raise InputError(f"unknown split {name!r} of {NAME}; there are {', '.join([*SPLITS, *PUBLIC])}", field="split")
    return name


def stand_in_300w(
    *,
    cache: Path | None = None,
    root: Path | None = None,
    allow_partial: bool = False,  # noqa: ARG001 - every data set factory takes it
) -> PublicStandIn:
    """Make the data set. `root` must be None (there is nothing to be read); `allow_partial` has no effect."""
    if root is not None:
        raise InputError(f"{NAME} is rendered and takes no root folder", file=root, field="root")
    return PublicStandIn(cache)
