"""Point errors of landmarks.

Axis letters: P points.

Source: the 300-W competition's error, ``e = (1/P) sum_i ||p_i - g_i|| / d`` (Sagonas et al. 2016, Sec. 3). Which `d` a
paper means, which points it scores and how it pools them is part of the signature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core_eval.contracts import Arrays, Better, Metric, UnscorableError
from core_eval.errors import InputError
from core_eval.landmarks import scheme
from core_eval.normalisers import check_normaliser, normaliser_of
from core_eval.signature import signature
from core_eval.statistics import over_samples

Pool = Literal["per-image", "points"]
Distance = Literal["mean-distance", "rms-distance"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PointProtocol:
    """Which point distances make up an image's error, and what they are divided by.

    Attributes:
        normaliser: a key of `normalisers.NORMALISERS`; it sees the whole target, whatever is scored.
        layout: the landmark scheme.
        subset: name of the scheme's subset that is scored; None for all points.
        visible: score visible points only.
        distance: the mean of the distances, or the root of the mean of their squares.

    Raises `InputError` for unknown names.
    """

    normaliser: str
    layout: str = "ibug68"
    subset: str | None = None
    visible: bool = False
    distance: Distance = "mean-distance"

    def __post_init__(self) -> None:
        table = scheme(self.layout)
        table.subset(self.subset)
        check_normaliser(self.normaliser, table)
        check_choice("distance", self.distance, Distance)

    def signature(self, kind: str, pool: Pool, **more: object) -> str:
        points = f"{self.layout}/{self.subset}" if self.subset else self.layout
        mask = {"mask": "visible"} if self.visible else {}
        return signature(kind, error=self.distance, points=points, norm=self.normaliser, pool=pool, **mask, **more)


def point_distances(
    prediction: Arrays,
    target: Arrays,
    *,
    layout: str | None = None,
    subset: str | None = None,
    visible: bool = False,
) -> Floats:
    """Euclidean distances in px of the scored points: (M,) with M <= P.

    `prediction["points"]` and `target["points"]` are (P, 2) px; a target row that is not finite is not annotated and
    left out, and so are points outside the `subset` of the scheme `layout` and, with `visible`, those where
    ``target["visible"]`` (P,) is false. Without a `layout` any P will do. Raises `InputError` for other shapes,
    `UnscorableError` if no point is left.
    """
    table = scheme(layout) if layout else None
    truth, guess = (_points(arrays, table.points if table else None) for arrays in (target, prediction))
    if truth.shape != guess.shape:
        raise InputError(f"{len(guess)} predicted points, but {len(truth)} annotated", field="points")
    scored = np.isfinite(truth).all(axis=1)
    if table and subset:
        scored &= np.isin(np.arange(len(truth)), table.subset(subset))
    if visible:
        if "visible" not in target or np.shape(target["visible"]) != (len(truth),):
            raise InputError(f"expected the visibility of {len(truth)} points in the target", field="visible")
        scored &= np.asarray(target["visible"], dtype=bool)
    if not scored.any():
        raise UnscorableError("no annotated point" + (" is visible" if visible else ""))
    with np.errstate(over="ignore"):  # coordinates near the largest float are infinitely wrong
        return np.asarray(np.hypot(*(guess[scored] - truth[scored]).T))


def _points(arrays: Arrays, points: int | None) -> Floats:
    array = np.asarray(arrays["points"], dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or (points is not None and len(array) != points):
        raise InputError(f"expected ({points or 'P'}, 2) points, got {array.shape}", field="points")
    return array


def normalised_sums(prediction: Arrays, target: Arrays, protocol: PointProtocol) -> Floats:
    """(sum of normalised distances, or of their squares; number of scored points): contributions to pooled errors."""
    distances = point_distances(
        prediction, target, layout=protocol.layout, subset=protocol.subset, visible=protocol.visible
    )
    target = {**target, "points": np.asarray(target["points"], dtype=np.float64)}
    with np.errstate(over="ignore"):
        ratios = distances / normaliser_of(target, scheme(protocol.layout), protocol.normaliser)
        total = (ratios if protocol.distance == "mean-distance" else ratios**2).sum()
    return np.array([total, float(len(ratios))])


def normalised_error(prediction: Arrays, target: Arrays, protocol: PointProtocol) -> float:
    """Mean (or root mean square) distance of an image's scored points divided by the normaliser; a fraction.

    Raises `InputError` for other shapes, `UnscorableError` for a zero or non-finite normaliser or a sample without
    scored points.
    """
    total, count = normalised_sums(prediction, target, protocol)
    return float(total / count if protocol.distance == "mean-distance" else np.sqrt(total / count))


def nme(
    name: str = "nme",
    *,
    normaliser: str,
    layout: str = "ibug68",
    subset: str | None = None,
    visible: bool = False,
    pool: Pool = "per-image",
    distance: Distance = "mean-distance",
) -> Metric:
    """Normalised mean error in percent; lower is better.

    `pool` "per-image" is the mean over images of each image's error, "points" the error of all scored points of all
    images together; they differ as soon as points are missing. A failed image makes the error infinite, hence not a
    number that can be published: `failed` is infinite on purpose.
    """
    protocol = PointProtocol(normaliser, layout, subset, visible, distance)
    check_choice("pool", pool, Pool)
    if pool == "per-image":
        return error_metric(
            name,
            "percent",
            "nme",
            protocol,
            lambda e: 100.0 * float(np.mean(e)),
            lambda e: over_samples(100.0 * e),
        )
    linear = distance == "mean-distance"

    def reduce(sums: Floats) -> float:
        mean = sums[:, 0].sum() / sums[:, 1].sum()
        return 100.0 * float(mean if linear else np.sqrt(mean))

    return Metric(
        name=name,
        unit="percent",
        better="lower",
        signature=protocol.signature("nme", "points"),
        needs=("points",),
        per_sample=partial(normalised_sums, protocol=protocol),
        failed=np.array([np.inf, 1.0]),
        reduce=reduce,
        terms=(lambda sums: sums * np.array([100.0, 1.0])) if linear else None,
    )


def point_error(name: str = "point-error", *, layout: str | None = None, visible: bool = False) -> Metric:
    """Mean over images of the mean Euclidean point distance, in px of the image as given; lower is better.

    Without a `layout`, any number of points is scored.
    """
    mask = {"mask": "visible"} if visible else {}
    return Metric(
        name=name,
        unit="px",
        better="lower",
        signature=signature("point-error", error="mean-distance", points=layout or "all", pool="per-image", **mask),
        needs=("points",),
        per_sample=lambda prediction, target: float(
            point_distances(prediction, target, layout=layout, visible=visible).mean()
        ),
        failed=np.inf,
        reduce=lambda e: float(np.mean(e)),
        terms=over_samples,
    )


def error_metric(
    name: str,
    unit: str,
    kind: str,
    protocol: PointProtocol,
    reduce: Callable[[Floats], float],
    terms: Callable[[Floats], Floats] | None,
    *,
    better: Better = "lower",
    **choices: object,
) -> Metric:
    """A metric that reduces the per-image normalised errors; `choices` go into the signature."""
    return Metric(
        name=name,
        unit=unit,
        better=better,
        signature=protocol.signature(kind, "per-image", **choices),
        needs=("points",),
        per_sample=partial(normalised_error, protocol=protocol),
        failed=np.inf,
        reduce=reduce,
        terms=terms,
    )


def check_choice(field: str, value: str, kind: object) -> None:
    """Raises `InputError` unless `value` is one of the literal type `kind`."""
    if value not in get_args(kind):
        raise InputError(f"unknown choice {value!r}; known: {', '.join(get_args(kind))}", field=field)
