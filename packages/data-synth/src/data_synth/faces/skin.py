"""The skin of a person as a texture: tone, blotches, freckles, lips, brows, lashes, stubble, beard.

Axis letters: `V` vertices, `T` rows and columns of the texture.

The texture lies on the cylinder that also gives the template's UV, but reaches further round and down, so that neck,
ears and scalp have texels too, and it is stretched so that the middle of the face gets most of them (`to_texel`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from data_synth.faces.model import FaceModel
from data_synth.faces.model_build import PARTS
from data_synth.raster import interpolate, rasterise
from data_synth.shade import to_linear

F32 = NDArray[np.float32]

SIZE = 256
CENTRE, HALF_SPAN = np.array([0.5, 0.5]), np.array([0.85, 0.95])
"""Middle and half extent of the texture in (u_h, u_v)."""
STRETCH = np.array([0.65, 0.40])
"""By how much more than their share the middle texels show."""
MILLIMETRES = np.array([205.0, 188.0])
"""About how many millimetres of skin one unit of (u_h, u_v) is, in front."""


@dataclass(frozen=True)
class SkinAtlas:
    """What the texels of the mean face are: made once per model.

    texel (V, 2) float32 texture coordinates of the vertices in texels; the masks are (T, T) float32.
    brow_along: 0 at the inner to 1 at the outer end of the nearest brow; brow_across: mm above its middle line.
    lid: mm from the nearest lid rim, negative inside; lid_height: mm above the line between the eye's corners.
    lips, cheeks, nose_tip, under_eye, beard, moustache, goatee in [0, 1]; position (T, T, 3) m on the mean head.
    """

    texel: F32
    position: F32
    lips: F32
    brow_along: F32
    brow_across: F32
    lid: F32
    lid_height: F32
    cheeks: F32
    nose_tip: F32
    under_eye: F32
    beard: F32
    moustache: F32
    goatee: F32

    @cached_property
    def noise(self) -> dict[int, F32]:
        """Unit-variance noise of several grain sizes (Gaussian sigma in texels), periodic, twice as large as the
        texture."""
        white = np.random.default_rng(68).normal(size=(2 * SIZE, 2 * SIZE)).astype(np.float32)
        bank = {}
        for sigma in (1, 3, 9, 27):
            tiled = cv2.GaussianBlur(np.tile(white, (2, 2)), (0, 0), sigma)[SIZE : 3 * SIZE, SIZE : 3 * SIZE]
            bank[sigma] = tiled / tiled.std()
        return bank


@dataclass(frozen=True, slots=True)
class SkinTraits:
    """A person's colours and hairiness: linear RGB albedos (3,), lengths in mm, the rest strengths in [0, 1]."""

    tone: F32
    blush: float
    blotches: float
    freckles: float
    moles: int
    rings: float
    wrinkles: float
    lip_colour: F32
    lip_strength: float
    brow_colour: F32
    brow_width: float
    brow_strength: float
    brow_rise: float
    lash_strength: float
    eyeshadow: F32 | None
    beard_colour: F32
    beard_kind: str
    beard_strength: float
    oiliness: float


# sRGB of skin from very light to very dark, in the middle of a soft light.
_TONES = np.array(
    [
        (246, 220, 205), (238, 203, 182), (229, 187, 160), (214, 166, 134),
        (194, 141, 107), (165, 114, 84), (133, 88, 63), (100, 64, 46), (72, 46, 35),
    ]
) / 255.0  # fmt: skip
_HAIR = {
    "black": (26, 22, 22), "dark brown": (48, 33, 25), "brown": (80, 54, 36), "light brown": (120, 86, 55),
    "blond": (178, 142, 92), "red": (132, 66, 32), "grey": (138, 136, 134), "white": (205, 202, 196),
}  # fmt: skip


