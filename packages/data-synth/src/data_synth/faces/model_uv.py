"""Face region and its cylindrical unwrapping, after Booth & Zafeiriou 2014 as used by DenseReg (section 3).

Axes: V vertices, F triangles.
u_h follows the angle around a vertical axis at the depth of the ears' front and grows to image right (towards the
subject's left); u_v follows height and grows downwards, so the UV plane shows an upright face. Both fill [0, 1]
over the face region. Where the plain cylinder folds over itself (nostrils, lid rims, lips, under the chin) the
folded vertices are moved to convex combinations of their neighbours (Tutte 1963, Floater 2003) until every
triangle of the skin keeps its orientation. The eyeballs lie behind the lids: they are unwrapped by the plain
cylinder and share UV with the lids that may cover them.
"""

from __future__ import annotations

import numpy as np

from data_synth.faces.model_build import PARTS
from data_synth.faces.model_mesh import unique_edges

AXIS_Z = -0.045  # m, depth of the cylinder's axis (x = 0): the front of the ears
# The region in profile, as polylines of (z, y) in m on the mean face: below the first (jaw line and 2-3 cm of the
# underside of the chin) and above the second (hairline) nothing belongs to the face, nor behind BACK_Z.
LOWER_EDGE = ((-0.060, -0.030), (-0.044, -0.032), (-0.030, -0.072), (0.018, -0.0945), (0.024, -0.110))
UPPER_EDGE = ((-0.045, 0.036), (-0.030, 0.056), (0.000, 0.078), (0.030, 0.090), (0.060, 0.094))
BACK_Z = -0.0405


def face_margin(vertices: np.ndarray) -> np.ndarray:
    """(V,) m: how far each vertex of the mean face (V, 3) lies inside the outline of the face, negative outside."""
    y, z = vertices[:, 1], vertices[:, 2]
    lower = np.interp(z, *np.array(LOWER_EDGE).T)
    upper = np.interp(z, *np.array(UPPER_EDGE).T)
    return np.asarray(np.minimum.reduce([y - lower, upper - y, z - BACK_Z]))


def face_region_of(mean: np.ndarray, faces: np.ndarray, part: np.ndarray) -> np.ndarray:
    """(F,) bool: triangles of the DenseReg template, from mean (V, 3) m, faces (F, 3), part (F,).

    Skin from ear to ear and from the hairline to under the chin, and the front of the eyeballs; not the ears, the
    neck, the back of the head, or the insides of mouth and eye sockets. The mesh is cut along the outline, so a
    triangle is inside when its centre is.
    """
    inside = face_margin(mean[faces].mean(axis=1)) > 0
    normal = np.cross(mean[faces[:, 1]] - mean[faces[:, 0]], mean[faces[:, 2]] - mean[faces[:, 0]])
    front = normal[:, 2] > 0.25 * np.linalg.norm(normal, axis=1)
    return np.asarray(np.where(part == PARTS.index("eye"), front, (part == PARTS.index("skin")) & inside))


def cylindrical_uv(mean: np.ndarray, faces: np.ndarray, region: np.ndarray, component: np.ndarray) -> np.ndarray:
    """(V, 2) float32 (u_h, u_v), in [0, 1] over the region.

    mean (V, 3) m, faces (F, 3), region (F,) bool, component (F,) index into PARTS. Skin outside the region keeps its
    cylinder coordinates, so that points on triangles across its border can be interpolated (a label must still be
    masked by the region); what is neither skin nor eyeball has NaN.
    """
    angle = np.arctan2(mean[:, 0].astype(float), mean[:, 2] - AXIS_Z)
    used = np.zeros(len(mean), bool)
    used[faces[region]] = True
    widest = np.abs(angle[used]).max()
    bottom, top = mean[used, 1].min(), mean[used, 1].max()
    uv = np.column_stack([0.5 + 0.5 * angle / widest, (top - mean[:, 1].astype(float)) / (top - bottom)])
    skin = component == PARTS.index("skin")
    uv = unfold(uv, faces[region & skin])
    outside = np.ones(len(mean), bool)
    outside[faces[skin | (component == PARTS.index("eye"))]] = False
    uv[outside] = np.nan
    return uv.astype(np.float32)


def orientation(uv: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F,) twice the signed area of each UV triangle; positive where the outside of the mesh is seen.

    u_v grows downwards, which turns counter-clockwise triangles into clockwise ones; the sign undoes that.
    """
    a, b = uv[faces[:, 1]] - uv[faces[:, 0]], uv[faces[:, 2]] - uv[faces[:, 0]]
    return np.asarray(a[:, 1] * b[:, 0] - a[:, 0] * b[:, 1])


def unfold(uv: np.ndarray, faces: np.ndarray, rounds: int = 60, least: float = 1e-7) -> np.ndarray:
    """Move the vertices of folded triangles to the mean of their neighbours until no triangle is folded.

    uv (V, 2), faces (F, 3); least: smallest doubled area that counts as unfolded. The moved patch grows by one ring
    whenever a round leaves folds. Returns a new (V, 2); raises RuntimeError if folds remain.
    """
    edges = unique_edges(faces)
    both = np.concatenate([edges, edges[:, ::-1]])
    free = np.zeros(len(uv), bool)
    out = uv.copy()
    for _ in range(rounds):
        folded = orientation(out, faces) < least
        if not folded.any():
            return out
        free[faces[folded]] = True
        out = _tutte(uv, both, free)
        still = orientation(out, faces) < least
        grow = np.zeros(len(uv), bool)
        grow[faces[still]] = True
        grow[both[grow[both[:, 0]], 1]] = True
        free |= grow
    raise RuntimeError(f"{int((orientation(out, faces) < least).sum())} of {len(faces)} UV triangles stay folded")


def _tutte(uv: np.ndarray, directed_edges: np.ndarray, free: np.ndarray) -> np.ndarray:
    """uv with every free vertex at the mean of its neighbours, the others fixed (one linear solve)."""
    index = np.full(len(uv), -1)
    index[free] = np.arange(free.sum())
    tail, head = directed_edges[free[directed_edges[:, 0]]].T
    matrix = np.diag(np.bincount(index[tail], minlength=int(free.sum())).astype(float))
    inner = free[head]
    matrix[index[tail[inner]], index[head[inner]]] = -1.0
    right = np.zeros((len(matrix), 2))
    np.add.at(right, index[tail[~inner]], uv[head[~inner]])
    out = uv.copy()
    out[free] = np.linalg.solve(matrix, right)
    return out
