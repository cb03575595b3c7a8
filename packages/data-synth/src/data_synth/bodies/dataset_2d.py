"""`h36m-2d`: pictures of people with 2D joints only, as photographs with annotated joints are.

Axis letters: `J` = 17 joints (`skeleton.JOINTS`), `H` = 128 rows and columns of an image, `T` moments.

| split | images | people |
|-------|-------:|-------:|
| train |  3,000 |     30 |
| valid |    300 |      5 |
| test  |    300 |      5 |

Nobody is in two splits, nor in `h36m`. Half of the motions are those of `h36m`, half are exercises that are not: kicks,
lunges, jumps, arms anywhere. Each is seen at five moments from five random places, near or far, by a camera that may be
tilted, in a room or outdoors. A sample has inputs {image (H, H, 3) uint8 RGB} and target {points (J, 2) float64 px,
pixel centres; visible (J,) bool}; `group` is the person. It depends on (data set, split, index) alone.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_synth.bodies.body_set import SIZE, BodySet, Describe, Recipe
from data_synth.seeds import generator
from data_synth.shards import Field

if TYPE_CHECKING:
    from data_synth.bodies.pose import Pose
    from data_synth.bodies.scene import Solid
    from data_synth.bodies.wardrobe import Outfit

NAME = "h36m-2d"
MOMENTS = 5
"""Pictures of a motion."""


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How many images, of which of the people other-00, other-01, ..."""

    images: int
    first: int
    people: int


SPLITS: dict[str, SplitPlan] = {
    "train": SplitPlan(3000, 0, 30),
    "valid": SplitPlan(300, 30, 5),
    "test": SplitPlan(300, 35, 5),
}

FIELDS = {
    "image": Field((SIZE, SIZE, 3), np.uint8),
    "points": Field((17, 2), np.float64),
    "visible": Field((17,), np.bool_),
}


def person_of(split: str, index: int) -> str:
    """Who is in a picture: motion after motion, people take turns."""
    plan = SPLITS[split]
    return f"other-{plan.first + index // MOMENTS % plan.people:02d}"


@dataclass(frozen=True)
class Motion:
    """pose of `MOMENTS` moments, what is worn, and the furniture."""

    pose: Pose
    outfit: Outfit
    solids: tuple[Solid, ...]


@lru_cache(maxsize=64)
def _motion(split: str, number: int) -> Motion:
    from data_synth.bodies.actions import ACTIONS, draw_action
    from data_synth.bodies.contact import settle
    from data_synth.bodies.exercise import exercise
    from data_synth.bodies.people import NAMES, Bodies
    from data_synth.bodies.scene import chair
    from data_synth.bodies.sequences import flesh_of
    from data_synth.bodies.wardrobe import draw_outfit
    from data_synth.shade import to_linear

    rng = generator(NAME, split, "motion", number)
    who = person_of(split, number * MOMENTS)
    bodies, index, t = Bodies.load(), NAMES.index(who), np.arange(200) / 10
    skeleton = bodies.skeletons[index]
    if rng.random() < 0.5:
        controls = draw_action(str(rng.choice(list(ACTIONS))), rng, t, skeleton, int(rng.integers(1, 4)))
    else:
        controls = exercise(rng, t, skeleton).freeze()
    pose, _ = settle(controls.at(np.sort(rng.choice(len(t), MOMENTS, replace=False))), skeleton, flesh_of(who))
    outfit = draw_outfit(bodies, index, generator(NAME, "look", who), rng)
    wood = to_linear(rng.uniform(0.15, 0.8) * np.array([1, rng.uniform(0.6, 1), 0.55]))
    return Motion(pose, outfit, () if controls.seat is None else (chair(controls.seat, wood, rng),))


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
            for name, value in self.draw(i).items():
                out[name][row] = value
        return out

    def draw(self, index: int) -> dict[str, np.ndarray]:
        """The stored arrays of one sample."""
        from data_synth.bodies.camera import look_at, person_box, project
        from data_synth.bodies.people import NAMES, Bodies
        from data_synth.bodies.render import Actor, BodyRenderer
        from data_synth.bodies.scene import draw_scene

        number, moment = divmod(index, MOMENTS)
        motion, rng = _motion(self.split, number), generator(NAME, self.split, "sample", index)
        skeleton = Bodies.load().skeletons[NAMES.index(person_of(self.split, index))]
        actor = Actor(skeleton, motion.outfit, motion.pose.turn[moment], motion.pose.pivots[moment])
        joints = skeleton.joints(actor.pivots[None], actor.turn[None])[0]
        distance, azimuth = float(np.exp(rng.uniform(np.log(2.2), np.log(8)))), rng.uniform(0, 2 * np.pi)
        height = float(np.clip(rng.normal(1.4, 0.5), 0.3, 3.0))
        middle = joints[0] + rng.normal(0, 0.1, 3)
        place = middle + distance * np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
        camera = look_at(np.array([place[0], place[1], height]), middle, 1000.0, roll=float(rng.normal(0, 6)))
        seen = camera.see(joints)
        x, y, side = person_box(project(camera.intrinsics, seen), float(rng.uniform(1.15, 1.5)))
        shift = np.clip(rng.normal(0, 0.02, 2), -0.05, 0.05) * side
        intrinsics = camera.crop((x + shift[0], y + shift[1], side), SIZE)
        inside = bool(np.abs(place[:2]).max() < 3.0 and rng.random() < 0.6)  # of the smallest room
        scene = draw_scene(rng, inside=inside, outdoor=not inside and bool(rng.random() < 0.7))
        picture = BodyRenderer.load().render(actor, camera, intrinsics, scene, SIZE, rng, solids=motion.solids)
        return {"image": picture.image, "points": project(intrinsics, seen), "visible": picture.visible}


def describer(split: str) -> Describe:
    """Id and group of a split's samples."""

    def describe(index: int) -> tuple[str, str, Mapping[str, int]]:
        return f"{split}/{index:05d}", person_of(split, index), {}

    return describe


RECIPE = Recipe(NAME, SPLITS, FIELDS, SplitRenderer, describer, ("dataset_2d", "exercise"))


def stand_in_h36m_2d(
    *,
    cache: Path | None = None,
    root: Path | None = None,
    allow_partial: bool = False,  # noqa: ARG001 - every data set factory takes it
) -> BodySet:
    """Make the data set. `root` must be None (there is nothing to be read); `allow_partial` has no effect."""
    return BodySet(RECIPE, cache, root)
