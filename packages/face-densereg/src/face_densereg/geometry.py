"""What DenseReg learns from its training samples beside the network.

Axis letters: H rows, W columns, S side of the training images, P landmarks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample
from face_densereg.budgets import Plan
from face_densereg.shape_model import ShapeModel, fit_shape_model
from face_densereg.template import landmark_coordinates

STATISTICS = 2000
"""Training samples, from the start, that this is learnt from."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where landmarks lie on the template, how shapes vary, how large faces are.

    Attributes:
        template: (P, 2) template coordinates of the landmarks.
        shapes: the PCA shape model of the landmarks (Sec. 5.3).
        side: S px.
        face: size of a face in a training image: root of the foreground's area, px.
    """

    template: NDArray[np.float64]
    shapes: ShapeModel
    side: int
    face: float

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """`template`, and the `mean`, `modes` and `deviations` of the shape model."""
        return {"template": self.template, **{name: getattr(self.shapes, name) for name in _SHAPE}}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[np.float64]], side: int, face: float) -> Geometry:
        """The inverse of `arrays`. Raises KeyError for a missing one."""
        return cls(arrays["template"], ShapeModel(**{name: arrays[name] for name in _SHAPE}), side, face)


_SHAPE = ("mean", "modes", "deviations")


def learn_geometry(samples: Sequence[Sample], side: int) -> Geometry:
    """From training samples, which have `uv` (S, S, 2) and `points` (P, 2) px."""
    areas = [np.isfinite(sample.target["uv"][..., 0]).sum() for sample in samples]
    return Geometry(
        template=landmark_coordinates(samples),
        shapes=fit_shape_model(np.array([sample.target["points"] for sample in samples], np.float64)),
        side=side,
        face=float(np.sqrt(np.median(areas))),
    )


def training_part(train: Sequence[Sample], plan: Plan) -> tuple[Sequence[Sample], int]:
    """The samples that a plan trains on, made if they are rendered, and S.

    Raises `InputError` for no samples, or samples that are not square.
    """
    train = train[: plan.images] if plan.images is not None else train
    if not len(train):
        raise InputError("no training samples")
    prepare = getattr(train, "prepare", None)
    if callable(prepare):  # a rendered split makes all of it at once faster than one by one
        prepare()
    height, width = train[0].inputs["image"].shape[:2]
    if height != width:
        raise InputError(f"training images must be square, got {height}x{width}", sample=train[0].id, field="image")
    return train, height
