"""Intersection over union of label maps.

Axis letters: H rows, W columns, C classes, N images.

For class c, ``IoU_c = TP / (TP + FP + FN)`` with pixels pooled over all images (Everingham et al. 2015; the columns of
DenseReg's segmentation table), and the mean is the plain mean over classes, whatever their size. An image contributes
three counts for every class, so that any resampling of images gives exact pooled numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core_eval.contracts import Arrays, Metric, UnscorableError
from core_eval.errors import InputError
from core_eval.nme import check_choice
from core_eval.signature import signature

Floats = NDArray[np.float64]
Pool = Literal["pixels", "per-image"]
Absent = Literal["present-or-predicted", "present", "all"]
"""Which classes the mean is over. "present-or-predicted": those in the truth or in a prediction, so that a class that
is predicted but never there counts 0; "present": those in the truth; "all": every class, 0 for one that is nowhere."""


def class_counts(prediction: Arrays, target: Arrays, *, key: str, classes: int, ignore: int | None) -> Floats:
    """(C, 3): for every class, the pixels of the intersection, of the truth and of the prediction.

    ``prediction[key]`` and ``target[key]`` are (H, W) integer labels in [0, C); pixels whose true label is `ignore` are
    left out. Raises `InputError` for other shapes or labels, `UnscorableError` if no pixel is left.
    """
    truth, guess = np.asarray(target[key]), np.asarray(prediction[key])
    for labels in (truth, guess):
        if labels.dtype.kind not in "biu":
            raise InputError(f"expected integer labels, got {labels.dtype}", field=key)
    if truth.ndim != 2 or truth.shape != guess.shape:
        raise InputError(f"predicted labels have shape {guess.shape}, the truth {truth.shape}", field=key)
    counted = np.ones(truth.shape, bool) if ignore is None else truth != ignore
    truth, guess = truth[counted].astype(np.int64), guess[counted].astype(np.int64)
    if not truth.size:
        raise UnscorableError("no labelled pixel")
    for labels in (truth, guess):
        if labels.min() < 0 or labels.max() >= classes:
            raise InputError(f"a label is outside 0 ... {classes - 1}: {labels.min()} or {labels.max()}", field=key)
    confusion = np.bincount(truth * classes + guess, minlength=classes**2).reshape(classes, classes)
    return np.stack([np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)], axis=1).astype(np.float64)


def class_ious(counts: Floats) -> Floats:
    """(..., C, 3) counts -> (..., C) intersection over union, NaN for a class that is nowhere."""
    both, truth, guess = np.moveaxis(counts, -1, 0)
    union = truth + guess - both
    return np.asarray(np.divide(both, union, out=np.full(union.shape, np.nan), where=union > 0))


def mean_of_classes(counts: Floats, absent: Absent) -> Floats:
    """(..., C, 3) counts -> (...) mean over the classes that `absent` selects, NaN if it selects none."""
    ious = class_ious(counts)
    if absent == "all":
        return np.asarray(np.nan_to_num(ious, nan=0.0).mean(axis=-1))
    selected = counts[..., 1] > 0 if absent == "present" else ~np.isnan(ious)
    total = np.where(selected, ious, 0.0).sum(axis=-1)
    number = selected.sum(axis=-1)
    return np.asarray(np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0))


def mean_iou(
    name: str = "mean-iou",
    *,
    classes: int,
    key: str = "part",
    ignore: int | None = None,
    absent: Absent = "present-or-predicted",
    pool: Pool = "pixels",
) -> Metric:
    """Mean intersection over union in percent; higher is better.

    `pool` "pixels" counts all pixels of all images together, "per-image" averages the images' own means.
    """
    check_choice("absent", absent, Absent)
    check_choice("pool", pool, Pool)

    def reduce(counts: Floats) -> float:
        return _percent(mean_of_classes(counts.sum(axis=0) if pool == "pixels" else counts, absent))

    return _metric(name, "mean-iou", classes, key, ignore, reduce, None, pool=pool, absent=absent)


def class_iou(name: str = "iou", *, index: int, classes: int, key: str = "part", ignore: int | None = None) -> Metric:
    """Intersection over union of class `index` in percent, pixels pooled over all images; higher is better."""
    if not 0 <= index < classes:
        raise InputError(f"class {index} of {classes}", field="index")
    return _metric(
        name,
        "iou",
        classes,
        key,
        ignore,
        lambda counts: _percent(class_ious(counts[:, index].sum(axis=0))),
        lambda counts: counts[:, index] @ np.array([[100.0, -1.0], [0.0, 1.0], [0.0, 1.0]]),  # intersection, union
        index=index,
        pool="pixels",
    )


def _metric(
    name: str,
    kind: str,
    classes: int,
    key: str,
    ignore: int | None,
    reduce: Callable[[Floats], float],
    terms: Callable[[Floats], Floats] | None,
    **choices: object,
) -> Metric:
    if classes < 1:
        raise InputError(f"expected a positive number, got {classes}", field="classes")
    return Metric(
        name=name,
        unit="percent",
        better="higher",
        signature=signature(kind, labels=key, classes=classes, ignore=ignore, **choices),
        needs=(key,),
        per_sample=partial(class_counts, key=key, classes=classes, ignore=ignore),
        failed=np.zeros((classes, 3)),
        reduce=reduce,
        terms=terms,
    )


def _percent(shares: Floats) -> float:
    """Mean of the images' shares (or the one pooled share) in percent. Raises `InputError` where there is none."""
    if np.isnan(shares).any():
        raise InputError("none of the classes occurs")
    return float(100.0 * shares.mean())
