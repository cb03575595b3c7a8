"""Geodesic distances between vertices of a triangle mesh: from some sources, or all pairs as a table on disk.

Axis letters: V vertices, F faces, S sources.

`core_eval.geodesic_graph` says how the distances are found and how large their error is.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components, dijkstra

from core_eval.errors import InputError
from core_eval.geodesic_graph import DEPTH, Floats, Indices, checked_mesh, surface_graph

UNREACHABLE = 65535
"""Code of an infinite distance in a `GeodesicTable`; finite codes end at 65534."""

_BLOCK = 128
"""Sources that are solved for at once."""


def geodesic_distances(
    vertices: ArrayLike, faces: ArrayLike, sources: ArrayLike, *, depth: int = DEPTH, exact: bool = False
) -> Floats:
    """(S, V) distances from each of the (S,) `sources` to every vertex, infinite where there is no way.

    `exact` takes the algorithm of Mitchell, Mount and Papadimitriou from pygeodesic (the extra `exact-geodesics`).
    Raises `InputError` as `surface_graph` does, and for a source that is not a vertex.
    """
    points, triangles = checked_mesh(vertices, faces)
    starts = np.atleast_1d(np.asarray(sources, dtype=np.int64))
    if starts.size and not 0 <= starts.min() <= starts.max() < len(points):
        raise InputError(f"a source is not one of the {len(points)} vertices", field="sources")
    return _solver(points, triangles, depth, exact)(starts)


@dataclass(frozen=True, slots=True)
class GeodesicTable:
    """All distances between V vertices, two bytes a pair.

    `codes` is (V (V-1) / 2,) uint16: the pair i > j stands at ``i (i-1) / 2 + j`` (row by row of the lower triangle)
    and means ``code * step``, off by at most ``step / 2``; 65535 means unreachable. `step` is in the mesh's unit: at
    most the largest distance / 32767, so 0.1 mm for a body of 3.3 m.
    """

    codes: NDArray[np.uint16]
    step: float
    vertices: int

    def distances(self, first: ArrayLike, second: ArrayLike) -> Floats:
        """Distances between vertex indices, which broadcast; raises IndexError outside the mesh."""
        i, j = (np.asarray(index, dtype=np.int64) for index in (first, second))
        high, low = np.maximum(i, j), np.minimum(i, j)
        if high.size and low.size and (low.min() < 0 or high.max() >= self.vertices):
            raise IndexError(f"a vertex index is outside 0..{self.vertices - 1}")
        if self.codes.size == 0:
            return np.zeros(high.shape)
        codes = self.codes[np.where(high == low, 0, high * (high - 1) // 2 + low)]
        return np.where(high == low, 0.0, np.where(codes == UNREACHABLE, np.inf, codes * self.step))


def geodesic_table(
    vertices: ArrayLike,
    faces: ArrayLike,
    *,
    depth: int = DEPTH,
    exact: bool = False,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> GeodesicTable:
    """The distances between all pairs of vertices.

    `cache` is a folder that keeps tables by the hash of mesh and accuracy: a known one is memory-mapped, a new one
    appears there when it is complete. `progress` is called with (vertices done, V). Raises `InputError` as
    `surface_graph` does, and for a damaged file in `cache`.
    """
    points, triangles = checked_mesh(vertices, faces)
    content = f"{depth} {exact} {points.shape} {triangles.shape} ".encode() + points.tobytes() + triangles.tobytes()
    home = None if cache is None else cache / f"geodesics-{hashlib.sha256(content).hexdigest()[:16]}"
    if home is not None and home.is_dir():
        return _load(home, len(points))
    solve = _solver(points, triangles, depth, exact)
    step = _step(points, triangles, solve)
    size = len(points) * (len(points) - 1) // 2
    if home is None:
        return GeodesicTable(_fill(np.empty(size, np.uint16), solve, len(points), step, progress), step, len(points))
    partial = home.with_name(f".{home.name}.{os.getpid()}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    try:
        codes = np.lib.format.open_memmap(partial / "codes.npy", mode="w+", dtype=np.uint16, shape=(size,))
        _fill(codes, solve, len(points), step, progress)
        codes.flush()
        (partial / "table.json").write_text(json.dumps({"vertices": len(points), "step": step}), "utf-8")
        try:
            partial.rename(home)
        except OSError:
            if not home.is_dir():  # another process may have finished the same table meanwhile
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return _load(home, len(points))


def _load(home: Path, count: int) -> GeodesicTable:
    try:
        facts: dict[str, Any] = json.loads((home / "table.json").read_text("utf-8"))
        codes = np.load(home / "codes.npy", mmap_mode="c", allow_pickle=False)
        step = float(facts["step"])
        sound = facts["vertices"] == count and 0 < step < np.inf
    except (OSError, ValueError, KeyError, TypeError) as reason:
        raise InputError(f"not a readable table of distances ({reason}); delete it", file=home) from None
    if not sound or codes.dtype != np.uint16 or codes.shape != (count * (count - 1) // 2,):
        raise InputError(f"not a table of the distances between {count} vertices; delete it", file=home)
    return GeodesicTable(np.asarray(codes), step, count)


def _solver(points: Floats, triangles: Indices, depth: int, exact: bool) -> Callable[[Indices], Floats]:
    """A function from (S,) sources to (S, V) distances."""
    if not exact:
        graph = surface_graph(points, triangles, depth=depth)
        return lambda sources: np.asarray(dijkstra(graph, directed=True, indices=sources), dtype=np.float64)
    try:
        from pygeodesic.geodesic import PyGeodesicAlgorithmExact  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        raise InputError("exact geodesics need the extra core-eval[exact-geodesics]", field="exact") from None
    algorithm = PyGeodesicAlgorithmExact(points, triangles)
    return lambda sources: np.stack([algorithm.geodesicDistances(np.array([source]), None)[0] for source in sources])


def _step(points: Floats, triangles: Indices, solve: Callable[[Indices], Floats]) -> float:
    """Unit of the codes: two vertices are at most twice as far apart as any third one of their component reaches."""
    _, component = connected_components(surface_graph(points, triangles, depth=0), directed=False)
    reach = 0.0
    for source in np.unique(component, return_index=True)[1]:
        row = solve(np.array([source]))
        reach = max(reach, float(row[np.isfinite(row)].max()))
    return 2 * reach * (1 + 1e-9) / (UNREACHABLE - 1) if reach > 0 else 1.0


def _fill(
    codes: NDArray[np.uint16],
    solve: Callable[[Indices], Floats],
    count: int,
    step: float,
    progress: Callable[[int, int], None] | None,
) -> NDArray[np.uint16]:
    for start in range(0, count, _BLOCK):
        stop = min(start + _BLOCK, count)
        rows = np.rint(np.minimum(solve(np.arange(start, stop)) / step, UNREACHABLE)).astype(np.uint16)
        for i, row in enumerate(rows, start):
            codes[i * (i - 1) // 2 : i * (i + 1) // 2] = row[:i]
        if progress is not None:
            progress(stop, count)
    return codes
