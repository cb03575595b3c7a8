"""Cut a mesh along the zero line of a per-vertex field, so that a region's border runs smoothly across triangles.

Axes: V vertices, F triangles, E new vertices. Every new vertex is a convex combination of the two ends of an edge,
hence the cut of a linear model is again the same linear model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_synth.faces.model_mesh import unique_edges

SNAP = 0.15  # a crossing nearer than this share of its edge to an end moves onto that end: no slivers


@dataclass(frozen=True, slots=True)
class CutMesh:
    """faces (F, 3) int32; source (F,) int32 the triangle of the uncut mesh each one lies in; edges (E, 2) int32 and
    weights (E, 2) float32: new vertex V + e is weights[e] @ vertices[edges[e]]; field (V + E,) after snapping."""

    faces: np.ndarray
    source: np.ndarray
    edges: np.ndarray
    weights: np.ndarray
    field: np.ndarray


def cut_mesh(faces: np.ndarray, field: np.ndarray, where: np.ndarray) -> CutMesh:
    """Split the triangles that the zero line of `field` (V,) crosses; only those with where (F,) True may be.

    After the cut no such triangle has corners of both signs. Mirrored input gives mirrored output.
    """
    field = _snap(faces[where], field.astype(float))
    sign = np.sign(field).astype(int)
    new: dict[tuple[int, int], int] = {}
    out: list[list[int]] = []
    source: list[int] = []
    crossed = where & (sign[faces].min(axis=1) < 0) & (sign[faces].max(axis=1) > 0)
    count = len(field)

    def crossing(a: int, b: int) -> int:
        return new.setdefault((min(a, b), max(a, b)), count + len(new))

    for i in np.nonzero(crossed)[0]:
        a, b, c = faces[i].tolist()
        # Turn the triangle so that `a` is the corner alone on its side of the line, or the one on the line.
        zero = [v for v in (a, b, c) if sign[v] == 0]
        total = sign[a] + sign[b] + sign[c]
        lone = zero[0] if zero else next(v for v in (a, b, c) if sign[v] == -total)
        while a != lone:
            a, b, c = b, c, a
        if zero:
            m = crossing(b, c)
            pieces = [[a, b, m], [a, m, c]]
        else:
            m, n = crossing(a, b), crossing(c, a)
            # The quad m b c n: the diagonal to the corner farther from the line; the same choice on a mirror image.
            quad = [[m, b, n], [b, c, n]] if abs(field[b]) > abs(field[c]) else [[m, b, c], [m, c, n]]
            pieces = [[a, m, n], *quad]
        out += pieces
        source += [int(i)] * len(pieces)

    edges = np.array(list(new), np.int32).reshape(-1, 2)
    ends = field[edges]
    share = ends[:, 0] / (ends[:, 0] - ends[:, 1]) if len(edges) else np.zeros(0)
    kept = np.nonzero(~crossed)[0]
    return CutMesh(
        faces=np.concatenate([faces[kept], np.array(out, np.int32).reshape(-1, 3)]).astype(np.int32),
        source=np.concatenate([kept, np.array(source, int)]).astype(np.int32),
        edges=edges,
        weights=np.column_stack([1 - share, share]).astype(np.float32),
        field=np.concatenate([field, np.zeros(len(edges))]),
    )


def _snap(faces: np.ndarray, field: np.ndarray) -> np.ndarray:
    """The field with values set to 0 where a crossing comes too near to a vertex."""
    edges = unique_edges(faces)
    a, b = field[edges].T
    cut = a * b < 0
    near = np.abs(field[edges]) < SNAP * np.abs(a - b)[:, None]
    out = field.copy()
    out[edges[cut[:, None] & near]] = 0.0
    return out


def extend(values: np.ndarray, cuts: Sequence[CutMesh], axis: int = 0) -> np.ndarray:
    """Per-vertex values (..., V, ...) with those of the new vertices of successive cuts appended along `axis`."""
    count = values.shape[axis]
    shape = list(values.shape)
    shape[axis] = count + sum(len(cut.edges) for cut in cuts)
    out = np.empty(shape, values.dtype)
    view = np.moveaxis(out, axis, 0)
    view[:count] = np.moveaxis(values, axis, 0)
    for cut in cuts:
        weights = cut.weights.reshape(-1, 2, *[1] * (values.ndim - 1))
        view[count : count + len(cut.edges)] = (
            view[cut.edges[:, 0]] * weights[:, 0] + view[cut.edges[:, 1]] * weights[:, 1]
        )
        count += len(cut.edges)
    return out


def mirror_of_cut(mirror: np.ndarray, cut: CutMesh) -> np.ndarray:
    """(V + E,) left-right map of the cut mesh, from that (V,) of the uncut one."""
    place = {tuple(e): len(mirror) + i for i, e in enumerate(cut.edges.tolist())}
    added = [place[tuple(sorted(e))] for e in mirror[cut.edges].tolist()]
    return np.concatenate([mirror, np.array(added, mirror.dtype).reshape(-1)])
