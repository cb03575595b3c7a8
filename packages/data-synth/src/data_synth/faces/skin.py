"""The skin of a person as a texture: tone, blotches, freckles, lips, brows, lashes, stubble, beard.

Axis letters: `T` rows and columns of the texture (see `skin_atlas`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from data_synth.faces.skin_atlas import SIZE, Mask, SkinAtlas
from data_synth.shade import to_linear

F32 = NDArray[np.float32]


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
    grey = np.clip((age - 0.86) / 0.14 + rng.normal(0, 0.3), 0, 1) if age > 0.78 else 0.0
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
    dark_hair = hair * 0.8
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


class _Knobs(NamedTuple):
    """The scalars of `SkinTraits`, for compiled code."""

    blush: np.float32
    blotches: np.float32
    freckles: np.float32
    rings: np.float32
    wrinkles: np.float32
    lip_strength: np.float32
    brow_half: np.float32
    brow_strength: np.float32
    brow_rise: np.float32
    lash_strength: np.float32
    eyeshadow: np.float32
    beard_cover: np.float32
    beard_area: int
    oiliness: np.float32


def paint(atlas: SkinAtlas, traits: SkinTraits, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The texture (T, T, 4) uint8: square root of the linear RGB albedo, and shininess, all times 255."""
    area = {"goatee": 1, "moustache": 2}.get(traits.beard_kind, 0)
    cover = {"none": 0.0, "stubble": 0.55, "shadow": 0.28}.get(traits.beard_kind, 0.97) * traits.beard_strength
    scalars = {name: np.float32(getattr(traits, name)) for name in _Knobs._fields if hasattr(traits, name)}
    knobs = _Knobs(
        **scalars | {"eyeshadow": np.float32(0.0 if traits.eyeshadow is None else 0.5)},
        brow_half=np.float32(traits.brow_width / 2),
        beard_cover=np.float32(cover),
        beard_area=area,
    )
    colours = np.stack(
        [
            traits.tone, traits.lip_colour, traits.brow_colour, traits.beard_colour,
            traits.tone if traits.eyeshadow is None else traits.eyeshadow,
        ]
    )  # fmt: skip
    offsets = rng.integers(0, SIZE, (4, 2))
    wrinkles = np.array([rng.uniform(480, 640), rng.uniform(60, 110), rng.uniform(0, 6), rng.uniform(-3, 3)])
    bank = (atlas.noise[sigma] for sigma in (1, 3, 9, 27))
    out = _paint(atlas.masks, *bank, offsets, colours.astype(np.float32), knobs, wrinkles.astype(np.float32))
    mole = np.sqrt(0.25) * np.sqrt(traits.tone) * 255
    for _ in range(traits.moles):
        x, y, r = rng.uniform(60, 196), rng.uniform(60, 200), rng.uniform(0.7, 1.6)
        colour = (*mole.tolist(), 60)
        cv2.circle(out, (int(x * 16), int(y * 16)), int(r * 16), colour, -1, cv2.LINE_AA, 4)
    return out


