"""Compiled loops of the body renderer: skinning, the colour of each sample, and the room behind.

Axis letters: `V` vertices, `B` bones, `I` bones that move a vertex, `S` rows and `K` columns of a `raster.Quincunx`,
`H` rows and columns of the image. Colours are linear RGB.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from data_synth.raster import weights_at

_ONE, _ZERO = np.float32(1), np.float32(0)


@njit(nogil=True, cache=True)
def skin(vertices, index, weight, turn, shift):  # type: ignore[no-untyped-def]
    """Linear blend skinning: vertices (V, 3) moved by the bones index (V, I) with weight (V, I); turn (B, 3, 3) and
    shift (B, 3) take a vertex as modelled to its place. float32 -> float32."""
    out = np.zeros(vertices.shape, np.float32)
    for v in range(vertices.shape[0]):
        x, y, z = vertices[v, 0], vertices[v, 1], vertices[v, 2]
        for i in range(index.shape[1]):
            w = weight[v, i]
            if w > _ZERO:
                b = index[v, i]
                for k in range(3):
                    out[v, k] += w * (turn[b, k, 0] * x + turn[b, k, 1] * y + turn[b, k, 2] * z + shift[b, k])
    return out


@njit(nogil=True, cache=True, inline="always")
def _patterned(kind, pitch, across, along):  # type: ignore[no-untyped-def]
    """Whether a sample of cloth has the second colour."""
    u, v = across / pitch - np.floor(across / pitch), along / pitch - np.floor(along / pitch)
    if kind == 1:
        return u < np.float32(0.4)
    if kind == 2:
        return v < np.float32(0.5)
    if kind == 3:
        return (u < np.float32(0.25)) or (v < np.float32(0.25))
    if kind == 4:
        du, dv = u - np.float32(0.5), v - np.float32(0.5)
        return du * du + dv * dv < np.float32(0.07)
    return False


@njit(nogil=True, cache=True, error_model="numpy")
def paint_body(tri, best, screen, front, faces, fields, light, albedo, pattern, pitch, gap, out):  # type: ignore[no-untyped-def]
    """Put a person into out (S, K, 4: RGB and cover) where best is nearer than front (S, K), which is updated.

    fields (V, 8) and albedo (7, 3), pattern, pitch, gap as in `wardrobe.Outfit`; light (V, 6) diffuse and specular.
    """
    value = np.empty(8, np.float32)
    for r in range(np.uint32(tri.shape[0])):
        for k in range(np.uint32(tri.shape[1])):
            f = tri[r, k]
            if f < 0 or best[r, k] <= front[r, k]:
                continue
            front[r, k] = best[r, k]
            i0, i1, i2 = np.uint32(faces[f, 0]), np.uint32(faces[f, 1]), np.uint32(faces[f, 2])
            b0, b1, b2 = weights_at(2 * k + (r & 1), r, i0, i1, i2, screen)
            for c in range(8):
                value[c] = b0 * fields[i0, c] + b1 * fields[i1, c] + b2 * fields[i2, c]
            shine, which, dim = np.float32(0.10), 0, _ONE
            x, z = abs(value[6]), value[7]
            if value[2] > _ZERO:
                which, shine = 5, np.float32(0.08)
            elif value[0] > _ZERO:
                which, shine = 1 + _patterned(pattern[0], pitch[0], value[4], value[5]), _ZERO
                if value[0] < np.float32(0.006):
                    dim = np.float32(0.75)
            elif value[1] > _ZERO:
                which, shine = 3 + _patterned(pattern[1], pitch[1], value[4], value[5]), _ZERO
                if value[1] < np.float32(0.006):
                    dim = np.float32(0.75)
            elif value[3] > _ZERO:
                which, shine = 6, np.float32(0.05)
            elif x < np.float32(0.08):
                dx = x - gap
                arch = z - np.float32(0.020) + np.float32(4) * dx * dx
                if dx * dx < np.float32(0.0004) and abs(arch) < np.float32(0.0035):
                    which = 6  # a brow
                elif dx * dx / np.float32(0.00020) + z * z / np.float32(0.000045) < _ONE:
                    dim = np.float32(0.12) if dx * dx + z * z < np.float32(0.00004) else np.float32(1.5)  # an eye
                elif x < np.float32(0.024) and abs(z + np.float32(0.071)) < np.float32(0.0075):
                    dim = np.float32(0.55)  # lips
            for c in range(3):
                diffuse = b0 * light[i0, c] + b1 * light[i1, c] + b2 * light[i2, c]
                glint = b0 * light[i0, 3 + c] + b1 * light[i1, 3 + c] + b2 * light[i2, 3 + c]
                out[r, k, c] = dim * albedo[which, c] * diffuse + shine * glint
            out[r, k, 3] = _ONE


@njit(nogil=True, cache=True, error_model="numpy")
def cast_room(inverse, rotation, position, half, ceiling, size):  # type: ignore[no-untyped-def]
    """What each pixel of a crop sees of a box-shaped room from inside: side (H, H) uint8 (0 floor, 1 ceiling, 2 to 5
    walls at +x, -x, +y, -y), place (H, H, 3) float32 m in the world. inverse (3, 3) of the intrinsics; rotation and
    position of the camera; half (2,) m the walls' distance from the middle; ceiling: its height, m."""
    side = np.zeros((size, size), np.uint8)
    place = np.zeros((size, size, 3), np.float32)
    ray = np.empty(3)
    for r in range(size):
        for c in range(size):
            for k in range(3):
                ray[k] = 0.0
                for j in range(3):
                    seen = inverse[j, 0] * c + inverse[j, 1] * r + inverse[j, 2]
                    ray[k] += rotation[j, k] * seen
            nearest, hit = np.inf, 0
            for k in range(3):
                if abs(ray[k]) < 1e-12:
                    continue
                wall = (ceiling if ray[k] > 0 else 0.0) if k == 2 else (half[k] if ray[k] > 0 else -half[k])
                t = (wall - position[k]) / ray[k]
                if t < nearest:
                    nearest = t
                    hit = (1 if ray[k] > 0 else 0) if k == 2 else 2 + 2 * k + (0 if ray[k] > 0 else 1)
            side[r, c] = hit
            for k in range(3):
                place[r, c, k] = position[k] + nearest * ray[k]
    return side, place


