"""The recordings: who does what, and what the cameras have of it.

Axis letters: `T` frames of a recording, `B` bones, `J` joints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_synth.bodies.actions import draw_action
from data_synth.bodies.people import NAMES, Bodies
from data_synth.bodies.pose import Pose, solve
from data_synth.seeds import generator

F64 = NDArray[np.float64]

RATE = 10
"""Frames a second."""
LENGTH = 200
"""Frames of a recording: 20 seconds."""


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
    pose = solve(controls, skeleton)
    return Recording(frames, Pose(pose.root[frames], pose.turn[frames], pose.pivots[frames]), controls.seat)
