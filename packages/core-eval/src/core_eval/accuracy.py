"""Classification accuracy.

Axis letters: C classes, N samples.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core_eval.contracts import Arrays, Metric
from core_eval.errors import InputError
from core_eval.nme import check_choice
from core_eval.signature import signature

Floats = NDArray[np.float64]
Pool = Literal["samples", "classes"]


def accuracy(name: str = "accuracy", *, key: str = "label", top: int | None = None, pool: Pool = "samples") -> Metric:
    """Percentage of samples with the right label; higher is better.

    ``target[key]`` is one integer. ``prediction[key]`` is one integer too, or with `top` k the (C,) scores of all
    classes: a sample is right if fewer than k other classes score at least as high as the true one (a tie is wrong, and
    so is a score that is not a number). `pool` "classes" averages the true classes' own percentages.
    """
    check_choice("pool", pool, Pool)
    if top is not None and top < 1:
        raise InputError(f"expected a positive number, got {top}", field="top")

    def per_sample(prediction: Arrays, target: Arrays) -> Floats:
        truth = _label(target[key], key)
        guess = np.asarray(prediction[key])
        if top is None:
            return np.array([truth, float(_label(guess, key) == truth)])
        if guess.ndim != 1 or not 0 <= truth < len(guess):
            raise InputError(f"expected one score for each class up to {truth}, got shape {guess.shape}", field=key)
        own = guess[truth]
        others = np.count_nonzero(~(guess < own)) - 1  # itself; comparisons with NaN are false
        return np.array([truth, float(others < top and not np.isnan(own))])

    def reduce(values: Floats) -> float:
        if pool == "samples":
            return float(100.0 * values[:, 1].mean())
        classes, index = np.unique(values[:, 0], return_inverse=True)
        return float(100.0 * np.mean(np.bincount(index, values[:, 1]) / np.bincount(index, minlength=len(classes))))

    return Metric(
        name=name,
        unit="percent",
        better="higher",
        signature=signature("accuracy", label=key, top=top or 1, read=f"{'scores' if top else 'label'}", pool=pool),
        needs=(key,),
        per_sample=per_sample,
        failed=np.array([-1.0, 0.0]),
        reduce=reduce,
        terms=(lambda v: np.stack([100.0 * v[:, 1], np.ones(len(v))], axis=1)) if pool == "samples" else None,
    )


def _label(value: object, key: str) -> int:
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "biu":
        raise InputError(f"expected one integer, got {array.dtype} of shape {array.shape}", field=key)
    return int(array.item())