@njit(nogil=True, cache=True)
def paint_room(side, place, atlas, pitch, ceiling, light, lit):  # type: ignore[no-untyped-def]
    """Colour (H, H, 3) of a room. atlas (6, T, T, 3): a texture per side, repeated every `pitch` (6,) m along a wall or
    the floor; up a wall it is stretched to the ceiling. light (6, 3) on the sides; lit (H, H): light that reaches the
    floor."""
    size, last = side.shape[0], atlas.shape[1]
    out = np.empty((size, size, 3), np.float32)
    for r in range(size):
        for c in range(size):
            s = side[r, c]
            x, y, z = place[r, c, 0], place[r, c, 1], place[r, c, 2]
            if s <= 1:
                u, v = x / pitch[s], y / pitch[s]
            elif s <= 3:
                u, v = y / pitch[s], _ONE - z / ceiling
            else:
                u, v = x / pitch[s], _ONE - z / ceiling
            u, v = (u - np.floor(u)) * last, (v - np.floor(v)) * last
            column, row = int(u), int(v)
            fu, fv = u - np.float32(column), v - np.float32(row)
            column, row = column % last, row % last
            right, below = (column + 1) % last, (row + 1) % last if s <= 1 else min(row + 1, last - 1)
            shade = lit[r, c] if s == 0 else _ONE
            for k in range(3):
                top = (_ONE - fu) * atlas[s, row, column, k] + fu * atlas[s, row, right, k]
                bottom = (_ONE - fu) * atlas[s, below, column, k] + fu * atlas[s, below, right, k]
                out[r, c, k] = shade * light[s, k] * ((_ONE - fv) * top + fv * bottom)
    return out
