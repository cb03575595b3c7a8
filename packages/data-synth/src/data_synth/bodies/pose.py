"""From what a motion says (where trunk, hands and feet are) to the rotation of every bone.

Axis letters: `T` poses, `B` bones, S = 2 sides (left first).

Trunk joints are given as angles; arms and legs by where wrist and ankle are and where elbow and knee point, solved in
closed form (two bones, one hinge). Frame and rotations as in `skeleton`: world x, y horizontal, z up, floor at z = 0,
metres; a person with turn 0 faces -y.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from data_synth.bodies.limits import LIMITS
from data_synth.bodies.skeleton import BONE, BONES, OUTWARD, SIDES, Skeleton, about, bend

F64 = NDArray[np.float64]
REACH = 0.995
"""Longest stretch of a limb, as part of its straight length: nobody locks elbows and knees."""
FOLD = 150.0
"""Sharpest bend of elbow and knee, degrees: flesh keeps a limb from folding flat."""

_TRUNK = tuple(BONE[name] for name in ("pelvis", "torso", "neck", "head", *(f"clavicle.{s}" for s in SIDES)))


@dataclass(frozen=True, slots=True)
class Hand:
    """Where a wrist is.

    targets: by what carries it (`chest`: from the shoulder with the torso's axes, in arm lengths; `head`: from the
    head's pivot with its axes, m): weight (T,) and position (T, 3). x is outward, to the hand's own side. elbow
    (T, 3): where the elbow points, torso's axes with x outward. twist (T,): the palm's turn about the forearm, degrees,
    0 is inwards and positive palm down; flex (T,) of the wrist, degrees, positive towards the palm.
    """

    targets: Mapping[str, tuple[F64, F64]]
    elbow: F64
    twist: F64
    flex: F64


@dataclass(frozen=True, slots=True)
class Controls:
    """A motion at T moments.

    root (T, 3) m: the pelvis; its height is that over the floor, or, with `hang`, what is taken off the height at
    which the legs reach the feet. turn (T, 3): heading (degrees about z, counter-clockwise from above), forward pitch
    and lean to the left of the pelvis. torso, neck, head (T, 3) degrees as in `skeleton.bend`. shrug (T, S, 2): collar
    bones, degrees up and forward. hands: left, right. ankle (T, S, 3) m in the world, its height being that of the
    foot's lowest point; sole (T, S, 3): heading, toes down, outward roll of the feet in degrees. knee (T, S, 3): where
    the knees point, in the pelvis's axes with x outward. hang: see root. seat: x, y (m), heading (degrees) and height
    (m) of a chair, if there is one.
    """

    root: F64
    turn: F64
    torso: F64
    neck: F64
    head: F64
    shrug: F64
    hands: tuple[Hand, Hand]
    ankle: F64
    sole: F64
    knee: F64
    hang: bool = True
    seat: tuple[float, float, float, float] | None = None

    def at(self, rows: NDArray[np.int64]) -> Controls:
        """Some of the moments."""
        hands = [
            Hand({k: (w[rows], p[rows]) for k, (w, p) in h.targets.items()}, h.elbow[rows], h.twist[rows], h.flex[rows])
            for h in self.hands
        ]
        names = ("root", "turn", "torso", "neck", "head", "shrug", "ankle", "sole", "knee")
        return replace(self, hands=(hands[0], hands[1]), **{name: getattr(self, name)[rows] for name in names})


@dataclass(frozen=True, slots=True)
class Pose:
    """root (T, 3) m, turn (T, B, 3, 3) global rotations, pivots (T, B, 3) m."""

    root: F64
    turn: F64
    pivots: F64


def solve(
    controls: Controls,
    skeleton: Skeleton,
    nudge: F64 | None = None,
    swivel: F64 | None = None,
    step: F64 | None = None,
) -> Pose:
    """All bones of a motion. nudge (T, S, 3) m moves the wrists, swivel (T, S) degrees lifts the elbows outwards, step
    (T, S, 3) m moves the ankles."""
    if step is not None:
        controls = replace(controls, ankle=controls.ankle + step)
    count = len(controls.root)
    turn = np.tile(np.eye(3), (count, len(BONES), 1, 1))
    heading = about("z", controls.turn[:, 0])
    turn[:, 0] = heading @ about("y", controls.turn[:, 2]) @ about("x", controls.turn[:, 1])
    for above, bone, angles in (
        ("pelvis", "torso", controls.torso),
        ("torso", "neck", controls.neck),
        ("neck", "head", controls.head),
    ):
        turn[:, BONE[bone]] = turn[:, BONE[above]] @ bend(_within(bone, angles))
    torso = turn[:, BONE["torso"]]
    for s, side in enumerate(SIDES):
        up, forward = controls.shrug[:, s, 0], controls.shrug[:, s, 1]
        turn[:, BONE[f"clavicle.{side}"]] = torso @ about("y", -OUTWARD[s] * up) @ about("z", -OUTWARD[s] * forward)
    feet = np.stack([_foot(controls, s) for s in range(2)], axis=1)
    ankle = controls.ankle.copy()
    for s in range(2):
        ankle[:, s, 2] += skeleton.rise(s, feet[:, s])
    root = controls.root.copy()
    if controls.hang:
        root[:, 2] = _standing_height(controls, skeleton, turn, ankle) - controls.root[:, 2]
    pivots = skeleton.place(root, turn, (*_TRUNK, *(BONE[f"{b}.{s}"] for s in SIDES for b in ("upperarm", "thigh"))))
    for s in range(2):
        _solve_leg(controls, skeleton, turn, pivots, s, ankle[:, s], feet[:, s])
        _solve_arm(
            controls.hands[s],
            skeleton,
            turn,
            pivots,
            s,
            None if nudge is None else nudge[:, s],
            None if swivel is None else swivel[:, s],
        )
    return Pose(root, turn, skeleton.place(root, turn))


def wrist_of(hand: Hand, skeleton: Skeleton, turn: F64, pivots: F64, side: int) -> F64:
    """(T, 3) m where a hand is meant to be."""
    mirror = np.array([OUTWARD[side], 1.0, 1.0])
    total, place = np.zeros(len(turn)), np.zeros((len(turn), 3))
    for anchor, (weight, position) in hand.targets.items():
        if anchor == "head":
            spot = pivots[:, BONE["head"]] + _apply(turn[:, BONE["head"]], position * mirror)
        elif anchor == "chest":
            shoulder = pivots[:, BONE[f"upperarm.{SIDES[side]}"]]
            spot = shoulder + _apply(turn[:, BONE["torso"]], position * mirror * skeleton.arm)
        else:
            raise ValueError(f"unknown anchor {anchor!r}")
        total += weight
        place += weight[:, None] * spot
    return place / total[:, None]


def _foot(controls: Controls, s: int) -> F64:
    """(T, 3, 3) rotation of a foot as it is meant to be."""
    heading, down, roll = np.moveaxis(controls.sole[:, s], -1, 0)
    return about("z", heading) @ about("y", OUTWARD[s] * roll) @ about("x", down)


def _standing_height(controls: Controls, skeleton: Skeleton, turn: F64, ankle: F64) -> F64:
    """(T,) highest pelvis from which both feet are in reach."""
    reach = 0.99 * skeleton.leg
    heights = []
    for s, side in enumerate(SIDES):
        hip = _apply(turn[:, 0], np.tile(skeleton.offset(BONE[f"thigh.{side}"]), (len(turn), 1)))
        gap = ankle[:, s, :2] - controls.root[:, :2] - hip[:, :2]
        rise = np.sqrt(np.maximum(reach**2 - (gap**2).sum(axis=1), (0.3 * reach) ** 2))
        heights.append(ankle[:, s, 2] + rise - hip[:, 2])
    return np.minimum(*heights)


def _solve_leg(controls: Controls, skeleton: Skeleton, turn: F64, pivots: F64, s: int, ankle: F64, foot: F64) -> None:
    side = SIDES[s]
    pole = _apply(turn[:, 0], controls.knee[:, s] * np.array([OUTWARD[s], 1.0, 1.0]))
    lengths = skeleton.length(f"shin.{side}"), skeleton.length(f"foot.{side}")
    hip = pivots[:, BONE[f"thigh.{side}"]]
    for _ in range(3):  # a foot that its ankle turns less than it was meant to must not sink into the floor
        upper, lower, _ = two_bones(hip, ankle, lengths, pole, hinge=-1.0)
        held = lower @ _at_most(np.swapaxes(lower, 1, 2) @ foot, LIMITS["ankle"][1])
        lowest = controls.ankle[:, s, 2] + skeleton.rise(s, held)
        ankle = np.stack([ankle[:, 0], ankle[:, 1], np.maximum(ankle[:, 2], lowest)], axis=1)
    turn[:, BONE[f"thigh.{side}"]], turn[:, BONE[f"shin.{side}"]] = upper, lower
    turn[:, BONE[f"foot.{side}"]] = held


def _solve_arm(
    hand: Hand, skeleton: Skeleton, turn: F64, pivots: F64, s: int, nudge: F64 | None, swivel: F64 | None
) -> None:
    side, out = SIDES[s], OUTWARD[s]
    target = wrist_of(hand, skeleton, turn, pivots, s)
    if nudge is not None:
        target = target + nudge
    pole = hand.elbow * np.array([out, 1.0, 1.0])
    pole = _apply(turn[:, BONE["torso"]], pole)
    shoulder = pivots[:, BONE[f"upperarm.{side}"]]
    if swivel is not None:  # turn the elbow about the line from shoulder to wrist, outwards
        axis = target - shoulder
        axis = axis / np.linalg.norm(axis, axis=1, keepdims=True)
        away = _apply(turn[:, BONE["torso"]], np.tile([out, 0.0, 0.0], (len(turn), 1)))
        sign = np.sign((np.cross(axis, pole) * away).sum(axis=1))
        pole = _rotate(pole, axis, np.radians(swivel) * np.where(sign == 0, 1.0, sign))
    lengths = skeleton.length(f"forearm.{side}"), skeleton.length(f"hand.{side}")
    upper, lower, _ = two_bones(shoulder, target, lengths, pole, hinge=1.0)
    turn[:, BONE[f"upperarm.{side}"]], turn[:, BONE[f"forearm.{side}"]] = upper, lower
    turn[:, BONE[f"forearm-twist.{side}"]] = lower @ about("z", out * 0.6 * hand.twist)
    turn[:, BONE[f"hand.{side}"]] = lower @ about("z", out * hand.twist) @ about("y", out * hand.flex)


def two_bones(
    start: F64, target: F64, lengths: tuple[float, float], pole: F64, hinge: float
) -> tuple[F64, F64, NDArray[np.bool_]]:
    """Rotations (T, 3, 3) of the upper and the lower bone that bring the end to `target`, and where it is in reach.

    start, target, pole (T, 3) m; pole: where the hinge points. hinge: 1 if the lower bone folds to -y (elbow), -1 if
    to +y (knee). Out of reach, the limb points at the target as stretched or folded as it can be.
    """
    first, second = lengths
    gap = target - start
    distance = np.linalg.norm(gap, axis=1)
    shortest = np.sqrt(first**2 + second**2 + 2 * first * second * np.cos(np.radians(FOLD)))
    reach = np.clip(distance, shortest, REACH * (first + second))
    along = gap / np.maximum(distance, 1e-9)[:, None]
    side = pole - (pole * along).sum(axis=1, keepdims=True) * along
    length = np.linalg.norm(side, axis=1, keepdims=True)
    side = np.where(length > 1e-6, side / np.maximum(length, 1e-9), _any_normal(along))
    cosine = np.clip((first**2 + reach**2 - second**2) / (2 * first * reach), -1, 1)
    upper = cosine[:, None] * along + np.sqrt(1 - cosine**2)[:, None] * side
    lower = (reach[:, None] * along - first * upper) / second
    axis = hinge * np.cross(along, side)
    return _frame(axis, upper), _frame(axis, lower), np.abs(distance - reach) < 1e-9


def _within(bone: str, angles: F64) -> F64:
    """Angles (T, 3) of a joint of the trunk, held within its limits."""
    low, high = np.transpose([LIMITS[f"{bone}-{name}"] for name in ("flexion", "lean", "turn")])
    return np.clip(angles, low, high)


def _at_most(rotation: F64, degrees: float) -> F64:
    """Rotations (T, 3, 3) about the same axes, by no more than so many degrees."""
    vector = Rotation.from_matrix(rotation).as_rotvec(degrees=True)
    size = np.linalg.norm(vector, axis=1, keepdims=True)
    return Rotation.from_rotvec(vector * np.minimum(1, degrees / np.maximum(size, 1e-9)), degrees=True).as_matrix()


def _frame(axis: F64, down: F64) -> F64:
    """(T, 3, 3): columns x = axis, z = -down."""
    return np.stack([axis, np.cross(-down, axis), -down], axis=-1)


def _any_normal(unit: F64) -> F64:
    helper = np.where(np.abs(unit[:, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    normal = np.cross(unit, helper)
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def _apply(turn: F64, vector: F64) -> F64:
    return (turn @ vector[..., None])[..., 0]


def _rotate(vector: F64, axis: F64, angle: F64) -> F64:
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    return vector * c + np.cross(axis, vector) * s + axis * (axis * vector).sum(axis=1, keepdims=True) * (1 - c)