def skin_tone(ancestry: NDArray[np.floating], rng: np.random.Generator) -> F32:
    """Linear albedo (3,) for ancestry weights (african, asian, caucasian)."""
    place = float(np.dot(ancestry, [0.80, 0.36, 0.20]) + rng.normal(0, 0.10))
    shade = np.clip(place, 0, 1) * (len(_TONES) - 1)
    srgb = np.array([np.interp(shade, np.arange(len(_TONES)), _TONES[:, c]) for c in range(3)])
    warm = rng.normal(0, 0.02)
    return to_linear(np.clip(srgb * [1 + warm / 2, 1 - 0.3 * warm, 1 - 1.5 * warm], 0.02, 0.98)) * 0.92


def hair_colour(ancestry: NDArray[np.floating], age: float, rng: np.random.Generator) -> F32:
    """Linear albedo (3,) of hair; age 2/3 is young, 1 is old."""
    light = ancestry[2] ** 1.5
    weights = np.array([0.5 - 0.4 * light, 0.3, 0.12 + 0.2 * light, 0.3 * light, 0.3 * light, 0.08 * light])
    name = list(_HAIR)[rng.choice(6, p=weights / weights.sum())]
    srgb = np.array(_HAIR[name], float) / 255
    grey = np.clip((age - 0.78) / 0.22 + rng.normal(0, 0.35), 0, 1) if age > 0.72 else 0.0
    silver = np.array(_HAIR["white" if rng.random() < 0.3 else "grey"], float) / 255
    return to_linear(np.clip(srgb * rng.normal(1, 0.12) * (1 - grey) + silver * grey, 0.02, 0.95))


def draw_traits(phenotype: NDArray[np.floating], hair: F32, tone: F32, rng: np.random.Generator) -> SkinTraits:
    """Draw a person's traits; phenotype as in `FaceParams` (gender 0 male to 1 female, age 1/3 to 1)."""
    feminine, age = float(phenotype[0]), float(phenotype[1])
    light = float(np.clip(tone.mean() * 2.2, 0, 1))
    made_up = rng.random() < 0.55 * feminine
    natural_lips = tone * np.array([0.86, 0.50, 0.52]) * rng.uniform(0.75, 1.1) + [0.03, 0.0, 0.005]
    lipstick = to_linear(np.array([rng.uniform(0.45, 0.8), rng.uniform(0.08, 0.35), rng.uniform(0.15, 0.42)]))
    grown = age > 0.6
    bearded = grown and rng.random() < 0.62 * (1 - feminine) ** 2
    kinds = ("stubble", "full", "goatee", "moustache", "shadow")
    dark_hair = hair * 0.7 + 0.3 * hair.min()
    return SkinTraits(
        tone=tone,
        blush=rng.uniform(0.1, 1.0) * (0.4 + 0.6 * light),
        blotches=rng.uniform(0.3, 1.0),
        freckles=rng.uniform(0.3, 1.0) if rng.random() < 0.22 * light else 0.0,
        moles=int(rng.poisson(0.8)),
        rings=rng.uniform(0.0, 0.7),
        wrinkles=float(np.clip((age - 0.75) * 4, 0, 1) * rng.uniform(0.4, 1.0)),
        lip_colour=(lipstick if made_up else natural_lips).astype(np.float32),
        lip_strength=rng.uniform(0.7, 1.0) if made_up else rng.uniform(0.45, 0.9),
        brow_colour=(dark_hair * rng.uniform(0.5, 0.95)).astype(np.float32),
        brow_width=rng.uniform(4.5, 9.5) * (1.0 - 0.25 * feminine),
        brow_strength=rng.uniform(0.5, 0.97),
        brow_rise=rng.normal(-0.8, 0.7),
        lash_strength=rng.uniform(0.35, 0.7) + (0.25 if made_up else 0.0),
        eyeshadow=to_linear(rng.uniform(0.15, 0.6, 3)) if made_up and rng.random() < 0.5 else None,
        beard_colour=dark_hair.astype(np.float32),
        beard_kind=str(rng.choice(kinds, p=(0.3, 0.25, 0.15, 0.1, 0.2))) if bearded else "none",
        beard_strength=rng.uniform(0.55, 1.0),
        oiliness=rng.uniform(0.3, 1.0),
    )


