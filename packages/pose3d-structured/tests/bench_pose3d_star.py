"""Speed of star inference: CPU seconds of one core, against a compiled brute force in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit

from pose3d_structured.energy import candidates
from pose3d_structured.star import as_star, solve_star

JOINTS, SIZE, CENTRE = 16, 20, 6


def cpu(call: Callable[[], Any], rounds: int) -> float:
    """Best CPU seconds of one call."""
    best = np.inf
    for _ in range(rounds):
        begin = time.process_time()
        call()
        best = min(best, time.process_time() - begin)
    return best


@njit(nogil=True, fastmath=True, error_model="numpy")
def brute_force(scores: Any, positions: Any, centre: int, leaves: Any, shifts: Any, stiffness: Any) -> float:
    """All pairs of candidates in float32, vectorised over the leaf's."""
    count = scores.shape[1]
    total = scores[centre].copy()
    for k in range(len(leaves)):
        unary, place = scores[leaves[k]], positions[leaves[k]]
        c0, c1, c2 = np.float32(stiffness[k, 0]), np.float32(stiffness[k, 1]), np.float32(stiffness[k, 2])
        for r in range(count):
            x = positions[centre, 0, r] + np.float32(shifts[k, 0])
            y = positions[centre, 1, r] + np.float32(shifts[k, 1])
            z = positions[centre, 2, r] + np.float32(shifts[k, 2])
            best = np.float32(-1e30)
            for v in range(count):
                dx, dy, dz = place[0, v] - x, place[1, v] - y, place[2, v] - z
                best = max(best, unary[v] - c0 * dx * dx - c1 * dy * dy - c2 * dz * dz)
            total[r] += best
    return total.max()


@pytest.mark.parametrize("noise", [0.0, 0.5, 1.0, 2.0])
def test_star_of_sixteen_joints(benchmark: Any, make_body: Any, noise: float) -> None:
    energy, _ = make_body(
        np.random.default_rng(0),
        [(CENTRE, j) for j in range(JOINTS) if j != CENTRE],
        joints=JOINTS,
        size=SIZE,
        noise=noise,
    )
    star, found = as_star(energy), energy.candidates
    scores = found.scores.reshape(JOINTS, SIZE, SIZE, SIZE)
    positions = found.positions.reshape(JOINTS, 3, SIZE, SIZE, SIZE)
    arguments = (found.scores, found.positions, star.centre, star.leaves, star.shifts, star.stiffness)

    def whole() -> float:
        return float(solve_star(candidates(scores, positions), star).values[0])

    assert whole() == pytest.approx(brute_force(*arguments), rel=1e-4, abs=1e-3)
    slow = cpu(lambda: brute_force(*arguments), 2)
    fast, search = cpu(whole, 40), cpu(lambda: solve_star(found, star), 40)
    benchmark.pedantic(whole, rounds=5)
    print(
        f"\nstar, 16 joints x 8,000 voxels, noise {noise}: brute force {1e3 * slow:.0f} ms, ours {1e3 * fast:.2f} ms "
        f"(search alone {1e3 * search:.2f} ms), {slow / fast:.0f} times"
    )
    assert slow / fast >= 200
    assert fast <= 2e-3
