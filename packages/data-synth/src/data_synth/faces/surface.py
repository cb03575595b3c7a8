"""The colour of each sample of a z-buffer: skin, eyes, mouth, clothes, hair, hats and glasses.

Axis letters: `S` rows and columns of the (twice as fine) sample grid, `V` vertices, `F` triangles, `T` texels.

Colours are linear RGB. Everything that a pixel needs is interpolated from the vertices; sharp things (iris, hairline,
collar, strands of hair) are decided per sample, from smooth fields.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]

HEAD_CHANNELS = ("texel x", "texel y", "diffuse r", "g", "b", "specular r", "g", "b", "scalp", "cloth")
"""Per-vertex channels of the head: texture place, light, metres inside the hairline, metres inside the clothes. On
eyeballs the first two are the direction (x, y) from the ball's centre instead."""

SHEET_CHANNELS = ("margin", "column", "diffuse r", "g", "b", "specular r", "g", "b")


@njit(nogil=True, cache=True)
def paint_head(  # type: ignore[no-untyped-def]
    tri,
    bary,
    faces,
    component,
    channels,
    texture,
    grain,
    hair_colour,
    cloth,
    cloth_period,
    iris,
    pupil,
    glint,
    flesh,
    out,
):
    """Fill out (S, S, 4) with the head's colour and coverage 1, wherever tri (S, S) >= 0.

    component (F,) uint8: 0 skin, 1 eye socket, 2 mouth, 3 eye, 4 tongue, 5 teeth. channels (V, 10): HEAD_CHANNELS.
    texture (T, T, 4) uint8 as painted by `skin.paint`; grain (G, G) unit noise; cloth (2, 3) two colours;
    cloth_period: mm between stripes (0: plain); iris (3,), pupil: radius; glint (2,) place of the reflected light;
    flesh (6, 3) albedos of the components without texture.
    """
    size = texture.shape[0]
    grains = grain.shape[0]
    c = np.empty(10, np.float32)
    for r in range(tri.shape[0]):
        for k in range(tri.shape[1]):
            f = tri[r, k]
            if f < 0:
                continue
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            b0, b1, b2 = bary[r, k, 0], bary[r, k, 1], bary[r, k, 2]
            for j in range(10):
                c[j] = b0 * channels[i0, j] + b1 * channels[i1, j] + b2 * channels[i2, j]
            shine = np.float32(0.0)
            kind = component[f]
            if kind == 0:
                x = min(max(c[0], np.float32(0.0)), np.float32(size - 1.001))
                y = min(max(c[1], np.float32(0.0)), np.float32(size - 1.001))
                x0, y0 = int(x), int(y)
                fx, fy = x - np.float32(x0), y - np.float32(y0)
                w00, w01 = (1 - fx) * (1 - fy), fx * (1 - fy)
                w10, w11 = (1 - fx) * fy, fx * fy
                t0, t1, t2, t3 = (
                    w00 * texture[y0, x0, 0] + w01 * texture[y0, x0 + 1, 0] + w10 * texture[y0 + 1, x0, 0]
                    + w11 * texture[y0 + 1, x0 + 1, 0],
                    w00 * texture[y0, x0, 1] + w01 * texture[y0, x0 + 1, 1] + w10 * texture[y0 + 1, x0, 1]
                    + w11 * texture[y0 + 1, x0 + 1, 1],
                    w00 * texture[y0, x0, 2] + w01 * texture[y0, x0 + 1, 2] + w10 * texture[y0 + 1, x0, 2]
                    + w11 * texture[y0 + 1, x0 + 1, 2],
                    w00 * texture[y0, x0, 3] + w01 * texture[y0, x0 + 1, 3] + w10 * texture[y0 + 1, x0, 3]
                    + w11 * texture[y0 + 1, x0 + 1, 3],
                )  # fmt: skip
                scale = np.float32(1.0 / 65025.0)
                red, green, blue = t0 * t0 * scale, t1 * t1 * scale, t2 * t2 * scale
                shine = t3 * np.float32(0.16 / 255.0)
                noise = grain[int(y * 4) % grains, int(x * 4) % grains]
                hair = min(max((c[8] + np.float32(0.0015) * noise) * np.float32(160.0) + np.float32(0.5), 0.0), 0.94)
                if hair > 0:
                    red += hair * (hair_colour[0] - red)
                    green += hair * (hair_colour[1] - green)
                    blue += hair * (hair_colour[2] - blue)
                    shine *= 1 - np.float32(0.8) * hair
                if c[9] > 0:
                    stripe = 0
                    if cloth_period > 0 and (c[9] * np.float32(1000.0)) % (2 * cloth_period) > cloth_period:
                        stripe = 1
                    tone = 1 + np.float32(0.06) * noise
                    if c[9] < 0.004:  # the seam of the collar
                        tone *= np.float32(0.7)
                    red, green, blue = cloth[stripe, 0] * tone, cloth[stripe, 1] * tone, cloth[stripe, 2] * tone
                    shine = np.float32(0.0)
            elif kind == 3:
                radius = np.sqrt(c[0] * c[0] + c[1] * c[1])
                noise = grain[int(abs(c[0]) * 90) % grains, int(abs(c[1]) * 90) % grains]
                if radius < np.float32(0.40):
                    angle = np.arctan2(c[1], c[0])
                    tone = np.float32(1.0) + np.float32(0.25) * np.sin(angle * 17) * np.sin(angle * 7 + 1)
                    tone *= np.float32(0.65) + np.float32(0.9) * radius
                    rim = min(max((np.float32(0.40) - radius) * np.float32(14.0), 0.15), 1.0)
                    tone *= rim
                    red, green, blue = iris[0] * tone, iris[1] * tone, iris[2] * tone
                    hole = min(max((pupil - radius) * np.float32(30.0) + np.float32(0.5), 0.0), 1.0)
                    red, green, blue = red * (1 - hole), green * (1 - hole), blue * (1 - hole)
                else:
                    vein = np.float32(0.03) * noise + np.float32(0.25) * max(radius - np.float32(0.55), np.float32(0.0))
                    red, green, blue = np.float32(0.80), np.float32(0.76) * (1 - vein), np.float32(0.72) * (1 - vein)
                dx, dy = c[0] - glint[0], c[1] - glint[1]
                if dx * dx + dy * dy < np.float32(0.010):
                    shine = np.float32(2.5)
                else:
                    shine = np.float32(0.05)
            else:
                red, green, blue = flesh[kind, 0], flesh[kind, 1], flesh[kind, 2]
                shine = np.float32(0.12) if kind >= 4 else np.float32(0.0)
            if shine > 1:  # a mirror image of the lamp, whatever the surface's own highlight
                out[r, k, 0] = red * c[2] + np.float32(0.9)
                out[r, k, 1] = green * c[3] + np.float32(0.9)
                out[r, k, 2] = blue * c[4] + np.float32(0.9)
            else:
                out[r, k, 0] = red * c[2] + shine * c[5]
                out[r, k, 1] = green * c[3] + shine * c[6]
                out[r, k, 2] = blue * c[4] + shine * c[7]
            out[r, k, 3] = 1


