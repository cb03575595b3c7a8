"""Shapes: one triangle and one square, apart from each other (Honari et al. 2018, Sec. 4.1).

The paper gives: 60 x 60 px, white on black, random size, location and orientation, and the class: which of the two is
nearer to the upper left corner (0 the triangle, 1 the square). The constants below are ours.

Axis letters: N pictures.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data_synth.figures.polygons import fill, place

SIZE = 60
RADIUS = (5.0, 10.0)
"""Range of the distance from centre to corner, px, drawn uniformly for each shape."""
GAP = 1.0
"""Least distance between the circles about the two shapes, and of these from the border, px."""
MARGIN = 1.0
"""Least difference of the two distances to the upper left corner, px: no class hangs on a hair."""

CORNER = np.array([-0.5, -0.5])


def _regular(corners: int) -> NDArray[np.float64]:
    """(4, 2) corners of a regular polygon on the unit circle; the last is repeated."""
    angle = 2 * np.pi * np.minimum(np.arange(4), corners - 1) / corners
    return np.stack([np.cos(angle), np.sin(angle)], -1)


UNIT = np.stack([_regular(3), _regular(4)])
"""(2, 4, 2): triangle and square."""


def draw(generators: Sequence[np.random.Generator], indices: Sequence[int]) -> dict[str, np.ndarray]:
    """Pictures, one generator each (`indices` only give their number).

    Returns: `image` (N, 60, 60) uint8, `points` (N, 2, 2) float64 px (centres of triangle and square), `label` (N,)
    int64.
    """
    drawn = [_arrangement(generator) for generator, _ in zip(generators, indices, strict=True)]
    radius, angle, centre = (np.stack([entry[part] for entry in drawn]) for part in range(3))
    count = len(drawn)
    corners = place(
        np.tile(UNIT, (count, 1, 1)).reshape(-1, 4, 2), radius.ravel(), angle.ravel(), centre.reshape(-1, 2)
    )
    distance = np.linalg.norm(centre - CORNER, axis=-1)
    label = (distance[:, 1] < distance[:, 0]).astype(np.int64)
    return {"image": fill(corners.reshape(count, 2, 4, 2), SIZE), "points": centre, "label": label}


def _arrangement(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Radii (2,), angles (2,) and centres (2, 2), drawn again until the shapes are apart."""
    while True:
        radius = generator.uniform(*RADIUS, 2)
        angle = generator.uniform(0, 2 * np.pi, 2)
        border = radius + GAP - 0.5
        centre = border[:, None] + (SIZE - 1 - 2 * border)[:, None] * generator.random((2, 2))
        distance = np.linalg.norm(centre - CORNER, axis=-1)
        apart = np.linalg.norm(centre[0] - centre[1]) >= radius.sum() + GAP
        if apart and abs(distance[0] - distance[1]) >= MARGIN:
            return radius, angle, centre
