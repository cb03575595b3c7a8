"""Hair, hats and hoods: one sheet that starts at the crown, follows the skull and then hangs down.

Axis letters: `R` columns round the head (the last repeats the first), `Q` rows from the crown down a column, `V`
vertices.

The sheet is a grid of strands. Its upper rows are attached to the skull (barycentrically, so they follow each
identity), its lower rows hang straight down. A style says how far each column reaches and how thick the sheet is;
everything from a shaved head to long hair, a wool hat or a hood is a choice of these. Frame and units are the face
model's (metres, y up, z front).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    another
    colour, brim: m by which a brim stands out at the front (over `brim_angle` radians to each side).
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


@dataclass(frozen=True)
class Sheet:
    """A sheet on one head: vertices (Q * R, 3) m, faces, and per vertex `margin` (m inside the edge) and `column`."""

    vertices: F32
    faces: NDArray[np.int32]
    margin: F32
    column: F32


def build_sheet(scalp: Scalp, style: Style, vertices: F32, rng: np.random.Generator) -> Sheet:
    """Lay a style over a head (vertices (V, 3) m in the model's frame). `rng` draws lumps and waves."""
    skull = np.einsum("qrk,qrkc->qrc", scalp.weights, vertices[scalp.corners])
    end = style.end if style.hangs else np.minimum(style.end, scalp.along[SKULL_ROWS - 1] - 0.004)
    margin = end[None] - scalp.along
    full = style.thickness * (1 - np.exp(-np.maximum(margin, 0) / style.taper)) + 0.0015
    if style.band:
        full = full + np.where(margin < style.band, 0.006, 0.0) * (margin > -0.004)
    full = full * (1 + style.lumps * _smooth_noise(rng, *full.shape))
    skull_full = full[:SKULL_ROWS] + (scalp.ear * 1.1 if style.over_ears else 0.0)
    top = skull + skull_full[..., None] * scalp.outwards
    sideways = np.stack([np.sin(AZIMUTH), np.zeros(COLUMNS), np.cos(AZIMUTH)], axis=1)
    drop = np.linspace(0, HANGING_LENGTH, HANGING_ROWS + 1)[1:, None, None]
    wave = style.swing * np.sin(drop[..., 0] * rng.uniform(25, 60) + rng.uniform(0, 6) + 2.5 * np.sin(2 * AZIMUTH))
    hanging = top[-1] - drop * [0.0, 1.0, 0.0] + (wave + full[SKULL_ROWS:] - full[SKULL_ROWS - 1])[..., None] * sideways
    grid = np.concatenate([top, hanging])
    faces = scalp.faces[margin.reshape(-1)[scalp.faces].max(axis=1) > -style.ragged]
    if style.brim:
        grid, margin, faces = _add_brim(grid, margin, faces, style, sideways)
    return Sheet(
        vertices=grid.reshape(-1, 3).astype(np.float32),
        faces=faces,
        margin=margin.reshape(-1).astype(np.float32),
        column=np.tile(np.arange(COLUMNS, dtype=np.float32), len(grid)),
    )


def _add_brim(
    grid: NDArray[np.floating], margin: NDArray[np.floating], faces: NDArray[np.int32], style: Style, sideways: F32
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.int32]]:
    """Two more rows: the hem, and the hem moved outwards and a little down."""
    column = np.arange(COLUMNS)
    row = np.argmax(margin < 0, axis=0).clip(1)
    inner, outer = margin[row - 1, column], margin[row, column]
    share = (inner / np.maximum(inner - outer, 1e-6))[:, None]
    hem = grid[row - 1, column] * (1 - share) + grid[row, column] * share
    width = style.brim * np.sqrt(np.clip(1 - (np.abs(AZIMUTH) / style.brim_angle) ** 2, 0, 1))[:, None]
    tip = hem + width * (sideways - [0.0, 0.3, 0.0])
    first = grid.shape[0] * COLUMNS + np.flatnonzero(np.abs(AZIMUTH[:-1]) <= style.brim_angle)[:, None]
    strip = np.concatenate(
        [first + np.array(corners) for corners in ((0, COLUMNS, COLUMNS + 1), (0, COLUMNS + 1, 1))]
    ).astype(np.int32)
    inside = np.full((2, COLUMNS), style.band + 0.002)
    return (
        np.concatenate([grid, hem[None], tip[None]]),
        np.concatenate([margin, inside]),
        np.concatenate([faces, strip]),
    )


def _hairline(front: float, temple: float, sideburn: float, ear: float, nape: float) -> NDArray[np.float64]:
    """Height (R,) m of the edge of hair round the head."""
    angle = np.radians([0, 22, 42, 60, 74, 84, 92, 118, 135, 180])
    height = [
        front,
        front + 0.002,
        temple,
        (temple + sideburn) / 2 + 0.01,
        sideburn + 0.008,
        sideburn,
        ear,
        ear,
        nape,
        nape,
    ]
    return np.interp(np.abs(AZIMUTH), angle, height)