@njit(nogil=True, cache=True)
def paint_sheet(  # type: ignore[no-untyped-def]
    tri,
    bary,
    depth,
    front,
    faces,
    channels,
    grain,
    offset,
    colour,
    hem_colour,
    hem,
    streak,
    ragged,
    gloss,
    frequency,
    out,
):
    """Draw hair or cloth over out (S, S, 4) where it is nearer than front (S, S); `front` is updated.

    channels (V, 8): SHEET_CHANNELS. grain (G, G) unit noise, read at `offset` with `frequency` cells per column, so
    that it makes strands; streak: relative brightness between strands; ragged: m by which strands end early or late;
    hem: m of the edge that has `hem_colour`.
    """
    grains = grain.shape[0]
    c = np.empty(8, np.float32)
    for r in range(tri.shape[0]):
        for k in range(tri.shape[1]):
            f = tri[r, k]
            if f < 0 or depth[r, k] >= front[r, k]:
                continue
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            b0, b1, b2 = bary[r, k, 0], bary[r, k, 1], bary[r, k, 2]
            for j in range(8):
                c[j] = b0 * channels[i0, j] + b1 * channels[i1, j] + b2 * channels[i2, j]
            column = int(c[1] * frequency + offset)
            fine = grain[column % grains, int(c[0] * 120 + 400) % grains]
            coarse = grain[(column // 3 + 57) % grains, int(c[0] * 40 + 300) % grains]
            if c[0] + ragged * (np.float32(0.6) * coarse + np.float32(0.5) * fine) <= 0:
                continue
            tone = max(np.float32(0.15), 1 + streak * (np.float32(0.6) * coarse + np.float32(0.45) * fine))
            shine = gloss * tone
            if c[0] < hem:
                red, green, blue = hem_colour[0] * tone, hem_colour[1] * tone, hem_colour[2] * tone
            else:
                red, green, blue = colour[0] * tone, colour[1] * tone, colour[2] * tone
            out[r, k, 0] = red * c[2] + shine * c[5]
            out[r, k, 1] = green * c[3] + shine * c[6]
            out[r, k, 2] = blue * c[4] + shine * c[7]
            out[r, k, 3] = 1
            front[r, k] = depth[r, k]


@njit(nogil=True, cache=True)
def paint_solid(tri, bary, depth, front, faces, colour, opacity, out):  # type: ignore[no-untyped-def]
    """Blend a mesh with lit vertex colours (V, 3) and opacity per triangle (F,) over out, where it is nearer than
    `front`."""
    for r in range(tri.shape[0]):
        for k in range(tri.shape[1]):
            f = tri[r, k]
            if f < 0 or depth[r, k] >= front[r, k]:
                continue
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            a = opacity[f]
            for j in range(3):
                value = bary[r, k, 0] * colour[i0, j] + bary[r, k, 1] * colour[i1, j] + bary[r, k, 2] * colour[i2, j]
                out[r, k, j] = (1 - a) * out[r, k, j] + a * value
            out[r, k, 3] = a + (1 - a) * out[r, k, 3]
