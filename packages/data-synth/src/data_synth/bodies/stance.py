"""Standing, walking and sitting bodies, to which actions add what hands and trunk do.

Axis letters: `T` moments, S = 2 sides (left first). Frame and units as in `pose`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from data_synth.bodies.pose import Controls, Hand
from data_synth.bodies.signals import ease, gate, stations, wander
from data_synth.bodies.skeleton import OUTWARD, Skeleton

F64 = NDArray[np.float64]
Rng = np.random.Generator

HANGING = (0.10, -0.06, -0.965)
"""A hand at rest beside the thigh (chest anchor)."""


@dataclass
class Draft:
    """`pose.Controls` in the making; arrays as described there. Every hand starts at rest."""

    rng: Rng
    t: F64
    skeleton: Skeleton
    root: F64
    turn: F64
    ankle: F64
    sole: F64
    knee: F64
    hang: bool = True
    seat: tuple[float, float, float, float] | None = None
    torso: F64 = field(init=False)
    neck: F64 = field(init=False)
    head: F64 = field(init=False)
    shrug: F64 = field(init=False)
    targets: list[dict[str, tuple[F64, F64]]] = field(init=False)
    elbow: F64 = field(init=False)
    twist: F64 = field(init=False)
    flex: F64 = field(init=False)

    def __post_init__(self) -> None:
        count, rng, t = len(self.t), self.rng, self.t
        self.torso = np.stack([wander(rng, t, s, 5) for s in (3, 2.5, 4)], axis=1)
        self.neck = np.stack([wander(rng, t, s, 4) for s in (3, 2, 5)], axis=1)
        self.head = np.stack([wander(rng, t, s, 3) for s in (4, 3, 7)], axis=1)
        for angles, mean, spread in ((self.torso, 4, 4), (self.neck, 12, 4), (self.head, -8, 5)):
            angles[:, 0] += rng.normal(mean, spread)
        self.shrug = np.stack([[wander(rng, t, 2.5, 5), wander(rng, t, 3, 5)] for _ in range(2)]).transpose(2, 0, 1)
        self.targets = [{}, {}]
        self.elbow = np.tile([0.45, 1.0, 0.0], (count, 2, 1))
        self.twist = np.stack([wander(rng, t, 10, 4) for _ in range(2)], axis=1) + 15
        self.flex = np.stack([wander(rng, t, 8, 4) for _ in range(2)], axis=1) + 5
        for s in range(2):
            self.hand(s, "chest", np.array(HANGING) + self.noise(0.025, 3), 1.0)

    def noise(self, spread: float, seconds: float) -> F64:
        """(T, 3) a wandering offset."""
        return np.stack([wander(self.rng, self.t, spread, seconds) for _ in range(3)], axis=1)

    def hand(self, s: int, anchor: str, place: F64 | tuple[float, ...], weight: F64 | float = 1.0) -> None:
        """Move a hand to `place` by `weight` (T,) in [0, 1]; what it did before keeps the rest."""
        share = np.broadcast_to(np.asarray(weight, float), self.t.shape)
        targets = {name: (old * (1 - share), np.asarray(position)) for name, (old, position) in self.targets[s].items()}
        spot = np.broadcast_to(np.asarray(place, float), (len(self.t), 3))
        if anchor in targets:
            before, position = targets[anchor]
            total = before + share
            mixed = (before[:, None] * position + share[:, None] * spot) / np.maximum(total, 1e-9)[:, None]
            targets[anchor] = (total, mixed)
        else:
            targets[anchor] = (share, spot)
        self.targets[s] = targets

    def aim(self, s: int, elbow: tuple[float, float, float], weight: F64 | float = 1.0) -> None:
        """Point an elbow another way by `weight`; x is outward."""
        share = np.broadcast_to(np.asarray(weight, float), self.t.shape)[:, None]
        self.elbow[:, s] = (1 - share) * self.elbow[:, s] + share * np.asarray(elbow, float)

    def palm(self, s: int, degrees: float, weight: F64 | float = 1.0) -> None:
        """Turn a palm by `weight`; 0 is inwards, positive is down (arm stretched forward)."""
        self.twist[:, s] += np.asarray(weight) * (degrees - self.twist[:, s])

    def freeze(self) -> Controls:
        hands = tuple(Hand(self.targets[s], self.elbow[:, s], self.twist[:, s], self.flex[:, s]) for s in range(2))
        return Controls(
            self.root, self.turn, self.torso, self.neck, self.head, self.shrug, (hands[0], hands[1]),
            self.ankle, self.sole, self.knee, self.hang, self.seat,
        )  # fmt: skip


def stand(rng: Rng, t: F64, skeleton: Skeleton, hold: float = 6.0, width: float = 0.17) -> Draft:
    """On both feet, with a new place and heading about every `hold` seconds and weight on one leg or the other."""
    middle = [*rng.normal(0, 0.4, 2), rng.uniform(-180, 180)]
    places = middle + rng.normal(0, 1, (6, 3)) * [0.2, 0.2, 32.0]
    steps = stations(rng, t, places, hold, 0.5)
    path = gaussian_filter1d(steps, 0.3 / (t[1] - t[0]), axis=0, mode="nearest")
    lean = wander(rng, t, 0.035, 5)
    shift = stations(rng, t, np.array([[-0.05], [0.0], [0.05]]), 3.5, 0.9)[:, 0] + lean * 0.4
    half = width * rng.uniform(0.8, 1.25) / 2 * skeleton.leg / 0.86
    stride, toe = rng.normal(0, 0.05), rng.uniform(2, 14)
    ankle, sole, knee = _feet(t, steps, half, stride, toe)
    root = np.stack([*_turned(path, np.stack([shift, wander(rng, t, 0.012, 4)], axis=1)).T, 0 * t], axis=1)
    root[:, 2] = np.abs(wander(rng, t, 0.008, 4)) + 0.004
    turn = np.stack([path[:, 2] + wander(rng, t, 4, 5), wander(rng, t, 2, 5), -35 * shift], axis=1)
    return Draft(rng, t, skeleton, root, turn, ankle, sole, knee)


def _feet(t: F64, path: F64, half: float, stride: float, toe: float) -> tuple[F64, F64, F64]:
    """Ankles that follow a path (T, 3: x, y, heading) one after the other, lifted while they move."""
    ankle, sole = np.empty((len(t), 2, 3)), np.zeros((len(t), 2, 3))
    for s in range(2):
        late = np.stack([np.interp(t + 0.27 * OUTWARD[s], t, path[:, k]) for k in range(3)], axis=1)
        spot = np.stack([np.full(len(t), OUTWARD[s] * half), np.full(len(t), stride * (1 if s else -1))], axis=1)
        ankle[:, s, :2] = _turned(late, spot)
        speed = np.linalg.norm(np.gradient(ankle[:, s, :2], t, axis=0), axis=1)
        ankle[:, s, 2] = np.minimum(0.06 * speed, 0.06)
        sole[:, s, 0] = late[:, 2] + OUTWARD[s] * toe
        sole[:, s, 1] = np.minimum(25 * speed, 20)
    knee = np.tile([0.22, -1.0, 0.0], (len(t), 2, 1))
    return ankle, sole, knee


def walk(rng: Rng, t: F64, skeleton: Skeleton, cadence: float, stride: float) -> Draft:
    """Round the room. cadence: double steps a second; stride: length of a double step, as part of the legs'."""
    stride = stride * skeleton.leg
    radius, sign = rng.uniform(0.75, 1.25), rng.choice([-1.0, 1.0])
    phase = rng.random() + cadence * t + 0.02 * np.sin(2 * np.pi * t / 7)
    way = rng.uniform(0, 2 * np.pi) + sign * stride * (phase - phase[0]) / radius
    radius = radius + wander(rng, t, 0.12, 11)
    path = np.stack([radius * np.cos(way), radius * np.sin(way), np.degrees(way) + sign * 90 + 90], axis=1)
    half, lift, toe = rng.uniform(0.045, 0.075), rng.uniform(0.06, 0.15), rng.uniform(2, 12)
    ankle, sole = np.empty((len(t), 2, 3)), np.zeros((len(t), 2, 3))
    on_floor = 0.6
    for s in range(2):
        p = (phase + 0.5 * s) % 1.0
        swing = np.clip((p - on_floor) / (1 - on_floor), 0, 1)
        along = np.where(p < on_floor, 0.5 - p / on_floor, -0.5 + ease(swing)) * stride * on_floor
        push = np.where(p < on_floor, ease((p / on_floor - 0.62) / 0.38), 1 - ease(swing * 1.6))  # heel up
        strike = np.where(p < on_floor, 1 - ease(p / on_floor * 6), ease((swing - 0.6) / 0.4))  # toes up
        foot = np.stack([np.full(len(t), OUTWARD[s] * half), -along], axis=1)
        ankle[:, s, :2] = _turned(path, foot)
        ankle[:, s, 2] = 0.4 * lift * np.sin(np.pi * swing) ** 2 * skeleton.leg
        sole[:, s] = np.stack([path[:, 2] + OUTWARD[s] * toe, 38 * push - 17 * strike, 0 * t], axis=1)
    knee = np.tile([0.12, -1.0, 0.0], (len(t), 2, 1))
    sway = 0.02 * np.cos(2 * np.pi * phase)
    root = np.stack([*_turned(path, np.stack([sway, 0 * t], axis=1)).T, 0.008 + 0.012 * np.cos(4 * np.pi * phase)], 1)
    twist = 7 * np.sin(2 * np.pi * phase)
    turn = np.stack([path[:, 2] + twist, np.full(len(t), 3.0), 3 * np.cos(2 * np.pi * phase)], axis=1)
    draft = Draft(rng, t, skeleton, root, turn, ankle, sole, knee)
    draft.torso[:, 2] -= 2.2 * twist
    swing_size = rng.uniform(0.16, 0.34)
    for s in range(2):
        swing = swing_size * np.cos(2 * np.pi * (phase + 0.5 * s)) * np.array(1.0)
        fold = 0.06 + 0.05 * swing / swing_size
        place = np.stack([0.11 + 0 * t, -0.04 + swing, -0.95 + fold + 0.3 * swing**2], axis=1)
        draft.hand(s, "chest", place + draft.noise(0.012, 3))
    return draft


