"""Light on meshes: ambient occlusion, cast shadows, diffuse and specular light per vertex, and the way to 8-bit pixels.

Axis letters: `V` vertices, `F` triangles, `L` lights, `H`/`W` rows and columns, `C` channels.

All light and colour is linear RGB until `to_srgb`. Directions are unit vectors in the camera's frame: x to image
right, y up, z towards the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data_synth.raster import rasterise, vertex_normals

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


def ambient_occlusion(vertices: NDArray[np.floating], faces: NDArray[np.int32], directions: int = 128) -> F32:
    """Share (V,) in [0, 1] of the cosine-weighted sky seen from each vertex, from depth maps out of many directions."""
    normals = vertex_normals(vertices, faces)
    seen, total = np.zeros(len(vertices)), np.full(len(vertices), 1e-9)
    for k in range(directions):  # a Fibonacci lattice: even, and the same every time
        height = 1 - (2 * k + 1) / directions
        angle = k * np.pi * (3 - np.sqrt(5))
        ring = np.sqrt(1 - height * height)
        direction = np.array([ring * np.cos(angle), ring * np.sin(angle), height], np.float32)
        cosine = np.maximum(normals @ direction, 0)
        total += cosine
        seen += cosine * lit_share(vertices, vertices, faces, direction, 160)
    return (seen / total).astype(np.float32)


def lit_share(
    receivers: NDArray[np.floating],
    vertices: NDArray[np.floating],
    faces: NDArray[np.int32],
    direction: F32,
    resolution: int = 96,
    bias: float = 0.012,
) -> F32:
    """Which receivers (V, 3) a distant light reaches past the mesh: 0 (in shadow) to 1, softened over 3 x 3 samples.

    bias: a receiver is lit if nothing lies more than this part of the mesh's extent in front of it.
    """
    side = np.cross(direction, [0.0, 1.0, 0.0] if abs(direction[1]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(direction, side), -np.asarray(direction, float)], axis=1).astype(np.float32)
    turned = np.asarray(vertices, np.float32) @ axes
    low, high = turned.min(axis=0), turned.max(axis=0)
    extent = float((high - low)[:2].max())
    scale = np.array([(resolution - 1) / extent, (resolution - 1) / extent, 1.0], np.float32)
    depth = rasterise((turned - low) * scale, faces, resolution, resolution, perspective=False, cull_back=True).depth
    place = (np.asarray(receivers, np.float32) @ axes - low) * scale
    return _compare(depth, place, np.float32(bias * extent))


def illuminate(normals: F32, occlusion: F32, lit: F32, lighting: Lighting, wrap: F32, gloss: float) -> tuple[F32, F32]:
    """Diffuse irradiance / pi and specular radiance (V, 3) each, for a viewer far along +z.

    normals (V, 3); occlusion (V,) share of the surroundings that is seen; lit (V,) share of the key light that arrives;
    wrap (3,) how far each colour bleeds round the terminator (light scattered under the skin), 0 is Lambert's law;
    gloss: Blinn-Phong exponent.
    """
    return _illuminate(
        normals,
        occlusion,
        (1 - lighting.shadow * (1 - lit)).astype(np.float32),
        lighting.direction,
        lighting.colour,
        lighting.sky,
        lighting.ground,
        np.asarray(wrap, np.float32),
        np.float32(gloss),
    )


def downsample(samples: F32) -> F32:
    """(2 H + 1, 2 W + 1, C) samples at half-pixel steps from -0.5 on -> (H, W, C), each pixel a tent of 3 x 3 samples.

    Odd samples lie on the pixel centres, so a z-buffer of the fine grid gives the labels as well: `samples[1::2,
    1::2]`.
    """
    if samples.ndim != 3 or samples.shape[0] % 2 == 0 or samples.shape[1] % 2 == 0:
        raise ValueError(f"expected (2 H + 1, 2 W + 1, C), got {samples.shape}")
    return _tent(samples)


_SRGB_STEPS = 4096
_linear = np.linspace(0, 1, _SRGB_STEPS)
_SRGB = np.where(_linear <= 0.0031308, 12.92 * _linear, 1.055 * np.maximum(_linear, 1e-9) ** (1 / 2.4) - 0.055)


def to_srgb(linear: F32, exposure: float = 1.0, contrast: float = 0.0) -> NDArray[np.uint8]:
    """Linear RGB (H, W, 3) -> 8-bit sRGB with a soft shoulder for highlights; contrast > 0 adds an S-shaped curve."""
    steps = np.linspace(0, 4, _SRGB_STEPS)
    rolled = np.where(steps < 0.8, steps, 0.8 + 0.2 * np.tanh((steps - 0.8) / 0.6))
    curve = np.interp(rolled, _linear, _SRGB)
    curve = curve + contrast * curve * (1 - curve) * (2 * curve - 1)
    table = np.clip(np.rint(curve * 255), 0, 255).astype(np.uint8)
    return table[np.clip(linear * (exposure * (_SRGB_STEPS - 1) / 4), 0, _SRGB_STEPS - 1).astype(np.int32)]


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
        for r in range(y - 1, y + 2):
            for c in range(x - 1, x + 2):
                if r < 0 or c < 0 or r >= size or c >= size or depth[r, c] + bias >= place[i, 2]:
                    free += 1
        out[i] = free / 9.0
    return out


@njit(nogil=True, cache=True)
def _illuminate(normals, occlusion, key, direction, colour, sky, ground, wrap, gloss):  # type: ignore[no-untyped-def]
    count = normals.shape[0]
    diffuse = np.empty((count, 3), np.float32)
    specular = np.zeros((count, 3), np.float32)
    half = np.empty_like(direction)
    for k in range(direction.shape[0]):
        hx, hy, hz = direction[k, 0], direction[k, 1], direction[k, 2] + np.float32(1)
        length = np.sqrt(hx * hx + hy * hy + hz * hz) + np.float32(1e-6)
        half[k, 0], half[k, 1], half[k, 2] = hx / length, hy / length, hz / length
    for i in range(count):
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        up = np.float32(0.5) + np.float32(0.5) * ny
        for c in range(3):
            diffuse[i, c] = occlusion[i] * (up * sky[c] + (1 - up) * ground[c])
        for k in range(direction.shape[0]):
            cosine = nx * direction[k, 0] + ny * direction[k, 1] + nz * direction[k, 2]
            share = key[i] if k == 0 else occlusion[i]
            for c in range(3):
                bled = (cosine + wrap[c]) / (1 + wrap[c])
                if bled > 0:
                    diffuse[i, c] += share * bled * colour[k, c]
            if cosine > 0:
                mirror = nx * half[k, 0] + ny * half[k, 1] + nz * half[k, 2]
                if mirror > 0:
                    shine = share * mirror**gloss
                    for c in range(3):
                        specular[i, c] += shine * colour[k, c]
    return diffuse, specular


@njit(nogil=True, cache=True)
def _tent(samples):  # type: ignore[no-untyped-def]
    height, width, channels = samples.shape[0] // 2, samples.shape[1] // 2, samples.shape[2]
    out = np.empty((height, width, channels), np.float32)
    for r in range(height):
        for c in range(width):
            y, x = 2 * r + 1, 2 * c + 1
            for k in range(channels):
                corner = (
                    samples[y - 1, x - 1, k]
                    + samples[y - 1, x + 1, k]
                    + samples[y + 1, x - 1, k]
                    + samples[y + 1, x + 1, k]
                )
                edge = samples[y - 1, x, k] + samples[y + 1, x, k] + samples[y, x - 1, k] + samples[y, x + 1, k]
                out[r, c, k] = (corner + 2 * edge + 4 * samples[y, x, k]) * np.float32(1 / 16)
    return out
