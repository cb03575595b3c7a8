"""Average precision and recall by the COCO protocol, for any similarity between detections and objects.

Axis letters: N images, D detections, G objects (ground truth), S = sum of D_n G_n pairs, T similarity thresholds,
M detections that count per image, R recall levels.

Source: the COCO evaluation (Lin et al. 2014; pycocotools.cocoeval), to which the tests hold every number. One category.
In each image and at each threshold the M best detections choose, best score first, among the objects still free the
most similar one that reaches the threshold (the last of equals); ignored objects (crowds, objects outside the area
range) only if no other fits, and a crowd may be chosen again and again. A detection that chose an ignored object, or
nothing while its own area is outside the range, counts neither way; one that chose nothing else is a false positive, an
object never chosen is missed. Precision is made monotone, read at R = 101 recalls, and averaged over T = 10 thresholds.

``rules="densepose"`` are the changes of the public DensePose evaluators: a similarity of zero never matches; an image
without an object that counts is left out with its detections; a detection that is unmatched at the highest threshold
takes over, at all thresholds, the ignore flag of the free object with the largest box overlap >= 0.8.

The contributions of an image do not depend on other images, so any resampling of images can be accumulated exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core_eval.candidates import Candidates
from core_eval.contracts import Arrays, Metric, UnscorableError
from core_eval.errors import InputError
from core_eval.signature import signature

Floats = NDArray[np.float64]
Rules = Literal["coco", "densepose"]

THRESHOLDS: Floats = np.linspace(0.5, 0.95, 10)
RECALLS: Floats = np.linspace(0.0, 1.0, 101)

AREAS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
)
"""Ranges of object areas in square pixels, both ends included."""


@dataclass(frozen=True, slots=True)
class Statistic:
    """A number of the COCO summary: what is averaged, over which objects, at which threshold (None: all ten)."""

    curve: Literal["precision", "recall"]
    area: str
    threshold: float | None


STATISTICS: Mapping[str, Statistic] = MappingProxyType(
    {
        f"{short}{suffix}": Statistic("precision" if short == "AP" else "recall", area, threshold)
        for short in ("AP", "AR")
        for suffix, area, threshold in (
            ("", "all", None),
            ("50", "all", 0.5),
            ("75", "all", 0.75),
            ("M", "medium", None),
            ("L", "large", None),
        )
    }
)
"""The ten numbers of the COCO key point summary, by their usual names."""


def match(candidates: Candidates, *, area: str = "all", max_detections: int = 20, rules: Rules = "coco") -> Floats:
    """(N, 1 + M, 1 + T): what each image contributes within one range of areas.

    Row 0 holds (objects that count, detections, 0 ...); row 1 + k the k-th best detection: its score and, for each
    threshold, 1 for a true positive, 0 for a false one, -1 for one that does not count. Rows beyond the last detection
    are -1 too. Raises `InputError` for an unknown area or fewer than one detection.
    """
    if area not in AREAS:
        raise InputError(f"unknown area range {area!r}; known: {', '.join(AREAS)}", field="area")
    if max_detections < 1:
        raise InputError(f"at least one detection must count, got {max_detections}", field="max_detections")
    if rules == "densepose" and candidates.box_overlaps is None:
        raise InputError("the DensePose rules need box overlaps", field="box_overlaps")
    from core_eval._detection_kernels import match_images  # numba starts slowly: only who matches pays

    image = np.repeat(np.arange(len(candidates.objects_of) - 1), np.diff(candidates.detections_of))
    return match_images(
        np.lexsort((-candidates.scores, image)),  # stable: equal scores keep the order given
        candidates.detections_of,
        candidates.objects_of,
        candidates.similarity,
        candidates.similarity if candidates.box_overlaps is None else candidates.box_overlaps,
        candidates.scores,
        candidates.detection_areas,
        candidates.areas,
        candidates.ignored,
        candidates.crowd,
        THRESHOLDS,
        *AREAS[area],
        max_detections,
        rules == "densepose",
    )


def accumulate(contributions: Floats) -> tuple[Floats, Floats]:
    """(T, R) precision at the recall levels and (T,) final recall of the (N, 1 + M, 1 + T) `contributions`.

    Equal scores count in the order of the images, as in pycocotools when images are ordered by id. Raises
    `UnscorableError` if no object counts.
    """
    positives = contributions[:, 0, 0].sum()
    if positives == 0:
        raise UnscorableError("there is no object to find in this range of areas")
    from core_eval._detection_kernels import precision_recall

    real = np.arange(contributions.shape[1] - 1) < contributions[:, :1, 1]
    found = contributions[:, 1:][real]
    order = np.argsort(-found[:, 0], kind="stable")
    return precision_recall(found[order, 1:], float(positives), RECALLS)


def statistic(contributions: Floats, name: str) -> float:
    """One number of `STATISTICS`, a fraction, from the contributions of its range of areas; raises as `accumulate`."""
    return _read_off(STATISTICS[name], *accumulate(contributions))


def _read_off(wanted: Statistic, precision: Floats, recall: Floats) -> float:
    curve = precision if wanted.curve == "precision" else recall
    return float((curve if wanted.threshold is None else curve[wanted.threshold == THRESHOLDS]).mean())


def summarise(candidates: Candidates, *, max_detections: int = 20, rules: Rules = "coco") -> dict[str, float | None]:
    """All numbers of `STATISTICS`, as fractions; None where no object lies in the range of areas."""
    summary: dict[str, float | None] = dict.fromkeys(STATISTICS)
    for area in {wanted.area for wanted in STATISTICS.values()}:
        contributions = match(candidates, area=area, max_detections=max_detections, rules=rules)
        if contributions[:, 0, 0].any():
            curves = accumulate(contributions)
            summary |= {name: _read_off(wanted, *curves) for name, wanted in STATISTICS.items() if wanted.area == area}
    return summary


@dataclass(frozen=True, slots=True)
class Contribution:
    """`Metric.per_sample` of the detection metrics: one image, one range of areas.

    `candidates` makes the `Candidates` of an image from prediction and target. Two equal contributions are the same
    numbers, so that metrics which differ only in what they read off the curve can share them.
    """

    candidates: Callable[[Arrays, Arrays], Candidates]
    area: str
    max_detections: int
    rules: Rules

    def __call__(self, prediction: Arrays, target: Arrays) -> Floats:
        """(1 + M, 1 + T), as in `match`."""
        candidates = self.candidates(prediction, target)
        image: Floats = match(candidates, area=self.area, max_detections=self.max_detections, rules=self.rules)[0]
        return image


def detection_metric(
    name: str,
    kind: str,
    candidates: Callable[[Arrays, Arrays], Candidates],
    *,
    statistic_name: str,
    max_detections: int,
    rules: Rules,
    needs: tuple[str, ...],
    **choices: object,
) -> Metric:
    """The `Metric` of one number of `STATISTICS`, in percent. Raises `InputError` for an unknown one."""
    if statistic_name not in STATISTICS:
        raise InputError(f"unknown number {statistic_name!r}; known: {', '.join(STATISTICS)}", field="statistic")
    wanted = STATISTICS[statistic_name]
    return Metric(
        name=name,
        unit="percent",
        better="higher",
        signature=signature(
            kind,
            **choices,
            statistic="average-" + wanted.curve,
            thresholds="0.50:0.05:0.95" if wanted.threshold is None else f"{wanted.threshold:.2f}",
            area=wanted.area,
            max_dets=max_detections,
            match=rules,
            recalls=len(RECALLS),
            ties="image-order",
        ),
        needs=needs,
        per_sample=Contribution(candidates, wanted.area, max_detections, rules),
        failed=np.full((1 + max_detections, 1 + len(THRESHOLDS)), -1.0),  # never used: every image can be matched
        reduce=partial(_percent, name=statistic_name),
    )


def _percent(contributions: Floats, name: str) -> float:
    return 100.0 * statistic(contributions, name)
