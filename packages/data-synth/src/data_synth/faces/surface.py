"""The colour of each sample of a z-buffer: skin, eyes, mouth, clothes, hair, hats and glasses.

Axis letters: `S` rows and columns of the (twice as fine) sample grid, `V` vertices, `F` triangles, `T` texels.

Only samples with row + column even are looked at (see `shade.compose`). Colours are linear RGB. Everything that a
pixel needs is interpolated from the vertices; sharp things (iris, hairline, collar, strands of hair) are decided per
sample, from smooth fields.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@njit(nogil=True, cache=True, inline="always")
def _mix(b0, b1, b2, i0, i1, i2, values, channel):  # type: ignore[no-untyped-def]
    """A per-vertex value at a sample."""
    return b0 * values[i0, channel] + b1 * values[i1, channel] + b2 * values[i2, channel]


@njit(nogil=True, cache=True)
def paint_head(  # type: ignore[no-untyped-def]
    tri,
    bary,
    faces,
    component,
    place,
    light,
    edges,
    texture,
    grain,
    hair,
    cloth,
    stripe,
    iris,
    pupil,
    glint,
    flesh,
    out,
):
    """Fill out (S, S, 4) with the head's colour and coverage 1, wherever tri (S, S) >= 0.

    component (F,) uint8: 0 skin, 1 eye socket, 2 mouth, 3 eye, 4 tongue, 5 teeth. place (V, 2) texels, or on eyeballs
    the direction (x, y) from the ball's centre; light (V, 6) diffuse and specular; edges (V, 2) metres inside the
    hairline and inside the clothes. texture (T, T, 4) uint8 as painted by `skin.paint`, read without interpolation;
    grain (G, G) unit noise, G a power of two; hair (3,), cloth (2, 3), iris (3,) and flesh (6, 3) are albedos, the last
    for components without texture; stripe: mm between stripes of the cloth (0: plain); pupil: radius; glint (2,) place
    of the lamp's reflection in the eyes.
    """
    size = texture.shape[0]
    mask = grain.shape[0] - 1
    scale = np.float32(1.0 / 65025.0)
    for r in range(tri.shape[0]):
        for k in range(r % 2, tri.shape[1], 2):
            f = tri[r, k]
            if f < 0:
                continue
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            b0, b1, b2 = bary[r, k, 0], bary[r, k, 1], bary[r, k, 2]
            x, y = _mix(b0, b1, b2, i0, i1, i2, place, 0), _mix(b0, b1, b2, i0, i1, i2, place, 1)
            shine = np.float32(0.0)
            lamp = np.float32(0.0)
            kind = component[f]
            if kind == 0:
                column = min(max(int(x + np.float32(0.5)), 0), size - 1)
                row = min(max(int(y + np.float32(0.5)), 0), size - 1)
                texel = texture[row, column]
                t0, t1, t2 = np.float32(texel[0]), np.float32(texel[1]), np.float32(texel[2])
                red, green, blue = t0 * t0 * scale, t1 * t1 * scale, t2 * t2 * scale
                shine = np.float32(texel[3]) * np.float32(0.16 / 255.0)
                noise = grain[int(y * 4) & mask, int(x * 4) & mask]
                inside = _mix(b0, b1, b2, i0, i1, i2, edges, 0)
                share = max(
                    (inside + np.float32(0.0015) * noise) * np.float32(160.0) + np.float32(0.5), np.float32(0.0)
                )
                share = min(share, np.float32(0.94))
                if share > 0:
                    red += share * (hair[0] - red)
                    green += share * (hair[1] - green)
                    blue += share * (hair[2] - blue)
                    shine *= 1 - np.float32(0.8) * share
                inside = _mix(b0, b1, b2, i0, i1, i2, edges, 1)
                if inside > 0:
                    odd = int(inside * np.float32(1000.0) / stripe) % 2 if stripe > 0 else 0
                    tone = 1 + np.float32(0.06) * noise
                    if inside < np.float32(0.004):  # the seam of the collar
                        tone *= np.float32(0.7)
                    red, green, blue = cloth[odd, 0] * tone, cloth[odd, 1] * tone, cloth[odd, 2] * tone
                    shine = np.float32(0.0)
            elif kind == 3:
                red, green, blue = _eye(x, y, iris, pupil)
                dx, dy = x - glint[0], y - glint[1]
                shine = np.float32(0.05)
                if dx * dx + dy * dy < np.float32(0.010):  # a mirror image of the lamp, whatever the surface's light
                    lamp = np.float32(0.9)
            else:
                red, green, blue = flesh[kind, 0], flesh[kind, 1], flesh[kind, 2]
                shine = np.float32(0.12) if kind >= 4 else np.float32(0.0)
            out[r, k, 0] = (
                red * _mix(b0, b1, b2, i0, i1, i2, light, 0) + shine * _mix(b0, b1, b2, i0, i1, i2, light, 3) + lamp
            )
            out[r, k, 1] = (
                green * _mix(b0, b1, b2, i0, i1, i2, light, 1) + shine * _mix(b0, b1, b2, i0, i1, i2, light, 4) + lamp
            )
            out[r, k, 2] = (
                blue * _mix(b0, b1, b2, i0, i1, i2, light, 2) + shine * _mix(b0, b1, b2, i0, i1, i2, light, 5) + lamp
            )
            out[r, k, 3] = 1


@njit(nogil=True, cache=True)
def _eye(x, y, iris, pupil):  # type: ignore[no-untyped-def]
    """Albedo of an eye at a direction (x, y) from its centre: pupil, iris with spokes and a dark rim, white."""
    radius = np.sqrt(x * x + y * y)
    if radius >= np.float32(0.40):
        red = np.float32(0.25) * max(radius - np.float32(0.55), np.float32(0.0))
        return np.float32(0.80), np.float32(0.76) * (1 - red), np.float32(0.72) * (1 - red)
    angle = np.arctan2(y, x)
    tone = np.float32(1.0) + np.float32(0.25) * np.sin(angle * 17) * np.sin(angle * 7 + 1)
    tone *= np.float32(0.65) + np.float32(0.9) * radius
    tone *= min(max((np.float32(0.40) - radius) * np.float32(14.0), np.float32(0.15)), np.float32(1.0))
    tone *= min(max((radius - pupil) * np.float32(30.0) + np.float32(0.5), np.float32(0.0)), np.float32(1.0))
    return iris[0] * tone, iris[1] * tone, iris[2] * tone


@njit(nogil=True, cache=True)
def paint_sheet(  # type: ignore[no-untyped-def]
    tri, bary, depth, front, faces, margin, columns, light, grain, offset, colours, hem, streak, ragged, gloss, out
):
    """Draw hair or cloth over out (S, S, 4) where it is nearer than front (S, S); `front` is updated.

    margin (V,) m inside the edge; vertex i is in column i % columns; light (V, 6) diffuse and specular. grain (G, G)
    unit noise, G a power of two, read at `offset` and stretched along the columns so that it makes strands; colours
    (2, 3) of the sheet and of its hem of `hem` metres; streak: relative brightness between strands; ragged: m by which
    strands end early or late.
    """
    mask = grain.shape[0] - 1
    for r in range(tri.shape[0]):
        for k in range(r % 2, tri.shape[1], 2):
            f = tri[r, k]
            if f < 0 or depth[r, k] >= front[r, k]:
                continue
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            b0, b1, b2 = bary[r, k, 0], bary[r, k, 1], bary[r, k, 2]
            inside = b0 * margin[i0] + b1 * margin[i1] + b2 * margin[i2]
            turn = b0 * np.float32(i0 % columns) + b1 * np.float32(i1 % columns) + b2 * np.float32(i2 % columns)
            column = int(turn * np.float32(7.0)) + offset
            fine = grain[column & mask, int(inside * np.float32(120.0) + np.float32(400.0)) & mask]
            coarse = grain[(column // 3 + 57) & mask, int(inside * np.float32(40.0) + np.float32(300.0)) & mask]
            if inside + ragged * (np.float32(0.6) * coarse + np.float32(0.5) * fine) <= 0:
                continue
            tone = max(np.float32(0.15), 1 + streak * (np.float32(0.6) * coarse + np.float32(0.45) * fine))
            which = 1 if inside < hem else 0
            for j in range(3):
                diffuse, specular = _mix(b0, b1, b2, i0, i1, i2, light, j), _mix(b0, b1, b2, i0, i1, i2, light, 3 + j)
                out[r, k, j] = tone * (colours[which, j] * diffuse + gloss * specular)
            out[r, k, 3] = 1
            front[r, k] = depth[r, k]


@njit(nogil=True, cache=True)
def paint_solid(tri, bary, depth, front, faces, colour, opacity, out):  # type: ignore[no-untyped-def]
    """Blend a mesh with lit vertex colours (V, 3) and opacity per triangle (F,) over out, where it is nearer than
    `front`."""
    for r in range(tri.shape[0]):
        for k in range(r % 2, tri.shape[1], 2):
            f = tri[r, k]
            if f < 0 or depth[r, k] >= front[r, k]:
                continue
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            a = opacity[f]
            for j in range(3):
                value = bary[r, k, 0] * colour[i0, j] + bary[r, k, 1] * colour[i1, j] + bary[r, k, 2] * colour[i2, j]
                out[r, k, j] = (1 - a) * out[r, k, j] + a * value
            out[r, k, 3] = a + (1 - a) * out[r, k, 3]
