"""How consistently landmarks that nobody annotated follow the things in the picture (Sec. 4.1, Figure 4).

Axis letters: N samples, P predicted landmarks, S things (annotated places), S >= P.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from core_eval import Arrays, InputError, Metric, UnscorableError, signature

Floats = NDArray[np.float64]


def nearest(prediction: Arrays, target: Arrays) -> Floats:
    """(P, S): 1 where the thing ``target["points"]`` (S, 2) px is the one nearest to ``prediction["points"]`` (P, 2).

    Raises `InputError` for other shapes, `UnscorableError` for a landmark that is not finite.
    """
    guess, truth = (np.asarray(arrays["points"], np.float64) for arrays in (prediction, target))
    if guess.ndim != 2 or truth.ndim != 2 or guess.shape[1:] != (2,) or truth.shape[1:] != (2,):
        raise InputError(f"expected (P, 2) and (S, 2) points, got {guess.shape} and {truth.shape}", field="points")
    if not 0 < len(guess) <= len(truth):
        raise InputError(f"{len(guess)} landmarks cannot follow one of {len(truth)} things each", field="points")
    if not np.isfinite(guess).all():
        raise UnscorableError("a landmark is not finite", np.zeros((len(guess), len(truth))))
    distance = np.linalg.norm(guess[:, None] - truth[None], axis=-1)
    near: Floats = np.eye(len(truth))[distance.argmin(1)]
    return near


def followed(near: Floats) -> tuple[NDArray[np.intp], Floats]:
    """The thing each landmark follows, (P,), and in what percentage of the images (P,), from `nearest` (N, P, S).

    Each landmark is given a thing of its own, so that together they are near them as often as can be.
    """
    counts = near.sum(0)
    landmark, thing = linear_sum_assignment(counts, maximize=True)
    return thing, 100.0 * counts[landmark, thing] / len(near)


def shape_consistency(name: str = "consistency", *, things: int) -> Metric:
    """Percentage of images in which a landmark is nearest to what it follows, mean over landmarks; higher is better.

    Landmarks are matched to things once for the whole set, by the best one-to-one assignment: with as many of both, a
    landmark that does not look at the image scores about 100 / `things`. It says nothing about distances.
    """
    if things < 1:
        raise InputError(f"expected a positive number, got {things}", field="things")

    def per_sample(prediction: Arrays, target: Arrays) -> Floats:
        near = nearest(prediction, target)
        if near.shape != (things, things):
            raise InputError(f"expected {things} landmarks and {things} things, got {near.shape}", field="points")
        return near

    return Metric(
        name=name,
        unit="percent",
        better="higher",
        signature=signature("consistency", things=things, near="nearest", match="one-to-one", pool="landmarks"),
        needs=("points",),
        per_sample=per_sample,
        failed=np.zeros((things, things)),
        reduce=lambda near: float(followed(near)[1].mean()),
    )
