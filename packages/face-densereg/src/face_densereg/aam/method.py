"""An active appearance model over several scales, coarse to fine: train, fit, keep.

Axis letters: H rows, W columns, P landmarks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample
from face_densereg.aam.features import edge_structure
from face_densereg.aam.fitting import fit_shape
from face_densereg.aam.model import F64, AppearanceModel, shape_basis, train_appearance
from face_densereg.aligned import frame_of
from face_densereg.shape_model import ShapeModel

FILL, PATCH, MODES, VARIANCE = 0.6, 13, 60, 0.95
SIDES = (48, 96)
"""Sides of the frames, px; a patch of the coarse one takes as much of the face as four of the fine one."""

STEPS = 12
"""At most, in each frame."""

PRIOR = 30.0
"""Weight of the shape prior; chosen on the `valid` split of the stand-in."""

IMAGES = {"smoke": 40, "quick": 1000, "standard": 3000, "paper": 3000}
"""Training images of each budget."""


@dataclass(frozen=True, slots=True)
class ActiveAppearance:
    """Appearance models from coarse to fine, with one shape model."""

    shapes: ShapeModel
    levels: tuple[AppearanceModel, ...]

    def fit(self, image: NDArray[np.uint8], start: F64) -> F64:
        """Fit to an image (H, W, 3) uint8 RGB from a shape (P, 2) px, NaN if none was found: (P, 2) px."""
        shape = start
        if not np.isfinite(start).all():
            return np.full_like(start, np.nan)
        for level in self.levels:
            crop, inside = level.frame.crop(image, shape)
            fitted = fit_shape(level, edge_structure(crop.image), inside, steps=STEPS, prior=PRIOR)
            shape = crop.points_to_image(fitted)
        return shape

    def arrays(self) -> dict[str, np.ndarray]:
        """What `from_arrays` makes it from again, the shape model aside."""
        found: dict[str, np.ndarray] = {}
        for number, level in enumerate(self.levels):
            kept = {"mean": level.mean, "modes": level.modes, "noise": np.array([level.noise])}
            found.update({f"{number}.{name}": value for name, value in kept.items()})
        return found


def train(samples: Sequence[Sample], shapes: ShapeModel, budget: str) -> ActiveAppearance:
    """Train on the first samples of a split, which have `image` and `points`.

    Raises `InputError` for an unknown budget.
    """
    if budget not in IMAGES:
        raise InputError(f"unknown budget {budget!r}; known: {', '.join(IMAGES)}", field="budget")
    chosen = [samples[index] for index in range(min(len(samples), IMAGES[budget]))]
    pairs = [(np.asarray(one.inputs["image"]), np.asarray(one.target["points"], np.float64)) for one in chosen]
    levels = [
        train_appearance(pairs, shapes, frame_of(shapes, side, FILL), patch=PATCH, most=MODES, variance=VARIANCE)
        for side in SIDES
    ]
    return ActiveAppearance(shapes, tuple(levels))


def from_arrays(arrays: Mapping[str, np.ndarray], shapes: ShapeModel) -> ActiveAppearance:
    """The model that `ActiveAppearance.arrays` took apart. Raises KeyError for a missing array."""
    levels = []
    for number, side in enumerate(SIDES):
        frame = frame_of(shapes, side, FILL)
        mean, modes, noise = (arrays[f"{number}.{name}"] for name in ("mean", "modes", "noise"))
        levels.append(AppearanceModel(frame, *shape_basis(shapes, frame), mean, modes, float(noise[0]), PATCH))
    return ActiveAppearance(shapes, tuple(levels))
