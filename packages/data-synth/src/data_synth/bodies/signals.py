"""Smooth random signals of time, from which motions are made.

Axis letters: `T` moments.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def wander(rng: np.random.Generator, t: F64, spread: float, seconds: float) -> F64:
    """(T,) a sum of four sinusoids of periods around `seconds`, with standard deviation `spread`."""
    period = seconds * np.exp(rng.uniform(-0.6, 0.6, 4))
    phase = rng.uniform(0, 2 * np.pi, 4)
    weight = rng.dirichlet([2.0] * 4) ** 0.5
    return spread * np.sqrt(2) * (weight * np.sin(2 * np.pi * t[:, None] / period + phase)).sum(axis=1)


def gate(rng: np.random.Generator, t: F64, share: float, seconds: float) -> F64:
    """(T,) a switch in [0, 1] that is near 1 about `share` of the time and turns over in a few tenths of a second."""
    level = wander(rng, t, 1.0, seconds)
    return _sigmoid((level - np.quantile(level, 1 - np.clip(share, 0.02, 0.98))) * 0.9 * seconds)


def stations(rng: np.random.Generator, t: F64, values: F64, hold: float, move: float = 0.7) -> F64:
    """(T, C) visits random rows of values (K, C), about `hold` seconds each, `move` seconds between them."""
    values = np.asarray(values, float)
    count = int(np.ceil((t[-1] - t[0]) / hold)) + 3
    order = rng.integers(0, len(values), count)
    start = t[0] - hold * rng.random() + np.cumsum(hold * rng.uniform(0.6, 1.4, count))
    out = np.tile(values[order[0]], (len(t), 1))
    for before, after, moment in zip(order[:-1], order[1:], start, strict=False):
        out += ease((t - moment) / move)[:, None] * (values[after] - values[before])
    return out


def ease(x: F64) -> F64:
    """0 below 0, 1 above 1, smooth between."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def _sigmoid(x: F64) -> F64:
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))
