"""KD-tree boxes over the voxel grid, refitted to the shifted candidates of every image.

The candidates of a joint are the voxels of one grid, each moved by its residual. So the tree is built once for a size
of the grid, over blocks of neighbouring voxels, and an image only changes the boxes: one pass over its maps.

Axis letters: J joints, D x H x W voxels (depth, rows, columns), V = D H W candidates, M nodes of the tree, B blocks of
T voxels. A box is 7 numbers: the smallest x, y, z, the largest x, y, z, and the largest score.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Integers = NDArray[np.int64]

BLOCK = _DEEP, _HIGH, _WIDE = (2, 2, 4)
"""Voxels of a block along depth, rows and columns; in memory columns are neighbours."""


class Hierarchy(NamedTuple):
    """A binary tree over the blocks of a grid; node 0 is the root, and children come after their parent.

    Attributes:
        shape: (3,) D, H, W.
        children: (M, 2) the two halves of a node; -1 at a leaf.
        block: (M,) number of a leaf's block; -1 at other nodes.
        leaves: the leaf of each block, (ceil(D / 2), ceil(H / 2), ceil(W / 4)).
        voxels: (B, T) indices v of each block's voxels; -1 where the block exceeds the grid.
    """

    shape: Integers
    children: Integers
    block: Integers
    leaves: Integers
    voxels: Integers


@lru_cache(maxsize=32)
def hierarchy(depth: int, height: int, width: int) -> Hierarchy:
    """The tree of a D x H x W grid: halved along the side with the most voxels, down to single blocks."""
    shape = np.array([depth, height, width])
    block = np.array(BLOCK)
    blocks = -(-shape // block)
    children: list[list[int]] = []
    number: list[int] = []
    leaves = np.empty(tuple(blocks), np.int64)
    pending = [(np.zeros(3, np.int64), blocks, -1, 0)]
    while pending:
        first, last, parent, side = pending.pop()
        node = len(children)
        children.append([-1, -1])
        number.append(-1)
        if parent >= 0:
            children[parent][side] = node
        count = last - first
        if count.prod() == 1:
            leaves[tuple(first)] = node
            number[node] = int(np.ravel_multi_index(tuple(first), tuple(blocks)))
            continue
        axis = int(np.argmax(np.where(count > 1, count * block, 0)))
        middle = first[axis] + count[axis] // 2
        upper, lower = last.copy(), first.copy()
        upper[axis] = lower[axis] = middle
        pending += [(first, upper, node, 0), (lower, last, node, 1)]
    padded = np.full(tuple(blocks * block), -1)
    padded[:depth, :height, :width] = np.arange(shape.prod()).reshape(shape)
    cut = padded.reshape(*(side for pair in zip(blocks, block, strict=True) for side in pair))
    voxels = np.ascontiguousarray(cut.transpose(0, 2, 4, 1, 3, 5).reshape(blocks.prod(), -1))
    return Hierarchy(shape, np.array(children), np.array(number), leaves, voxels)


FINE, SCORE_NOT_A_NUMBER, POSITION_NOT_FINITE = 0, 1, 2


@njit(nogil=True, cache=True, error_model="numpy")
def refit(scores: Singles, positions: Singles, tree: Hierarchy, boxes: Singles, packed: Singles) -> tuple[int, int]:
    """Fill the boxes (J, M, 7) for scores (J, V) and positions (J, 3, V), and pack the voxels of each block together.

    `packed` (J, B, 4, T) holds x, y, z and score; -inf as score where a block exceeds the grid.


    Returns what is wrong (`FINE`: nothing) and with which joint. A candidate of score -inf is no candidate, but its
    position widens the boxes; the bounds stay valid.
    """
    depth, height, width = tree.shape
    deep, high, wide = tree.leaves.shape
    plane = height * width
    low = np.empty(plane, np.float32)
    top = np.empty(plane, np.float32)
    strange = np.empty(plane, np.float32)
    for joint in range(len(scores)):
        box = boxes[joint]
        for channel in range(4):
            values = scores[joint] if channel == 3 else positions[joint, channel]
            strange[:] = 0
            for a in range(deep):
                # Two whole planes first, so that the processor takes many voxels at once.
                one = values[_DEEP * a * plane : (_DEEP * a + 1) * plane]
                last = min(_DEEP * (a + 1), depth) - 1
                two = values[last * plane : (last + 1) * plane]
                for i in range(plane):
                    p, q = one[i], two[i]
                    low[i] = p if p < q else q
                    top[i] = p if p > q else q
                if channel == 3:
                    for i in range(plane):
                        strange[i] += np.float32(one[i] != one[i]) + np.float32(two[i] != two[i])
                else:
                    for i in range(plane):
                        strange[i] += (one[i] - one[i]) + (two[i] - two[i])  # NaN unless finite
                for b in range(high):
                    first = _HIGH * b * width
                    second = min(_HIGH * b + 1, height - 1) * width
                    for c in range(wide):
                        smallest, largest = np.float32(np.inf), np.float32(-np.inf)
                        for k in range(_WIDE):
                            x = min(_WIDE * c + k, width - 1)
                            smallest = min(smallest, min(low[first + x], low[second + x]))
                            largest = max(largest, max(top[first + x], top[second + x]))
                        leaf = tree.leaves[a, b, c]
                        if channel == 3:
                            box[leaf, 6] = largest
                        else:
                            box[leaf, channel] = smallest
                            box[leaf, 3 + channel] = largest
            for i in range(plane):
                if strange[i] != 0:
                    return (SCORE_NOT_A_NUMBER if channel == 3 else POSITION_NOT_FINITE), joint
        for number in range(len(tree.voxels)):
            voxels, block = tree.voxels[number], packed[joint, number]
            if voxels[-1] == voxels[0] + plane + width + _WIDE - 1:  # whole: four rows of neighbours
                for channel in range(4):
                    values = scores[joint] if channel == 3 else positions[joint, channel]
                    for row in range(_DEEP * _HIGH):
                        v = voxels[row * _WIDE]
                        for k in range(_WIDE):
                            block[channel, row * _WIDE + k] = values[v + k]
                continue
            for lane in range(len(voxels)):
                v = voxels[lane]
                for channel in range(3):
                    block[channel, lane] = positions[joint, channel, v] if v >= 0 else np.float32(0)
                block[3, lane] = scores[joint, v] if v >= 0 else np.float32(-np.inf)
        for node in range(len(tree.children) - 1, -1, -1):
            one, two = tree.children[node]
            if one >= 0:
                for k in range(3):
                    box[node, k] = min(box[one, k], box[two, k])
                for k in range(3, 7):
                    box[node, k] = max(box[one, k], box[two, k])
    return FINE, -1
