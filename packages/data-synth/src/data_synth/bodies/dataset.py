"""`h36m`, the stand-in for Human3.6M: seven people, fifteen actions, four cameras, 10 frames a second.

Axis letters: `J` = 17 joints (`skeleton.JOINTS`), `H` = 128 rows and columns of an image, `B` samples of a request.

| split | subjects            | takes | frames a camera | images | groups |
|-------|---------------------|-------|----------------:|-------:|-------:|
| train | S1, S5, S6, S7, S8  | 1, 2  |              10 |  6,000 |    150 |
| valid | S1, S5, S6, S7, S8  | 3     |               2 |    600 |     75 |
| test  | S9, S11             | 1, 2  |               6 |  1,440 |     60 |

A take is 200 frames at 10 a second, and its kept frames are spread over all of it and go round
the cameras. Any 15 consecutive samples of a split show the 15 actions, so that its first n are a fair small split. A
sample depends on (data set, subject, action, take, frame, camera) alone.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample
from data_synth.seeds import generator
from data_synth.shards import Field, Progress, Shards, cache_root

if TYPE_CHECKING:
    from data_synth.bodies.sequences import Recording
    from data_synth.bodies.wardrobe import Outfit

NAME = "h36m"
VERSION = 1
SIZE = 128
BLOCK = 15
LENGTH = 200
CAMERA_COUNT = 4

ACTION_NAMES = (
    *("Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases", "Sitting"),
    *("SittingDown", "Smoking", "Waiting", "WalkDog", "Walking", "WalkTogether"),
)
"""In the order of papers' tables; `action` of a sample counts from 0 in it."""
SUBJECT_NUMBERS = {"S1": 1, "S5": 5, "S6": 6, "S7": 7, "S8": 8, "S9": 9, "S11": 11}


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """Which subjects and takes, and how many frames of a take each camera keeps."""

    subjects: tuple[str, ...]
    takes: tuple[int, ...]
    per_camera: int

    @property
    def images(self) -> int:
        return len(self.subjects) * len(self.takes) * len(ACTION_NAMES) * CAMERA_COUNT * self.per_camera


_TRAINING = ("S1", "S5", "S6", "S7", "S8")
SPLITS: Mapping[str, SplitPlan] = {
    "train": SplitPlan(_TRAINING, (1, 2), 10),
    "valid": SplitPlan(_TRAINING, (3,), 2),
    "test": SplitPlan(("S9", "S11"), (1, 2), 6),
}

FIELDS = {
    "image": Field((SIZE, SIZE, 3), np.uint8),
    "joints_mm": Field((17, 3), np.float64),
    "points": Field((17, 2), np.float64),
    "visible": Field((17,), np.bool_),
    "intrinsics": Field((3, 3), np.float64),
}


@dataclass(frozen=True, slots=True)
class Shot:
    """Which picture a sample is. camera counts from 0, action in `ACTION_NAMES`."""

    subject: str
    action: int
    take: int
    camera: int
    frame: int

    @property
    def group(self) -> str:
        return f"{self.subject}/{ACTION_NAMES[self.action]} {self.take}"

    @property
    def id(self) -> str:
        return f"{self.group}/cam{self.camera + 1}/{self.frame:05d}"


def shot(split: str, index: int) -> Shot:
    """Sample `index` of a split: the action changes first, then the subject, then camera, take and moment."""
    plan = SPLITS[split]
    rest, action = divmod(index, len(ACTION_NAMES))
    rest, person = divmod(rest, len(plan.subjects))
    rest, turn = divmod(rest, CAMERA_COUNT)
    moment, take = divmod(rest, len(plan.takes))
    camera = (turn + person + action) % CAMERA_COUNT
    frame = _frames(plan)[CAMERA_COUNT * moment + camera]
    return Shot(plan.subjects[person], action, plan.takes[take], camera, int(frame))


@cache
def _frames(plan: SplitPlan) -> NDArray[np.int64]:
    """Numbers of the frames that are kept of a take, in order; they go round the cameras."""
    count = CAMERA_COUNT * plan.per_camera
    return np.arange(count) * LENGTH // count


