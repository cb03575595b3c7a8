"""Motions that are in none of the fifteen actions: kicks, lunges, jumps, bends, arms anywhere.

Axis letters: `T` moments.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_synth.bodies.signals import gate, stations
from data_synth.bodies.skeleton import OUTWARD, Skeleton
from data_synth.bodies.stance import Draft, Rng, stand

F64 = NDArray[np.float64]


def exercise(rng: Rng, t: F64, body: Skeleton) -> Draft:
    """A person who does gymnastics at moments t (T,) in seconds."""
    d = stand(rng, t, body, hold=2.5, width=float(rng.uniform(0.2, 0.55)))
    low = gate(rng, t, 0.35, 3)
    d.root[:, 2] += low * float(rng.uniform(0.1, 0.45)) * body.leg
    bow = stations(rng, t, np.array([[-14.0, 0, 0], [0, 0, 0], [45, 30, 0], [10, 5, 22], [10, 5, -22]]), 2.0, 0.6)
    d.turn[:, 1] += bow[:, 0]
    d.torso[:, 0] += bow[:, 1]
    d.torso[:, 1] += bow[:, 2]
    d.torso[:, 2] += stations(rng, t, np.array([[-25.0], [0.0], [25.0]]), 2.0, 0.6)[:, 0]
    for s in range(2):
        way = rng.normal(np.array([0.7, -0.5, 0.1]), 1.0, (8, 3))
        way *= rng.uniform(0.55, 0.97, (8, 1)) / np.linalg.norm(way, axis=1, keepdims=True)
        d.hand(s, "chest", stations(rng, t, way, 1.6, 0.5))
        d.aim(s, (0.8, 0.5, -0.6))
        d.palm(s, float(rng.uniform(-40, 80)))
    kicker = int(rng.integers(2))
    kick = gate(rng, t, 0.4, 2.5)[:, None]
    spots = np.stack([rng.uniform(0.0, 0.55, 5), rng.uniform(-0.75, 0.45, 5), rng.uniform(0.08, 0.75, 5)], axis=1)
    spot = stations(rng, t, spots * body.leg, 2.0, 0.6)
    angle = np.radians(d.turn[:, 0])
    c, s, out = np.cos(angle), np.sin(angle), OUTWARD[kicker] * spot[:, 0]
    place = d.root[:, :2] + np.stack([c * out - s * spot[:, 1], s * out + c * spot[:, 1]], axis=1)
    raised = np.concatenate([place, spot[:, 2:]], axis=1)
    d.ankle[:, kicker] += kick * (raised - d.ankle[:, kicker])
    d.sole[:, kicker, 1] += 25 * kick[:, 0]
    jump = float(rng.uniform(0.1, 0.35)) * gate(rng, t, 0.15, 2)
    d.ankle[:, :, 2] += jump[:, None]
    return d
