"""`stand-in-300w`: rendered faces with the structure of the 300W competition.

Axis letters: `N` samples of a split, `B` samples of a request, `H` rows and columns of an image.

| split | images | people | yaw in [0, 30], (30, 60], (60, 90] degrees | scenes |
|-------|-------:|-------:|--------------------------------------------|--------|
| train |   6000 |    600 | 60 %, 25 %, 15 %                           | half indoor, half outdoor |
| valid |    300 |     60 | 75 %, 20 %, 5 %                            | half, half |
| test  |    600 |    120 | 75 %, 20 %, 5 %                            | half, half, as in the competition |

Nobody is in two splits. The shares hold exactly in every 20 consecutive images, so the first n of a split are a fair
small split. A sample depends on (data set, split, index) alone.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample
from data_synth.seeds import generator
from data_synth.shards import Field, Progress, Shards, cache_root

if TYPE_CHECKING:
    from data_synth.faces.person import Person

NAME = "stand-in-300w"
VERSION = 1
SIZE = 128
BLOCK = 20
"""Images that share a forward pass of the model, a set of people and an exact distribution of yaw."""

YAW_BINS = ((0.0, 30.0), (30.0, 60.0), (60.0, 90.0))


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """Number of images, images per person, and how many of `BLOCK` images fall into each of `YAW_BINS`."""

    images: int
    per_person: int
    yaw_counts: tuple[int, int, int]


SPLITS: Mapping[str, SplitPlan] = {
    "train": SplitPlan(6000, 10, (12, 5, 3)),
    "valid": SplitPlan(300, 5, (15, 4, 1)),
    "test": SplitPlan(600, 5, (15, 4, 1)),
}

FIELDS = {
    "image": Field((SIZE, SIZE, 3), np.uint8),
    "uv": Field((SIZE, SIZE, 2), np.uint16),
    "part": Field((SIZE, SIZE), np.uint8),
    "points": Field((68, 2), np.float64),
    "visible": Field((68,), np.bool_),
    "pose": Field((3,), np.float32),
}
"""What is stored. uv is fixed point (`labels.decode_uv`), pose is yaw, pitch, roll in degrees."""


class StandIn300W:
    """The data set (`core_eval.Dataset`). `cache`: where shards are kept, by default `shards.cache_root()`."""

    name = NAME
    kind: Literal["stand-in"] = "stand-in"

    def __init__(self, cache: Path | None = None) -> None:
        self._cache = cache
        self._splits: dict[str, FaceSplit] = {}

    def split(self, name: str) -> FaceSplit:
        """A split, rendered as it is read. Raises `InputError` for an unknown name."""
        if name not in self._splits:
            plan = _plan(name)
            folder = (self._cache or cache_root()) / NAME / f"{name}-{self.fingerprint(name)[:16]}"
            self._splits[name] = FaceSplit(
                name, Shards(folder, plan.images, FIELDS, SplitRenderer(name), block=BLOCK), range(plan.images)
            )
        return self._splits[name]

    def fingerprint(self, name: str) -> str:
        """SHA-256 over version, split, configuration, and the code and data files that make the pictures."""
        text = repr((NAME, VERSION, SIZE, BLOCK, name, _plan(name), YAW_BINS, version("anny"), source_hash()))
        return hashlib.sha256(text.encode()).hexdigest()

    def missing(self, name: str) -> int:
        """How many samples of a split are still to be rendered."""
        shards = self.split(name).shards
        return sum(len(shards.span(k)) for k in shards.missing())

    def preview(self, split: str, path: Path, *, n: int = 24, progress: Progress | None = None) -> None:
        """Write a contact sheet (PNG) of the first `n` samples of a split, with landmarks and UV drawn."""
        from data_synth.faces.preview import preview

        samples = self.split(split)[:n]
        samples.prepare(progress)
        preview(samples, path, n)


class FaceSplit(Sequence[Sample]):
    """Samples of a split, or of a slice of it.

    A sample has inputs {image} and target {points, visible, uv, part, landmark_uv, yaw}, as the contract's table says,
    with yaw () float32 in degrees (positive: the face is turned to image right). `group` is the person. For training,
    `batch` and `arrays` give the stored arrays without decoding them (see `FIELDS`).
    """

    def __init__(self, name: str, shards: Shards, indices: range) -> None:
        self.name, self.shards, self.indices = name, shards, indices

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> FaceSplit: ...
    def __getitem__(self, index: int | slice) -> Sample | FaceSplit:
        if isinstance(index, slice):
            return FaceSplit(self.name, self.shards, self.indices[index])
        from data_synth.faces.labels import decode_uv

        i = self.indices[index]
        stored = self.shards.sample(i)
        return Sample(
            id=f"{self.name}/{i:05d}-{'outdoor' if is_outdoor(i) else 'indoor'}",
            inputs={"image": stored["image"]},
            target={
                "points": stored["points"],
                "visible": stored["visible"],
                "uv": decode_uv(stored["uv"]),
                "part": stored["part"],
                "yaw": stored["pose"][0],
                "landmark_uv": landmark_uv(),
            },
            group=f"{self.name}-{person_of(self.name, i):04d}",
        )

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


def _plan(name: str) -> SplitPlan:
    if name not in SPLITS:
        raise InputError(f"unknown split {name!r} of {NAME}; there are {', '.join(SPLITS)}", field="split")
    return SPLITS[name]


def person_of(split: str, index: int) -> int:
    """The person in an image: `BLOCK` people take turns until each has all their images, then come the next ones."""
    return index // (BLOCK * SPLITS[split].per_person) * BLOCK + index % BLOCK


def is_outdoor(index: int) -> bool:
    """Scenes alternate, and the other way round in the next block, so that a person is seen in both."""
    return (index + index // BLOCK) % 2 == 1


@cache
def _yaws(split: str, block: int) -> tuple[float, ...]:
    """Yaw (degrees) of the images of a block: exact counts per bin, evenly spread inside it, both sides alike."""
    rng = generator(NAME, split, "yaw", block)
    yaws = []
    for (low, high), count in zip(YAW_BINS, SPLITS[split].yaw_counts, strict=True):
        size = low + (high - low) * (np.arange(count) + rng.random(count)) / count
        side = np.where(np.arange(count) % 2 == 0, 1.0, -1.0) * rng.choice([-1.0, 1.0])
        yaws.append(size * side)
    return tuple(float(yaw) for yaw in rng.permutation(np.concatenate(yaws)))


def yaw_of(split: str, index: int) -> float:
    """Yaw of the head in an image, degrees; positive turns the face to image right."""
    return _yaws(split, index // BLOCK)[index % BLOCK]


class SplitRenderer:
    """Renders ranges of a split's samples; the callable that `Shards` wants. Safe in threads."""

    def __init__(self, split: str) -> None:
        self.split = split
        self._people: OrderedDict[int, Person] = OrderedDict()
        self._neutral: tuple[tuple[int, ...], np.ndarray] = (), np.empty(0)
        self._lock = threading.Lock()

    def __call__(self, indices: range) -> dict[str, np.ndarray]:
        from data_synth.faces.render import FaceRenderer

        with self._lock:  # the first caller loads the model, the others wait for it
            renderer = FaceRenderer.load()
        numbers = tuple(person_of(self.split, i) for i in indices)
        people = [self._person(number) for number in numbers]
        with self._lock:  # consecutive blocks show the same people
            if self._neutral[0] != numbers:
                self._neutral = numbers, renderer.neutral(people)
            neutral = self._neutral[1]
        heads = renderer.express(neutral, generator(NAME, self.split, "expressions", indices.start))
        out = {name: np.empty((len(indices), *spec.shape), spec.dtype) for name, spec in FIELDS.items()}
        for row, (i, person, head) in enumerate(zip(indices, people, heads, strict=True)):
            rng = generator(NAME, self.split, "sample", i)
            view = renderer.view(head, yaw_of(self.split, i), SIZE, rng)
            picture = renderer.render(person, head, view, SIZE, rng, outdoor=is_outdoor(i))
            for name in ("image", "uv", "part", "points", "visible"):
                out[name][row] = getattr(picture, name)
            out["pose"][row] = view.yaw, view.pitch, view.roll
        return out

    def _person(self, number: int) -> Person:
        from data_synth.faces.render import FaceRenderer

        with self._lock:
            if number in self._people:
                self._people.move_to_end(number)
                return self._people[number]
        person = FaceRenderer.load().person(generator(NAME, self.split, "person", number))
        with self._lock:
            self._people[number] = person
            if len(self._people) > 4 * BLOCK:
                self._people.popitem(last=False)
        return person


@cache
def landmark_uv() -> NDArray[np.float64]:
    """(68, 2) template coordinates of the landmarks at rest, before the jaw is moved to the outline of a view."""
    from data_synth.faces.model import FaceModel

    model = FaceModel.load()
    return np.asarray(model.landmarks.points(model.uv), np.float64)


@cache
def source_hash() -> str:
    """SHA-256 of the modules and data files that decide what the pictures look like."""
    here = Path(__file__).parent
    files = [here.parent / f"{name}.py" for name in ("raster", "seeds", "shade")]
    files += sorted(p for p in here.rglob("*") if p.is_file() and p.suffix in (".py", ".json", ".u8"))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(here.parent).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def stand_in_300w(
    *,
    cache: Path | None = None,
    root: Path | None = None,
    allow_partial: bool = False,  # noqa: ARG001 - every data set factory takes it
) -> StandIn300W:
    """Make the data set. `root` must be None (there is nothing to be read); `allow_partial` has no effect."""
    if root is not None:
        raise InputError(f"{NAME} is rendered and takes no root folder", file=root, field="root")
    return StandIn300W(cache)