class StandInH36M:
    """The data set (`core_eval.Dataset`). `cache`: where shards are kept, by default `shards.cache_root()`."""

    name = NAME
    kind: Literal["stand-in"] = "stand-in"

    def __init__(self, cache: Path | None = None) -> None:
        self._cache = cache
        self._shards: dict[str, Shards] = {}

    def split(self, name: str) -> BodySplit:
        """A split, rendered as it is read. Raises `InputError` for an unknown name."""
        plan = _plan(name)
        if name not in self._shards:
            folder = (self._cache or cache_root()) / NAME / f"{name}-{self.fingerprint(name)[:16]}"
            self._shards[name] = Shards(folder, plan.images, FIELDS, SplitRenderer(name), block=BLOCK)
        return BodySplit(name, self._shards[name], range(plan.images))

    def fingerprint(self, name: str) -> str:
        """SHA-256 over version, split, configuration, and the code that makes people, motion and pictures."""
        text = repr((NAME, VERSION, SIZE, BLOCK, LENGTH, name, _plan(name), version("anny"), source_hash()))
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

    A sample has inputs {image (H, H, 3) uint8 RGB} and target {joints_mm (J, 3) float64 camera axes (x right, y down,
    z forward); points (J, 2) float64 px, pixel centres; visible (J,) bool; intrinsics (3, 3) float64 of this crop, px;
    action () int64, camera () int64 from 0, subject () int64 as in its name}. `group` is the take. For training,
    `batch` and `arrays` give the stored arrays (see `FIELDS`).
    """

    def __init__(self, name: str, shards: Shards, indices: range) -> None:
        self.name, self.shards, self.indices = name, shards, indices

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> BodySplit: ...
    def __getitem__(self, index: int | slice) -> Sample | BodySplit:
        if isinstance(index, slice):
            return BodySplit(self.name, self.shards, self.indices[index])
        i = self.indices[index]
        stored = self.shards.sample(i)
        what = shot(self.name, i)
        return Sample(
            id=what.id,
            inputs={"image": stored["image"]},
            target={
                **{name: stored[name] for name in ("joints_mm", "points", "visible", "intrinsics")},
                "action": np.array(what.action),
                "camera": np.array(what.camera),
                "subject": np.array(SUBJECT_NUMBERS[what.subject]),
            },
            group=what.group,
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


class SplitRenderer:
    """Renders ranges of a split's samples; the callable that `Shards` wants. Safe in threads."""

    def __init__(self, split: str) -> None:
        self.split = split
        self._lock = threading.Lock()

    def __call__(self, indices: range) -> dict[str, np.ndarray]:
        from data_synth.bodies.render import BodyRenderer

        with self._lock:  # the first caller loads the model, the others wait for it
            BodyRenderer.load()
        out = {name: np.empty((len(indices), *spec.shape), spec.dtype) for name, spec in FIELDS.items()}
        for row, i in enumerate(indices):
            for name, value in self.draw(shot(self.split, i)).items():
                out[name][row] = value
        return out

    def draw(self, what: Shot) -> dict[str, np.ndarray]:
        """The stored arrays of one sample."""
        from data_synth.bodies.camera import CAMERAS, person_box, project
        from data_synth.bodies.people import NAMES, Bodies
        from data_synth.bodies.render import Actor, BodyRenderer
        from data_synth.bodies.scene import chair

        recording = _recording(what.subject, what.action, what.take, SPLITS[self.split])
        row = int(np.searchsorted(recording.frames, what.frame))
        skeleton = Bodies.load().skeletons[NAMES.index(what.subject)]
        pose, camera = recording.pose, CAMERAS[what.camera]
        actor = Actor(skeleton, _outfit(what.subject, what.take, what.action % 3), pose.turn[row], pose.pivots[row])
        joints = camera.see(skeleton.joints(actor.pivots[None], actor.turn[None])[0])
        intrinsics = camera.crop(person_box(project(camera.intrinsics, joints)), SIZE)
        scene = _scene(what.group)
        rng = generator(NAME, "sample", what.id)
        solids = ()
        if recording.seat is not None:
            solids = (chair(recording.seat, scene.wood, generator(NAME, "chair", what.group)),)
        picture = BodyRenderer.load().render(actor, camera, intrinsics, scene, SIZE, rng, solids=solids)
        return {
            "image": picture.image,
            "joints_mm": 1000 * joints,
            "points": project(intrinsics, joints),
            "visible": picture.visible,
            "intrinsics": intrinsics,
        }


@lru_cache(maxsize=256)
def _recording(subject: str, action: int, take: int, plan: SplitPlan) -> Recording:
    from data_synth.bodies.sequences import record

    return record((NAME,), subject, ACTION_NAMES[action], take, _frames(plan))


@lru_cache(maxsize=64)
def _outfit(subject: str, take: int, day: int) -> Outfit:
    from data_synth.bodies.people import NAMES, Bodies
    from data_synth.bodies.wardrobe import draw_outfit

    look, clothes = generator(NAME, "look", subject), generator(NAME, "clothes", subject, take, day)
    return draw_outfit(Bodies.load(), NAMES.index(subject), look, clothes)


@lru_cache(maxsize=256)
def _scene(group: str):  # type: ignore[no-untyped-def]
    from data_synth.bodies.scene import draw_scene

    return draw_scene(generator(NAME, "scene", group), inside=True)


@cache
def source_hash() -> str:
    """SHA-256 of the modules that decide what people do and what the pictures look like."""
    here = Path(__file__).parent
    above = here.parent
    files = [above / f"{name}.py" for name in ("raster", "seeds", "shade")]
    files += [above / "faces" / f"{name}.py" for name in ("backdrop", "lights", "photo", "skin", "surface")]
    files += sorted(here.glob("*.py"))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(above).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def stand_in_h36m(
    *,
    cache: Path | None = None,
    root: Path | None = None,
    allow_partial: bool = False,  # noqa: ARG001 - every data set factory takes it
) -> StandInH36M:
    """Make the data set. `root` must be None (there is nothing to be read); `allow_partial` has no effect."""
    if root is not None:
        raise InputError(f"{NAME} is rendered and takes no root folder", file=root, field="root")
    return StandInH36M(cache)
