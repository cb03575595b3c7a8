"""The 25 landmarks: the outline of a hand from the thumb's end of the wrist, finger by finger, to the other end.

The paper numbers them from 1 (here 0) and says that the first and the last are the ends of the wrist; which are the
other 23 is in no public file. Here they are, per finger, its joints and its tip, and between two fingers the web.

Axis letters: `P` = 25 landmarks, `V` vertices, `D` directions round the wrist.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from data_synth.hands.model import FINGERS, JOINTS, HandModel
from data_synth.hands.pose import Posed
from data_synth.raster import Quincunx

_PHALANGES = dict.fromkeys(FINGERS, (1, 2, 3, "tip")) | {"thumb": (2, 3, "tip")}
_CHAINS = [[f"{finger}-{k}" for k in _PHALANGES[finger]] for finger in FINGERS]
_WEBS = [f"web-{one}-{other}" for one, other in pairwise(FINGERS)]

NAMES = (
    "wrist-thumb-side",
    *(name for chain, web in zip(_CHAINS, [*_WEBS, ""], strict=True) for name in (*chain, web) if name),
    "wrist-little-side",
)
CHAINS = tuple(tuple(NAMES.index(name) for name in chain) for chain in _CHAINS)
"""Per finger, its landmarks from the knuckle to the tip."""

_JOINT_ROWS = np.array([row for row, name in enumerate(NAMES) if name in JOINTS])
_JOINTS = np.array([JOINTS.index(NAMES[row]) for row in _JOINT_ROWS])
_WEB_ROWS = np.array([NAMES.index(name) for name in _WEBS])

THICKEST = 0.03
"""m between a landmark and the skin in front of it, at most."""

_STEPS = np.array([(0, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)])


def _owners() -> NDArray[np.bool_]:
    """(P, J): the joints whose skin a landmark belongs to, the bones on both sides of it."""
    out = np.zeros((len(NAMES), len(JOINTS)), np.bool_)

    def own(row: int, *names: str) -> None:
        out[row, [JOINTS.index(name) for name in names]] = True

    own(0, "forearm", "hand")
    own(len(NAMES) - 1, "forearm", "hand")
    for row, name in enumerate(NAMES):
        finger, _, bone = name.partition("-")
        if name in _WEBS:
            own(row, "hand", *(f"{one}-1" for one in name.split("-")[1:]), *(["thumb-2"] * ("thumb" in name)))
        elif bone == "tip":
            own(row, f"{finger}-3")
        elif name in JOINTS:
            own(row, name, "hand" if bone == "1" else f"{finger}-{int(bone) - 1}")
    return out


_OWN = _owners()


def place(model: HandModel, posed: Posed, turn: NDArray[np.floating]) -> NDArray[np.float64]:
    """(P, 3) m in the hand's frame: joints inside the fingers, webs on the skin, and the ends of the wrist where its
    outline is seen by a camera that looks along -z after the hand has been turned by `turn` (3, 3)."""
    out = np.empty((len(NAMES), 3))
    out[_JOINT_ROWS] = posed.joints[_JOINTS]
    out[_WEB_ROWS] = _on_skin(posed, model.web_corners, model.web_weights)
    round_wrist = _on_skin(posed, model.wrist_corners, model.wrist_weights)
    arm = turn[:2, 1]
    across = np.array([arm[1], -arm[0]])
    if across @ turn[:2, 0] < 0:  # the first is on the side of the thumb
        across = -across
    reach = round_wrist @ (turn[:2].T @ across)
    out[0], out[-1] = round_wrist[reach.argmax()], round_wrist[reach.argmin()]
    return out


def visible_points(model: HandModel, points: NDArray[np.floating], raster: Quincunx) -> NDArray[np.bool_]:
    """Which landmarks (P, 3: x px, y px, depth m) are seen: what is in front of them, at their pixel or at a
    corner of it, is the part of the hand that they belong to. Those outside the image are not seen.

    A joint lies inside a finger, at another depth from each side: depth alone cannot tell its own skin from another
    finger's. It only excludes what is far in front, as where a finger points at the camera.
    """
    inside = raster.tri.shape[0] // 2
    row, column = (2 * np.floor(points[:, k] + 0.5).astype(np.int64) + 1 for k in (1, 0))
    within = (row > 0) & (column > 0) & (row < 2 * inside) & (column < 2 * inside)
    rows = np.clip(row[:, None] + _STEPS[:, 0], 0, 2 * inside)
    columns = np.clip(column[:, None] + _STEPS[:, 1], 0, 2 * inside) >> 1
    tri, near = raster.tri[rows, columns], raster.near[rows, columns]
    own = _OWN[np.arange(len(points))[:, None], model.bone_of_face[tri]] & (tri >= 0)
    return np.asarray(within & (own & (near * (points[:, 2:] - THICKEST) <= 1)).any(axis=1))


def _on_skin(posed: Posed, corners: NDArray[np.int32], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.einsum("pk,pka->pa", weights.astype(float), posed.vertices[corners].astype(float)))
