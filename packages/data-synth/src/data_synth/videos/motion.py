"""How a face, the light on it and what passes in front of it change over a video.

Axis letters: T frames of a video, A facial actions.

Everything is a smooth function of time, made from a few sine waves or eased steps, so that neighbouring frames are
alike, as in a video, and no two videos are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_synth.faces.model import FaceModel
from data_synth.shade import Lighting

F64 = NDArray[np.float64]

LARGEST_YAW = {1: 45.0, 2: 50.0, 3: 65.0}
"""Degrees, by category; the mean over a video reaches about half of it."""

POSES = 3
"""Expressions that a face passes through in a video."""


@dataclass(frozen=True, slots=True)
class Motion:
    """Pose and framing in each of T frames.

    yaw, pitch, roll (T,) degrees; share (T,) of the picture that the landmarks' box fills; shift (T, 2) of its centre
    as part of the picture; distance m; expression (T, A).
    """

    yaw: F64
    pitch: F64
    roll: F64
    share: F64
    shift: F64
    distance: float
    expression: F64


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens in front of the camera: change (T,) in [0, 1] from one light to another, gain (T,) of the
    exposure, cover (T, 2) px by which something before the face is off its place, None without such a thing."""

    change: F64
    gain: F64
    cover: F64 | None


def wander(rng: np.random.Generator, frames: int, *, waves: int = 3) -> F64:
    """(T,) a smooth walk in [-1, 1] that turns a few times over the video."""
    time = np.linspace(0, 1, frames)
    turns, phase = rng.uniform(0.2, 1.3, waves), rng.uniform(0, 2 * np.pi, waves)
    size = rng.dirichlet(np.ones(waves))
    return np.sin(2 * np.pi * time[:, None] * turns + phase) @ size


def eased(values: F64, frames: int) -> F64:
    """(T, ...) through the rows of `values` (K, ...) in equal times, at rest in each."""
    place = np.linspace(0, len(values) - 1, frames)
    before = np.minimum(place.astype(int), max(len(values) - 2, 0))
    part = place - before
    part = part * part * (3 - 2 * part)
    after = np.minimum(before + 1, len(values) - 1)
    weight = part.reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray((1 - weight) * values[before] + weight * values[after])


def draw_motion(model: FaceModel, rng: np.random.Generator, frames: int, category: int) -> Motion:
    """Draw how a face moves through a video of 300VW's `category` 1, 2 or 3."""
    largest = LARGEST_YAW[category]
    rest = rng.uniform(-0.4, 0.4) * largest
    return Motion(
        yaw=np.clip(rest + 0.7 * largest * wander(rng, frames), -largest, largest),
        pitch=rng.normal(0, 6) + 12 * wander(rng, frames),
        roll=rng.normal(0, 5) + 12 * wander(rng, frames),
        share=np.exp(np.log(rng.uniform(0.5, 0.66)) + 0.1 * wander(rng, frames)),
        shift=0.06 * np.stack([wander(rng, frames), wander(rng, frames)], axis=1),
        distance=float(np.exp(rng.uniform(np.log(0.6), np.log(2.5)))),
        expression=eased(model.sample_expressions(rng, POSES), frames),
    )


def draw_weather(rng: np.random.Generator, frames: int, category: int, size: int) -> Weather:
    """Draw light and occlusion. Category 1 is well lit; 2 is too dark, too bright or changing; in 3 something also
    passes in front of the face."""
    change, gain = 0.5 + 0.5 * wander(rng, frames), np.exp(0.08 * wander(rng, frames))
    drift, level = 0.7 * wander(rng, frames), rng.choice([-1.3, -0.7, 0.0, 0.8])
    start, side, place = rng.uniform(0.0, 0.45), rng.choice([-1.0, 1.0]), rng.uniform(-0.15, 0.05)
    if category == 1:
        return Weather(np.zeros(frames), gain, None)
    gain = np.exp(level + drift)
    if category == 2:
        return Weather(change, gain, None)
    # In from one side, a stay before the face, and out again.
    time = np.linspace(0, 1, frames)
    away = eased(np.array([1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0]), 601)
    off = away[np.clip((600 * (time - start) / 0.55), 0, 600).astype(int)]
    return Weather(change, gain, np.stack([1.3 * size * side * off, size * (place + 0.3 * off)], axis=1))


def mixed(first: Lighting, second: Lighting, change: float) -> Lighting:
    """`first` with `change` in [0, 1] of the way to `second`: the lamps of one go down while those of the other go up.

    The lamp that throws shadows stays the first of `first`, and its shadow fades with it.
    """
    if change == 0:
        return first
    stay, come = np.float32(1 - change), np.float32(change)
    return Lighting(
        direction=np.concatenate([first.direction, second.direction]),
        colour=np.concatenate([stay * first.colour, come * second.colour]),
        sky=stay * first.sky + come * second.sky,
        ground=stay * first.ground + come * second.ground,
        shadow=float(stay) * first.shadow,
    )
