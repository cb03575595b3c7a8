"""Clothes, shoes and hair: cloth lifts the skin's vertices a little, and fields say per pixel what covers what.

Axis letters: `P` people, `V` vertices, `B` bones, `C` fields.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_synth.bodies.people import NAMES, Bodies, draw_phenotype
from data_synth.bodies.skeleton import BONE
from data_synth.faces.skin import hair_colour, skin_tone
from data_synth.raster import vertex_normals
from data_synth.shade import to_linear

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

SHIRT, TROUSERS, SHOE, HAIR, ACROSS, ALONG, FACE_X, FACE_Z = range(8)
"""Columns of `Outfit.fields`: metres inside the edge of each garment and of the hair; m across and along the cloth for
its pattern; on the face m from the middle of the eyes, to the left and up (elsewhere 9)."""

PLAIN, STRIPES, BANDS, CHECKS, DOTS = range(5)


@dataclass(frozen=True)
class Outfit:
    """How one person looks.

    vertices (V, 3) float32 m, as modelled, dressed; fields (V, 8) float32 (`SHIRT`...); albedo (7, 3) float32 linear
    RGB of skin, shirt, its pattern, trousers, their pattern, shoes, hair; pattern (2,) kinds and pitch (2,) m of shirt
    and trousers; gap: half the distance between the eyes, m.
    """

    vertices: F32
    fields: F32
    albedo: F32
    pattern: tuple[int, int]
    pitch: tuple[float, float]
    gap: float


def draw_outfit(bodies: Bodies, index: int, look: np.random.Generator, clothes: np.random.Generator) -> Outfit:
    """look: skin and hair, the same on every day; clothes: what is worn."""
    person = draw_phenotype(NAMES[index])
    woman = person["gender"] > 0.5
    ancestry = np.array([person["african"], person["asian"], person["caucasian"]])
    skin, hair = skin_tone(ancestry, look), hair_colour(ancestry, person["age"], look)
    vertices = bodies.vertices[index].astype(np.float64)
    arm, leg = _limbs(bodies, index, vertices)
    on_arm = np.isfinite(arm)
    height = vertices[:, 2]
    skeleton = bodies.skeletons[index]
    pivot = {name: skeleton.pivot[BONE[name]] for name in ("pelvis", "torso", "neck", "head", "foot.L")}
    fields = np.full((len(vertices), 8), -1.0)

    waist = pivot["pelvis"][2] + 0.35 * (pivot["torso"][2] - pivot["pelvis"][2]) + clothes.normal(0.03, 0.015)
    hem = waist - (clothes.uniform(0.04, 0.16) if clothes.random() < 0.7 else -0.01)
    sleeve = float(clothes.choice([0.0, 0.45, 0.55, 0.95, 1.9], p=[0.08, 0.27, 0.2, 0.05, 0.4]))
    collar = pivot["neck"][2] - 0.005 + 0.5 * (vertices[:, 1] - pivot["neck"][1]) - clothes.uniform(0.0, 0.05)
    over = np.where(on_arm, (sleeve - np.where(on_arm, arm, 0)) * 0.27, np.minimum(height - hem, collar - height))
    on_head = bodies.weights[:, BONE["head"]] + 0.7 * bodies.weights[:, BONE["neck"]]
    fields[:, SHIRT] = over - 2.0 * np.maximum(on_head - 0.75, 0)

    length = float(clothes.choice([0.38, 0.85, 1.45, 1.93], p=[0.12, 0.13, 0.08, 0.67]))
    fields[:, TROUSERS] = np.where(on_arm, -1.0, np.minimum(waist - height, (length - leg) * 0.42))
    ankle = pivot["foot.L"][2]
    fields[:, SHOE] = np.where(on_arm, -1.0, ankle + clothes.choice([-0.01, 0.03, 0.09]) - height)
    fields[:, HAIR] = _hair(bodies, index, vertices, look, woman)

    eyes = bodies.eyes[index]
    middle = eyes.mean(axis=0)
    facing = (bodies.weights[:, BONE["head"]] > 0.5) & (vertices[:, 1] < middle[1] + 0.035)
    fields[:, FACE_X] = np.where(facing, vertices[:, 0] - middle[0], 9.0)
    fields[:, FACE_Z] = np.where(facing, height - middle[2], 9.0)
    fields[:, ACROSS] = vertices[:, 0] + 0.6 * vertices[:, 1]
    fields[:, ALONG] = np.where(on_arm, 0.27 * np.where(on_arm, arm, 0) + 0.55 * vertices[:, 1], height)

    loose = {
        SHIRT: clothes.uniform(0.006, 0.022), TROUSERS: clothes.uniform(0.006, 0.020), SHOE: 0.010,
        HAIR: look.uniform(0.006, 0.022),
    }  # fmt: skip
    lift = np.zeros(len(vertices))
    for column, thickness in loose.items():
        lift = np.maximum(lift, thickness * np.clip(fields[:, column] / 0.02 + 0.5, 0, 1))
    lift += _wrinkles(vertices, clothes) * np.clip(np.maximum(fields[:, SHIRT], fields[:, TROUSERS]) / 0.05, 0, 1)
    dressed = vertices + lift[:, None] * vertex_normals(vertices, bodies.faces)
    soled = (fields[:, SHOE] > 0) & (height < vertices[:, 2].min() + 0.02)  # soles are flat and do not sink in
    dressed[soled, 2] = vertices[:, 2].min()
    albedo = np.stack([skin, *(_fabric(clothes) for _ in range(4)), _fabric(clothes) * 0.6, hair])
    return Outfit(
        dressed.astype(np.float32),
        fields.astype(np.float32),
        albedo.astype(np.float32),
        (_pattern(clothes, 0.5), _pattern(clothes, 0.85)),
        (float(clothes.uniform(0.02, 0.09)), float(clothes.uniform(0.02, 0.06))),
        float(np.linalg.norm(eyes[0] - eyes[1]) / 2),
    )


def _limbs(bodies: Bodies, index: int, vertices: F64) -> tuple[F64, F64]:
    """(V,) place along the arm (0 shoulder, 1 elbow, 2 wrist; NaN off it) and the leg (0 hip, 1 knee, 2 ankle)."""
    skeleton, weights = bodies.skeletons[index], bodies.weights
    arm = np.full(len(vertices), np.nan)
    for side, sign in (("L", 1), ("R", -1)):
        names = [f"{bone}.{side}" for bone in ("upperarm", "forearm", "forearm-twist", "hand")]
        member = weights[:, [BONE[n] for n in names]].sum(axis=1) > 0.5
        arm[member & (sign * vertices[:, 0] > 0)] = _along(
            vertices, [skeleton.pivot[BONE[f"{bone}.{side}"]] for bone in ("upperarm", "forearm", "hand")]
        )[member & (sign * vertices[:, 0] > 0)]
    stops = [skeleton.pivot[BONE[f"{bone}.L"]][2] for bone in ("thigh", "shin", "foot")]
    leg = np.interp(-vertices[:, 2], [-stops[0], -stops[1], -stops[2]], [0.0, 1.0, 2.0])
    return arm, leg


def _along(vertices: F64, stops: list[F64]) -> F64:
    first, second = stops[1] - stops[0], stops[2] - stops[1]
    upper = (vertices - stops[0]) @ first / (first @ first)
    lower = (vertices - stops[1]) @ second / (second @ second)
    return np.where(upper < 1, upper, 1 + np.maximum(lower, 0))


def _hair(bodies: Bodies, index: int, vertices: F64, look: np.random.Generator, woman: bool) -> F64:
    """(V,) m inside the hair: a cap with a hairline over the forehead, at the back down to the neck or further."""
    middle = bodies.eyes[index].mean(axis=0)
    share = bodies.weights[:, BONE["head"]] + bodies.weights[:, BONE["neck"]]
    back, up = vertices[:, 1] - middle[1], vertices[:, 2] - middle[2]
    kind = look.choice(4, p=[0.05, 0.25, 0.3, 0.4] if woman else [0.12, 0.68, 0.15, 0.05])  # bald, short, medium, long
    if kind == 0:
        return np.full(len(vertices), -1.0)
    hairline = look.uniform(0.050, 0.068)
    low = {1: -0.02, 2: -0.09, 3: -0.16}[int(kind)]
    # From the hairline at the front (back = 0) the edge falls, over the ears, to `low` at the back of the head.
    edge = np.interp(back, [0.0, 0.045, 0.085, 0.13], [hairline, 0.045, 0.0 if kind == 1 else low * 0.6, low])
    return np.where(share > 0.5, up - edge, -1.0)


def _wrinkles(vertices: F64, rng: np.random.Generator) -> F64:
    """(V,) m: folds of cloth, as a few waves through space."""
    wave = rng.normal(0, 45, (6, 3))
    return 0.0016 * np.sin(vertices @ wave.T + rng.uniform(0, 2 * np.pi, 6)).sum(axis=1)


def _fabric(rng: np.random.Generator) -> F32:
    value = np.clip(rng.beta(1.3, 1.7) * np.exp(rng.normal(0, 0.45 * rng.random(), 3)), 0.03, 0.92)
    return to_linear(value)


def _pattern(rng: np.random.Generator, plain: float) -> int:
    return PLAIN if rng.random() < plain else int(rng.choice([STRIPES, BANDS, CHECKS, DOTS]))
