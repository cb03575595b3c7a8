"""Hair, hats and hoods: one sheet that starts at the crown, follows the skull and then hangs down.

Axis letters: `R` columns round the head (the last repeats the first), `Q` rows from the crown down a column, `V`
vertices.

The sheet is a grid of strands. Its upper rows are attached to the skull (barycentrically, so they follow each
identity), its lower rows hang straight down. A style says how far each column reaches and how thick the sheet is;
everything from a shaved head to long hair, a wool hat or a hood is a choice of these. Frame and units are the face
model's (metres, y up, z front).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data_synth.faces.model import FaceModel
from data_synth.faces.model_build import PARTS

F32 = NDArray[np.float32]

COLUMNS, SKULL_ROWS, HANGING_ROWS = 65, 15, 9
CENTRE = np.array([0.0, 0.05, -0.05], np.float32)
"""Where the columns are seen from: the middle of the mean skull, m."""
LOWEST = np.radians(112.0)
"""Polar angle at which the sheet leaves the skull."""
HANGING_LENGTH = 0.26
AZIMUTH = np.linspace(-np.pi, np.pi, COLUMNS)
"""Column -> angle round the head: 0 is the front, positive towards the subject's left (image right)."""


@dataclass(frozen=True)
class Scalp:
    """The mean skull as seen from its centre, made once per model.

    corners (SKULL_ROWS, R, 3) vertex indices and weights (SKULL_ROWS, R, 3): where each grid point is attached;
    outwards (SKULL_ROWS, R, 3) unit directions; ear (SKULL_ROWS, R) how far the ears stand out there, m;
    along (Q, R) distance from the crown down the column, m; height (Q, R) y on the mean head, m;
    faces (., 3) triangles of the grid; lookup (V, 2) for each vertex of the head: column (fractional) and distance from
    the crown (m), used to paint the scalp.
    """

    corners: NDArray[np.int32]
    weights: F32
    outwards: F32
    ear: F32
    along: F32
    height: F32
    faces: NDArray[np.int32]
    lookup: F32


@dataclass(frozen=True)
class Style:
    """How far (end (R,), m from the crown) and how thick the sheet is, and what it is made of.

    thickness m; taper m over which the edge thins out; lumps: relative unevenness; ragged: m by which single strands
    miss the edge; over_ears: the sheet passes outside the ears; swing: m of sideways waves of the hanging part;
    colour (3,) linear RGB; streak: relative variation from strand to strand; gloss: strength of the shine;
    cloth: woven material, which has a sharp edge and is not painted onto the scalp; band: m of a turned-up hem of
    another colour; brim: m by which a brim stands out at the front (over `brim_angle` radians to each side).
    """

    end: NDArray[np.float64]
    thickness: float
    colour: F32
    taper: float = 0.02
    lumps: float = 0.15
    ragged: float = 0.006
    hangs: bool = False
    over_ears: bool = False
    swing: float = 0.0
    streak: float = 0.35
    gloss: float = 0.15
    cloth: bool = False
    band: float = 0.0
    band_colour: F32 | None = None
    brim: float = 0.0
    brim_angle: float = 0.9


def build_scalp(model: FaceModel) -> Scalp:
    """Cast a ray from the skull's centre through each grid direction of the mean head."""
    polar = np.linspace(0.02, LOWEST, SKULL_ROWS)
    direction = np.stack(
        [
            np.sin(polar)[:, None] * np.sin(AZIMUTH),
            np.cos(polar)[:, None] * np.ones(COLUMNS),
            np.sin(polar)[:, None] * np.cos(AZIMUTH),
        ],
        axis=2,
    ).astype(np.float32)
    closed = np.isin(model.component, [PARTS.index("skin"), PARTS.index("eye")])  # the eyes fill the lids' openings
    faces = model.faces[closed]
    hit, weights, first, last = _cast(model.mean, faces, CENTRE, direction.reshape(-1, 3))
    if (hit < 0).any():
        raise RuntimeError("the mean head has a hole where the scalp should be")
    radius = first.reshape(SKULL_ROWS, COLUMNS)
    ear = (last - first).reshape(SKULL_ROWS, COLUMNS)
    ear[np.abs(np.cos(AZIMUTH))[None].repeat(SKULL_ROWS, 0) > 0.75] = 0.0  # nose and chin are no ears
    point = CENTRE + radius[..., None] * direction
    step = np.linalg.norm(np.diff(point, axis=0), axis=2)
    hanging = np.linspace(0, HANGING_LENGTH, HANGING_ROWS + 1)[1:]
    skull_along = np.concatenate([np.zeros((1, COLUMNS)), np.cumsum(step, axis=0)])
    along = np.concatenate([skull_along, skull_along[-1] + hanging[:, None]])
    height = np.concatenate([point[..., 1], point[-1, :, 1] - hanging[:, None]])

    rows = np.arange(SKULL_ROWS + HANGING_ROWS - 1)[:, None] * COLUMNS + np.arange(COLUMNS - 1)
    a, b, c, d = rows, rows + COLUMNS, rows + COLUMNS + 1, rows + 1
    grid_faces = np.stack([np.stack([a, b, c], axis=2), np.stack([a, c, d], axis=2)], axis=2).reshape(-1, 3)
    return Scalp(
        corners=faces[hit].reshape(SKULL_ROWS, COLUMNS, 3),
        weights=weights.reshape(SKULL_ROWS, COLUMNS, 3),
        outwards=direction,
        ear=ear.astype(np.float32),
        along=along.astype(np.float32),
        height=height.astype(np.float32),
        faces=grid_faces.astype(np.int32),
        lookup=_lookup(model.mean, skull_along, polar),
    )


