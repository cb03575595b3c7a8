"""Light on meshes: who sees which part of the sky, diffuse and specular light per vertex, and the way to 8-bit pixels.

Axis letters: `V` vertices, `F` triangles, `D` tabulated directions, `L` lights, `H`/`W` rows and columns, `C` channels.

All light and colour is linear RGB until `to_srgb`. Directions are unit vectors, x to image right, y up, z towards the
camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data_synth.raster import depth_map

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Lighting:
    """A few distant lights and a two-coloured surrounding.

    direction (L, 3) towards each light; colour (L, 3) linear RGB irradiance at normal incidence; the first is the key
    light, the one that casts shadows. sky, ground (3,) linear RGB radiance from above and below. shadow: 0 (no cast
    shadows) to 1.
    """

    direction: F32
    colour: F32
    sky: F32
    ground: F32
    shadow: float


@dataclass(frozen=True, slots=True)
class ShadowTable:
    """Which vertices of a resting mesh light from each of many directions reaches.

    direction (D, 3) even over the sphere, in the mesh's frame; lit (D, V) uint8, 255 where the light arrives.
    """

    direction: F32
    lit: NDArray[np.uint8]

    def towards(self, direction: NDArray[np.floating]) -> F32:
        """Share (V,) of light from a direction (3,) that arrives, blended from the four nearest directions."""
        cosine = self.direction @ np.asarray(direction, np.float32)
        nearest = np.argpartition(cosine, -4)[-4:]
        weight = np.exp((cosine[nearest] - 1) * len(cosine) / 6)
        return (weight / weight.sum() / 255).astype(np.float32) @ self.lit[nearest].astype(np.float32)


def tabulate_shadows(vertices: F32, faces: NDArray[np.int32], directions: int = 200) -> ShadowTable:
    """Draw the mesh from each direction of a Fibonacci lattice."""
    k = np.arange(directions)
    height, angle = 1 - (2 * k + 1) / directions, k * np.pi * (3 - np.sqrt(5))
    ring = np.sqrt(1 - height * height)
    lattice = np.stack([ring * np.cos(angle), ring * np.sin(angle), height], axis=1).astype(np.float32)
    lit = np.stack([lit_share(vertices, vertices, faces, direction) for direction in lattice])
    return ShadowTable(lattice, np.rint(lit * 255).astype(np.uint8))


def lit_share(
    receivers: NDArray[np.floating],
    vertices: NDArray[np.floating],
    faces: NDArray[np.int32],
    direction: NDArray[np.floating],
    resolution: int = 96,
    bias: float = 0.012,
) -> F32:
    """Which receivers (V, 3) a distant light reaches past the mesh: 0 (in shadow) to 1, softened over 3 x 3 samples.

    bias: a receiver is lit if nothing lies more than this part of the mesh's extent in front of it.
    """
    side = np.cross([0.0, 1.0, 0.0] if abs(direction[1]) < 0.9 else [1.0, 0.0, 0.0], direction)
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(side, direction), -np.asarray(direction, float)], axis=1).astype(np.float32)
    turned = np.asarray(vertices, np.float32) @ axes
    low, high = turned.min(axis=0), turned.max(axis=0)
    extent = float((high - low)[:2].max())
    scale = np.array([(resolution - 1) / extent, (resolution - 1) / extent, 1.0], np.float32)
    depth = depth_map((turned - low) * scale, faces, resolution, resolution, cull_back=True)
    place = (np.asarray(receivers, np.float32) @ axes - low) * scale
    return _compare(depth, place, np.float32(bias * extent))


def illuminate(
    normals: F32,
    occlusion: F32,
    lit: F32,
    lighting: Lighting,
    wrap: F32,
    gloss: int,
    seen: NDArray[np.bool_] | None = None,
) -> F32:
    """Diffuse irradiance / pi and specular radiance (V, 6: r, g, b, r, g, b), for a viewer far along +z.

    normals (V, 3); occlusion (V,) share of the surroundings that is seen; lit (V,) share of the key light that arrives;
    wrap (3,) how far each colour bleeds round the terminator (light scattered under the skin), 0 is Lambert's law;
    gloss: the Blinn-Phong exponent is 2 ** gloss; seen (V,): the vertices that matter, the others stay 0.
    """
    if seen is None:
        seen = np.ones(len(normals), np.bool_)
    colours = lighting.direction, lighting.colour, lighting.sky, lighting.ground
    wrap = np.asarray(wrap, np.float32)
    return _illuminate(normals, occlusion, lit, np.float32(lighting.shadow), *colours, wrap, gloss, seen)


def compose(samples: F32, background: F32) -> F32:
    """Samples (2 H + 1, W + 1, 4: RGB and cover), placed as in `raster.Quincunx`, over (H, W, 3) -> (H, W, 3).

    Each pixel is half its centre and an eighth of each corner.
    """
    height, width = background.shape[:2]
    if samples.shape != (2 * height + 1, width + 1, 4):
        raise ValueError(f"expected {(2 * height + 1, width + 1, 4)} samples, got {samples.shape}")
    return _quincunx(samples, background)


_STEPS = 8192
_HIGHEST = 2.0
"""Brightest linear value that is told from brighter ones."""
CURVE_SCALE = (_STEPS - 1) / _HIGHEST
"""Linear value -> place in the table of `curve_table`; round it, and clamp it to the table."""


def _base_curve() -> NDArray[np.float64]:
    linear = np.linspace(0, _HIGHEST, _STEPS)
    rolled = np.where(linear < 0.8, linear, 0.8 + 0.2 * np.tanh((linear - 0.8) / 0.6))
    return np.where(rolled <= 0.0031308, 12.92 * rolled, 1.055 * np.maximum(rolled, 1e-9) ** (1 / 2.4) - 0.055)


_CURVE = _base_curve().astype(np.float32)


def curve_table(contrast: float = 0.0) -> NDArray[np.uint8]:
    """Linear RGB -> 8-bit sRGB as a table, with a soft shoulder above 0.8; contrast > 0 adds an S-shaped curve."""
    table: NDArray[np.uint8] = _bend(_CURVE, np.float32(contrast))
    return table


def to_srgb(linear: F32, contrast: float = 0.0) -> NDArray[np.uint8]:
    """Linear RGB -> 8-bit sRGB, any shape, through `curve_table`."""
    return _look_up(np.ascontiguousarray(linear, np.float32), curve_table(contrast), np.float32(CURVE_SCALE))


def to_linear(srgb: NDArray[np.floating] | tuple[float, ...]) -> F32:
    """sRGB in [0, 1] -> linear RGB."""
    c = np.asarray(srgb, np.float64)
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).astype(np.float32)


@njit(nogil=True, cache=True)
def _compare(depth, place, bias):  # type: ignore[no-untyped-def]
    size = depth.shape[0]
    out = np.empty(place.shape[0], np.float32)
    for i in range(place.shape[0]):
        x, y = int(place[i, 0] + 0.5), int(place[i, 1] + 0.5)
        free = 0
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                r, c = y + dy, x + dx
                # A surface that slopes towards the light is nearer a step aside: allow for it, or it shadows itself.
                allowed = bias * (1 + abs(dx) + abs(dy))
                if r < 0 or c < 0 or r >= size or c >= size or depth[r, c] + allowed >= place[i, 2]:
                    free += 1
        out[i] = free / 9.0
    return out


@njit(nogil=True, cache=True)
def _illuminate(normals, occlusion, lit, shadow, direction, colour, sky, ground, wrap, gloss, seen):  # type: ignore[no-untyped-def]
    count = normals.shape[0]
    out = np.zeros((count, 6), np.float32)
    half = np.empty_like(direction)
    one, zero = np.float32(1), np.float32(0)
    for k in range(direction.shape[0]):
        hx, hy, hz = direction[k, 0], direction[k, 1], direction[k, 2] + one
        scale = one / (np.sqrt(hx * hx + hy * hy + hz * hz) + np.float32(1e-6))
        half[k, 0], half[k, 1], half[k, 2] = hx * scale, hy * scale, hz * scale
    span = one / (one + wrap)
    for i in range(np.uint32(count)):
        if not seen[i]:
            continue
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        up = np.float32(0.5) + np.float32(0.5) * ny
        key = one - shadow * (one - lit[i])
        for c in range(3):
            out[i, c] = occlusion[i] * (up * sky[c] + (one - up) * ground[c])
        for k in range(np.uint32(direction.shape[0])):
            cosine = nx * direction[k, 0] + ny * direction[k, 1] + nz * direction[k, 2]
            share = key if k == 0 else occlusion[i]
            for c in range(3):
                out[i, c] += share * max((cosine + wrap[c]) * span[c], zero) * colour[k, c]
            shine = nx * half[k, 0] + ny * half[k, 1] + nz * half[k, 2]
            if cosine > zero and shine > zero:
                for _ in range(gloss):
                    shine *= shine
                for c in range(3):
                    out[i, 3 + c] += share * shine * colour[k, c]
    return out


@njit(nogil=True, cache=True)
def _quincunx(samples, background):  # type: ignore[no-untyped-def]
    out = np.empty(background.shape, np.float32)
    half, eighth = np.float32(0.5), np.float32(0.125)
    for r in range(np.uint32(out.shape[0])):
        above, middle, below = 2 * r, 2 * r + 1, 2 * r + 2
        for c in range(np.uint32(out.shape[1])):
            clear = np.float32(1)
            for k in (3, 0, 1, 2):
                corners = samples[above, c, k] + samples[above, c + 1, k]
                corners += samples[below, c, k] + samples[below, c + 1, k]
                mean = half * samples[middle, c, k] + eighth * corners
                if k == 3:
                    clear -= mean
                else:
                    out[r, c, k] = mean + clear * background[r, c, k]
    return out


@njit(nogil=True, cache=True)
def _bend(curve, contrast):  # type: ignore[no-untyped-def]
    out = np.empty(len(curve), np.uint8)
    one, zero, full = np.float32(1), np.float32(0), np.float32(255)
    for i in range(len(curve)):
        bent = curve[i] + contrast * curve[i] * (one - curve[i]) * (curve[i] + curve[i] - one)
        out[i] = np.uint8(min(max(bent * full + np.float32(0.5), zero), full))
    return out


@njit(nogil=True, cache=True)
def _look_up(linear, table, scale):  # type: ignore[no-untyped-def]
    out = np.empty(linear.shape, np.uint8)
    flat_in, flat_out = linear.reshape(-1), out.reshape(-1)
    last = len(table) - 1
    for i in range(len(flat_in)):
        flat_out[i] = table[min(max(int(flat_in[i] * scale + np.float32(0.5)), 0), last)]
    return out
