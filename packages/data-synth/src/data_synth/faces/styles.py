"""Which hair and which hats there are.

Axis letters: `R` columns of the sheet round the head.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data_synth.faces.hair import AZIMUTH, COLUMNS, HANGING_LENGTH, SKULL_ROWS, Scalp, Style, reach

F32 = NDArray[np.float32]


def _hairline(front: float, temple: float, sideburn: float, ear: float, nape: float) -> NDArray[np.float64]:
    """Height (R,) m of the edge of hair round the head."""
    angle = np.radians([0, 22, 42, 60, 74, 84, 92, 118, 135, 180])
    height = [
        front,
        front + 0.002,
        temple,
        (temple + sideburn) / 2 + 0.01,
        sideburn + 0.008,
        sideburn,
        ear,
        ear,
        nape,
        nape,
    ]
    return np.interp(np.abs(AZIMUTH), angle, height)


def draw_hair(scalp: Scalp, colour: F32, feminine: float, age: float, rng: np.random.Generator) -> Style:
    """A hair style for a person; `feminine` in [0, 1] and `age` (2/3 young, 1 old) shift how likely each kind is."""
    front = rng.uniform(0.082, 0.100)
    recede = max(0.0, rng.normal(0, 0.008)) + (1 - feminine) * max(0.0, (age - 0.75)) * rng.uniform(0, 0.14)
    line = _hairline(
        front + recede, front - 0.004 + 1.6 * recede, rng.uniform(-0.005, 0.025), 0.044, rng.uniform(-0.06, -0.02)
    )
    natural = reach(scalp, line)
    style = Style(
        end=natural,
        thickness=rng.uniform(0.008, 0.022),
        colour=colour,
        streak=rng.uniform(0.2, 0.5),
        gloss=rng.uniform(0.02, 0.13),
        lumps=rng.uniform(0.05, 0.3),
        ragged=rng.uniform(0.003, 0.009),
    )
    long = rng.random() < 0.12 + 0.68 * feminine
    kind = rng.random()
    if not long:
        if kind < 0.14:  # shaved: paint only
            return replace(style, thickness=0.0, ragged=0.002, streak=0.1)
        if kind < 0.24:  # round and thick
            return replace(style, thickness=rng.uniform(0.03, 0.06), lumps=0.2, taper=0.03, streak=0.5, gloss=0.05)
        if kind < 0.5:  # a fringe
            angle = rng.uniform(0.5, 1.0)
            fringe = np.where(np.abs(AZIMUTH) < angle, rng.uniform(0.058, 0.08), 1.0)
            return replace(style, end=np.maximum(natural, reach(scalp, np.minimum(fringe, line))), ragged=0.01)
        return style
    opening = rng.uniform(0.75, 1.25)
    length = rng.choice([0.06, 0.12, 0.25]) * rng.uniform(0.8, 1.0)
    side = scalp.along[SKULL_ROWS - 1] + length
    blend = np.clip((np.abs(AZIMUTH) - opening) / 0.18, 0, 1)
    end = natural + blend * np.maximum(side - natural, 0)
    if kind < 0.35:
        fringe = np.where(np.abs(AZIMUTH) < opening + 0.1, rng.uniform(0.052, 0.075), 1.0)
        end = np.maximum(end, reach(scalp, np.minimum(fringe, line)))
    elif kind < 0.6:  # combed to one side
        tilt = rng.choice([-1, 1]) * AZIMUTH
        end = end + np.where(np.abs(AZIMUTH) < 1.1, 0.035 * np.exp(-(((tilt - 0.55) / 0.35) ** 2)), 0)
    return replace(
        style,
        end=end,
        hangs=True,
        over_ears=True,
        swing=rng.uniform(0, 0.008),
        ragged=rng.uniform(0.006, 0.014),
        taper=0.015,
    )


def draw_hat(scalp: Scalp, colour: F32, second: F32, rng: np.random.Generator) -> Style:
    """A wool hat, a cap, a hat with a brim or a hood."""
    low = rng.uniform(0.058, 0.085)
    back = rng.uniform(-0.02, 0.03)
    line = np.interp(np.abs(AZIMUTH), [0, 0.6, 1.6, np.pi], [low, low, 0.04, back])
    style = Style(
        end=reach(scalp, line), thickness=rng.uniform(0.008, 0.02), colour=colour, cloth=True, ragged=0.0,
        streak=rng.uniform(0.02, 0.12), gloss=0.02, lumps=0.06, taper=0.004,
    )  # fmt: skip
    kind = rng.random()
    if kind < 0.35:
        return replace(style, band=rng.uniform(0.025, 0.045), band_colour=second, streak=0.25)
    if kind < 0.65:
        return replace(style, brim=rng.uniform(0.045, 0.075), brim_angle=rng.uniform(0.7, 1.0), band_colour=second)
    if kind < 0.8:
        return replace(style, brim=rng.uniform(0.04, 0.09), brim_angle=20.0, thickness=0.025, band_colour=second)
    side = scalp.along[SKULL_ROWS - 1] + HANGING_LENGTH
    opening = rng.uniform(0.85, 1.3)
    blend = np.clip((np.abs(AZIMUTH) - opening) / 0.15, 0, 1)
    end = reach(scalp, np.full(COLUMNS, rng.uniform(0.075, 0.1)))
    return replace(
        style,
        end=end + blend * np.maximum(side - end, 0),
        hangs=True,
        over_ears=True,
        thickness=rng.uniform(0.008, 0.025),
        lumps=0.12,
    )
