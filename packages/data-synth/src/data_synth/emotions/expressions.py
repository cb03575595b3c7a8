"""Six emotions as facial actions.

Axis letters: `N` faces, `A` facial actions of the face model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

EMOTIONS = ("neutral", "surprise", "smile", "squint", "disgust", "scream")
"""In the order of the paper; the label is the place in this list."""

Range = tuple[float, float]

ACTIONS: Mapping[str, Mapping[str, Range]] = {
    "neutral": {},
    "surprise": {
        "jawOpen": (0.28, 0.62), "browInnerUp": (0.5, 1.0), "browOuterUp": (0.5, 1.0), "eyeWide": (0.4, 1.0),
        "mouthFunnel": (0.0, 0.35),
    },
    "smile": {
        "mouthSmile": (0.5, 1.0), "cheekSquint": (0.2, 0.7), "mouthUpperUp": (0.0, 0.5), "mouthDimple": (0.0, 0.4),
        "jawOpen": (0.0, 0.16), "eyeSquint": (0.0, 0.35),
    },
    "squint": {
        "eyeSquint": (0.6, 1.0), "eyeBlink": (0.1, 0.32), "browDown": (0.35, 0.9), "cheekSquint": (0.3, 0.8),
        "mouthPress": (0.0, 0.4),
    },
    "disgust": {
        "noseSneer": (0.6, 1.0), "mouthUpperUp": (0.35, 0.9), "browDown": (0.4, 0.9), "eyeSquint": (0.3, 0.8),
        "mouthFrown": (0.1, 0.6), "jawOpen": (0.0, 0.12), "eyeBlink": (0.0, 0.2),
    },
    "scream": {
        "jawOpen": (0.75, 1.0), "mouthLowerDown": (0.3, 0.9), "mouthUpperUp": (0.2, 0.7), "mouthStretch": (0.2, 0.8),
        "browDown": (0.0, 0.6), "eyeBlink": (0.1, 0.75), "noseSneer": (0.0, 0.5),
    },
}  # fmt: skip
"""Emotion -> action -> lowest and highest weight; an action without a side stands for Left and Right."""

LIMIT = {"eyeBlink": 0.8}
"""More pushes the upper lid over the lower one."""

# Weights (standard deviation of a folded normal) of movements that mean nothing.
_RESTLESS = {
    "browInnerUp": 0.08, "browOuterUp": 0.06, "browDown": 0.07, "mouthLeft": 0.07, "mouthRight": 0.07, "jawLeft": 0.06,
    "jawRight": 0.06, "jawForward": 0.1, "jawOpen": 0.03, "mouthSmile": 0.06, "mouthShrugUpper": 0.08,
    "cheekPuff": 0.05, "eyeBlink": 0.09,
}  # fmt: skip


def draw_expression(emotion: int, rng: np.random.Generator, actions: Sequence[str]) -> np.ndarray:
    """One shot of an emotion: (A,) weights of `actions` in [0, 1], sides a little different.

    The strengths within an emotion go together: one person shows it more, another less.
    """
    column = {name: index for index, name in enumerate(actions)}
    out = np.zeros(len(actions))

    def add(action: str, value: float) -> None:
        if action in column:
            out[column[action]] += value
        else:
            for side in ("Left", "Right"):
                out[column[action + side]] += value * max(rng.normal(1, 0.1), 0)

    strength = rng.random()
    for action, (low, high) in ACTIONS[EMOTIONS[emotion]].items():
        add(action, low + (high - low) * (0.6 * strength + 0.4 * rng.random()))
    for action, spread in _RESTLESS.items():
        add(action, abs(rng.normal(0, spread)))
    gaze = rng.normal(0, 0.08, 2)  # into the lens, nearly
    for eye, inward, outward in (("Left", -gaze[0], gaze[0]), ("Right", gaze[0], -gaze[0])):
        for action, value in (("In", inward), ("Out", outward), ("Up", gaze[1]), ("Down", -gaze[1])):
            out[column[f"eyeLook{action}{eye}"]] = max(value, 0)
    for action, limit in LIMIT.items():
        for side in ("Left", "Right"):
            out[column[action + side]] = min(out[column[action + side]], limit)
    return np.clip(out, 0, 1)