@njit(nogil=True, cache=True)
def _paint(masks, noise1, noise3, noise9, noise27, offsets, colours, knobs, wrinkles):  # type: ignore[no-untyped-def]
    """See `paint`. colours (5, 3): skin, lips, brows, beard, eye shadow; offsets (4, 2) into the noises."""
    size = masks.shape[0]
    out = np.empty((size, size, 4), np.uint8)
    skin = np.empty(3, np.float32)
    one, zero = np.float32(1), np.float32(0)
    for r in range(size):
        for c in range(size):
            m = masks[r, c]
            n1 = noise1[r + offsets[0, 0], c + offsets[0, 1]]
            n3 = noise3[r + offsets[1, 0], c + offsets[1, 1]]
            n9 = noise9[r + offsets[2, 0], c + offsets[2, 1]]
            n27 = noise27[r + offsets[3, 0], c + offsets[3, 1]]
            uneven = knobs.blotches * (np.float32(0.05) * n27 + np.float32(0.035) * n9)
            uneven += np.float32(0.035) * n3 + np.float32(0.03) * n1
            red = knobs.blush * (
                m[Mask.CHEEKS] * (np.float32(0.30) + np.float32(0.08) * n9) + np.float32(0.35) * m[Mask.NOSE_TIP]
            )
            red = min(max(red + np.float32(0.02) * n9, zero), np.float32(0.6))
            rings = knobs.rings * m[Mask.UNDER_EYE]
            dark = one + uneven + np.float32(0.5) * uneven * uneven
            if knobs.wrinkles > 0 and (m[Mask.FOREHEAD] > 0.01 or m[Mask.CROWS_FEET] > 0.01):
                bend = wrinkles[3] * abs(m[Mask.X]) + np.float32(0.12) * np.sin(m[Mask.X] * wrinkles[1] + wrinkles[2])
                line = max(np.cos(m[Mask.Y] * wrinkles[0] + bend) - np.float32(0.62), zero) / np.float32(0.38)
                angle = np.arctan2(m[Mask.Y] - np.float32(0.027), abs(m[Mask.X]) - np.float32(0.044))
                feet = max(np.cos(angle * 9 + wrinkles[2]) - np.float32(0.5), zero)
                crease = np.float32(0.35) * m[Mask.FOREHEAD] * line + np.float32(0.4) * m[Mask.CROWS_FEET] * feet
                dark *= one - knobs.wrinkles * crease
            skin[0] = colours[0, 0] * dark * (one - np.float32(0.12) * red) * (one - np.float32(0.30) * rings)
            skin[1] = colours[0, 1] * dark * (one - np.float32(0.62) * red) * (one - np.float32(0.38) * rings)
            skin[2] = colours[0, 2] * dark * (one - np.float32(0.58) * red) * (one - np.float32(0.30) * rings)
            if knobs.freckles > 0:
                spots = min(max(n1 + np.float32(0.4) * n3 - np.float32(1.3), zero), one)
                spots *= knobs.freckles * min(np.float32(1.6) * m[Mask.CHEEKS] + m[Mask.NOSE_TIP], one)
                spots = min(spots, np.float32(0.7))
                skin[0] += spots * (np.float32(0.55) * colours[0, 0] - skin[0])
                skin[1] += spots * (np.float32(0.36) * colours[0, 1] - skin[1])
                skin[2] += spots * (np.float32(0.28) * colours[0, 2] - skin[2])
            near_eye = m[Mask.LID] < 12
            if near_eye and knobs.eyeshadow > 0 and m[Mask.LID_HEIGHT] > 0:
                _blend(skin, colours[4], one, knobs.eyeshadow * np.exp(-max(m[Mask.LID], zero) / np.float32(4)))
            shine = np.float32(0.45) + np.float32(0.25) * m[Mask.NOSE_TIP] + np.float32(0.05) * n3
            if m[Mask.LIPS] > 0.004:
                _blend(skin, colours[1], one + np.float32(0.08) * n3, m[Mask.LIPS] * knobs.lip_strength)
                shine += np.float32(0.25) * m[Mask.LIPS] * knobs.lip_strength
            if knobs.beard_cover > 0:
                area = m[Mask.MOUSTACHE] if knobs.beard_area == 2 else max(m[Mask.MOUSTACHE], m[Mask.BEARD])
                if knobs.beard_area == 1:
                    area = max(m[Mask.MOUSTACHE], m[Mask.GOATEE])
                area = min(max(area * (np.float32(1.25) + np.float32(0.2) * n9) - np.float32(0.12), zero), one)
                beard = min(
                    max(knobs.beard_cover * area * (np.float32(0.9) + np.float32(0.25) * n1), zero), np.float32(0.98)
                )
                _blend(skin, colours[3], one, beard)
                shine *= one - np.float32(0.7) * beard
            if abs(m[Mask.ACROSS]) < 12:
                brow = (
                    _brow(m[Mask.ALONG], m[Mask.ACROSS], knobs.brow_half, knobs.brow_rise, n1, n3) * knobs.brow_strength
                )
                _blend(skin, colours[2], one + np.float32(0.15) * n1, brow)
                shine *= one - np.float32(0.7) * brow
            if near_eye:
                lash = knobs.lash_strength * (one if m[Mask.LID_HEIGHT] > -0.5 else np.float32(0.4))
                lash *= np.exp(-((m[Mask.LID] / np.float32(1.3)) ** 2))
                for k in range(3):
                    skin[k] += lash * (np.float32(0.015) - skin[k])
            for k in range(3):
                out[r, c, k] = np.uint8(np.sqrt(min(max(skin[k], zero), one)) * np.float32(255) + np.float32(0.5))
            out[r, c, 3] = np.uint8(min(max(shine * knobs.oiliness, zero), one) * np.float32(255))
    return out


@njit(nogil=True, cache=True)
def _blend(skin, colour, tone, weight):  # type: ignore[no-untyped-def]
    for k in range(3):
        skin[k] += weight * (colour[k] * tone - skin[k])


@njit(nogil=True, cache=True)
def _brow(along, across, half, rise, fine, coarse):  # type: ignore[no-untyped-def]
    """Cover of a brow in [0, 1]: full from the inner end to the middle, then tapering, with a hairy edge."""
    if along < 0.55:
        half *= min(np.float32(0.75) + np.float32(1.7) * max(along, np.float32(0)), np.float32(1))
    else:
        half *= max(np.float32(1) - np.float32(1.65) * (along - np.float32(0.55)), np.float32(0.1))
    edge = (half - abs(across - rise)) / np.float32(1.8) + np.float32(0.5)
    edge = min(max(edge + np.float32(0.22) * coarse + np.float32(0.12) * fine, np.float32(0)), np.float32(1))
    edge *= min(max((along + np.float32(0.06)) / np.float32(0.09), np.float32(0)), np.float32(1))
    edge *= min(max((np.float32(1.06) - along) / np.float32(0.1), np.float32(0)), np.float32(1))
    return min(max(edge * (np.float32(0.9) + np.float32(0.15) * fine), np.float32(0)), np.float32(1))
