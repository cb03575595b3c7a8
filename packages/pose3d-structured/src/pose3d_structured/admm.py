"""Approximate inference on any graph (thesis Sec. 3.2.3): stars as slaves, coordinated by ADMM.

Axis letters: J joints, S stars.

Every edge belongs to one star, and the unary term of a joint is shared equally among the stars it is in, so that the
stars' scores add up to the energy's (eq. 3.4). A star solves

    max S_s(x_s) + sum_r <lambda_s(r), x_s(r)> - rho / 2 |x_s(r) - u(r)|^2        (eq. 3.5 and 3.6)

which is, but for a constant, S_s(x_s) - rho / 2 sum_r |x_s(r) - (u(r) + lambda_s(r) / rho)|^2: one more quadratic term
for each shared joint r, whose interval bound goes into those of the branch-and-bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from pose3d_structured.energy import Floats, Integers, PoseEnergy
from pose3d_structured.hierarchy import Singles
from pose3d_structured.star import Anchoring, Star, solve_star, stars

_SETTLE = 8
"""The iteration from which the consensus is a candidate."""


class Step(NamedTuple):
    """One iteration.

    Attributes:
        disagreement: the largest distance of a star's joint from the consensus u, in the unit of the positions.
        score: the best consistent pose's of this iteration.
        rho: the penalty that was used.
    """

    disagreement: float
    score: float
    rho: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A pose and how it was found.

    Attributes:
        pose: (J,) candidates.
        score: S of the pose, eq. 3.2.
        bound: no pose scores more than this.
        converged: the stars agreed within the tolerance. If not, the pose is the best consistent one that was seen.
        trace: one `Step` an iteration; empty where no iteration was needed.
    """

    pose: Integers
    score: float
    bound: float
    converged: bool
    trace: tuple[Step, ...]


def infer(
    energy: PoseEnergy,
    *,
    tolerance: float = 5e-4,
    iterations: int = 50,
    rho: float | None = None,
    growth: float = 1.3,
) -> Estimate:
    """The pose of the largest score: exact without edges and on stars, by ADMM on other graphs.

    Args:
        energy: the model.
        tolerance: of agreement, in the unit of the positions: 5e-4 of the volume is 1 mm where it spans 2 m.
        iterations: at most.
        rho: the first penalty; by default 0.3 of the mean stiffness. The paper prints no value.
        growth: of rho in each iteration. With 1 rho is constant, as printed; then stars may alternate between
            candidates for longer.
    """
    cover = stars(energy)
    if not cover:
        pose = energy.candidates.scores.argmax(1)
        score = float(energy.score(pose))
        return Estimate(pose, score, score, True, ())
    if len(cover) == 1:
        solution = solve_star(energy.candidates, cover[0])
        pose = np.empty(energy.candidates.joints, np.int64)
        pose[cover[0].joints] = solution.chosen[0]
        return Estimate(pose, float(energy.score(pose)), float(solution.values[0]), True, ())
    return _admm(energy, cover, tolerance, iterations, rho, growth)


def _admm(
    energy: PoseEnergy, cover: list[Star], tolerance: float, iterations: int, rho: float | None, growth: float
) -> Estimate:
    joints = energy.candidates.joints
    member = np.zeros((len(cover), joints), bool)
    for row, star in zip(member, cover, strict=True):
        row[star.joints] = True
    copies = member.sum(0)
    shared = copies > 1
    weights = 1 / copies
    penalty = 0.3 * float(energy.stiffness.mean()) if rho is None else rho
    multipliers = np.zeros((len(cover), joints, 3))
    consensus = np.zeros((joints, 3))
    chosen = np.zeros((len(cover), joints), np.int64)
    best, best_score, bound = chosen[0], -np.inf, np.inf
    trace: list[Step] = []
    for number in range(iterations):
        # No consensus before the first iteration: the stars are solved alone, and their values bound the optimum.
        pull = np.where(shared, penalty / 2, 0.0) if number else np.zeros(joints)
        values = 0.0
        for s, star in enumerate(cover):
            anchors = consensus + multipliers[s] / penalty
            solution = solve_star(energy.candidates, star, Anchoring(weights, anchors, pull))
            chosen[s, star.joints] = solution.chosen[0]
            values += float(solution.values[0])
        if not number:
            bound = values
        places = energy.candidates.at(chosen)
        # Eq. 3.7. The maximum over all of space is a mean, and may lie midway between two candidates, which stars then
        # exchange for ever; so after a while u is one of the candidates themselves, the nearest to that mean.
        consensus = (places * member[..., None]).sum(0) / copies[:, None]
        consensus -= multipliers.sum(0) / (copies[:, None] * penalty)
        if number >= _SETTLE:
            near = np.where(member, np.linalg.norm(places - consensus, axis=2), np.inf).argmin(0)
            consensus = places[near, np.arange(joints)]
        away = (places - consensus) * member[..., None]
        multipliers -= penalty * away  # eq. 3.8
        disagreement = float(np.linalg.norm(away, axis=2).max())
        pose, score = _consistent(energy, chosen, member, np.linalg.norm(away, axis=2))
        if score > best_score:
            best, best_score = pose, score
        trace.append(Step(disagreement, score, penalty if number else 0.0))
        if disagreement <= tolerance:
            break
        if number:
            penalty *= growth
    return Estimate(best, best_score, bound, trace[-1].disagreement <= tolerance, tuple(trace))


def _consistent(energy: PoseEnergy, chosen: Integers, member: np.ndarray, away: Floats) -> tuple[Integers, float]:
    """One candidate for each joint: the nearest to the consensus; then, joint by joint, the star's that scores best."""
    pose = chosen[np.where(member, away, np.inf).argmin(0), np.arange(chosen.shape[1])]
    found = energy.candidates
    _improve(found.scores, found.positions, energy.edges, energy.offsets, energy.stiffness, pose, chosen, member)
    return pose, float(energy.score(pose))


@njit(nogil=True, cache=True, error_model="numpy")
def _improve(
    scores: Singles,
    positions: Singles,
    edges: Integers,
    offsets: Floats,
    stiffness: Floats,
    pose: Integers,
    chosen: Integers,
    member: np.ndarray,
) -> None:
    """Give each joint of `pose` (J,) in turn the candidate that scores best among those of its stars, (S, J)."""
    for joint in range(len(pose)):
        start = pose[joint]
        best, best_worth = start, -np.inf
        for s in range(-1, len(chosen)):  # the present candidate first: it wins ties
            if s >= 0 and (not member[s, joint] or chosen[s, joint] == start):
                continue
            option = start if s < 0 else chosen[s, joint]
            worth = np.float64(scores[joint, option])
            for e in range(len(edges)):
                i, j = edges[e]
                if i != joint and j != joint:
                    continue
                a, b = option if i == joint else pose[i], option if j == joint else pose[j]
                for d in range(3):
                    strain = np.float64(positions[i, d, a]) - np.float64(positions[j, d, b]) - offsets[e, d]
                    worth -= stiffness[e, d] * strain * strain
            if worth > best_worth:
                best, best_worth = option, worth
        pose[joint] = best
