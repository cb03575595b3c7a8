"""What belongs to a person, whatever the picture: shape, skin, hair, eyes.

Axis letters: `V` vertices of the head, `T` rows and columns of the skin texture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_synth.faces.hair import Scalp, Sheet, Style, cut_sheet, hairline
from data_synth.faces.model import FaceModel, FaceParams
from data_synth.faces.skin import draw_traits, hair_colour, paint, skin_tone
from data_synth.faces.skin_atlas import SkinAtlas
from data_synth.faces.styles import draw_hair
from data_synth.shade import to_linear

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Person:
    """params: a batch of one, neutral; tone and iris (3,) linear RGB; texture (T, T, 4) uint8.

    hair: the style, cut as `sheet`, painted where `hairline` (V,) m is positive.
    """

    params: FaceParams
    tone: F32
    texture: NDArray[np.uint8]
    hair: Style
    sheet: Sheet
    hairline: F32
    iris: F32


_IRISES = np.array(
    [(62, 38, 24), (92, 58, 32), (120, 84, 48), (96, 104, 62), (88, 118, 120), (86, 124, 160), (128, 140, 148)]
) / 255.0  # fmt: skip


def draw_person(model: FaceModel, atlas: SkinAtlas, scalp: Scalp, rng: np.random.Generator) -> Person:
    """Draw one identity; everything that two pictures of the same person share."""
    params = model.sample_identities(rng, 1)
    phenotype = params.phenotype[0]
    ancestry = phenotype[4:] / phenotype[4:].sum()
    tone = skin_tone(ancestry, rng)
    hair = hair_colour(ancestry, float(phenotype[1]), rng)
    traits = draw_traits(phenotype, hair, tone, rng)
    light = ancestry[2] ** 1.5
    weights = np.array([0.6, 0.35, 0.15, 0.12 * light, 0.15 * light, 0.35 * light, 0.15 * light])
    iris = _IRISES[rng.choice(len(_IRISES), p=weights / weights.sum())] * rng.uniform(0.85, 1.15, 3)
    dyed = to_linear(rng.uniform(0.1, 0.75, 3)) if rng.random() < 0.03 else hair
    texture = paint(atlas, traits, rng)
    style = draw_hair(scalp, dyed, float(phenotype[0]), float(phenotype[1]), rng)
    return Person(
        params=params,
        tone=tone.astype(np.float32),
        texture=texture,
        hair=style,
        sheet=cut_sheet(scalp, style, rng),
        hairline=hairline(scalp, style),
        iris=to_linear(np.clip(iris, 0, 1)),
    )
