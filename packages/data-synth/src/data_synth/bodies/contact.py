"""Bodies do not pass through themselves: spheres in the flesh, and hands and feet that give way.

Axis letters: `T` poses, `N` spheres, `B` bones, `V` vertices, S = 2 sides (left first).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_synth.bodies.people import Bodies
from data_synth.bodies.pose import Controls, Pose, solve
from data_synth.bodies.skeleton import BONE, BONES, OUTWARD, SIDES, Skeleton

F64 = NDArray[np.float64]

TOLERANCE = 0.015
"""How deep flesh may be pressed in, m."""
ROUNDS = 18


@dataclass(frozen=True)
class Flesh:
    """Spheres inside a body as modelled: centre (N, 3) m, radius (N,) m, bone (N,); pairs (K, 2) that may not overlap.

    arm (N,): 0 or 1 for a sphere of that side's arm, -1 elsewhere; leg (N,) likewise; upper (N,): moved by the elbow.
    """

    centre: F64
    radius: F64
    bone: NDArray[np.intp]
    pairs: NDArray[np.intp]
    arm: NDArray[np.intp]
    leg: NDArray[np.intp]
    upper: NDArray[np.bool_]

    def places(self, skeleton: Skeleton, pose: Pose) -> F64:
        """(T, N, 3) m in the world."""
        local = self.centre - skeleton.pivot[self.bone]
        turn = pose.turn[:, self.bone] @ skeleton.neutral[self.bone]
        return pose.pivots[:, self.bone] + (turn @ local[:, :, None])[..., 0]

    def depth(self, skeleton: Skeleton, pose: Pose) -> tuple[F64, F64]:
        """How deep the pairs overlap (T, K), m, negative if they do not, and unit vectors (T, K, 3) that part them."""
        places = self.places(skeleton, pose)
        gap = places[:, self.pairs[:, 0]] - places[:, self.pairs[:, 1]]
        distance = np.linalg.norm(gap, axis=2)
        allowed = self.radius[self.pairs].sum(axis=1)
        return allowed - distance, gap / np.maximum(distance, 1e-6)[..., None]


def measure_flesh(bodies: Bodies, index: int) -> Flesh:
    """Fit spheres to a person's mesh."""
    vertices, weights = bodies.vertices[index].astype(np.float64), bodies.weights
    skeleton = bodies.skeletons[index]
    owner = np.argmax(weights, axis=1)
    found: list[tuple[F64, float, int]] = []
    trunk = np.isin(owner, [BONE["pelvis"], BONE["torso"]]) & (np.abs(vertices[:, 0]) < 0.22)
    low, high = skeleton.pivot[BONE["pelvis"]][2] - 0.03, skeleton.pivot[BONE["upperarm.L"]][2]
    for height in np.linspace(low, high, 7):
        slab = vertices[trunk & (np.abs(vertices[:, 2] - height) < 0.03)]
        front, back = np.percentile(slab[:, 1], [8, 92])
        radius = (back - front) / 2
        wide = max(float(np.percentile(np.abs(slab[:, 0]), 90)) - radius, 0.0)
        bone = BONE["pelvis"] if height < skeleton.pivot[BONE["torso"]][2] else BONE["torso"]
        found += [(np.array([x, (front + back) / 2, height]), radius, bone) for x in (-wide, 0.0, wide)]
    head = vertices[owner == BONE["head"]]
    top, middle = head[:, 2].max(), head.mean(axis=0)
    for share in (0.3, 0.62):
        centre = np.array([0, middle[1], top - (1 - share) * 0.23])
        near = head[np.abs(head[:, 2] - centre[2]) < 0.03]
        found.append((centre, float(np.median(np.linalg.norm(near[:, :2] - centre[:2], axis=1))), BONE["head"]))
    for side in SIDES:
        for bone, end, shares in (
            ("upperarm", "forearm", (0.6, 0.8, 1.0)),
            ("forearm", "hand", (0.25, 0.5, 0.75, 1.0)),
            ("thigh", "shin", (0.35, 0.55, 0.75, 1.0)),
            ("shin", "foot", (0.25, 0.5, 0.75, 1.0)),
        ):
            a, b = skeleton.pivot[BONE[f"{bone}.{side}"]], skeleton.pivot[BONE[f"{end}.{side}"]]
            members = [f"{name}.{side}" for name in (bone, f"{bone}-twist")]
            mine = vertices[np.isin(owner, [BONE[name] for name in members if name in BONE])]
            for share in shares:
                near = mine[np.abs((mine - a) @ (b - a) / ((b - a) @ (b - a)) - share) < 0.15]
                axis = (b - a) / np.linalg.norm(b - a)
                around = near - a - ((near - a) @ axis)[:, None] * axis
                middle = a + share * (b - a) + around.mean(axis=0)
                size = np.linalg.norm(around - around.mean(axis=0), axis=1).mean()
                found.append((middle, float(size), BONE[f"{bone}.{side}"]))
        hand = vertices[owner == BONE[f"hand.{side}"]]
        wrist = skeleton.pivot[BONE[f"hand.{side}"]]
        along = hand.mean(axis=0) - wrist
        found += [(wrist + share * along, 0.032, BONE[f"hand.{side}"]) for share in (0.6, 1.2)]
        foot = vertices[owner == BONE[f"foot.{side}"]]
        for share in (0.3, 0.75):
            y = np.quantile(foot[:, 1], 1 - share)
            found.append((np.array([foot[:, 0].mean(), y, foot[:, 2].min() + 0.04]), 0.04, BONE[f"foot.{side}"]))
    bone = np.array([f[2] for f in found])
    stem = np.array([BONES[b].partition(".")[0] for b in bone])
    side = np.array([SIDES.index(BONES[b][-1]) if "." in BONES[b] else -1 for b in bone])
    arm = np.where(np.isin(stem, ["upperarm", "forearm", "hand"]), side, -1)
    leg = np.where(np.isin(stem, ["thigh", "shin", "foot"]), side, -1)
    everything = range(len(bone))
    pairs = [(i, j) for i in everything for j in everything if arm[i] >= 0 and arm[j] < 0]
    pairs += [(i, j) for i in everything for j in everything if (arm[i], arm[j]) == (0, 1)]
    pairs += [(i, j) for i in everything for j in everything if (leg[i], leg[j]) == (0, 1)]
    return Flesh(
        np.array([f[0] for f in found]), np.array([f[1] for f in found]), bone, np.array(pairs), arm, leg,
        np.isin(stem, ["upperarm", "forearm"]),
    )  # fmt: skip


