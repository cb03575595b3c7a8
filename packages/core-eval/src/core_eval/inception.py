"""Scores of generated images by networks that the user runs.

Axis letters: N images, C classes, D detections.

Both numbers are only comparable when they come from the very network and weights of the literature: the Inception graph
of 2015 for the Inception Score, SSD300 (VGG, VOC 2007 + 2012) for the detection score. This package computes them from
that network's outputs, given as arrays beside the predictions; without them a cell is "not measurable", and no other
network may stand in under the same name.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core_eval.contracts import Arrays, Metric
from core_eval.errors import InputError
from core_eval.signature import signature
from core_eval.statistics import over_samples

Floats = NDArray[np.float64]


def inception_scores(probabilities: ArrayLike, splits: int) -> Floats:
    """(N, C) class probabilities -> (splits,) scores ``exp(mean KL(p(y|x) || p(y)))`` of consecutive parts.

    Part i holds the images from ``i N // splits`` to ``(i + 1) N // splits`` and has its own marginal p(y) (Salimans et
    al. 2016 and the code published with it). Each score lies in [1, C]. Raises `InputError` for fewer images than
    parts.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or splits < 1 or len(p) < splits:
        raise InputError(f"cannot split probabilities of shape {p.shape} into {splits} parts")
    scores = np.empty(splits)
    for i in range(splits):
        part = p[i * len(p) // splits : (i + 1) * len(p) // splits]
        marginal = part.mean(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = np.where(part > 0, part * (np.log(part) - np.log(marginal)), 0.0)
        scores[i] = np.exp(gain.sum(axis=1).mean())
    return scores


def inception_score(
    name: str = "inception-score", *, key: str = "inception_probabilities", classes: int = 1008, splits: int = 10
) -> Metric:
    """Inception Score: mean over `splits` consecutive parts of the images, in their order; higher is better.

    Reads ``prediction[key]``, the (C,) softmax output of the Inception network for the generated image; the graph of
    2015 has 1008 `classes`. Papers differ in `splits` (10, or 1 in a popular port); with 1 the order of the images does
    not matter.
    """
    if splits < 1:
        raise InputError(f"expected a positive number, got {splits}", field="splits")

    def per_sample(prediction: Arrays, _: Arrays) -> Floats:
        p = np.asarray(prediction[key], dtype=np.float64)
        if p.shape != (classes,) or not np.isfinite(p).all() or (p < 0).any() or abs(p.sum() - 1) > 1e-3:
            raise InputError(f"expected the probabilities of {classes} classes, with sum 1", field=key)
        return np.asarray(p / p.sum())

    return Metric(
        name=name,
        unit="score",
        better="higher",
        signature=signature("inception-score", network="inception-2015", splits=splits, order="as-given"),
        needs=(key,),
        per_sample=per_sample,
        failed=np.full(classes, 1.0 / classes),
        reduce=lambda p: float(inception_scores(p, splits).mean()),
        external="the softmax outputs of the Inception network of 2015",
    )


def detection_score(name: str = "detection-score", *, key: str = "person_confidence") -> Metric:
    """Mean over images of the most confident detection of a person, 0 where there is none; higher is better.

    Reads ``prediction[key]``, the (D,) confidences of the "person" detections of SSD300 in the generated image, padded
    with NaN (Siarohin et al. 2018).
    """

    def per_sample(prediction: Arrays, _: Arrays) -> float:
        confidences = np.atleast_1d(np.asarray(prediction[key], dtype=np.float64))
        confidences = confidences[~np.isnan(confidences)]
        if ((confidences < 0) | (confidences > 1)).any():
            raise InputError("a confidence must lie in [0, 1]", field=key)
        return float(confidences.max(initial=0.0))

    return Metric(
        name=name,
        unit="score",
        better="higher",
        signature=signature("detection-score", network="ssd300-voc0712", label="person", pool="per-image"),
        needs=(key,),
        per_sample=per_sample,
        failed=0.0,
        reduce=lambda values: float(np.mean(values)),
        terms=over_samples,
        external="the person confidences of an SSD300 detector trained on VOC 2007 + 2012",
    )
