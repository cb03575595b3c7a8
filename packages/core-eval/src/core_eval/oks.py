"""Object key point similarity, and average precision and recall by it.

Axis letters: N images, D detections, G persons, P key points, S = sum of D_n G_n pairs.

``OKS = mean over labelled p of exp(-||d_p - g_p||^2 / (2 a (2 sigma_p)^2))`` with the person's area a (COCO key point
evaluation, cocodataset.org/#keypoints-eval). For a person without labelled points, which is ignored, the distance is
that to the threefold box. Numbers equal those of pycocotools to 1e-10, and are tested to.

The arrays of one image:

==========================  ============  =======================================================================
prediction["scores"]        (D,)          confidence, in any order
prediction["points"]        (D, P, 2)     px, (x, y)
prediction["boxes"]         (D, 4)        optional: x, y, width, height in px; without it, the box of the points
prediction["count"]         ()            optional: only so many rows are real, the others are padding
target["points"]            (G, P, 2)     px, NaN where a point is not labelled
target["areas"]             (G,)          square px, of the person's mask
target["boxes"]             (G, 4)        x, y, width, height in px
target["crowd"]             (G,) bool     a region with many persons: to be ignored, and matched any number of times
==========================  ============  =======================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from core_eval.average_precision import detection_metric
from core_eval.candidates import Candidates, gather
from core_eval.contracts import Arrays, Metric
from core_eval.errors import InputError

Floats = NDArray[np.float64]

SIGMAS: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "coco17": (
            *(0.026, 0.025, 0.025, 0.035, 0.035),  # nose, eyes, ears
            *(0.079, 0.079, 0.072, 0.072, 0.062, 0.062),  # shoulders, elbows, wrists
            *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),  # hips, knees, ankles
        )
    }
)
"""Standard deviations of human annotators by point, as shares of sqrt(area); COCO key point evaluation."""


def oks(detected: Floats, annotated: Floats, areas: Floats, boxes: Floats, sigmas: Sequence[float]) -> Floats:
    """(D, G) similarities between (D, P, 2) detected and (G, P, 2) annotated points in px, NaN where unlabelled.

    `areas` (G,) in square px, `boxes` (G, 4) x, y, width, height in px. Raises `InputError` for other shapes.
    """
    prediction = {"points": np.asarray(detected, np.float64), "scores": np.zeros(len(detected))}
    target = {
        "points": np.asarray(annotated, np.float64),
        "areas": np.asarray(areas, np.float64),
        "boxes": np.asarray(boxes, np.float64),
        "crowd": np.zeros(len(annotated), np.bool_),
    }
    return oks_candidates([prediction], [target], sigmas).similarity.reshape(len(detected), len(annotated))


def oks_candidates(
    predictions: Sequence[Arrays], targets: Sequence[Arrays], sigmas: Sequence[float] = SIGMAS["coco17"]
) -> Candidates:
    """The pairs of N images with their OKS; `predictions` and `targets` as in the module's table, in the same order.

    Persons are ignored if they are crowds or have no labelled point. Raises `InputError` for a missing array, another
    shape, values that are not finite, negative areas or boxes.
    """
    from core_eval._detection_kernels import keypoint_similarity  # numba starts slowly

    if len(predictions) != len(targets) or not targets:
        raise InputError(f"{len(predictions)} predictions for {len(targets)} images", field="predictions")
    variances = (2 * np.asarray(sigmas, dtype=np.float64)) ** 2
    if variances.ndim != 1 or not (np.isfinite(variances) & (variances > 0)).all():
        raise InputError("expected one positive number for each point", field="sigmas")
    points = len(variances)
    detected, detections_of = _read(predictions, "points", (points, 2), "predicted")
    scores, scores_of = _read(predictions, "scores", (), "predicted")
    annotated, objects_of = gather(targets, "points", (points, 2), side="annotated")
    areas, areas_of = _read(targets, "areas", (), "annotated")
    boxes, boxes_of = _read(targets, "boxes", (4,), "annotated")
    crowd, crowd_of = _read(targets, "crowd", (), "annotated")
    for name, rows, expected in (
        ("scores", scores_of, detections_of),
        ("areas", areas_of, objects_of),
        ("boxes", boxes_of, objects_of),
        ("crowd", crowd_of, objects_of),
    ):
        if not np.array_equal(rows, expected):
            raise InputError("not as many rows as points", field=name)
    if np.isinf(annotated).any():
        raise InputError("an annotated point is infinite", field="points")
    if bool((boxes[:, 2:] < 0).any()):
        raise InputError("a box has a negative size", field="boxes")
    labelled = np.asarray(~np.isnan(annotated).any(axis=2), dtype=np.bool_)
    annotated = np.where(labelled[..., None], annotated, np.nan)
    return Candidates(
        detections_of,
        objects_of,
        keypoint_similarity(detections_of, objects_of, detected, annotated, areas, boxes, variances),
        scores,
        _detection_areas(predictions, detected, detections_of),
        areas,
        ignored=(crowd != 0) | np.asarray(~labelled.any(axis=1)),
        crowd=crowd != 0,
    )


def oks_metric(name: str = "oks", *, statistic: str = "AP", layout: str = "coco17", max_detections: int = 20) -> Metric:
    """One number of the COCO key point summary (AP, AP50, AP75, APM, APL, AR ...), in percent; higher is better.

    `layout` names the points and their sigmas. Raises `InputError` for an unknown layout or number.
    """
    if layout not in SIGMAS:
        raise InputError(f"no sigmas for {layout!r}; known: {', '.join(SIGMAS)}", field="layout")
    return detection_metric(
        name,
        "oks",
        _Oks(layout),
        statistic_name=statistic,
        max_detections=max_detections,
        rules="coco",
        needs=("scores", "points"),
        sigmas=layout,
        category="person",
    )


@dataclass(frozen=True, slots=True)
class _Oks:
    """(prediction, target) -> `Candidates` of one image."""

    layout: str

    def __call__(self, prediction: Arrays, target: Arrays) -> Candidates:
        return oks_candidates([prediction], [target], SIGMAS[self.layout])


def _read(items: Sequence[Arrays], key: str, tail: tuple[int, ...], side: str) -> tuple[Floats, NDArray[np.int64]]:
    values, rows = gather(items, key, tail, side=side)
    if not np.isfinite(values).all():
        raise InputError(f"{side} values are not finite", field=key)
    return values, rows


def _detection_areas(predictions: Sequence[Arrays], points: Floats, detections_of: NDArray[np.int64]) -> Floats:
    """(D,) areas in square px, of the predicted boxes or of the boxes around the points (as `COCO.loadRes` does)."""
    boxed = ["boxes" in prediction for prediction in predictions]
    if not any(boxed):
        return np.ptp(points, axis=1).prod(axis=1) if len(points) else np.zeros(0)
    boxes, rows = _read(predictions, "boxes", (4,), "predicted")
    if not np.array_equal(rows, detections_of):
        raise InputError("not as many rows as points", field="boxes")
    areas: Floats = boxes[:, 2:].prod(axis=1)
    return areas