def paint(atlas: SkinAtlas, traits: SkinTraits, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The texture (T, T, 4) uint8: square root of the linear RGB albedo, and shininess, all times 255."""

    def noise(sigma: int) -> F32:
        row, column = rng.integers(0, SIZE, 2)
        return atlas.noise[sigma][row : row + SIZE, column : column + SIZE]

    def blend(colour: F32, weight: F32) -> None:
        nonlocal skin
        skin += weight[..., None] * (colour - skin)

    uneven = traits.blotches * (0.05 * noise(27) + 0.035 * noise(9)) + 0.035 * noise(3) + 0.03 * noise(1)
    skin = traits.tone * np.exp(uneven)[..., None]
    red = traits.blush * (atlas.cheeks * (0.30 + 0.08 * noise(9)) + 0.35 * atlas.nose_tip) + 0.02 * noise(9)
    skin *= 1 - np.clip(red, 0, 0.6)[..., None] * np.array([0.12, 0.62, 0.58], np.float32)
    skin *= 1 - (traits.rings * atlas.under_eye)[..., None] * np.array([0.30, 0.38, 0.30], np.float32)
    if traits.freckles:
        spots = np.clip(noise(1) + 0.4 * noise(3) - 1.3, 0, 1) * np.clip(1.6 * atlas.cheeks + atlas.nose_tip, 0, 1)
        blend(traits.tone * np.array([0.55, 0.36, 0.28], np.float32), np.clip(traits.freckles * spots, 0, 0.7))
    if traits.wrinkles:
        skin *= 1 - traits.wrinkles * _wrinkles(atlas, rng)[..., None]
    for _ in range(traits.moles):
        x, y, r = rng.uniform(60, 196), rng.uniform(60, 200), rng.uniform(0.7, 1.6)
        dot = np.zeros((SIZE, SIZE), np.float32)
        cv2.circle(dot, (int(x * 16), int(y * 16)), int(r * 16), 0.8, -1, cv2.LINE_AA, 4)
        blend(traits.tone * 0.25, dot)
    if traits.eyeshadow is not None:
        shadow = np.exp(-np.maximum(atlas.lid, 0) / 4.0) * (atlas.lid_height > 0) * 0.5
        blend(traits.eyeshadow, shadow.astype(np.float32))
    blend(traits.lip_colour * (1 + 0.08 * noise(3)[..., None]), atlas.lips * traits.lip_strength)
    beard = _beard(atlas, traits, noise(1), noise(9))
    blend(traits.beard_colour, beard)
    brow = _brow(atlas, traits, noise(1), noise(3))
    blend(traits.brow_colour * (1 + 0.15 * noise(1)[..., None]), brow)
    upper = np.where(atlas.lid_height > -0.5, 1.0, 0.4)
    lash = traits.lash_strength * upper * np.exp(-((np.abs(atlas.lid) / 1.3) ** 2))
    blend(np.full(3, 0.015, np.float32), lash.astype(np.float32))
    shine = 0.45 + 0.25 * atlas.nose_tip + 0.25 * atlas.lips * traits.lip_strength + 0.05 * noise(3)
    shine = traits.oiliness * shine * (1 - 0.7 * np.maximum(beard, brow))
    out = np.concatenate([np.sqrt(np.clip(skin, 0, 1)), np.clip(shine, 0, 1)[..., None]], axis=2)
    return np.rint(out * 255).astype(np.uint8)


def _brow(atlas: SkinAtlas, traits: SkinTraits, fine: F32, coarse: F32) -> F32:
    along, across = atlas.brow_along, atlas.brow_across - traits.brow_rise
    half = traits.brow_width / 2 * np.interp(along, [0, 0.15, 0.55, 1.0], [0.75, 1.0, 0.9, 0.25]).astype(np.float32)
    inside = np.clip((half - np.abs(across)) / 1.8 + 0.5 + 0.22 * coarse + 0.12 * fine, 0, 1)
    ends = np.clip((along + 0.06) / 0.09, 0, 1) * np.clip((1.06 - along) / 0.1, 0, 1)
    return np.clip(traits.brow_strength * inside * ends * (0.9 + 0.15 * fine), 0, 1)


def _beard(atlas: SkinAtlas, traits: SkinTraits, fine: F32, coarse: F32) -> F32:
    if traits.beard_kind == "none":
        return np.zeros_like(fine)
    area = {
        "goatee": np.maximum(atlas.goatee, atlas.moustache), "moustache": atlas.moustache,
    }.get(traits.beard_kind, np.maximum(atlas.beard, atlas.moustache))  # fmt: skip
    cover = {"stubble": 0.55, "shadow": 0.28}.get(traits.beard_kind, 0.97) * traits.beard_strength
    area = np.clip(area * (1.25 + 0.2 * coarse) - 0.12, 0, 1)
    return np.clip(cover * area * (0.9 + 0.25 * fine), 0, 0.98)


def _wrinkles(atlas: SkinAtlas, rng: np.random.Generator) -> F32:
    """Darkening (T, T) of lines across the forehead and round the eyes."""
    x, y = atlas.position[..., 0], atlas.position[..., 1]
    forehead = np.clip((y - 0.054) / 0.008, 0, 1) * np.clip((0.092 - y) / 0.01, 0, 1) * np.exp(-((x / 0.045) ** 4))
    bend = rng.uniform(-3, 3) * np.abs(x) + 0.12 * np.sin(x * rng.uniform(60, 110) + rng.uniform(0, 6))
    lines = np.clip(np.cos(y * rng.uniform(480, 640) + bend) - 0.62, 0, 1) / 0.38
    crow = np.exp(-(((np.abs(x) - 0.056) / 0.007) ** 2) - ((y - 0.027) / 0.012) ** 2)
    feet = np.clip(np.cos(np.arctan2(y - 0.027, np.abs(x) - 0.044) * 9 + rng.uniform(0, 6)) - 0.5, 0, 1)
    return (0.35 * forehead * lines + 0.4 * crow * feet).astype(np.float32)


def build_atlas(model: FaceModel) -> SkinAtlas:
    """Lay the mean face into the texture and find out what each texel is."""
    uv = _cylinder(model)
    texel = to_texel(uv).astype(np.float32)
    position = _positions(model, texel)
    axis = np.arange(SIZE, dtype=np.float64)
    grid = from_texel(np.stack(np.meshgrid(axis, axis), axis=2)) * MILLIMETRES
    spots = model.landmarks.points(uv) * MILLIMETRES
    brows = [_along(grid, spots[[21, 20, 19, 18, 17]]), _along(grid, spots[[22, 23, 24, 25, 26]])]
    nearer = np.abs(brows[0][2]) < np.abs(brows[1][2])
    eyes = [_lid(grid, rim) for rim in _lid_rims(model, uv)]
    first = np.abs(eyes[0][0]) < np.abs(eyes[1][0])
    x, y = position[..., 0], position[..., 1]

    def bump(cx: float, cy: float, rx: float, ry: float) -> F32:
        front = (position[..., 2] > -0.06).astype(np.float32)
        return front * np.exp(-(((np.abs(x) - cx) / rx) ** 2) - ((y - cy) / ry) ** 2)

    mouth, nose = spots[[48, 54]], spots[[31, 35]]
    return SkinAtlas(
        texel=texel,
        position=position,
        lips=_polygon(spots[48:60], 0.8),
        brow_along=np.where(nearer, brows[0][0], brows[1][0]).astype(np.float32),
        brow_across=np.where(nearer, brows[0][1], brows[1][1]).astype(np.float32),
        lid=np.where(first, eyes[0][0], eyes[1][0]).astype(np.float32),
        lid_height=np.where(first, eyes[0][1], eyes[1][1]).astype(np.float32),
        cheeks=bump(0.043, -0.014, 0.020, 0.020),
        nose_tip=bump(0.0, -0.014, 0.014, 0.012),
        under_eye=bump(0.031, 0.012, 0.014, 0.007),
        **_beard_masks(spots, mouth, nose),
    )


def to_texel(uv: NDArray[np.floating]) -> NDArray[np.float64]:
    """(u_h, u_v) (..., 2) -> texture coordinates in texels, 0-based texel centres; monotone, clamped to the texture."""
    x = np.clip((uv - CENTRE) / HALF_SPAN, -1, 1)
    return (x * (1 + STRETCH - STRETCH * np.abs(x)) + 1) * (SIZE / 2) - 0.5


def from_texel(texel: NDArray[np.floating]) -> NDArray[np.float64]:
    """The inverse of `to_texel` inside the texture."""
    a = (texel + 0.5) / (SIZE / 2) - 1
    x = (1 + STRETCH - np.sqrt((1 + STRETCH) ** 2 - 4 * STRETCH * np.abs(a))) / (2 * STRETCH)
    return np.sign(a) * x * HALF_SPAN + CENTRE


def _cylinder(model: FaceModel) -> NDArray[np.float64]:
    """(V, 2) the template's UV, continued over the rest of the head by the plain cylinder it was made from."""
    known = np.isfinite(model.uv).all(axis=1)
    mean = model.mean.astype(np.float64)
    height = np.polyfit(mean[known, 1], model.uv[known, 1], 1)  # u_v is linear in y, but for what was unfolded
    from data_synth.faces.model_uv import AXIS_Z

    angle = np.arctan2(mean[:, 0], mean[:, 2] - AXIS_Z)
    around = np.polyfit(angle[known], model.uv[known, 0], 1)
    plain = np.stack([np.polyval(around, angle), np.polyval(height, mean[:, 1])], axis=1)
    return np.where(known[:, None], model.uv, plain)


def _positions(model: FaceModel, texel: F32) -> F32:
    """(T, T, 3) mean position of each texel; texels outside the mesh repeat the nearest one inside."""
    skin = model.faces[model.component == PARTS.index("skin")]
    wide = np.ptp(texel[skin, 0], axis=1) > SIZE / 3  # triangles across the seam at the back
    skin = skin[~wide]
    flat = np.column_stack([texel, -model.mean[:, 2]])
    raster = rasterise(flat, skin, SIZE, SIZE, perspective=False)
    position = interpolate(raster, skin, model.mean)
    outside = (raster.tri < 0).astype(np.uint8)
    labels = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)[1]
    source = np.zeros(labels.max() + 1, np.int64)
    source[labels[outside == 0]] = np.flatnonzero(outside == 0)
    return position.reshape(-1, 3)[source[labels]]