def settle(controls: Controls, skeleton: Skeleton, flesh: Flesh) -> tuple[Pose, F64]:
    """The poses of a motion, with hands, elbows and feet moved as far as it takes to get them out of the body and the
    floor, and how deep (T,) something is still in it, m. Each moment is settled by itself."""
    count = len(controls.root)
    nudge, swivel, step = np.zeros((count, 2, 3)), np.zeros((count, 2)), np.zeros((count, 2, 3))
    pose, worst = solve(controls, skeleton), np.zeros(count)
    rows = np.arange(count)
    for turn in range(ROUNDS + 1):
        now = solve(controls.at(rows), skeleton, nudge[rows], swivel[rows], step[rows])
        pose.root[rows], pose.turn[rows], pose.pivots[rows] = now.root, now.turn, now.pivots
        depth, way = flesh.depth(skeleton, now)
        sunk = np.maximum(flesh.radius - flesh.places(skeleton, now)[:, :, 2], 0) * (flesh.arm >= 0)
        worst[rows] = np.maximum(depth.max(axis=1), sunk.max(axis=1))
        still = worst[rows] > TOLERANCE
        if turn == ROUNDS or not still.any():
            break
        rows, now = rows[still], Pose(now.root[still], now.turn[still], now.pivots[still])
        moves = _give_way(flesh, skeleton, now, depth[still], way[still], sunk[still], stuck=turn >= ROUNDS // 2)
        nudge[rows] += moves[0]
        swivel[rows] += moves[1]
        step[rows] += moves[2]
    return pose, worst


def _give_way(
    flesh: Flesh, skeleton: Skeleton, pose: Pose, depth: F64, way: F64, sunk: F64, *, stuck: bool
) -> tuple[F64, F64, F64]:
    """What to add to nudge (T, S, 3), swivel (T, S) and step (T, S, 3) of `solve`: the deepest pair of each limb is
    parted. stuck: also go towards an arm that is held away from the body."""
    count = len(depth)
    nudge, swivel, step = np.zeros((count, 2, 3)), np.zeros((count, 2)), np.zeros((count, 2, 3))
    arm, leg = flesh.arm[flesh.pairs], flesh.leg[flesh.pairs]
    rows = np.arange(count)
    for s, side in enumerate(SIDES):
        for end, sign in ((0, 1.0), (1, -1.0)):
            mine = np.flatnonzero(arm[:, end] == s)
            if not len(mine):
                continue
            deepest = mine[depth[:, mine].argmax(axis=1)]
            much = np.maximum(depth[rows, deepest] - 0.6 * TOLERANCE, 0)
            nudge[:, s] += 1.1 * sign * much[:, None] * way[rows, deepest]
            swivel[:, s] += 220 * much * flesh.upper[flesh.pairs[deepest, end]]
        nudge[:, s, 2] += sunk[:, flesh.arm == s].max(axis=1)
        if stuck:
            shoulder = pose.pivots[:, BONE[f"upperarm.{side}"]]
            away = np.array([OUTWARD[s] * 0.62, -0.30, -0.55]) * skeleton.arm
            safe = shoulder + (pose.turn[:, BONE["torso"]] @ away) - pose.pivots[:, BONE[f"hand.{side}"]]
            inside = depth[:, (arm == s).any(axis=1)].max(axis=1) > TOLERANCE
            nudge[:, s] += 0.3 * inside[:, None] * safe
    between = np.flatnonzero((leg[:, 0] == 0) & (leg[:, 1] == 1))
    deepest = between[depth[:, between].argmax(axis=1)]
    much = np.maximum(depth[rows, deepest] - 0.6 * TOLERANCE, 0)
    push = 0.7 * much[:, None] * way[rows, deepest] * [1.0, 1.0, 0.0]
    step[:, 0] += push
    step[:, 1] -= push
    return nudge, swivel, step