def sit(rng: Rng, t: F64, skeleton: Skeleton, lively: float = 1.0) -> Draft:
    """On a chair."""
    height = rng.uniform(0.49, 0.56) * skeleton.leg
    place, heading = rng.normal(0, 0.3, 2), rng.uniform(-180, 180)
    path = np.tile([place[0], place[1], heading], (len(t), 1))
    pitch = stations(rng, t, np.array([[-14.0], [-4.0], [8.0]]), 6, 1.2)[:, 0]
    root = np.tile([place[0], place[1], height + 0.105], (len(t), 1))
    turn = np.stack([heading + wander(rng, t, 3, 6), pitch, wander(rng, t, 1.5, 6)], axis=1)
    thigh = skeleton.length("shin.L")
    spots = np.stack(
        [
            rng.uniform(0.02, 0.16, 6),  # outward
            -thigh * rng.uniform(0.75, 1.5, 6),  # forward
        ],
        axis=1,
    )
    ankle, sole = np.empty((len(t), 2, 3)), np.zeros((len(t), 2, 3))
    knee = np.tile([0.1, -0.6, 1.0], (len(t), 2, 1))
    for s in range(2):
        spot = stations(rng, t, spots, 5, 0.8) * [OUTWARD[s], 1.0]
        spot[:, 0] += OUTWARD[s] * 0.06
        ankle[:, s, :2] = _turned(path, spot)
        speed = np.linalg.norm(np.gradient(spot, t, axis=0), axis=1)
        far = np.maximum(-spot[:, 1] / thigh - 1.15, 0)  # stretched legs rest on the heels
        ankle[:, s, 2] = np.minimum(0.12 * speed, 0.08)
        sole[:, s] = np.stack([heading + OUTWARD[s] * (6 + 20 * far), -55 * far, 8 * far], axis=1)
        knee[:, s, 0] = 0.1 + 0.6 * gate(rng, t, 0.4, 6)
    draft = Draft(rng, t, skeleton, root, turn, ankle, sole, knee, hang=False, seat=(*place, heading, height))
    draft.torso[:, 0] += stations(rng, t, np.array([[-2.0], [6.0], [22.0], [10.0]]), 5, 1.0)[:, 0] * lively
    for s in range(2):  # hands in the lap or on the thighs
        lap = np.array([[-0.05, -0.62, -0.74], [-0.18, -0.52, -0.70], [0.02, -0.72, -0.66]])
        draft.hand(s, "chest", stations(rng, t, lap, 4, 0.8) + draft.noise(0.02, 3))
        draft.aim(s, (0.8, 0.8, -0.2))
        draft.palm(s, 60)
    return draft


