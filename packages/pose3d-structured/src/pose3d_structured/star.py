"""Exact inference on star-shaped graphs (thesis Sec. 3.2.2) by branch-and-bound.

The algorithm follows the idea of Kinauer et al. (2016), interval bounds on quadratic terms over KD-tree boxes, with a
queue over boxes of the centre and, for each leaf, a search of that leaf's own tree; see `_star_kernel`.

Axis letters: J joints, V candidates of a joint, L leaves of the star, K results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from core_eval import InputError
from pose3d_structured._star_kernel import best_stars
from pose3d_structured.energy import Candidates, Floats, Integers, PoseEnergy


@dataclass(frozen=True, slots=True)
class Star:
    """One centre and its leaves.

    Attributes:
        centre: joint.
        leaves: (L,) joints.
        shifts: (L, 3), expected x_leaf - x_centre.
        stiffness: (L, 3), c_d >= 0.
    """

    centre: int
    leaves: Integers
    shifts: Floats
    stiffness: Floats

    @property
    def joints(self) -> Integers:
        """(1 + L,): the centre, then the leaves."""
        return np.concatenate([[self.centre], self.leaves])


class Anchoring(NamedTuple):
    """What ADMM makes of the unary terms: weight * U(v) - pull * |x_v - anchor|^2.

    Attributes:
        weights: (J,) > 0.
        anchors: (J, 3).
        pull: (J,) >= 0.
    """

    weights: Floats
    anchors: Floats
    pull: Floats


class StarSolution(NamedTuple):
    """The best configurations of a star, at most one for each candidate of the centre.

    Attributes:
        values: (K,) in falling order.
        chosen: (K, 1 + L) candidates, in the order of `Star.joints`.
        searches: how often a leaf's tree was searched: the work done.
    """

    values: Floats
    chosen: Integers
    searches: int


def free(joints: int) -> Anchoring:
    """The unary terms as they are."""
    return Anchoring(np.ones(joints), np.zeros((joints, 3)), np.zeros(joints))


def solve_star(
    candidates: Candidates, star: Star, anchoring: Anchoring | None = None, *, count: int = 1
) -> StarSolution:
    """Maximise over all candidates of a star's joints, exactly (up to rounding of float64).

    Args:
        candidates: of all joints.
        star: the graph.
        anchoring: by default the unary terms as they are.
        count: K; the best centres, each with its best leaves. All K best *configurations* have their centres among
            these.

    Ties are broken arbitrarily, but always in the same way.
    """
    weights, anchors, pull = free(candidates.joints) if anchoring is None else anchoring
    values, chosen, searches = best_stars(
        candidates.scores,
        candidates.positions,
        candidates.boxes,
        candidates.packed,
        candidates.tree,
        star.centre,
        star.leaves,
        star.shifts,
        star.stiffness,
        weights,
        anchors,
        pull,
        min(count, candidates.scores.shape[1]),
    )
    return StarSolution(values, chosen, searches)


def as_star(energy: PoseEnergy) -> Star:
    """The star which the energy's graph is.

    Raises:
        InputError: the edges have no common joint.
    """
    found = stars(energy)
    if len(found) != 1:
        raise InputError(f"the graph is no star: {len(found)} are needed to cover it", field="edges")
    return found[0]


def stars(energy: PoseEnergy) -> list[Star]:
    """Cover every edge by exactly one star, greedily: the joint with the most uncovered edges becomes a centre.

    Among equals the first joint wins. No star at all for the unary model.
    """
    uncovered = np.ones(len(energy.edges), bool)
    found: list[Star] = []
    while uncovered.any():
        degree = np.bincount(energy.edges[uncovered].ravel(), minlength=energy.candidates.joints)
        centre = int(degree.argmax())
        mine = np.flatnonzero(uncovered & (energy.edges == centre).any(1))
        first = energy.edges[mine, 0] == centre
        leaves = np.where(first, energy.edges[mine, 1], energy.edges[mine, 0])
        # Offsets expect x_i - x_j: with the centre as i, the leaf j is expected at x_i - mu.
        shifts = np.where(first[:, None], -energy.offsets[mine], energy.offsets[mine])
        found.append(Star(centre, leaves, shifts, energy.stiffness[mine]))
        uncovered[mine] = False
    return found
