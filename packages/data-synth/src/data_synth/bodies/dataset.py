"""`h36m`, the stand-in for Human3.6M: seven people, fifteen actions, four cameras, 10 frames a second.

Axis letters: `J` = 17 joints (`skeleton.JOINTS`), `H` = 128 rows and columns of an image.

| split | subjects            | takes | frames a camera | images | groups |
|-------|---------------------|-------|----------------:|-------:|-------:|
| train | S1, S5, S6, S7, S8  | 1, 2  |              10 |  6,000 |    150 |
| valid | S1, S5, S6, S7, S8  | 3     |               2 |    600 |     75 |
| test  | S9, S11             | 1, 2  |               6 |  1,440 |     60 |

A sample has inputs {image (H, H, 3) uint8 RGB} and target {joints_mm (J, 3) float64 camera axes (x right, y down, z
forward); points (J, 2) float64 px, pixel centres; visible (J,) bool; intrinsics (3, 3) float64 of this crop, px;
action () int64, camera () int64 from 0, subject () int64 as in its name}. `group` is the take.

A take is 200 frames at 10 a second; its kept frames are spread over all of it and go round the cameras. Any 15
consecutive samples show the 15 actions, so that the first n of a split are a fair small split. A sample depends on
(data set, subject, action, take, frame, camera) and on how many frames of the take are kept.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data_synth.bodies.body_set import SIZE, BodySet, Describe, Recipe
from data_synth.seeds import generator
from data_synth.shards import Field

if TYPE_CHECKING:
    from data_synth.bodies.scene import Scene
    from data_synth.bodies.sequences import Recording
    from data_synth.bodies.wardrobe import Outfit

NAME = "h36m"
LENGTH = 200
"""Frames of a take: 20 seconds."""
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
SPLITS: dict[str, SplitPlan] = {
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
def _scene(group: str) -> Scene:
    from data_synth.bodies.scene import draw_scene

    return draw_scene(generator(NAME, "scene", group), inside=True)


def describer(split: str) -> Describe:
    """Id, group and numbers of a split's samples."""

    def describe(index: int) -> tuple[str, str, Mapping[str, int]]:
        what = shot(split, index)
        numbers = {"action": what.action, "camera": what.camera, "subject": SUBJECT_NUMBERS[what.subject]}
        return what.id, what.group, numbers

    return describe


RECIPE = Recipe(NAME, SPLITS, FIELDS, SplitRenderer, describer, ("dataset",))


def stand_in_h36m(
    *,
    cache: Path | None = None,
    root: Path | None = None,
    allow_partial: bool = False,  # noqa: ARG001 - every data set factory takes it
) -> BodySet:
    """Make the data set. `root` must be None (there is nothing to be read); `allow_partial` has no effect."""
    return BodySet(RECIPE, cache, root)