def _along(grid: NDArray[np.floating], line: NDArray[np.floating]) -> tuple[NDArray[np.float64], ...]:
    """Per texel: place along a polyline (below 0 or above 1 past its ends), mm above it, and distance in mm."""
    best = np.full(grid.shape[:2], np.inf)
    place, above = np.zeros_like(best), np.zeros_like(best)
    lengths = np.linalg.norm(np.diff(line, axis=0), axis=1)
    start = np.concatenate([[0], np.cumsum(lengths)]) / lengths.sum()
    for k, (a, b) in enumerate(pairwise(line)):
        direction = (b - a) / lengths[k]
        t = (grid - a) @ direction
        low = -20.0 if k == 0 else 0.0
        high = lengths[k] + (20.0 if k == len(lengths) - 1 else 0.0)
        t = np.clip(t, low, high)
        offset = grid - a - t[..., None] * direction
        distance = np.linalg.norm(offset, axis=2)
        closer = distance < best
        best = np.where(closer, distance, best)
        place = np.where(closer, start[k] + t / lengths.sum(), place)
        above = np.where(closer, np.where(offset[..., 1] < 0, distance, -distance), above)
    return place, above, best


def _lid_rims(model: FaceModel, uv: NDArray[np.floating]) -> list[NDArray[np.float64]]:
    """Closed outlines (P, 2) in mm of the two openings between the lids: where skin and eye socket meet."""
    skin, socket = (np.unique(model.faces[model.component == PARTS.index(name)]) for name in ("skin", "eye_cavity"))
    rim = np.intersect1d(skin, socket)
    outlines = []
    for side in (rim[model.mean[rim, 0] < 0], rim[model.mean[rim, 0] > 0]):
        points = uv[side] * MILLIMETRES
        offset = points - (points.min(axis=0) + points.max(axis=0)) / 2
        outlines.append(points[np.argsort(np.arctan2(offset[:, 1] * 2.5, offset[:, 0]))])
    return outlines


