"""The compiled search of `pose3d_structured.star`: best-first branch-and-bound over KD-tree boxes.

A star asks for max over the centre's candidate r of

    value(r) + sum_l max over v of [value_l(v) - sum_d c_ld (x_lvd - x_rd - shift_ld)^2],

where value(v) = weight * score(v) - pull * |x_v - anchor|^2 carries the multiplier terms of ADMM (pull 0: none). For a
box R of centres the inner maximum is bounded from above by letting x_r range over R: it is then the search for one
candidate against an interval, which another branch-and-bound answers exactly. For a box of one candidate the bound is
the value itself, so the first single candidate that comes off the queue is the best of all.

Axis letters: J joints, V candidates, L leaves of the star, M nodes of the tree.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pose3d_structured.hierarchy import BLOCK, Hierarchy, Integers, Singles

Floats = NDArray[np.float64]

LANES = BLOCK[0] * BLOCK[1] * BLOCK[2]

_STACK = 128

Scratch = tuple[Integers, Floats, Floats]
"""Stack of nodes and their bounds; what the lanes of a block are worth."""


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _cost(low: float, high: float, near: float, far: float, c: float, anchor: float, pull: float) -> float:
    """The least c (x - t)^2 + pull (x - anchor)^2 for x in [low, high] and t in [near, far]."""
    if pull == 0.0:
        gap = max(low - far, near - high, 0.0)
        return c * gap * gap
    # Convex in x: its free minimum lies between the anchor and the interval of t; then into [low, high].
    if anchor < near:
        x = (c * near + pull * anchor) / (c + pull)
    elif anchor > far:
        x = (c * far + pull * anchor) / (c + pull)
    else:
        x = anchor
    x = min(max(x, low), high)
    gap = max(x - far, near - x, 0.0)
    return c * gap * gap + pull * (x - anchor) * (x - anchor)


@njit(nogil=True, cache=True, error_model="numpy")
def _bound(box: Singles, target: Floats, weight: float, c: Floats, anchor: Floats, pull: float) -> float:
    """No candidate in the box (7,) is worth more to a centre that places it within `target` (2, 3)."""
    return (
        weight * np.float64(box[6])
        - _cost(box[0], box[3], target[0, 0], target[1, 0], c[0], anchor[0], pull)
        - _cost(box[1], box[4], target[0, 1], target[1, 1], c[1], anchor[1], pull)
        - _cost(box[2], box[5], target[0, 2], target[1, 2], c[2], anchor[2], pull)
    )


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _term(x: float, near: float, far: float, c: float, anchor: float, pull: float) -> float:
    gap = max(x - far, near - x, 0.0)
    return c * gap * gap + pull * (x - anchor) * (x - anchor)


@njit(nogil=True, cache=True, error_model="numpy")
def _worth(
    score: float, x: float, y: float, z: float, target: Floats, weight: float, c: Floats, anchor: Floats, pull: float
) -> float:
    """What one candidate is worth, at most, to a centre that places it within `target`."""
    return (
        weight * score
        - _term(x, target[0, 0], target[1, 0], c[0], anchor[0], pull)
        - _term(y, target[0, 1], target[1, 1], c[1], anchor[1], pull)
        - _term(z, target[0, 2], target[1, 2], c[2], anchor[2], pull)
    )


@njit(nogil=True, cache=True, error_model="numpy")
def _best_of_block(
    block: Singles, target: Floats, weight: float, c: Floats, anchor: Floats, pull: float, worth: Floats
) -> int:
    """The most valuable lane of a packed block (4, T); fills `worth` (T,)."""
    xs, ys, zs, scores = block[0], block[1], block[2], block[3]
    near0, near1, near2 = target[0, 0], target[0, 1], target[0, 2]
    far0, far1, far2 = target[1, 0], target[1, 1], target[1, 2]
    c0, c1, c2 = c[0], c[1], c[2]
    a0, a1, a2 = anchor[0], anchor[1], anchor[2]
    # Without branches, for many lanes at once; the same arithmetic as `_worth`.
    for lane in range(LANES):
        worth[lane] = (
            weight * np.float64(scores[lane])
            - _term(np.float64(xs[lane]), near0, far0, c0, a0, pull)
            - _term(np.float64(ys[lane]), near1, far1, c1, a1, pull)
            - _term(np.float64(zs[lane]), near2, far2, c2, a2, pull)
        )
    best = 0
    for lane in range(1, LANES):
        if worth[lane] > worth[best]:
            best = lane
    return best


@njit(nogil=True, cache=True, error_model="numpy")
def _best_candidate(
    packed: Singles,
    boxes: Singles,
    tree: Hierarchy,
    target: Floats,
    weight: float,
    c: Floats,
    anchor: Floats,
    pull: float,
    known: float,
    candidate: int,
    ceiling: float,
    scratch: Scratch,
) -> tuple[float, int]:
    """The most valuable candidate of one joint, better than `candidate` worth `known`; none is above `ceiling`."""
    stack, keys, worth = scratch
    best = known
    stack[0] = 0
    keys[0] = ceiling
    size = 1
    while size:
        size -= 1
        if keys[size] <= best:
            continue
        node = stack[size]
        one = tree.children[node, 0]
        if one >= 0:
            two = tree.children[node, 1]
            first = _bound(boxes[one], target, weight, c, anchor, pull)
            second = _bound(boxes[two], target, weight, c, anchor, pull)
            if first > second:
                one, two, first, second = two, one, second, first
            if first > best:
                stack[size], keys[size] = one, first
                size += 1
            if second > best:
                stack[size], keys[size] = two, second
                size += 1
            continue
        number = tree.block[node]
        lane = _best_of_block(packed[number], target, weight, c, anchor, pull, worth)
        if worth[lane] > best:
            best, candidate = worth[lane], tree.voxels[number, lane]
            if best >= ceiling:
                break
    return best, candidate


@njit(nogil=True, cache=True, error_model="numpy")
def _push(keys: Floats, items: Integers, size: int, key: float, item: int) -> None:
    """Into a binary heap with the largest key on top."""
    at = size
    while at > 0 and keys[(at - 1) // 2] < key:
        keys[at], items[at] = keys[(at - 1) // 2], items[(at - 1) // 2]
        at = (at - 1) // 2
    keys[at], items[at] = key, item


@njit(nogil=True, cache=True, error_model="numpy")
def _pop(keys: Floats, items: Integers, size: int) -> None:
    """Drop the top of a heap of `size`."""
    key, item = keys[size - 1], items[size - 1]
    at = 0
    while 2 * at + 1 < size - 1:
        child = 2 * at + 1
        if child + 1 < size - 1 and keys[child + 1] > keys[child]:
            child += 1
        if keys[child] <= key:
            break
        keys[at], items[at] = keys[child], items[child]
        at = child
    keys[at], items[at] = key, item


@njit(nogil=True, cache=True, error_model="numpy")
def best_stars(
    scores: Singles,
    positions: Singles,
    boxes: Singles,
    packed: Singles,
    tree: Hierarchy,
    centre: int,
    leaves: Integers,
    shifts: Floats,
    stiffness: Floats,
    weights: Floats,
    anchors: Floats,
    pull: Floats,
    count: int,
) -> tuple[Floats, Integers, int]:
    """The `count` best centres, each with its best leaves.

    Args:
        scores, positions, boxes, packed: (J, V), (J, 3, V), (J, M, 7), (J, B, 4, T), of all joints.
        centre, leaves: joints of the star, (L,) the latter.
        shifts, stiffness: (L, 3) where a leaf is expected from the centre, and c >= 0.
        weights, anchors, pull: (J,), (J, 3), (J,) of the value of a candidate.
        count: how many; fewer are returned when the centre has fewer candidates.

    Returns:
        Their values in falling order; candidates (count, 1 + L), the centre's first; and how many searches were made.
    """
    spokes = len(leaves)
    found = searches = 0
    values = np.empty(count)
    chosen = np.empty((count, 1 + spokes), np.int64)
    # An item is a node or one candidate (~v) of the centre. For each leaf it has an upper bound (its parent's until a
    # search has been made) and a candidate of a value that is reached (`reached`; it is the bound after the search).
    room = 256
    what = np.empty(room, np.int64)
    prepared = np.zeros(room, np.bool_)
    own = np.empty(room)
    bounds = np.empty((room, spokes))
    reached = np.empty((room, spokes))
    candidates = np.empty((room, spokes), np.int64)
    keys = np.empty(room)
    items = np.empty(room, np.int64)
    corner = np.empty((2, 3))
    target = np.empty((2, 3))
    scratch = (np.empty(_STACK, np.int64), np.empty(_STACK), np.empty(LANES))
    no_stiffness = np.zeros(3)

    for d in range(3):
        target[0, d], target[1, d] = boxes[centre, 0, d], boxes[centre, 0, 3 + d]
    what[0] = 0
    own[0] = _bound(boxes[centre, 0], target, weights[centre], no_stiffness, anchors[centre], pull[centre])
    bounds[0], candidates[0] = np.inf, -1
    keys[0], items[0] = np.inf, 0
    size = used = 1
    while size and found < count:
        item = items[0]
        _pop(keys, items, size)
        size -= 1
        if what[item] >= 0:
            box = boxes[centre, what[item]]
            for d in range(3):
                corner[0, d], corner[1, d] = box[d], box[3 + d]
        else:
            for d in range(3):
                corner[0, d] = corner[1, d] = positions[centre, d, ~what[item]]
        if not prepared[item]:
            # The parent's candidate often serves a part of the parent's box just as well.
            prepared[item] = True
            for leaf in range(spokes):
                joint, candidate = leaves[leaf], candidates[item, leaf]
                reached[item, leaf] = -np.inf
                if candidate >= 0:
                    for d in range(3):
                        target[0, d] = corner[0, d] + shifts[leaf, d]
                        target[1, d] = corner[1, d] + shifts[leaf, d]
                    reached[item, leaf] = min(
                        bounds[item, leaf],
                        _worth(
                            np.float64(scores[joint, candidate]),
                            np.float64(positions[joint, 0, candidate]),
                            np.float64(positions[joint, 1, candidate]),
                            np.float64(positions[joint, 2, candidate]),
                            target,
                            weights[joint],
                            stiffness[leaf],
                            anchors[joint],
                            pull[joint],
                        ),
                    )
        # Search the leaves, the least certain first, until another item is more promising.
        while True:
            total = own[item]
            widest, leaf = 0.0, -1
            for k in range(spokes):
                total += bounds[item, k]
                gap = bounds[item, k] - reached[item, k]
                if gap > widest:
                    widest, leaf = gap, k
            if leaf < 0 or (size and total < keys[0]):
                break
            joint = leaves[leaf]
            for d in range(3):
                target[0, d] = corner[0, d] + shifts[leaf, d]
                target[1, d] = corner[1, d] + shifts[leaf, d]
            bounds[item, leaf], candidates[item, leaf] = _best_candidate(
                packed[joint],
                boxes[joint],
                tree,
                target,
                weights[joint],
                stiffness[leaf],
                anchors[joint],
                pull[joint],
                reached[item, leaf],
                candidates[item, leaf],
                bounds[item, leaf],
                scratch,
            )
            reached[item, leaf] = bounds[item, leaf]
            searches += 1
        if size and total < keys[0]:
            _push(keys, items, size, total, item)
            size += 1
            continue
        if what[item] < 0:
            values[found] = total
            chosen[found, 0] = ~what[item]
            chosen[found, 1:] = candidates[item]
            found += 1
            continue
        if used + LANES > room:
            what = np.concatenate((what, np.empty(room, np.int64)))
            prepared = np.concatenate((prepared, np.zeros(room, np.bool_)))
            own = np.concatenate((own, np.empty(room)))
            bounds = np.concatenate((bounds, np.empty((room, spokes))))
            reached = np.concatenate((reached, np.empty((room, spokes))))
            candidates = np.concatenate((candidates, np.empty((room, spokes), np.int64)))
            keys = np.concatenate((keys, np.empty(room)))
            items = np.concatenate((items, np.empty(room, np.int64)))
            room *= 2
        # The parts: two boxes, or the candidates of a block.
        node = what[item]
        rest = total - own[item]
        number = tree.block[node]
        for part in range(2 if number < 0 else LANES):
            if number < 0:
                what[used] = tree.children[node, part]
                box = boxes[centre, what[used]]
                for d in range(3):
                    target[0, d], target[1, d] = box[d], box[3 + d]
                own[used] = _bound(box, target, weights[centre], no_stiffness, anchors[centre], pull[centre])
            else:
                v = tree.voxels[number, part]
                if v < 0:
                    continue
                what[used] = ~v
                for d in range(3):
                    target[0, d] = target[1, d] = positions[centre, d, v]
                own[used] = _worth(
                    np.float64(scores[centre, v]),
                    target[0, 0],
                    target[0, 1],
                    target[0, 2],
                    target,
                    weights[centre],
                    no_stiffness,
                    anchors[centre],
                    pull[centre],
                )
            if own[used] > -np.inf:
                bounds[used], candidates[used] = bounds[item], candidates[item]
                _push(keys, items, size, own[used] + rest, used)
                size += 1
                used += 1
    return values[:found], chosen[:found], searches
