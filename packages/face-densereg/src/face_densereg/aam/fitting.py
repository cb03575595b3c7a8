"""Fitting an active appearance model by simultaneous inverse composition.

Axis letters: S side of the frame, C channels, P landmarks, Q side of a patch, F = P Q Q C, M shape parameters.

The image's appearance around the shape and the model's differ by e. The Gauss-Newton step that changes shape and
appearance parameters at once solves for both; projecting the Jacobian J of the shape parameters out of the space A of
appearances, which are orthonormal, leaves the shape's alone (Tzimiropoulos and Pantic, ICCV 2013)::

    (J' P J) d = J' P e,        P = 1 - A A'

with J taken from the current template, not from the image: the step warps the template, and its inverse is composed
with the shape. Patches only shift, so that the composition is the subtraction of d (Tzimiropoulos and Pantic, CVPR
2014). With a Gaussian prior on the shape the step is a maximum a posteriori estimate (Papandreou and Maragos 2008).
"""

from __future__ import annotations

import numpy as np

from face_densereg.aam.features import F32
from face_densereg.aam.model import F64, AppearanceModel
from face_densereg.shape_model import LARGEST_DEVIATION

CLOSE = 0.01
"""A step that moves the landmarks by less than this on average, px of the frame, is the last."""


def fit_shape(model: AppearanceModel, features: F32, start: F64, *, steps: int, prior: float) -> F64:
    """The shape at which the model explains the features best, near `start`.

    Args:
        model: one scale.
        features: (S, S, C) of the image in the model's frame.
        start: (P, 2) px of the frame.
        steps: at most this many.
        prior: weight of the shape prior; 1 would be right if the numbers of an appearance were independent, which
            neighbouring pixels are not.

    Returns (P, 2) px of the frame.
    """
    limit = LARGEST_DEVIATION * model.deviations
    parameters = np.clip(model.parameters(start), -limit, limit)
    precision = prior * model.noise / model.deviations**2
    for _ in range(steps):
        error = model.appearance(features, model.shape(parameters)) - model.mean
        normal, right = step_equations(model, error)
        change = np.linalg.solve(normal + np.diag(precision), right + precision * parameters)
        moved = np.clip(parameters - change, -limit, limit)
        length = float(np.abs((moved - parameters) @ model.shapes).mean())
        parameters = moved
        if length < CLOSE:
            break
    return model.shape(parameters)


def step_equations(model: AppearanceModel, error: F32) -> tuple[F64, F64]:
    """(M, M) and (M,) of the normal equations of the shape step; `error` (F,) is the appearance less the mean."""
    weights = model.modes @ error
    explained = weights @ model.modes
    jacobian = template_jacobian(model, model.mean + explained)
    inside = model.modes @ jacobian
    normal = (jacobian.T @ jacobian - inside.T @ inside).astype(np.float64)
    return normal, (jacobian.T @ (error - explained)).astype(np.float64)


def template_jacobian(model: AppearanceModel, template: F32) -> F32:
    """(F, M): how an appearance (F,) changes with the shape parameters, its patches shifting with their landmarks."""
    count = len(model.frame.reference)
    patches = template.reshape(count, model.patch, model.patch, -1)
    down, right = np.gradient(patches, axis=(1, 2))
    directions = model.shapes.T.astype(np.float32).reshape(count, 2, -1)
    slopes = np.stack([right.reshape(count, -1), down.reshape(count, -1)], -1)
    return (slopes @ directions).reshape(len(template), -1)