def floor_sit(rng: Rng, t: F64, skeleton: Skeleton) -> Draft:
    """From standing down to the floor, and on the floor: legs stretched, bent, apart or crossed in front."""
    place, heading, leg = rng.normal(0, 0.3, 2), rng.uniform(-180, 180), skeleton.leg
    path = np.tile([place[0], place[1], heading], (len(t), 1))
    down = ease((t - t[0] - rng.uniform(0.5, 4.0)) / rng.uniform(1.6, 2.6))
    bottom = 0.15
    height = bottom + (1 - down) * (0.97 * leg + 0.08 - bottom)
    back = 0.16 * down + 0.10 * np.sin(np.pi * down)  # the seat goes backwards
    root = np.stack([*_turned(path, np.stack([0 * t, back], axis=1)).T, height], axis=1)
    bow = np.sin(np.pi * np.minimum(1.35 * down, 1))
    pitch = 30 * bow - 20 * down + down * wander(rng, t, 4, 6)
    turn = np.stack([heading + wander(rng, t, 4, 6), pitch, wander(rng, t, 2, 6)], axis=1)
    # Where an ankle rests: outward and forward of the seat in leg lengths, how far up, and how far out the knee points.
    poses = np.array([[0.09, 0.96, 0.1], [0.11, 0.62, 0.2], [0.10, 0.55, 0.8], [0.08, 0.82, 0.2], [0.28, 0.85, 0.5]])
    ankle, sole = np.empty((len(t), 2, 3)), np.zeros((len(t), 2, 3))
    knee = np.tile([0.2, -0.3, 1.0], (len(t), 2, 1))
    same = rng.random() < 0.5
    choice = stations(rng, t, poses, 6, 1.2)
    for s in range(2):
        if s and not same:
            choice = stations(rng, t, poses, 6, 1.2)
        seated = np.stack([OUTWARD[s] * choice[:, 0] * leg, 0.16 - choice[:, 1] * leg], axis=1)
        first = np.array([OUTWARD[s] * 0.10, 0.02])
        ankle[:, s, :2] = _turned(path, first + np.sqrt(down)[:, None] * (seated - first))
        straight = np.clip((choice[:, 1] - 0.7) / 0.25, 0, 1) * down
        ankle[:, s, 2] = 0.0
        sole[:, s] = np.stack([heading + OUTWARD[s] * (8 + 10 * straight), -68 * straight, 10 * straight], axis=1)
        knee[:, s, 0] = 0.2 + down * choice[:, 2]
        knee[:, s, 1] = -0.3 - 0.7 * (1 - down)
    draft = Draft(rng, t, skeleton, root, turn, ankle, sole, knee, hang=False)
    slump = stations(rng, t, np.array([[0.0], [14.0], [28.0]]), 5, 1)[:, 0]
    draft.torso[:, 0] += 16 * bow + down * slump
    # On the knees, between them, or behind as a prop.
    hands = np.array([[0.02, -0.70, -0.50], [0.05, -0.62, -0.68], [-0.12, -0.62, -0.55], [0.24, 0.32, -0.86]])
    for s in range(2):
        draft.hand(s, "chest", stations(rng, t, hands, 4, 0.9) + draft.noise(0.02, 3), down)
        draft.aim(s, (0.9, 0.7, -0.1), down)
        draft.palm(s, 60, down)
    return draft


def _turned(path: F64, spot: F64) -> F64:
    """(T, 2) world places of spots (T, 2) given in a body's axes at path (T, 3: x, y, heading)."""
    angle = np.radians(path[:, 2])
    c, s = np.cos(angle), np.sin(angle)
    return path[:, :2] + np.stack([c * spot[:, 0] - s * spot[:, 1], s * spot[:, 0] + c * spot[:, 1]], axis=1)
