"""27 gestures: five digits and 22 letters of a one-handed finger alphabet.

The names are HGR1's. The hand shapes are ours, after the Polish finger alphabet where its letters are still, as no
file says how they are held; letters that differ by motion alone are told apart by how the hand is turned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from data_synth.hands.pose import HIGH, LOW, Pose

Finger = tuple[float, float, float]

STRAIGHT: Finger = (2, 4, 3)
FIST: Finger = (82, 102, 62)
HOOK: Finger = (12, 78, 48)
ARC: Finger = (34, 38, 24)
RING: Finger = (52, 48, 30)
FLAT: Finger = (78, 6, 4)
HALF: Finger = (40, 60, 35)

CLOSED = (0, 0, 0, 0)
TOGETHER = (1, 0, -1, -3)
WIDE = (16, 4, -9, -22)

# Thumb: to its side, out of the palm, turn, middle joint, end joint.
BESIDE = (43, -4, -5, 36, 53)
AWAY = (60, 22, 0, -4, -6)
OUT = (48, 6, 13, 40, 40)
OVER = (25, 24, 3, 49, 47)
OVER_RING = (9, 28, 2, 51, 39)
PALM = (22, 26, -6, 56, 62)
HOOKED = (32, 21, 5, 44, 45)
MEETS_INDEX = (43, 32, 18, 37, 38)
MEETS_MIDDLE = (3, 50, 14, 16, 8)
OPEN = (46, 19, 19, 44, 46)
AT_MIDDLE = (33, 8, -6, 47, 54)


@dataclass(frozen=True, slots=True)
class Gesture:
    """fingers: index to little; spread of each; thumb; view: yaw, pitch and roll of the hand in degrees (see
    `faces.camera`; yaw 180 shows the back, roll turns it clockwise in the image); wrist: folded, bent."""

    fingers: tuple[Finger, Finger, Finger, Finger]
    spread: tuple[float, float, float, float]
    thumb: tuple[float, float, float, float, float]
    view: tuple[float, float, float] = (0, 0, 0)
    wrist: tuple[float, float] = (0, 0)


GESTURES: Mapping[str, Gesture] = {
    "1": Gesture((STRAIGHT, FIST, FIST, FIST), CLOSED, OVER),
    "2": Gesture((STRAIGHT, STRAIGHT, FIST, FIST), (12, -8, 0, 0), OVER_RING),
    "3": Gesture((STRAIGHT, STRAIGHT, FIST, FIST), (12, -6, 0, 0), AWAY),
    "4": Gesture((STRAIGHT, STRAIGHT, STRAIGHT, STRAIGHT), WIDE, PALM),
    "5": Gesture((STRAIGHT, STRAIGHT, STRAIGHT, STRAIGHT), WIDE, AWAY),
    "A": Gesture((FIST, FIST, FIST, FIST), CLOSED, BESIDE),
    "B": Gesture((STRAIGHT, STRAIGHT, STRAIGHT, STRAIGHT), TOGETHER, PALM),
    "C": Gesture((ARC, ARC, ARC, ARC), TOGETHER, OPEN, view=(-48, 0, 0)),
    "D": Gesture((STRAIGHT, RING, RING, RING), CLOSED, MEETS_MIDDLE, view=(-35, 0, 0)),
    "E": Gesture((HOOK, HOOK, HOOK, HOOK), TOGETHER, HOOKED),
    "F": Gesture((RING, STRAIGHT, STRAIGHT, STRAIGHT), (0, 2, -6, -16), MEETS_INDEX),
    "G": Gesture((FLAT, FIST, FIST, FIST), CLOSED, OUT, view=(-55, 0, 0)),
    "H": Gesture((STRAIGHT, STRAIGHT, FIST, FIST), TOGETHER, OVER_RING, view=(0, 0, -70)),
    "I": Gesture((FIST, FIST, FIST, STRAIGHT), CLOSED, OVER),
    "K": Gesture((STRAIGHT, FLAT, FIST, FIST), (10, 0, 0, 0), AT_MIDDLE, view=(-30, 0, 0)),
    "L": Gesture((STRAIGHT, FIST, FIST, FIST), (4, 0, 0, 0), AWAY),
    "M": Gesture((STRAIGHT, STRAIGHT, STRAIGHT, FIST), TOGETHER, PALM, view=(180, 0, 150)),
    "N": Gesture((STRAIGHT, STRAIGHT, FIST, FIST), TOGETHER, OVER_RING, view=(180, 0, 150)),
    "O": Gesture((RING, RING, RING, RING), TOGETHER, MEETS_INDEX, view=(-50, 0, 0)),
    "P": Gesture((STRAIGHT, HALF, HALF, HALF), CLOSED, MEETS_MIDDLE, view=(180, 0, 60)),
    "R": Gesture((STRAIGHT, (10, 12, 8), FIST, FIST), (-8, 9, 0, 0), OVER_RING),
    "S": Gesture((FIST, FIST, FIST, FIST), CLOSED, OVER),
    "T": Gesture((HALF, FIST, FIST, FIST), CLOSED, OUT, view=(-25, 0, 0)),
    "U": Gesture((STRAIGHT, STRAIGHT, FIST, FIST), TOGETHER, OVER_RING),
    "W": Gesture((STRAIGHT, STRAIGHT, STRAIGHT, FIST), (14, 0, -14, 0), PALM),
    "Y": Gesture((FIST, FIST, FIST, STRAIGHT), (0, 0, 0, -20), AWAY),
    "Z": Gesture((STRAIGHT, FIST, FIST, FIST), CLOSED, OVER, view=(180, 0, -45)),
}

NAMES = tuple(GESTURES)
"""The label of a gesture is its place in this list."""

# Standard deviations, degrees: of one subject's way to show any gesture, and of one showing.
_HABIT, _SHOWING = 3.5, 3.5
_VIEW = np.array([9.0, 8.0, 7.0])


def pose_of(gesture: Gesture) -> Pose:
    """The pose in the table."""
    return Pose(
        np.array(gesture.fingers, float),
        np.array(gesture.spread, float),
        np.array(gesture.thumb, float),
        np.array(gesture.wrist, float),
    )


def draw_habit(rng: np.random.Generator) -> np.ndarray:
    """(23,) degrees by which a subject differs from the table in all gestures."""
    return rng.normal(0, _HABIT, 23)


def draw_pose(label: int, habit: np.ndarray, rng: np.random.Generator) -> Pose:
    """One showing of a gesture by a subject with that habit, within the joints' limits."""
    angles = pose_of(GESTURES[NAMES[label]]).packed() + habit
    # The fingers that do the same do it together, but not quite.
    angles += rng.normal(0, _SHOWING, 23)
    angles[:12] += np.tile(rng.normal(0, 0.5 * _SHOWING, 3), 4)
    angles[21:] += rng.normal(0, (8.0, 5.0))
    return Pose.unpacked(np.clip(angles, LOW.packed(), HIGH.packed()))


def draw_view(label: int, rng: np.random.Generator) -> tuple[float, float, float]:
    """Yaw, pitch and roll of the hand, degrees."""
    yaw, pitch, roll = np.array(GESTURES[NAMES[label]].view, float) + rng.normal(0, _VIEW)
    return float(yaw), float(pitch), float(roll)
