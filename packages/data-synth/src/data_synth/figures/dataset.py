"""The generated data sets as `core_eval.Dataset`: 3,200 pictures each for train, valid and test.

The paper prints these numbers for Blocks; Shapes, for which it prints none, has the same. Pictures are drawn when they
are read, a block of them at a time, and the last blocks are kept in memory (4 KB a picture). A sample depends on
(data set, split, index) alone.

Axis letters: N samples of a split, B samples of a request, H rows and columns of an image, P points.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample
from data_synth.figures import blocks, polygons, shapes
from data_synth.seeds import generator

SPLITS = {"train": 3200, "valid": 3200, "test": 3200}
BLOCK = 64
DRAW: dict[str, Callable[[Sequence[np.random.Generator], Sequence[int]], dict[str, np.ndarray]]] = {
    "shapes": shapes.draw,
    "blocks": blocks.draw,
}


class Figures:
    """`shapes` or `blocks`. Its kind is stand-in: the constants that the paper does not print are ours."""

    kind: Literal["stand-in"] = "stand-in"

    def __init__(self, name: str) -> None:
        self.name = name

    def split(self, name: str) -> FigureSplit:
        """A split, drawn as it is read. Raises `InputError` for an unknown name."""
        return FigureSplit(self.name, name, range(self._count(name)))

    def fingerprint(self, name: str) -> str:
        """SHA-256 over data set, split and the code that draws."""
        digest = hashlib.sha256(repr((self.name, name, self._count(name))).encode())
        for module in (polygons, blocks, shapes):
            digest.update(Path(str(module.__file__)).read_bytes())
        digest.update(Path(__file__).read_bytes())
        return digest.hexdigest()

    def _count(self, split: str) -> int:
        if split not in SPLITS:
            raise InputError(f"unknown split {split!r} of {self.name}; known: {', '.join(SPLITS)}", field="split")
        return SPLITS[split]


class FigureSplit(Sequence[Sample]):
    """Samples of a split, or of a slice of it: inputs {image (H, H, 3)}, target {points (P, 2), label ()}.

    Every sample is a `group` of its own: they are independent.
    """

    def __init__(self, dataset: str, name: str, indices: range) -> None:
        self.dataset, self.name, self.indices = dataset, name, indices

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> FigureSplit: ...
    def __getitem__(self, index: int | slice) -> Sample | FigureSplit:
        if isinstance(index, slice):
            return FigureSplit(self.dataset, self.name, self.indices[index])
        number = self.indices[index]
        block = _block(self.dataset, self.name, number // BLOCK)
        arrays = {key: value[number % BLOCK] for key, value in block.items()}
        name = f"{self.name}/{number:04d}"
        target = {"points": arrays["points"].copy(), "label": np.array(arrays["label"])}
        return Sample(name, {"image": _rgb(arrays["image"])}, target, name)

    def fetch(self, indices: NDArray[np.integer]) -> dict[str, np.ndarray]:
        """Several samples at once, stacked: `image` (B, H, H, 3), `points` (B, P, 2), `label` (B,); they count within
        this slice."""
        samples = [self[int(index)] for index in indices]
        keys = {**samples[0].inputs, **samples[0].target}
        return {key: np.stack([{**sample.inputs, **sample.target}[key] for sample in samples]) for key in keys}


@lru_cache(maxsize=3 * 50)
def _block(dataset: str, split: str, number: int) -> dict[str, np.ndarray]:
    indices = range(number * BLOCK, (number + 1) * BLOCK)
    arrays = DRAW[dataset]([generator(dataset, split, "sample", index) for index in indices], indices)
    for value in arrays.values():
        value.setflags(write=False)
    return arrays


def _rgb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, H) grey -> (H, H, 3)."""
    return np.repeat(image[..., None], 3, axis=2)


def figures(
    name: str,
    *,
    cache: Path | None = None,  # noqa: ARG001
    root: Path | None = None,
    allow_partial: bool = False,  # noqa: ARG001 - every data set factory takes it
) -> Figures:
    """Make `shapes` or `blocks`. `root` must be None (there is nothing to be read); the rest has no effect."""
    if root is not None:
        raise InputError(f"{name} is generated and takes no root folder", file=root, field="root")
    return Figures(name)


shapes_set = partial(figures, "shapes")
blocks_set = partial(figures, "blocks")