def _lid(grid: NDArray[np.floating], rim: NDArray[np.floating]) -> tuple[F32, NDArray[np.float64]]:
    """Per texel: mm from the rim of an eye (negative inside), mm above the line between its corners."""
    polygon = rim.astype(np.float32)[:, None]
    flat = grid.reshape(-1, 2)
    distance = np.full(len(flat), 99.0, np.float32)
    near = (np.abs(flat - rim.mean(axis=0)) < 30).all(axis=1)
    distance[near] = [-cv2.pointPolygonTest(polygon, (float(x), float(y)), True) for x, y in flat[near]]
    inner, outer = rim[rim[:, 0].argmin()], rim[rim[:, 0].argmax()]
    level = inner[1] + (grid[..., 0] - inner[0]) * (outer[1] - inner[1]) / (outer[0] - inner[0])
    return distance.reshape(grid.shape[:2]), level - grid[..., 1]


def _polygon(points: NDArray[np.floating], soften: float) -> F32:
    """A polygon given in mm as an anti-aliased mask (T, T), blurred by `soften` texels."""
    mask = np.zeros((SIZE, SIZE), np.float32)
    cv2.fillPoly(mask, [np.rint(to_texel(points / MILLIMETRES) * 256).astype(np.int32)], 1.0, cv2.LINE_AA, 8)
    return cv2.GaussianBlur(mask, (0, 0), soften)


