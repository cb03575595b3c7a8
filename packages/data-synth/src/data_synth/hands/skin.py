"""The colour of a subject's hand, and sleeves.

Axis letters: `V` vertices, `J` joints. Colours are linear RGB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_synth.faces.skin import skin_tone
from data_synth.hands.model import FINGERS, JOINTS, HandModel, subject
from data_synth.raster import vertex_normals
from data_synth.seeds import generator
from data_synth.shade import to_linear

F32 = NDArray[np.float32]

SLEEVE_SHARE = 0.55


@dataclass(frozen=True, slots=True)
class Skin:
    """tone (3,) of the back of the hand; albedo (V, 3); gloss (V,); arm (V,) m from the wrist towards the elbow."""

    tone: F32
    albedo: F32
    gloss: F32
    arm: F32

    def wear(self, rng: np.random.Generator) -> F32:
        """Albedo (V, 3), on some pictures with a sleeve."""
        edge, cloth = rng.uniform(0.015, 0.16), np.clip(rng.beta(1.2, 1.6) * np.exp(rng.normal(0, 0.3, 3)), 0.02, 0.9)
        if rng.random() >= SLEEVE_SHARE:
            return self.albedo
        return np.where((self.arm > edge)[:, None], to_linear(cloth), self.albedo).astype(np.float32)


def paint(model: HandModel, number: int) -> Skin:
    """The skin of a subject (1 to S): paler inside, redder knuckles and finger tips, creases at the joints, nails."""
    rng = generator("hgr1", "subject", number, "skin")
    vertices, joints = model.vertices[number - 1], model.joints[number - 1]
    tone = skin_tone(subject(number).ancestry, rng).astype(np.float32)
    normals = vertex_normals(vertices, model.faces)
    inside = 1 / (1 + np.exp(-6 * (normals[:, 2] - 0.15)))
    inside *= vertices[:, 1] > -0.01
    pale = tone ** np.float32(0.72) * np.array([1.02, 0.93, 0.88], np.float32)
    albedo = tone + 0.75 * inside[:, None] * (pale - tone)
    red, crease, nail = np.zeros(len(vertices)), np.zeros(len(vertices)), np.zeros(len(vertices), bool)
    for finger in FINGERS:
        first = JOINTS.index(f"{finger}-1")
        for k in range(3):
            across = vertices - joints[first + k]
            bone = joints[first + k + 1] - joints[first + k]
            along = across @ (bone / np.linalg.norm(bone))
            near = np.exp(-np.square(np.linalg.norm(across, axis=1) / 0.013))
            red += 0.5 * near * (1 - inside)
            follows = model.weights[:, first + k] > 0.25
            if k or finger != "thumb":
                crease += follows * np.exp(-np.square(along / 0.0022)) * (np.abs(along) < 0.006)
        tip = np.linalg.norm(vertices - joints[first + 3], axis=1)
        red += 0.6 * np.exp(-np.square(tip / 0.012)) * inside
        bone = joints[first + 3] - joints[first + 2]
        length = np.linalg.norm(bone)
        along = (vertices - joints[first + 2]) @ (bone / length)
        back = _back_of(joints[first : first + 4])
        nail |= (model.weights[:, first + 2] > 0.6) & (along > 0.55 * length) & (normals @ back > 0.75)
    mottle = _smooth(model, rng.normal(0, 1, len(vertices)))
    albedo = albedo * (1 + np.outer(np.minimum(red, 1), [0.10, -0.10, -0.12]))
    albedo *= (1 - 0.22 * np.minimum(crease, 1))[:, None] * (1 + np.outer(mottle, [0.05, 0.07, 0.07]))
    varnish = rng.random() < 0.2
    nails = to_linear(rng.uniform(0.2, 0.9, 3)) if varnish else tone**0.8 * np.array([1.05, 0.92, 0.92])
    albedo[nail] = nails
    gloss = np.where(nail, 0.12, 0.03 + 0.02 * rng.random())
    return Skin(tone, np.clip(albedo, 0.005, 0.95).astype(np.float32), gloss.astype(np.float32), -vertices[:, 1])


def _back_of(joints: F32) -> F32:
    """Unit vector out of the back of a finger's last bone, from its four joints: where it does not fold to."""
    last, before = joints[3] - joints[2], joints[2] - joints[1]
    away = before / np.linalg.norm(before) - last / np.linalg.norm(last)
    away -= (away @ last) * last / (last @ last)
    length = float(np.linalg.norm(away))
    return np.asarray(away / length, np.float32)


def _smooth(model: HandModel, values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Unit noise (V,), averaged over neighbours."""
    corners = model.faces
    for _ in range(3):
        total = np.zeros(len(values))
        mean = values[corners].mean(axis=1)
        for k in range(3):
            np.add.at(total, corners[:, k], mean)
        values = total / np.maximum(np.bincount(corners.ravel(), minlength=len(values)), 1)
    return np.asarray(values / values.std())
