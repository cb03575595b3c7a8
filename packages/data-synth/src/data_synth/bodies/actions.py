"""The fifteen actions: what distinguishes eating from phoning.

Axis letters: `T` moments. A hand's place is in arm lengths from its shoulder in the torso's axes (chest) or in metres
from the head's pivot (head); x is outward, y back, z up. Sides: 0 left, 1 right.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from data_synth.bodies.pose import Controls
from data_synth.bodies.signals import gate, stations, wander
from data_synth.bodies.skeleton import Skeleton
from data_synth.bodies.stance import HANGING, Draft, Rng, floor_sit, sit, stand, walk

F64 = NDArray[np.float64]

MOUTH = (0.055, -0.215, -0.095)
"""A wrist whose fingers are at the mouth (head anchor, m)."""
EAR = (0.135, -0.115, -0.115)
"""A wrist that holds a telephone to the ear."""
EYES = (0.10, -0.27, -0.02)
"""A wrist that holds a camera before the eyes."""
HIP = (0.16, 0.13, -0.66)
"""A wrist on the hip, elbow out (chest anchor)."""


def _gesture(d: Draft, s: int, share: float, high: float = -0.35, seconds: float = 3.0) -> None:
    spots = np.stack(
        [d.rng.uniform(-0.25, 0.4, 7), d.rng.uniform(-0.75, -0.4, 7), high + d.rng.normal(0, 0.16, 7)], axis=1
    )
    place = stations(d.rng, d.t, spots, 0.9, 0.35) + d.noise(0.02, 0.8)
    weight = gate(d.rng, d.t, share, seconds)
    d.hand(s, "chest", place, weight)
    d.aim(s, (0.7, 0.7, -0.4), weight)
    d.palm(s, float(d.rng.uniform(-40, 60)), weight)


def _to_mouth(d: Draft, s: int, share: float, seconds: float) -> None:
    weight = gate(d.rng, d.t, share, seconds)
    d.hand(s, "head", np.array(MOUTH) + d.noise(0.006, 2), weight)
    d.aim(s, (0.75, 0.35, -0.9), weight)
    d.palm(s, 20, weight)


def _front(d: Draft, s: int, place: tuple[float, float, float], spread: float, weight: F64 | float = 1.0) -> None:
    d.hand(s, "chest", np.array(place) + d.noise(spread, 3), weight)


def _side(rng: Rng) -> int:
    return int(rng.random() < 0.75)  # most people are right-handed


def directions(rng: Rng, t: F64, body: Skeleton, take: int) -> Draft:
    """Shows the way: one arm points, seldom both, and the head follows it."""
    d = stand(rng, t, body, hold=5 + take)
    main = _side(rng)
    for s, share in ((main, 0.62), (1 - main, 0.2)):
        bearing = stations(rng, t, np.array([[-25.0, 0], [15, 12], [45, 0], [80, 8], [60, 25], [10, -12]]), 2.4, 0.6)
        a, e = np.radians(bearing[:, 0]), np.radians(bearing[:, 1])
        point = 0.95 * np.stack([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)], axis=1)
        weight = gate(rng, t, share, 3.5)
        d.hand(s, "chest", point + d.noise(0.02, 1.5), weight)
        d.aim(s, (0.6, 0.5, -0.8), weight)
        d.palm(s, 75, weight)
        turn = (1 if s == 0 else -1) * weight * np.clip(bearing[:, 0], -20, 70)
        d.torso[:, 2] += 0.22 * turn
        d.head[:, 2] += 0.4 * turn
    return d


def discussion(rng: Rng, t: F64, body: Skeleton, take: int) -> Draft:
    """Talks with both hands and shifts from foot to foot."""
    d = stand(rng, t, body, hold=3.2 + take)
    for s in range(2):
        _gesture(d, s, float(rng.uniform(0.5, 0.85)), float(rng.uniform(-0.5, -0.2)), 4)
    d.head[:, 0] += wander(rng, t, 6, 1.2)
    d.torso[:, 2] += wander(rng, t, 8, 3)
    return d


def eating(rng: Rng, t: F64, body: Skeleton, take: int) -> Draft:
    """On a chair, one hand to the mouth again and again, the other one holds a plate."""
    d = sit(rng, t, body, lively=0.6)
    main = _side(rng)
    d.torso[:, 0] += 6
    _front(d, 1 - main, (-0.10, -0.52, -0.52), 0.02)
    d.palm(1 - main, -60)
    _front(d, main, (-0.12, -0.60, -0.48), 0.03)
    _to_mouth(d, main, 0.42 if take != 2 else 0.55, 2.2)
    if take == 2:
        _to_mouth(d, 1 - main, 0.15, 4)
    d.head[:, 0] += 8
    return d


def greeting(rng: Rng, t: F64, body: Skeleton, take: int) -> Draft:
    """Waves, bows and offers a hand."""
    d = stand(rng, t, body, hold=4.5)
    main = _side(rng)
    what = rng.dirichlet([2, 1.5, 1.5]) * 0.95
    wave = gate(rng, t, float(what[0]), 4)
    swing = np.sin(2 * np.pi * rng.uniform(1.1, 1.9) * t)
    d.hand(main, "chest", np.stack([0.42 + 0.17 * swing, -0.32 + 0 * t, 0.52 + 0 * t], axis=1) + d.noise(0.05, 4), wave)
    d.aim(main, (1.0, 0.2, -0.7), wave)
    d.palm(main, 80, wave)
    offer = gate(rng, t, float(what[1]), 4)
    _front(d, main, (-0.02, -0.78, -0.42), 0.03, offer)
    bow = gate(rng, t, float(what[2]), 4)
    d.turn[:, 1] += 22 * bow
    d.torso[:, 0] += 24 * bow
    d.neck[:, 0] += 14 * bow
    if take == 2:
        both = gate(rng, t, 0.25, 5)
        for s in range(2):
            d.hand(s, "chest", np.array([0.45, -0.55, 0.35]), both)
            d.aim(s, (1.0, 0.5, -0.6), both)
    return d


def phoning(rng: Rng, t: F64, body: Skeleton, take: int) -> Draft:
    """A telephone at one ear, standing (take 1) or on a chair; the other hand talks along."""
    d = sit(rng, t, body) if take == 2 else stand(rng, t, body, hold=3.5)
    main = _side(rng)
    _gesture(d, 1 - main, 0.3)
    weight = 0.02 + 0.98 * gate(rng, t, 0.85, 6)
    d.hand(main, "head", np.array(EAR) + d.noise(0.006, 3), weight)
    d.aim(main, (0.9, 0.1, -0.9), weight)
    d.palm(main, -10, weight)
    lean = (1 if main == 0 else -1) * weight
    d.head[:, 1] += -6 * lean
    d.neck[:, 0] += 4
    return d


def photo(rng: Rng, t: F64, body: Skeleton, take: int) -> Draft:
    """Holds a camera before the eyes; crouches and leans for the picture."""
    d = stand(rng, t, body, hold=3.5, width=0.26)
    up = 0.03 + 0.97 * gate(rng, t, 0.72, 5)
    for s in range(2):
        _front(d, s, (-0.22, -0.48, -0.42), 0.02)
        d.hand(s, "head", np.array(EYES) + d.noise(0.006, 3), up)
        d.aim(s, (0.65, 0.15, -1.0), up)
        d.palm(s, 10, up)
    crouch = gate(rng, t, 0.2 + 0.2 * take, 4)
    d.root[:, 2] += crouch * float(rng.uniform(0.12, 0.42)) * body.leg
    d.turn[:, 1] += 16 * crouch + wander(rng, t, 4, 3)
    d.torso[:, 0] += 10 * crouch
    d.head[:, 0] += stations(rng, t, np.array([[-12.0], [0.0], [10.0]]), 3, 0.8)[:, 0] - 10 * crouch
    d.head[:, 2] *= 0.3
    return d


def posing(rng: Rng, t: F64, body: Skeleton, take: int) -> Draft:
    """As for a fashion picture: hands on hips, behind the head, spread, folded; the pelvis tilts."""
    d = stand(rng, t, body, hold=4, width=0.24)
    places = {
        "hip": ((*HIP,), (1.0, 0.7, -0.1), 30.0),
        "head": ((0.34, 0.02, 0.46), (1.0, -0.1, 0.45), 60.0),
        "spread": ((0.80, -0.20, 0.10), (0.3, 0.6, -0.8), 70.0),
        "up": ((0.30, -0.15, 0.88), (1.0, 0.2, -0.1), 0.0),
        "fold": ((-0.22, -0.36, -0.42), (0.9, 0.5, -0.5), 40.0),
        "down": ((*HANGING,), (0.45, 1.0, 0.0), 10.0),
    }
    names = list(places)
    chosen = [names[k] for k in rng.permutation(len(names))[: 4 + take % 2]]
    for s in range(2):
        rows = np.array([(*places[n][0], *places[n][1], places[n][2]) for n in chosen])
        course = stations(rng, t, rows, 3.0, 0.8)
        d.hand(s, "chest", course[:, :3] + d.noise(0.02, 4))
        d.elbow[:, s] = course[:, 3:6]
        d.twist[:, s] = course[:, 6]
    tilt = stations(rng, t, np.array([[-9.0], [0.0], [9.0]]), 3, 0.8)[:, 0]
    d.turn[:, 2] += tilt
    d.torso[:, 1] -= 1.2 * tilt
    d.torso[:, 2] += stations(rng, t, np.array([[-18.0], [0.0], [18.0]]), 3, 0.8)[:, 0]
    d.head[:, 2] += stations(rng, t, np.array([[-30.0], [0.0], [30.0]]), 3, 0.8)[:, 0]
    return d


def purchases(rng: Rng, t: F64, body: Skeleton, take: int) -> Draft:
    """Takes things from high and low shelves and puts them into a bag on the other arm."""
    d = stand(rng, t, body, hold=2.8, width=0.22)
    main = _side(rng)
    low = gate(rng, t, 0.28, 3.5)
    d.root[:, 2] += low * float(rng.uniform(0.18, 0.45)) * body.leg
    d.turn[:, 1] += 34 * low
    d.torso[:, 0] += 16 * low
    reach = np.array([[0.05, -0.85, 0.38], [0.15, -0.80, 0.10], [-0.05, -0.85, -0.15], [0.25, -0.70, 0.55]])
    weight = gate(rng, t, 0.6, 2.5)
    d.hand(main, "chest", stations(rng, t, reach, 1.6, 0.5) + d.noise(0.02, 2), weight)
    d.aim(main, (0.7, 0.6, -0.7), weight)
    d.palm(main, 50, weight)
    _front(d, main, (-0.3, -0.50, -0.55), 0.02, gate(rng, t, 0.2, 2.5))
    _front(d, 1 - main, (0.02, -0.42, -0.52), 0.03, 1.0 if take != 2 else gate(rng, t, 0.6, 5))
    d.head[:, 0] += 10 * low
    return d


def sitting(rng: Rng, t: F64, body: Skeleton, take: int) -> Draft:
    """On a chair: upright, leaning back or on the knees, arms in the lap, folded or behind the head."""
    d = sit(rng, t, body)
    for s in range(2):
        rest = gate(rng, t, 0.25, 6)
        _front(d, s, (-0.24, -0.36, -0.45), 0.012, rest)
    behind = gate(rng, t, 0.14 * take, 7)
    for s in range(2):
        d.hand(s, "chest", np.array([0.34, 0.02, 0.46]), behind)
        d.aim(s, (1.0, -0.1, 0.45), behind)
    lean = gate(rng, t, 0.2, 6)
    d.turn[:, 1] += 16 * lean
    d.torso[:, 0] += 10 * lean
    return d


def sitting_down(rng: Rng, t: F64, body: Skeleton, take: int) -> Draft:  # noqa: ARG001 - takes differ by chance only
    """Goes down to the floor and sits there."""
    return floor_sit(rng, t, body)


def smoking(rng: Rng, t: F64, body: Skeleton, take: int) -> Draft:
    """A cigarette in one hand, the other arm across the belly, in a pocket or on the thigh."""
    d = sit(rng, t, body) if take == 2 else stand(rng, t, body, hold=6)
    main = _side(rng)
    if take != 2:
        across = gate(rng, t, 0.5, 7)
        _front(d, 1 - main, (-0.34, -0.34, -0.55), 0.012, across)
        _front(d, main, (0.14, -0.46, -0.42), 0.02, 0.7)
        d.aim(main, (0.5, 0.6, -1.0), 0.7)
    _to_mouth(d, main, 0.38, 3.2)
    d.head[:, 0] -= 5
    return d


def waiting(rng: Rng, t: F64, body: Skeleton, take: int) -> Draft:
    """Stands (take 2: sits) about, arms folded or hanging, looks at the watch and around."""
    d = sit(rng, t, body, lively=1.3) if take == 2 else stand(rng, t, body, hold=4.5)
    fold = gate(rng, t, 0.4, 6)
    _front(d, 0, (-0.30, -0.33, -0.40), 0.008, fold)
    _front(d, 1, (-0.26, -0.43, -0.48), 0.008, fold)
    for s in range(2):
        d.aim(s, (0.9, 0.6, -0.6), fold)
    watch = gate(rng, t, 0.2, 3)
    _front(d, 0, (-0.16, -0.52, -0.24), 0.01, watch)
    d.aim(0, (1.0, 0.2, -0.3), watch)
    d.palm(0, 80, watch)
    d.head[:, 0] += 16 * watch
    d.head[:, 2] += stations(rng, t, np.array([[-38.0], [0.0], [0.0], [38.0]]), 2.5, 0.6)[:, 0]
    return d


def walk_dog(rng: Rng, t: F64, body: Skeleton, take: int) -> Draft:
    """Walks with one arm out on a leash that pulls; now and then bends down to the dog."""
    d = walk(rng, t, body, float(rng.uniform(0.75, 0.95)), float(rng.uniform(1.15, 1.45)))
    main = _side(rng)
    pull = np.stack([wander(rng, t, 0.06, 2), wander(rng, t, 0.10, 1.5), wander(rng, t, 0.07, 2)], axis=1)
    d.hand(main, "chest", np.array([0.16, -0.55, -0.60]) + pull, 0.95)
    d.aim(main, (0.6, 0.8, -0.3), 0.95)
    d.palm(main, 40)
    bow = gate(rng, t, 0.16 + 0.08 * take, 4)
    d.root[:, 2] += 0.28 * body.leg * bow
    d.turn[:, 1] += 30 * bow
    d.torso[:, 0] += 20 * bow
    d.hand(main, "chest", np.array([0.02, -0.62, -0.72]), bow)
    d.head[:, 0] += 12
    d.torso[:, 1] += (1 if main == 0 else -1) * -3.0
    return d


def walking(rng: Rng, t: F64, body: Skeleton, take: int) -> Draft:
    """Walks round the room, slowly (take 1) or briskly."""
    pace = rng.uniform(0.80, 0.92) + 0.12 * (take == 2)
    return walk(rng, t, body, float(pace), float(1.45 + 0.9 * (pace - 0.85) + rng.normal(0, 0.05)))


def walk_together(rng: Rng, t: F64, body: Skeleton, take: int) -> Draft:
    """Walks beside somebody, slower, with the head turned and a hand that talks along."""
    d = walk(rng, t, body, float(rng.uniform(0.66, 0.8)), float(rng.uniform(1.05, 1.3)))
    side = 1 if take == 2 else 0
    d.head[:, 2] += (1 if side == 0 else -1) * 34 * gate(rng, t, 0.6, 4)
    d.torso[:, 2] += (1 if side == 0 else -1) * 5
    _gesture(d, side, 0.4, -0.45, 3)
    _gesture(d, 1 - side, 0.12, -0.45, 3)
    return d


ACTIONS: dict[str, Callable[[Rng, F64, Skeleton, int], Draft]] = {
    "Directions": directions,
    "Discussion": discussion,
    "Eating": eating,
    "Greeting": greeting,
    "Phoning": phoning,
    "Photo": photo,
    "Posing": posing,
    "Purchases": purchases,
    "Sitting": sitting,
    "SittingDown": sitting_down,
    "Smoking": smoking,
    "Waiting": waiting,
    "WalkDog": walk_dog,
    "Walking": walking,
    "WalkTogether": walk_together,
}
"""In the order of the tables of papers on Human3.6M; the take (1, 2, 3) chooses a variant."""


def draw_action(name: str, rng: Rng, t: F64, body: Skeleton, take: int) -> Controls:
    """A motion of one person at moments t (T,) in seconds."""
    return ACTIONS[name](rng, t, body, take).freeze()
