"""The 68 iBUG landmarks as barycentric points of the mesh, and landmark marching for the jaw.

Axes: N faces, V vertices. Index order: iBUG-68, 0-based (jaw 0-16 from the subject's right ear, image left, round
the chin 8; brows, nose, eyes, outer and inner lips).

Marching: the points of the jaw are marked by people where the visible outline of the face runs, which on a turned
head is another place of the surface. As in Zhu et al. 2015 ("High-fidelity pose and expression normalization",
section 3.1) each jaw point owns a parallel, an ordered line of surface points from its resting place towards the
front of the face, and moves to the point of the line that lies farthest out in the image.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files

import numpy as np
from numba import njit

IBUG68_MIRROR = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *(27, 28, 29, 30, 35, 34, 33, 32, 31),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)
JAW = 17
# Outward direction of jaw point 8 + k in the image of an upright head: degrees below the horizontal.
_OUTWARD_DEGREES = np.array([90.0, 72.0, 56.0, 42.0, 28.0, 14.0, 4.0, 0.0, 0.0])


@dataclass(frozen=True)
class Landmarks:
    """triangles (68, 3) int32 vertex indices and weights (68, 3) float64 that sum to one, at rest; jaw_parallels:
    per jaw point the (K, 3) indices and (K, 3) weights of its parallel, from the ear or throat towards the front."""

    triangles: np.ndarray
    weights: np.ndarray
    jaw_parallels: tuple[tuple[np.ndarray, np.ndarray], ...]
    jaw_rest: tuple[int, ...]

    @classmethod
    def load(cls, base_index: np.ndarray) -> Landmarks:
        """From the package's data file, for a mesh whose vertex i is vertex base_index[i] of the base mesh."""
        data = json.loads(files("data_synth.faces").joinpath("data/landmarks68.json").read_text())
        local = {int(b): i for i, b in enumerate(base_index) if b >= 0}

        def pack(points: list[dict[str, list[float]]]) -> tuple[np.ndarray, np.ndarray]:
            index = np.zeros((len(points), 3), np.int32)
            weight = np.zeros((len(points), 3))
            for row, p in enumerate(points):
                ids = [local[int(v)] for v in p["vertices"]]
                index[row] = ids + [ids[0]] * (3 - len(ids))
                weight[row, : len(ids)] = np.array(p["weights"]) / sum(p["weights"])
            return index, weight

        triangles, weights = pack(data["points"])
        lines = data["jaw_parallels"]
        return cls(triangles, weights, tuple(pack(line["points"]) for line in lines), tuple(x["rest"] for x in lines))

    def points(self, values: np.ndarray) -> np.ndarray:
        """(..., 68, D) landmarks from any per-vertex values (..., V, D): positions, UV, pixels."""
        if values.ndim == 2:
            return np.asarray(_points(values, self.triangles, self.weights))
        points: np.ndarray = np.einsum("...pkd,pk->...pd", values[..., self.triangles, :], self.weights)
        return points

    def march(self, image: np.ndarray, up: np.ndarray) -> Landmarks:
        """The same landmarks with the jaw moved to the outline of this view; read them with `points`.

        image (V, 2 or more) px, x right, y down: the projected vertices; up (2,): the head's up axis in the same image
        plane, any length but zero (for a head seen along its own axis take the camera's up, (0, -1)).
        The rule: point 8 + k looks outwards at a fixed angle below the head's horizontal, to the side it belongs
        to, and takes the point of its parallel that lies farthest in that direction; ties keep the resting place.
        """
        up = np.asarray(up, float) / np.linalg.norm(up)
        right = np.array([-up[1], up[0]])  # image right of an upright head
        side = np.arange(JAW) - 8
        angle = np.radians(_OUTWARD_DEGREES[np.abs(side)])
        outward = (np.sign(side) * np.cos(angle))[:, None] * right - np.sin(angle)[:, None] * up
        index, weight, rest = self._padded
        jaw = np.arange(JAW)
        best = _farthest(image, index, weight, rest, outward)
        triangles, weights = self.triangles.copy(), self.weights.copy()
        triangles[:JAW], weights[:JAW] = index[jaw, best], weight[jaw, best]
        return replace(self, triangles=triangles, weights=weights)

    @cached_property
    def _padded(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The parallels as (17, C, 3) indices and weights, short ones repeating their last point, and (17,) rest."""
        longest = max(len(index) for index, _ in self.jaw_parallels)
        index, weight = (
            np.stack(
                [np.pad(line[k], ((0, longest - len(line[k])), (0, 0)), mode="edge") for line in self.jaw_parallels]
            )
            for k in (0, 1)
        )
        return index, weight, np.array(self.jaw_rest)


@njit(nogil=True, cache=True)
def _points(values, triangles, weights):  # type: ignore[no-untyped-def]
    out = np.zeros((triangles.shape[0], values.shape[1]), np.float64)
    for p in range(triangles.shape[0]):
        for k in range(3):
            for d in range(values.shape[1]):
                out[p, d] += weights[p, k] * values[triangles[p, k], d]
    return out


@njit(nogil=True, cache=True)
def _farthest(image, index, weight, rest, outward):  # type: ignore[no-untyped-def]
    """Place (17,) on each parallel that lies farthest outwards; the resting place unless another lies farther."""
    out = np.empty(index.shape[0], np.int64)
    for j in range(index.shape[0]):
        best, farthest = -1, -np.inf
        resting = 0.0
        for c in range(index.shape[1]):
            reach = 0.0
            for k in range(3):
                v = index[j, c, k]
                reach += weight[j, c, k] * (image[v, 0] * outward[j, 0] + image[v, 1] * outward[j, 1])
            if reach > farthest:
                best, farthest = c, reach
            if c == rest[j]:
                resting = reach
        out[j] = best if farthest > resting else rest[j]
    return out