def reach(scalp: Scalp, height: NDArray[np.floating]) -> NDArray[np.float64]:
    """Distance from the crown (R,) at which each column falls below a height (R,) m of the mean head."""
    below = scalp.height <= np.asarray(height)[None]
    row = np.where(below.any(axis=0), below.argmax(axis=0), len(below) - 1).clip(1)
    column = np.arange(COLUMNS)
    y1, y2 = scalp.height[row - 1, column], scalp.height[row, column]
    q1, q2 = scalp.along[row - 1, column], scalp.along[row, column]
    share = np.clip((y1 - height) / np.maximum(y1 - y2, 1e-6), 0, 1)
    return q1 + share * (q2 - q1)


def hairline(scalp: Scalp, style: Style) -> F32:
    """How far inside the edge of a style each vertex of the head lies (V,), m."""
    column, along = scalp.lookup.T
    return (np.interp(column, np.arange(COLUMNS), style.end) - along).astype(np.float32)


@dataclass(frozen=True)
class Sheet:
    """A style cut to the mean skull; `on` lays it over a particular head.

    Vertex p is skull point first[p], moved by share[p] towards skull point second[p], plus offset[p] (m); skull points
    count through the grid of `Scalp`. faces (., 3); margin (P,) m inside the edge. Vertex p is in column p % COLUMNS.
    """

    scalp: Scalp
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    share: F32
    offset: F32
    faces: NDArray[np.int32]
    margin: F32

    def on(self, head: F32) -> F32:
        """The sheet's vertices (P, 3) on a head (V, 3), m in the model's frame."""
        corners, weights = self.scalp.corners.reshape(-1, 3), self.scalp.weights.reshape(-1, 3)
        return _lay(head, corners, weights, self.first, self.second, self.share, self.offset)


def cut_sheet(scalp: Scalp, style: Style, rng: np.random.Generator) -> Sheet:
    """Cut a style; `rng` draws lumps and waves."""
    end = style.end if style.hangs else np.minimum(style.end, scalp.along[SKULL_ROWS - 1] - 0.004)
    margin = end[None] - scalp.along
    full = style.thickness * (1 - np.exp(-np.maximum(margin, 0) / style.taper)) + 0.0015
    if style.band:
        full = full + np.where(margin < style.band, 0.006, 0.0) * (margin > -0.004)
    full = full * (1 + style.lumps * _smooth_noise(rng, *full.shape))
    skull_full = full[:SKULL_ROWS] + (scalp.ear * 1.1 if style.over_ears else 0.0)
    sideways = np.stack([np.sin(AZIMUTH), np.zeros(COLUMNS), np.cos(AZIMUTH)], axis=1)
    drop = np.linspace(0, HANGING_LENGTH, HANGING_ROWS + 1)[1:, None]
    wave = style.swing * np.sin(drop * rng.uniform(25, 60) + rng.uniform(0, 6) + 2.5 * np.sin(2 * AZIMUTH))
    top = skull_full[..., None] * scalp.outwards
    hanging = top[-1] + (wave + full[SKULL_ROWS:] - full[SKULL_ROWS - 1])[..., None] * sideways
    hanging[..., 1] -= drop
    offset = np.concatenate([top, hanging])
    row = np.minimum(np.arange(len(offset)), SKULL_ROWS - 1)
    base = row[:, None] * COLUMNS + np.arange(COLUMNS)
    second, share = base, np.zeros(base.shape)
    faces = scalp.faces[margin.reshape(-1)[scalp.faces].max(axis=1) > -style.ragged]
    if style.brim:
        # Two more rows: the hem, where the margin is zero, and the hem moved outwards and a little down.
        column = np.arange(COLUMNS)
        below = np.argmax(margin < 0, axis=0).clip(1)
        inner, outer = margin[below - 1, column], margin[below, column]
        part = inner / np.maximum(inner - outer, 1e-6)
        hem = offset[below - 1, column] * (1 - part[:, None]) + offset[below, column] * part[:, None]
        width = style.brim * np.sqrt(np.clip(1 - (np.abs(AZIMUTH) / style.brim_angle) ** 2, 0, 1))
        tip = hem + width[:, None] * (sideways - np.array([0.0, 0.3, 0.0]))
        first = len(offset) * COLUMNS + np.flatnonzero(np.abs(AZIMUTH[:-1]) <= style.brim_angle)[:, None]
        strip = [first + np.array(corners) for corners in ((0, COLUMNS, COLUMNS + 1), (0, COLUMNS + 1, 1))]
        faces = np.concatenate([faces, *strip]).astype(np.int32)
        offset = np.concatenate([offset, hem[None], tip[None]])
        margin = np.concatenate([margin, np.full((2, COLUMNS), style.band + 0.002)])
        base, second = (
            np.concatenate([base, ends, ends]) for ends in (base[below - 1, column][None], base[below, column][None])
        )
        share = np.concatenate([share, part[None], part[None]])
    return Sheet(
        scalp=scalp,
        first=base.reshape(-1),
        second=second.reshape(-1),
        share=share.reshape(-1).astype(np.float32),
        offset=offset.reshape(-1, 3).astype(np.float32),
        faces=faces,
        margin=margin.reshape(-1).astype(np.float32),
    )


