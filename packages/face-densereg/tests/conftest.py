"""The toy world of these tests: the colour of a pixel tells its template coordinate, so a few steps suffice."""

import numpy as np
import pytest

from core_eval import Sample

CORNERS = np.array([[0.2, 0.2], [0.8, 0.2], [0.5, 0.5], [0.2, 0.8], [0.8, 0.8]])


def draw(index, side=64, place=None, spread=0.0):
    """A square "face": red and green grow with u_h and u_v, on dark noise.

    side: of the image, px; place: corner (x, y) of the face, by default drawn; spread: standard deviation of what the
    corners are stretched by, for squares alone have no modes of shape.
    """
    rng = np.random.default_rng([7, index])
    size = rng.integers(34, 46)
    x, y = rng.integers(0, side - size, 2) if place is None else place
    image = rng.integers(0, 60, (side, side, 3)).astype(np.uint8)
    uv = np.full((side, side, 2), np.nan, np.float32)
    v, u = np.mgrid[:size, :size] / (size - 1)
    uv[y : y + size, x : x + size] = np.stack([u, v], -1)
    image[y : y + size, x : x + size] = np.stack([60 + 180 * u, 60 + 180 * v, np.full_like(u, 200)], -1)
    stretch = 1 + spread * rng.normal(size=(5, 2))
    points = CORNERS * stretch * (size - 1) + [x, y]
    return Sample(f"toy-{index}", {"image": image}, {"uv": uv, "points": points.astype(float)}, f"group-{index}")


@pytest.fixture(scope="session")
def toy():
    """Makes the sample of an index."""
    return draw


@pytest.fixture(scope="session")
def corners():
    """Template coordinates of the five landmarks."""
    return CORNERS
