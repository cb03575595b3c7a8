"""The graphical model of a pose (thesis eqs. 3.1-3.3) and its plain evaluation.

Axis letters: J joints, D x H x W voxels (depth, rows, columns), V = D H W candidates of a joint, E edges.

A pose is one candidate for each joint, (J,) indices into the flattened voxels, v = (z H + y) W + x. A candidate's
position is its voxel's centre moved by the residual, three coordinates (x, y, z) in any one unit, to which offsets and
stiffness refer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core_eval import InputError
from pose3d_structured.hierarchy import (
    POSITION_NOT_FINITE,
    SCORE_NOT_A_NUMBER,
    Hierarchy,
    Integers,
    Singles,
    hierarchy,
    refit,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Scored positions of every joint, with KD-tree boxes around them; made by `candidates`.

    Attributes:
        scores: (J, V) float32, the unary terms U_i; -inf where there is no candidate.
        positions: (J, 3, V) float32, x, y, z.
        tree, boxes, packed: of `hierarchy`, (J, M, 7) and (J, B, 4, T).
    """

    scores: Singles
    positions: Singles
    tree: Hierarchy
    boxes: Singles
    packed: Singles

    @property
    def joints(self) -> int:
        """J."""
        return len(self.scores)

    def at(self, pose: Integers) -> Floats:
        """Positions (..., J, 3) of poses (..., J)."""
        joints = np.arange(self.joints)
        return self.positions[joints, :, pose].astype(np.float64)


def candidates(scores: ArrayLike, positions: ArrayLike, *, sample: str | None = None) -> Candidates:
    """Put boxes around the candidates.

    Args:
        scores: (J, D, H, W); -inf takes a candidate out.
        positions: (J, 3, D, H, W), x, y, z of each voxel's candidate.
        sample: named in errors.

    Raises:
        InputError: shapes that do not fit, a score that is NaN or +inf, a position that is not finite, or a joint
            without any candidate.
    """
    unary = np.ascontiguousarray(scores, np.float32)
    places = np.ascontiguousarray(positions, np.float32)
    if unary.ndim != 4 or 0 in unary.shape or places.shape != (len(unary), 3, *unary.shape[1:]):
        raise InputError(
            f"scores (J, D, H, W) and positions (J, 3, D, H, W) do not fit: {unary.shape} and {places.shape}",
            sample=sample,
            field="scores",
        )
    tree = hierarchy(*unary.shape[1:])
    unary, places = unary.reshape(len(unary), -1), places.reshape(len(unary), 3, -1)
    boxes = np.empty((len(unary), len(tree.children), 7), np.float32)
    packed = np.empty((len(unary), len(tree.voxels), 4, tree.voxels.shape[1]), np.float32)
    fault, joint = refit(unary, places, tree, boxes, packed)
    if fault == POSITION_NOT_FINITE:  # the boxes of the joints after it are not filled in
        raise InputError(f"a position of joint {joint} is not finite", sample=sample, field="positions")
    if fault == SCORE_NOT_A_NUMBER or np.isposinf(boxes[:, 0, 6]).any():
        raise InputError("a score is NaN or +inf", sample=sample, field="scores")
    if (empty := np.isneginf(boxes[:, 0, 6])).any():
        raise InputError(f"joint {int(empty.argmax())} has no candidate", sample=sample, field="scores")
    return Candidates(unary, places, tree, boxes, packed)


@dataclass(frozen=True, slots=True)
class PoseEnergy:
    """Eq. 3.2 with eq. 3.3: what `score` gives is to be maximised.

    Attributes:
        candidates: the unary terms.
        edges: (E, 2), joints i and j of each edge.
        offsets: (E, 3), mu_ij, the expected x_i - x_j.
        stiffness: (E, 3), c_d >= 0 of each edge.

    Raises:
        InputError: an edge names an unknown joint, joins a joint to itself or another edge's pair; a number is not
            finite; a negative stiffness; or edges leave the joints disconnected (no edges at all is the unary model).
    """

    candidates: Candidates
    edges: Integers
    offsets: Floats
    stiffness: Floats

    def __post_init__(self) -> None:
        edges = np.asarray(self.edges, np.int64).reshape(-1, 2)
        offsets = np.asarray(self.offsets, np.float64).reshape(-1, 3)
        stiffness = np.asarray(self.stiffness, np.float64)
        if stiffness.shape == (3,):
            stiffness = np.tile(stiffness, (len(edges), 1))
        if not len(edges) == len(offsets) == len(stiffness.reshape(-1, 3)):
            raise InputError(
                f"{len(edges)} edges, {len(offsets)} offsets and stiffness of shape {stiffness.shape}", field="edges"
            )
        if not np.isfinite(offsets).all():
            raise InputError("an offset is not finite", field="offsets")
        if not (np.isfinite(stiffness).all() and (stiffness >= 0).all()):
            raise InputError("stiffness is not finite and >= 0", field="stiffness")
        check_edges(edges, self.candidates.joints)
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "offsets", offsets)
        object.__setattr__(self, "stiffness", stiffness.reshape(-1, 3))

    def score(self, pose: Integers) -> Floats:
        """S of poses (..., J): shape (...), float64."""
        picked = np.asarray(pose, np.int64)
        joints = np.arange(self.candidates.joints)
        unary = self.candidates.scores[joints, picked].astype(np.float64).sum(-1)
        places = self.candidates.at(picked)
        strain = places[..., self.edges[:, 0], :] - places[..., self.edges[:, 1], :] - self.offsets
        total: Floats = unary - (self.stiffness * strain**2).sum((-2, -1))
        return total


def check_edges(edges: Integers, joints: int) -> None:
    """Raise `InputError` unless edges (E, 2) are distinct pairs of known joints that connect all, or there are none."""
    if len(edges) == 0:
        return
    if edges.min() < 0 or edges.max() >= joints:
        raise InputError(f"an edge names an unknown joint; there are {joints}", field="edges")
    if (edges[:, 0] == edges[:, 1]).any() or len(np.unique(np.sort(edges, axis=1), axis=0)) < len(edges):
        raise InputError("an edge joins a joint to itself, or a pair has two edges", field="edges")
    reached = {int(edges[0, 0])}
    while grown := {int(b) for pair in (edges, edges[:, ::-1]) for a, b in pair if a in reached} - reached:
        reached |= grown
    if len(reached) < joints:
        missing = min(set(range(joints)) - reached)
        raise InputError(f"the graph is disconnected: no path from joint {edges[0, 0]} to {missing}", field="edges")