def _smooth_noise(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    """Noise of unit size, smooth over the grid and periodic round the head."""
    waves = rng.normal(size=(5, 4))
    row = np.linspace(0, 3, rows)[:, None]
    angle = np.linspace(0, 2 * np.pi, columns)[None]
    return (
        sum(w[0] * np.sin((k + 1) * angle + w[1] * row * 2 + 6 * w[2]) / (1 + 0.4 * k) for k, w in enumerate(waves)) / 2
    )


def _lookup(mean: F32, skull_along: NDArray[np.float64], polar: NDArray[np.float64]) -> F32:
    """Column and distance from the crown (V, 2) of each vertex of the mean head."""
    offset = mean - CENTRE
    azimuth = np.arctan2(offset[:, 0], offset[:, 2])
    angle = np.arctan2(np.hypot(offset[:, 0], offset[:, 2]), offset[:, 1])
    column = (azimuth + np.pi) / (2 * np.pi) * (COLUMNS - 1)
    nearest = np.clip(np.rint(column).astype(int), 0, COLUMNS - 1)
    row = np.interp(angle, polar, np.arange(SKULL_ROWS))
    low = np.clip(row.astype(int), 0, SKULL_ROWS - 2)
    along = skull_along[low, nearest] + (row - low) * (skull_along[low + 1, nearest] - skull_along[low, nearest])
    along = along + np.maximum(angle - LOWEST, 0) * np.linalg.norm(offset, axis=1)
    return np.stack([column, along], axis=1).astype(np.float32)


@njit(nogil=True, cache=True)
def _lay(head, corners, weights, first, second, share, offset):  # type: ignore[no-untyped-def]
    skull = np.empty((corners.shape[0], 3), np.float32)
    for p in range(corners.shape[0]):
        for c in range(3):
            skull[p, c] = (
                weights[p, 0] * head[corners[p, 0], c]
                + weights[p, 1] * head[corners[p, 1], c]
                + weights[p, 2] * head[corners[p, 2], c]
            )
    out = np.empty((first.shape[0], 3), np.float32)
    for p in range(first.shape[0]):
        for c in range(3):
            a, b = skull[first[p], c], skull[second[p], c]
            out[p, c] = a + share[p] * (b - a) + offset[p, c]
    return out


@njit(nogil=True, cache=True)
def _cast(vertices, faces, origin, directions):  # type: ignore[no-untyped-def]
    """First outward crossing of each ray: triangle, weights, distance; and the distance of the last crossing."""
    count = directions.shape[0]
    hit = np.full(count, -1, np.int32)
    weights = np.zeros((count, 3), np.float32)
    first = np.full(count, np.inf, np.float32)
    last = np.zeros(count, np.float32)
    for f in range(faces.shape[0]):
        i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = vertices[i0, 0], vertices[i0, 1], vertices[i0, 2]
        bx, by, bz = vertices[i1, 0] - ax, vertices[i1, 1] - ay, vertices[i1, 2] - az
        cx, cy, cz = vertices[i2, 0] - ax, vertices[i2, 1] - ay, vertices[i2, 2] - az
        tx, ty, tz = origin[0] - ax, origin[1] - ay, origin[2] - az
        qx, qy, qz = ty * bz - tz * by, tz * bx - tx * bz, tx * by - ty * bx
        for i in range(count):
            dx, dy, dz = directions[i, 0], directions[i, 1], directions[i, 2]
            px, py, pz = dy * cz - dz * cy, dz * cx - dx * cz, dx * cy - dy * cx
            det = bx * px + by * py + bz * pz
            if det >= -1e-14:  # seen from inside, an outward-facing triangle has a negative determinant
                continue
            u = (tx * px + ty * py + tz * pz) / det
            v = (dx * qx + dy * qy + dz * qz) / det
            distance = (cx * qx + cy * qy + cz * qz) / det
            if u < -1e-6 or v < -1e-6 or u + v > 1 + 1e-6 or distance <= 0:
                continue
            last[i] = max(last[i], distance)
            if distance < first[i]:
                first[i] = distance
                hit[i] = f
                weights[i, 0], weights[i, 1], weights[i, 2] = 1 - u - v, u, v
    return hit, weights, first, last