def draw_hair(scalp: Scalp, colour: F32, feminine: float, age: float, rng: np.random.Generator) -> Style:
    """A hair style for a person; `feminine` in [0, 1] and `age` (2/3 young, 1 old) shift how likely each kind is."""
    front = rng.uniform(0.082, 0.100)
    recede = max(0.0, rng.normal(0, 0.008)) + (1 - feminine) * max(0.0, (age - 0.75)) * rng.uniform(0, 0.14)
    line = _hairline(
        front + recede, front - 0.004 + 1.6 * recede, rng.uniform(-0.005, 0.025), 0.044, rng.uniform(-0.06, -0.02)
    )
    natural = reach(scalp, line)
    style = Style(
        end=natural,
        thickness=rng.uniform(0.008, 0.022),
        colour=colour,
        streak=rng.uniform(0.2, 0.5),
        gloss=rng.uniform(0.05, 0.3),
        lumps=rng.uniform(0.05, 0.3),
        ragged=rng.uniform(0.003, 0.009),
    )
    long = rng.random() < 0.12 + 0.68 * feminine
    kind = rng.random()
    if not long:
        if kind < 0.14:  # shaved: paint only
            return replace(style, thickness=0.0, ragged=0.002, streak=0.1)
        if kind < 0.24:  # round and thick
            return replace(style, thickness=rng.uniform(0.03, 0.06), lumps=0.2, taper=0.03, streak=0.5, gloss=0.05)
        if kind < 0.5:  # a fringe
            angle = rng.uniform(0.5, 1.0)
            fringe = np.where(np.abs(AZIMUTH) < angle, rng.uniform(0.058, 0.08), 1.0)
            return replace(style, end=np.maximum(natural, reach(scalp, np.minimum(fringe, line))), ragged=0.01)
        return style
    opening = rng.uniform(0.75, 1.25)
    length = rng.choice([0.06, 0.12, 0.25]) * rng.uniform(0.8, 1.0)
    side = scalp.along[SKULL_ROWS - 1] + length
    blend = np.clip((np.abs(AZIMUTH) - opening) / 0.18, 0, 1)
    end = natural + blend * np.maximum(side - natural, 0)
    if kind < 0.35:
        fringe = np.where(np.abs(AZIMUTH) < opening + 0.1, rng.uniform(0.052, 0.075), 1.0)
        end = np.maximum(end, reach(scalp, np.minimum(fringe, line)))
    elif kind < 0.6:  # combed to one side
        tilt = rng.choice([-1, 1]) * AZIMUTH
        end = end + np.where(np.abs(AZIMUTH) < 1.1, 0.035 * np.exp(-(((tilt - 0.55) / 0.35) ** 2)), 0)
    return replace(
        style,
        end=end,
        hangs=True,
        over_ears=True,
        swing=rng.uniform(0, 0.008),
        ragged=rng.uniform(0.006, 0.014),
        taper=0.015,
    )


def draw_hat(scalp: Scalp, colour: F32, second: F32, rng: np.random.Generator) -> Style:
    """A wool hat, a cap, a hat with a brim or a hood."""
    low = rng.uniform(0.058, 0.085)
    back = rng.uniform(-0.02, 0.03)
    line = np.interp(np.abs(AZIMUTH), [0, 0.6, 1.6, np.pi], [low, low, 0.04, back])
    style = Style(
        end=reach(scalp, line), thickness=rng.uniform(0.008, 0.02), colour=colour, cloth=True, ragged=0.0,
        streak=rng.uniform(0.02, 0.12), gloss=0.02, lumps=0.06, taper=0.004,
    )  # fmt: skip
    kind = rng.random()
    if kind < 0.35:
        return replace(style, band=rng.uniform(0.025, 0.045), band_colour=second, streak=0.25)
    if kind < 0.65:
        return replace(style, brim=rng.uniform(0.045, 0.075), brim_angle=rng.uniform(0.7, 1.0), band_colour=second)
    if kind < 0.8:
        return replace(style, brim=rng.uniform(0.04, 0.09), brim_angle=20.0, thickness=0.025, band_colour=second)
    side = scalp.along[SKULL_ROWS - 1] + HANGING_LENGTH
    opening = rng.uniform(0.85, 1.3)
    blend = np.clip((np.abs(AZIMUTH) - opening) / 0.15, 0, 1)
    end = reach(scalp, np.full(COLUMNS, rng.uniform(0.075, 0.1)))
    return replace(
        style,
        end=end + blend * np.maximum(side - end, 0),
        hangs=True,
        over_ears=True,
        thickness=rng.uniform(0.008, 0.025),
        lumps=0.12,
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
