"""A body surface cut into charts, and the closest vertex to a predicted chart coordinate.

Axis letters: M chart vertices, V mesh vertices, F faces, C charts (parts), K queries.

A mesh vertex on a seam belongs to several charts and so appears as several chart vertices: DensePose's surface has
M = 7,829 for V = 6,890 (27,554 in its subdivided evaluation mesh). Annotated and predicted points are stored as chart
vertices, because the part matters; distances are those of the mesh vertices behind them.

Nothing here is specific to a body model: any surface with charts works, and licensed ones stay with their owners.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from core_eval.contracts import Arrays
from core_eval.errors import InputError
from core_eval.geodesic_graph import DEPTH
from core_eval.geodesics import GeodesicTable, geodesic_table
from core_eval.predictions import read_arrays

LEVELS = 256
"""Quantisation of the public prediction format: u and v are stored as integers / 255."""


@dataclass(frozen=True, eq=False)
class ChartSurface:
    """Charts of a surface and the distances on it.

    Attributes:
        name: enters the signature of every metric on this surface.
        part: (M,) chart of each chart vertex, 1..C without a gap; 0 means background everywhere else.
        uv: (M, 2) its coordinates in the chart, in [0, 1].
        vertex: (M,) its mesh vertex, 0..V-1.
        geodesics: the distances between the V mesh vertices, in metres.
        part_kappas: (C,) normalising distance of each part in metres, for the per-part GPS; or None.

    Raises `InputError` for shapes that do not fit and values out of range.
    """

    name: str
    part: NDArray[np.int64]
    uv: NDArray[np.float64]
    vertex: NDArray[np.int64]
    geodesics: GeodesicTable
    part_kappas: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        count = len(self.part)
        for name, shape in (("part", (count,)), ("uv", (count, 2)), ("vertex", (count,))):
            array = np.asarray(getattr(self, name), dtype=np.float64 if name == "uv" else np.int64)
            if array.shape != shape or count == 0:
                raise InputError(f"expected shape {shape}, got {array.shape}", field=name)
            object.__setattr__(self, name, array)
        if not np.array_equal(np.unique(self.part), np.arange(1, self.part.max() + 1)):
            raise InputError("charts must be numbered 1, 2, ... without a gap", field="part")
        if not ((self.uv >= 0) & (self.uv <= 1)).all():
            raise InputError("chart coordinates must lie in [0, 1]", field="uv")
        if not 0 <= self.vertex.min() <= self.vertex.max() < self.geodesics.vertices:
            raise InputError(f"a mesh vertex is outside 0..{self.geodesics.vertices - 1}", field="vertex")
        if self.part_kappas is not None:
            kappas = np.asarray(self.part_kappas, dtype=np.float64)
            if kappas.shape != (self.charts,) or not (np.isfinite(kappas) & (kappas > 0)).all():
                raise InputError(f"expected {self.charts} positive distances", field="part_kappas")
            object.__setattr__(self, "part_kappas", kappas)

    @property
    def charts(self) -> int:
        """C."""
        return int(self.part.max())

    @cached_property
    def fingerprint(self) -> str:
        """A short hash of charts and distances."""
        codes = np.ascontiguousarray(self.geodesics.codes)
        content = hashlib.sha256(np.float64(self.geodesics.step).tobytes())
        for array in (self.part, self.uv, self.vertex, codes):
            content.update(np.ascontiguousarray(array).tobytes())
        return content.hexdigest()[:8]

    def closest(self, part: ArrayLike, uv: ArrayLike) -> NDArray[np.int64]:
        """(K,) chart vertices of the charts `part` (K,) closest to `uv` (K, 2); -1 where the part is 0 or uv is NaN.

        Euclidean in the chart; of chart vertices at one place the first. Raises `InputError` for a part beyond C.
        """
        parts, places = np.asarray(part, dtype=np.int64), np.asarray(uv, dtype=np.float64)
        if places.shape != (*parts.shape, 2) or parts.ndim != 1:
            raise InputError(f"expected parts (K,) and uv (K, 2), got {parts.shape} and {places.shape}", field="uv")
        self.check_parts(parts)
        found = np.full(len(parts), -1, dtype=np.int64)
        known = (parts > 0) & ~np.isnan(places).any(axis=1)
        for chart in np.unique(parts[known]):
            rows = np.flatnonzero(known & (parts == chart))
            tree, names = self._trees[chart - 1]
            found[rows] = names[tree.query(places[rows])[1]]
        return found

    def check_parts(self, parts: NDArray[np.integer]) -> None:
        """Raises `InputError` unless all `parts`, of any shape, are in 0..C."""
        if parts.size and not 0 <= parts.min() <= parts.max() <= self.charts:
            raise InputError(f"a part is outside 0..{self.charts}", field="part")

    def distances(self, first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
        """Metres between chart vertices, which broadcast; infinite where one of them is -1."""
        i, j = (np.asarray(index, dtype=np.int64) for index in (first, second))
        apart = self.geodesics.distances(self.vertex[i], self.vertex[j])  # a -1 reads some vertex, replaced here:
        return np.where((i < 0) | (j < 0), np.inf, apart)

    @cached_property
    def table(self) -> NDArray[np.int32]:
        """(C + 1, 256, 256): `closest` of every (part, u, v) of the public format, u and v as integers / 255."""
        u, v = np.divmod(np.arange(LEVELS * LEVELS), LEVELS)
        grid = np.stack([u, v], axis=1) / (LEVELS - 1)
        rows = [np.full(LEVELS * LEVELS, -1, dtype=np.int64)]
        rows += [names[tree.query(grid)[1]] for tree, names in self._trees]
        return np.stack(rows).reshape(-1, LEVELS, LEVELS).astype(np.int32)

    @cached_property
    def _trees(self) -> Sequence[tuple[cKDTree, NDArray[np.int64]]]:
        """By chart: its places and the first chart vertex at each."""
        trees = []
        for chart in range(1, self.charts + 1):
            members = np.flatnonzero(self.part == chart)
            places, first = np.unique(self.uv[members], axis=0, return_index=True)
            trees.append((cKDTree(places), members[first]))
        return trees


def chart_surface(
    name: str,
    *,
    part: ArrayLike,
    uv: ArrayLike,
    vertex: ArrayLike,
    vertices: ArrayLike,
    faces: ArrayLike,
    part_kappas: ArrayLike | None = None,
    depth: int = DEPTH,
    exact: bool = False,
    cache: Path | None = None,
) -> ChartSurface:
    """A surface from charts (as in `ChartSurface`) and a mesh: `vertices` (V, 3) in metres, `faces` (F, 3) of them.

    `depth`, `exact` and `cache` are those of `geodesic_table`. Raises `InputError` for arrays that do not fit.
    """
    geodesics = geodesic_table(vertices, faces, depth=depth, exact=exact, cache=cache)
    kappas = None if part_kappas is None else np.asarray(part_kappas, dtype=np.float64)
    return ChartSurface(name, np.asarray(part), np.asarray(uv), np.asarray(vertex), geodesics, kappas)


def annotation(target: Arrays, surface: ChartSurface) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The target's ``surface_points`` (..., Q, 2) in px and ``surface_vertices`` (..., Q), -1 where no point is.

    Raises `InputError` for a missing or malformed array, an infinite point, or a vertex that `surface` does not have.
    """
    for key in ("surface_points", "surface_vertices"):
        if key not in target:
            raise InputError("no annotated array of that name", field=key)
    points = np.asarray(target["surface_points"], dtype=np.float64)
    vertices = np.asarray(target["surface_vertices"])
    if points.shape != (*vertices.shape, 2) or vertices.dtype.kind not in "iu":
        raise InputError(
            f"expected integers {points.shape[:-1]}, got {vertices.dtype} {vertices.shape}", field="surface_vertices"
        )
    if vertices.size and not -1 <= vertices.min() <= vertices.max() < len(surface.part):
        raise InputError(f"a vertex is outside -1..{len(surface.part) - 1}", field="surface_vertices")
    if np.isinf(points).any():
        raise InputError("an annotated point is infinite", field="surface_points")
    return points, np.where(np.isnan(points).any(axis=-1), -1, vertices).astype(np.int64)


def resolve_surface(surface: ChartSurface | Path | str) -> ChartSurface:
    """`surface` itself, or the one in that file."""
    return surface if isinstance(surface, ChartSurface) else load_surface(Path(surface))


@lru_cache(maxsize=4)
def load_surface(path: Path) -> ChartSurface:
    """The surface of a ``.npz`` file with the arrays part, uv, vertex, vertices, faces and, if wanted, part_kappas.

    Its name is that of the file; its distances are kept in the folder ``geodesics`` beside it. Raises `InputError`
    naming the file for a missing array or one that does not fit.
    """
    arrays = read_arrays(path)
    for key in ("part", "uv", "vertex", "vertices", "faces"):
        if key not in arrays:
            raise InputError("missing array", file=path, field=key)
    try:
        return chart_surface(
            path.stem,
            part=arrays["part"],
            uv=arrays["uv"],
            vertex=arrays["vertex"],
            vertices=arrays["vertices"],
            faces=arrays["faces"],
            part_kappas=arrays.get("part_kappas"),
            cache=path.parent / "geodesics",
        )
    except InputError as error:
        raise InputError(error.message, file=error.file or path, field=error.field) from None
