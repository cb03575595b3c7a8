"""The recordings: who does what, and what the cameras have of it.

Axis letters: `T` frames of a recording, `B` bones, `J` joints.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from data_synth.bodies.actions import draw_action
from data_synth.bodies.contact import Flesh, measure_flesh, settle
from data_synth.bodies.dataset import LENGTH
from data_synth.bodies.limits import within_limits
from data_synth.bodies.people import NAMES, Bodies
from data_synth.bodies.pose import Pose
from data_synth.seeds import generator

F64 = NDArray[np.float64]

RATE = 10
"""Frames a second."""
DEEPEST = 0.02
"""A pose in which something is deeper in the body than this, m, is rejected."""


@dataclass(frozen=True)
class Recording:
    """frames (T,) numbers, pose of these frames, seat of a chair (x, y m, heading degrees, height m) or None."""

    frames: NDArray[np.int64]
    pose: Pose
    seat: tuple[float, float, float, float] | None


def record(name: tuple[str | int, ...], subject: str, action: str, take: int, frames: NDArray[np.int64]) -> Recording:
    """Frames (T,) of a recording; its motion depends on `name`, subject, action and take alone."""
    skeleton = Bodies.load().skeletons[NAMES.index(subject)]
    rng = generator(*name, "motion", subject, action, take)
    # The whole recording is drawn, so that which frames are wanted changes nothing.
    controls = draw_action(action, rng, np.arange(LENGTH) / RATE, skeleton, take)
    moments = frames.copy()
    pose, deep = settle(controls.at(moments), skeleton, flesh_of(subject))
    for _ in range(LENGTH):  # a pose that cannot be repaired is rejected: that of a moment later stands for it
        bad = np.flatnonzero((deep > DEEPEST) | ~within_limits(pose.turn))
        if not len(bad):
            break
        moments[bad] = (moments[bad] + 1) % LENGTH
        again, deep[bad] = settle(controls.at(moments[bad]), skeleton, flesh_of(subject))
        pose.root[bad], pose.turn[bad], pose.pivots[bad] = again.root, again.turn, again.pivots
    return Recording(frames, pose, controls.seat)


@lru_cache(maxsize=64)
def flesh_of(subject: str) -> Flesh:
    """The spheres of a person."""
    return measure_flesh(Bodies.load(), NAMES.index(subject))
