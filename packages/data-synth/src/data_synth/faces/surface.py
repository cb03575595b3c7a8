"""The colour of each sample of a z-buffer: skin, eyes, mouth, clothes, hair, hats and glasses.

Axis letters: `S` rows and `K` columns of a `raster.Quincunx`, `V` vertices, `F` triangles, `T` texels.

Colours are linear RGB. `screen` are the vertices as `raster.Quincunx` has them. Everything that a sample needs is
interpolated from the vertices; sharp things (iris, hairline, collar, strands of hair) are decided per sample, from
smooth fields.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data_synth.raster import weights_at

F32 = NDArray[np.float32]


FIELDS = 10
"""Columns of what `paint_head` interpolates: 2 of place, 2 of edges, 6 of light. Side by side, since memory is what a
sample waits for."""

_ONE = np.float32(1)


@njit(nogil=True, cache=True, inline="always")
def _mix(b0, b1, b2, i0, i1, i2, values, channel):  # type: ignore[no-untyped-def]
    """A per-vertex value at a sample."""
    return b0 * values[i0, channel] + b1 * values[i1, channel] + b2 * values[i2, channel]


@njit(nogil=True, cache=True, error_model="numpy")
def paint_head(  # type: ignore[no-untyped-def]
    tri,
    best,
    screen,
    front,
    faces,
    component,
    values,
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
    """Put the head's colour and coverage 1 into out (S, K, 4) wherever best (S, K) is as near as front (S, K).

    component (F,) uint8: 0 skin, 1 eye socket, 2 mouth, 3 eye, 4 tongue, 5 teeth. values (V, FIELDS): place (2) in
    texels, or on eyeballs the direction (x, y) from the ball's centre; edges (2), metres inside the hairline and inside
    the clothes; light (6), diffuse and specular. texture (T, T, 4) uint8 as painted by `skin.paint`, read without
    interpolation; grain (G, G) unit noise, G a power of two; hair (3,), cloth (2, 3), iris (3,) and flesh (6, 3) are
    albedos, the last for components without texture; stripe: mm between stripes of the cloth (0: plain); pupil: radius;
    glint (2,) place of the lamp's reflection in the eyes.
    """
    size = texture.shape[0]
    mask = np.uint32(grain.shape[0] - 1)
    scale = np.float32(1.0 / 65025.0)
    zero = np.float32(0)
    for r in range(np.uint32(tri.shape[0])):
        for k in range(np.uint32(tri.shape[1])):
            f = tri[r, k]
            if f < 0 or best[r, k] < front[r, k]:
                continue
            f = np.uint32(f)
            i0, i1, i2 = np.uint32(faces[f, 0]), np.uint32(faces[f, 1]), np.uint32(faces[f, 2])
            b0, b1, b2 = weights_at(2 * k + (r & 1), r, i0, i1, i2, screen)
            x, y = _mix(b0, b1, b2, i0, i1, i2, values, 0), _mix(b0, b1, b2, i0, i1, i2, values, 1)
            shine, lamp = zero, zero
            kind = component[f]
            if kind == 0:
                column = np.uint32(min(max(int(x + np.float32(0.5)), 0), size - 1))
                row = np.uint32(min(max(int(y + np.float32(0.5)), 0), size - 1))
                t0, t1, t2 = (
                    np.float32(texture[row, column, 0]),
                    np.float32(texture[row, column, 1]),
                    np.float32(texture[row, column, 2]),
                )
                red, green, blue = t0 * t0 * scale, t1 * t1 * scale, t2 * t2 * scale
                shine = np.float32(texture[row, column, 3]) * np.float32(0.16 / 255.0)
                inside, clothed = _mix(b0, b1, b2, i0, i1, i2, values, 2), _mix(b0, b1, b2, i0, i1, i2, values, 3)
                noise = zero
                if inside > np.float32(-0.012) or clothed > zero:  # most of the skin does without this slow look-up
                    noise = grain[np.uint32(int(y * np.float32(4))) & mask, np.uint32(int(x * np.float32(4))) & mask]
                share = (inside + np.float32(0.0015) * noise) * np.float32(160.0) + np.float32(0.5)
                if share > zero:
                    share = min(share, np.float32(0.94))
                    red += share * (hair[0] - red)
                    green += share * (hair[1] - green)
                    blue += share * (hair[2] - blue)
                    shine *= _ONE - np.float32(0.8) * share
                if clothed > zero:
                    odd = int(clothed * np.float32(1000.0) / stripe) % 2 if stripe > zero else 0
                    tone = _ONE + np.float32(0.06) * noise
                    if clothed < np.float32(0.004):  # the seam of the collar
                        tone *= np.float32(0.7)
                    red, green, blue = cloth[odd, 0] * tone, cloth[odd, 1] * tone, cloth[odd, 2] * tone
                    shine = zero
            elif kind == 3:
                red, green, blue = _eye(x, y, iris, pupil)
                dx, dy = x - glint[0], y - glint[1]
                shine = np.float32(0.05)
                if dx * dx + dy * dy < np.float32(0.010):  # a mirror image of the lamp, whatever the surface's light
                    lamp = np.float32(0.9)
            else:
                red, green, blue = flesh[kind, 0], flesh[kind, 1], flesh[kind, 2]
                shine = np.float32(0.12) if kind >= 4 else zero
            diffuse, specular = _mix(b0, b1, b2, i0, i1, i2, values, 4), _mix(b0, b1, b2, i0, i1, i2, values, 7)
            out[r, k, 0] = red * diffuse + shine * specular + lamp
            diffuse, specular = _mix(b0, b1, b2, i0, i1, i2, values, 5), _mix(b0, b1, b2, i0, i1, i2, values, 8)
            out[r, k, 1] = green * diffuse + shine * specular + lamp
            diffuse, specular = _mix(b0, b1, b2, i0, i1, i2, values, 6), _mix(b0, b1, b2, i0, i1, i2, values, 9)
            out[r, k, 2] = blue * diffuse + shine * specular + lamp
            out[r, k, 3] = _ONE
    return out


@njit(nogil=True, cache=True)
def _eye(x, y, iris, pupil):  # type: ignore[no-untyped-def]
    """Albedo of an eye at a direction (x, y) from its centre: pupil, iris with spokes and a dark rim, white."""
    radius = np.sqrt(x * x + y * y)
    if radius >= np.float32(0.40):
        red = np.float32(0.25) * max(radius - np.float32(0.55), np.float32(0.0))
        return np.float32(0.80), np.float32(0.76) * (_ONE - red), np.float32(0.72) * (_ONE - red)
    angle = np.arctan2(y, x)
    tone = np.float32(1.0) + np.float32(0.25) * np.sin(angle * np.float32(17)) * np.sin(angle * np.float32(7) + _ONE)
    tone *= np.float32(0.65) + np.float32(0.9) * radius
    tone *= min(max((np.float32(0.40) - radius) * np.float32(14.0), np.float32(0.15)), np.float32(1.0))
    tone *= min(max((radius - pupil) * np.float32(30.0) + np.float32(0.5), np.float32(0.0)), np.float32(1.0))
    return iris[0] * tone, iris[1] * tone, iris[2] * tone


@njit(nogil=True, cache=True, error_model="numpy")
def paint_sheet(  # type: ignore[no-untyped-def]
    tri, best, screen, front, faces, margin, columns, light, grain, offset, colours, hem, streak, ragged, gloss, out
):
    """Draw hair or cloth over out (S, K, 4) where best (S, K) is nearer than front (S, K); `front` is updated.

    margin (V,) m inside the edge; vertex i is in column i % columns; light (V, 6) diffuse and specular. grain (G, G)
    unit noise, G a power of two, read at `offset` and stretched along the columns so that it makes strands; colours
    (2, 3) of the sheet and of its hem of `hem` metres; streak: relative brightness between strands; ragged: m by which
    strands end early or late.
    """
    mask = np.uint32(grain.shape[0] - 1)
    for r in range(np.uint32(tri.shape[0])):
        for k in range(np.uint32(tri.shape[1])):
            f = tri[r, k]
            if f < 0 or best[r, k] <= front[r, k]:
                continue
            f = np.uint32(f)
            i0, i1, i2 = np.uint32(faces[f, 0]), np.uint32(faces[f, 1]), np.uint32(faces[f, 2])
            b0, b1, b2 = weights_at(2 * k + (r & 1), r, i0, i1, i2, screen)
            inside = b0 * margin[i0] + b1 * margin[i1] + b2 * margin[i2]
            turn = b0 * np.float32(i0 % columns) + b1 * np.float32(i1 % columns) + b2 * np.float32(i2 % columns)
            column = np.uint32(int(turn * np.float32(7.0)) + offset)
            along = np.uint32(int(inside * np.float32(120.0) + np.float32(400.0)))
            fine = grain[column & mask, along & mask]
            along = np.uint32(int(inside * np.float32(40.0) + np.float32(300.0)))
            coarse = grain[(column // np.uint32(3) + np.uint32(57)) & mask, along & mask]
            if inside + ragged * (np.float32(0.6) * coarse + np.float32(0.5) * fine) <= 0:
                continue
            tone = max(np.float32(0.15), _ONE + streak * (np.float32(0.6) * coarse + np.float32(0.45) * fine))
            which = 1 if inside < hem else 0
            for j in range(3):
                diffuse, specular = _mix(b0, b1, b2, i0, i1, i2, light, j), _mix(b0, b1, b2, i0, i1, i2, light, 3 + j)
                out[r, k, j] = tone * (colours[which, j] * diffuse + gloss * specular)
            out[r, k, 3] = _ONE
            front[r, k] = best[r, k]


@njit(nogil=True, cache=True, error_model="numpy")
def paint_solid(tri, best, screen, front, faces, colour, opacity, out):  # type: ignore[no-untyped-def]
    """Blend a mesh with lit vertex colours (V, 3) and opacity per triangle (F,) over out (S, K, 4), where it is nearer
    than `front`."""
    for r in range(np.uint32(tri.shape[0])):
        for k in range(np.uint32(tri.shape[1])):
            f = tri[r, k]
            if f < 0 or best[r, k] <= front[r, k]:
                continue
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            b0, b1, b2 = weights_at(2 * k + (r & 1), r, i0, i1, i2, screen)
            a = opacity[f]
            for j in range(3):
                value = b0 * colour[i0, j] + b1 * colour[i1, j] + b2 * colour[i2, j]
                out[r, k, j] = (_ONE - a) * out[r, k, j] + a * value
            out[r, k, 3] = a + (_ONE - a) * out[r, k, 3]
