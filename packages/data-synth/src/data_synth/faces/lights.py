"""Light on a face: indoor and outdoor families, in linear RGB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_synth.shade import Lighting


def draw_lighting(rng: np.random.Generator, *, outdoor: bool) -> Lighting:
    """Several coloured distant lights and a surrounding; irradiances are relative (the exposure is set later)."""
    return _outdoor(rng) if outdoor else _indoor(rng)


def _direction(azimuth: float, elevation: float) -> NDArray[np.float64]:
    """Degrees: azimuth 0 is the camera's side, 90 image right; elevation 90 is above."""
    a, e = np.radians([azimuth, elevation])
    return np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])


def _tint(rng: np.random.Generator, warmth: float, spread: float = 0.04) -> NDArray[np.float64]:
    """Colour of a lamp: warmth > 0 is towards candle light, < 0 towards blue sky."""
    return np.array([1 + 0.35 * warmth, 1.0, 1 - 0.45 * warmth]) * np.exp(rng.normal(0, spread, 3))


def _pack(
    lights: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
    sky: NDArray[np.float64],
    ground: NDArray[np.float64],
    shadow: float,
) -> Lighting:
    return Lighting(
        direction=np.array([d for d, _ in lights], np.float32),
        colour=np.array([c for _, c in lights], np.float32),
        sky=sky.astype(np.float32),
        ground=ground.astype(np.float32),
        shadow=float(shadow),
    )


def _indoor(rng: np.random.Generator) -> Lighting:
    warmth = rng.uniform(-0.1, 0.8)
    lights = []
    if rng.random() < 0.2:  # flash beside the lens
        lights.append((_direction(rng.normal(0, 6), rng.normal(5, 4)), rng.uniform(0.8, 1.3) * _tint(rng, 0.0)))
    else:
        azimuth, elevation = rng.normal(0, 45), np.clip(rng.normal(38, 16), 0, 80)
        lights.append((_direction(azimuth, elevation), rng.uniform(0.45, 1.1) * _tint(rng, warmth)))
    for _ in range(rng.integers(1, 4)):
        colour = rng.uniform(0.08, 0.5) * _tint(rng, rng.normal(warmth, 0.35), 0.12)
        lights.append((_direction(rng.uniform(-150, 150), rng.uniform(-15, 70)), colour))
    if rng.random() < 0.08:  # stage or screen light
        lights.append((_direction(rng.uniform(-120, 120), rng.uniform(-20, 50)), rng.uniform(0.2, 0.9, 3)))
    ambient = rng.uniform(0.18, 0.5)
    return _pack(
        lights, ambient * _tint(rng, warmth * 0.6), 0.6 * ambient * _tint(rng, warmth), rng.uniform(0.25, 0.85)
    )


def _outdoor(rng: np.random.Generator) -> Lighting:
    if rng.random() < 0.45:  # overcast or shade
        key = (_direction(rng.uniform(-90, 90), rng.uniform(40, 85)), rng.uniform(0.1, 0.4) * _tint(rng, 0.0))
        sky, ground = rng.uniform(0.7, 1.0) * _tint(rng, -0.12), rng.uniform(0.2, 0.5) * _tint(rng, 0.1, 0.08)
        return _pack([key], sky, ground, rng.uniform(0.1, 0.4))
    sun = (_direction(rng.normal(0, 65), np.clip(rng.normal(42, 16), 8, 80)), rng.uniform(0.9, 1.6) * _tint(rng, 0.12))
    bounce = (_direction(rng.uniform(-180, 180), rng.uniform(-40, 0)), rng.uniform(0.05, 0.25) * _tint(rng, 0.1, 0.1))
    sky, ground = rng.uniform(0.25, 0.55) * _tint(rng, -0.4), rng.uniform(0.12, 0.35) * _tint(rng, 0.15, 0.08)
    return _pack([sun, bounce], sky, ground, rng.uniform(0.6, 0.95))
