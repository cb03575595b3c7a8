"""Small mesh routines on index arrays. Axes: V vertices, Q quads, F triangles (F = 2 Q)."""

from __future__ import annotations

import numpy as np


def split_quads(
    quads: np.ndarray, part: np.ndarray, vertices: np.ndarray, mirror: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Two triangles per quad along the shorter diagonal, the same choice on both sides of the face.

    quads (Q, 4), part (Q,), vertices (V, 3), mirror (V,) left-right map. Returns faces (F, 3) int32 (2 q and
    2 q + 1 lie in quad q) and part (F,).
    """
    length = np.linalg.norm(vertices[quads[:, [0, 1]]] - vertices[quads[:, [2, 3]]], axis=2)  # (Q, 2)
    key = {tuple(sorted(q)): i for i, q in enumerate(quads.tolist())}
    twin = np.array([key[tuple(sorted(q))] for q in mirror[quads].tolist()])
    # Lengths agree on both sides only up to rounding: both sides follow the quad that comes first.
    leader = np.minimum(np.arange(len(quads)), twin)
    first_diagonal = length[:, 0] <= length[:, 1]
    a = quads.copy()
    turn = ~first_diagonal[leader]
    # A mirrored quad may list its corners from another start: compare the diagonal itself, not its position.
    lead_diagonal = np.where(turn[:, None], quads[leader][:, [1, 3]], quads[leader][:, [0, 2]])
    own = np.where((leader == np.arange(len(quads)))[:, None], lead_diagonal, mirror[lead_diagonal])
    shift = ~((own[:, :1] == quads[:, [0, 2]]).any(axis=1))
    a[shift] = np.roll(quads[shift], -1, axis=1)
    faces = np.stack([a[:, [0, 1, 2]], a[:, [0, 2, 3]]], axis=1).reshape(-1, 3).astype(np.int32)
    return faces, np.repeat(part, 2)


def mirror_of_faces(faces: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """(F,) int32: the triangle whose vertices are the mirrored ones; faces (F, 3), mirror (V,)."""
    key = {tuple(sorted(f)): i for i, f in enumerate(faces.tolist())}
    return np.array([key[tuple(sorted(f))] for f in mirror[faces].tolist()], np.int32)


def unique_edges(faces: np.ndarray) -> np.ndarray:
    """(E, 2) edges of the triangles (F, 3), each once, lower index first."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1).astype(np.int64)
    code = np.unique(edges[:, 0] << 32 | edges[:, 1])  # far faster than np.unique of rows
    return np.column_stack([code >> 32, code & 0xFFFFFFFF])
