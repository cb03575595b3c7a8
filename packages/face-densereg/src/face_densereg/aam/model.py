"""A patch-based active appearance model at one scale: shapes, and what the patches around their landmarks look like.

Axis letters: N images, P landmarks, Q side of a patch, C channels, F = P Q Q C numbers of an appearance, M shape
parameters (four of the similarity, then the modes), K appearance modes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError
from face_densereg.aam.features import F32, edge_structure, sample_patches
from face_densereg.aligned import Frame
from face_densereg.shape_model import ShapeModel

F64 = NDArray[np.float64]

START_TURN, START_SHIFT = 0.15, 0.1
"""Standard deviations of a start's relative size and rotation (radians), and of its place in extents of the face."""


@dataclass(frozen=True, slots=True)
class AppearanceModel:
    """One scale of an active appearance model.

    Attributes:
        frame: the square that images are brought to.
        shapes: (M, 2 P) orthonormal: the similarities of the reference (its scaling, rotation and two shifts, made
            linear: Matthews and Baker 2004, eq. 39-40), then the modes of the shape model.
        deviations: (M,) standard deviations of the shape parameters, px of the frame; those of the similarity are how
            wrong a start is expected to be (`START_TURN`, `START_SHIFT`), since the frame is that of the start.
        mean: (F,) mean appearance.
        modes: (K, F) orthonormal modes of the appearance.
        noise: variance of an appearance's numbers that the modes leave over.
        patch: Q.
    """

    frame: Frame
    shapes: F64
    deviations: F64
    mean: F32
    modes: F32
    noise: float
    patch: int

    def shape(self, parameters: F64) -> F64:
        """(M,) parameters -> (P, 2) px of the frame."""
        return self.frame.reference + (parameters @ self.shapes).reshape(-1, 2)

    def parameters(self, shape: F64) -> F64:
        """The parameters (M,) of the model's shape nearest to (P, 2) px of the frame."""
        return self.shapes @ (shape - self.frame.reference).ravel()

    def appearance(self, features: F32, shape: F64) -> F32:
        """What features (S, S, C) look like around a shape (P, 2): (F,)."""
        return sample_patches(features, shape, self.patch).ravel()


def shape_basis(model: ShapeModel, frame: Frame) -> tuple[F64, F64]:
    """The `shapes` and `deviations` of an `AppearanceModel`."""
    middle = frame.reference - frame.reference.mean(0)
    turned = middle[:, ::-1] * [-1.0, 1.0]
    ones = np.ones(len(middle))
    shifts = [np.column_stack([ones, 0 * ones]), np.column_stack([0 * ones, ones])]
    similarities = np.array([vector.ravel() for vector in (middle, turned, *shifts)])
    basis = np.linalg.qr(np.vstack([similarities, model.modes]).T)[0].T
    scale = np.sqrt((middle**2).sum() / ((model.mean - model.mean.mean(0)) ** 2).sum())
    turn = START_TURN * np.sqrt((middle**2).sum())
    shift = START_SHIFT * np.ptp(middle, axis=0).max() * np.sqrt(len(middle))
    return basis, np.concatenate([[turn, turn, shift, shift], scale * model.deviations])


def train_appearance(
    samples: Iterable[tuple[NDArray[np.uint8], F64]],
    shapes: ShapeModel,
    frame: Frame,
    *,
    patch: int,
    most: int,
    variance: float,
) -> AppearanceModel:
    """Principal components of the appearances of annotated images.

    Args:
        samples: N of an image (H, W, 3) uint8 RGB and its landmarks (P, 2) px.
        shapes: the shape model.
        frame: of this scale.
        patch: Q.
        most: largest K.
        variance: share of the variance that the modes keep, if that takes no more than `most`.

    Raises `InputError` for fewer than two samples.
    """
    rows = []
    for image, points in samples:
        crop, shape = frame.crop(image, points)
        rows.append(sample_patches(edge_structure(crop.image), shape, patch).ravel())
    if len(rows) < 2:
        raise InputError("an appearance model needs at least two samples")
    data = np.array(rows)
    mean = data.mean(0)
    data -= mean
    # Images are fewer than numbers in an appearance: the small matrix of inner products has the same spectrum.
    values, vectors = np.linalg.eigh((data @ data.T).astype(np.float64))
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    keep = int(np.searchsorted(np.cumsum(values) / values.sum(), variance)) + 1
    keep = min(keep, most, int((values > 1e-6 * values[0]).sum()))
    modes = (vectors[:, :keep] / np.sqrt(values[:keep])).T @ data
    noise = values[keep:].sum() / (len(data) * data.shape[1])
    basis, deviations = shape_basis(shapes, frame)
    return AppearanceModel(frame, basis, deviations, mean, modes.astype(np.float32), float(noise), patch)
