"""Blocks: a triangle at the head of five squares, in 15 classes of figures (Honari et al. 2018, Sec. 4.2).

The paper gives: 60 x 60 px, white on black, five squares in sequence with a triangle at the head, 15 classes, random
scale, translation and rotation up to 360 degrees. It shows the classes only as a picture (Figure 5) and prints no
constant; those below are ours.

Axis letters: N pictures, C classes. Units are px and, for a figure at rest, cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data_synth.figures.polygons import fill, place

CLASSES = ("SSS", "SLL", "SRR", "LLS", "RRS", "SLS", "SRS", "LLR", "RRL", "LSR", "RSL", "LSL", "RSR", "LRL", "RLR")
"""Turns (straight, left, right) at squares 2, 3 and 4. Of the 25 chains of five cells that do not meet themselves,
counted up to rotation, these are the 15 that farthest-point sampling from the straight one takes, without two that look
the same; mirror images come in pairs. The head lies straight before the first two squares, so that the squares alone
tell the class."""

SIZE = 60
SIDE = 0.88
"""Side of a square as a share of its cell; the rest is the gap."""
CELL = (5.0, 8.0)
"""Range of the size of a cell in px, drawn uniformly."""
MARGIN = 1.0
"""Least distance of a figure from the border of the picture, px. Within it, the place is drawn uniformly."""


def chain(turns: str) -> NDArray[np.float64]:
    """(5, 2) centres of the squares in cells, from the head on; the first is at (0, 0), the second at (1, 0)."""
    centres, step = [0j, 1 + 0j], 1 + 0j
    for turn in turns:
        step *= {"S": 1, "L": 1j, "R": -1j}[turn]
        centres.append(centres[-1] + step)
    return np.array([[centre.real, centre.imag] for centre in centres])


def figure(turns: str) -> NDArray[np.float64]:
    """(6, 4, 2) corners in cells: the triangle, which points away from the chain (last corner twice), five squares."""
    half = SIDE / 2
    square = np.array([[-half, -half], [half, -half], [half, half], [-half, half]])
    head = np.array([[-half, 0.0], [half, -half], [half, half], [half, half]]) - [1.0, 0.0]
    return np.concatenate([head[None], chain(turns)[:, None] + square])


CHAINS = np.stack([chain(turns) for turns in CLASSES])
FIGURES = np.stack([figure(turns) for turns in CLASSES])


def draw(generators: Sequence[np.random.Generator], indices: Sequence[int]) -> dict[str, np.ndarray]:
    """Pictures of given numbers, one generator each; class `index` modulo C, so that any run of C pictures is balanced.

    Returns: `image` (N, 60, 60) uint8, `points` (N, 5, 2) float64 px (centres of the squares from the head to the
    tail), `label` (N,) int64.
    """
    label = np.asarray(indices, np.int64) % len(CLASSES)
    random = np.stack([generator.random(4) for generator in generators])
    scale = CELL[0] + (CELL[1] - CELL[0]) * random[:, 0]
    angle = 2 * np.pi * random[:, 1]
    at_rest = place(FIGURES[label], scale, angle, np.zeros((len(label), 2)))
    low, high = at_rest.min((1, 2)), at_rest.max((1, 2))
    first, last = MARGIN - 0.5 - low, SIZE - 0.5 - MARGIN - high
    shift = first + (last - first) * random[:, 2:]
    points = place(CHAINS[label], scale, angle, shift)
    return {"image": fill(at_rest + shift[:, None, None], SIZE), "points": points, "label": label}