def _beard_masks(
    spots: NDArray[np.floating], mouth: NDArray[np.floating], nose: NDArray[np.floating]
) -> dict[str, F32]:
    lips = _polygon(spots[48:60], 1.0)
    chin, centre = spots[8], (mouth[0] + mouth[1]) / 2
    left, right = spots[0], spots[16]

    def outline(*corners: tuple[NDArray[np.floating], float, float]) -> NDArray[np.float64]:
        return np.array([anchor + np.array([dx, dy]) for anchor, dx, dy in corners])

    full = outline(
        (left, 0, -4), (left, 12, 4), (left, 20, 34), (mouth[0], -16, -8), (nose[0], -5, 3), (nose[1], 5, 3),
        (mouth[1], 16, -8), (right, -20, 34), (right, -12, 4), (right, 0, -4), (right, 0, 60),
        (chin, 55, 30), (chin, 0, 30), (chin, -55, 30), (left, 0, 60),
    )  # fmt: skip
    around = outline(
        (mouth[0], -6, -2), (mouth[1], 6, -2), (chin, 20, -4), (chin, 12, 14), (chin, -12, 14), (chin, -20, -4)
    )
    upper = outline(
        (mouth[0], -4, 4), (nose[0], -2, 4), (nose[1], 2, 4), (mouth[1], 4, 4), (spots[51], 0, 0), (mouth[0], 0, 0)
    )
    below = outline((spots[58], 0, 0), (spots[56], 0, 0), (centre, 7, 17), (centre, -7, 17))
    below_lip = _polygon(below, 1.5)
    return {
        "beard": np.clip(_polygon(full, 3.0) - 1.2 * lips - 0.5 * below_lip, 0, 1).astype(np.float32),
        "goatee": np.clip(_polygon(around, 2.0) - 1.2 * lips - 0.5 * below_lip, 0, 1).astype(np.float32),
        "moustache": np.clip(_polygon(upper, 1.5) - 1.2 * lips, 0, 1).astype(np.float32),
    }
