"""What errors of landmarks are divided by.

Axis letters: P points.

There are at least seven normalisers called "box" and two called "interocular" in use; each has a name here, and the
name is part of a metric's signature. All are functions of the target alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core_eval.contracts import Arrays, UnscorableError
from core_eval.errors import InputError
from core_eval.landmarks import Scheme

SMALLEST = 1e-3
"""A normaliser below this share of the points' box diagonal is taken for zero (our choice, no paper says)."""


def _segment(name: str, target: Arrays, layout: Scheme) -> float:
    first, second = layout.segment(name)
    return float(np.linalg.norm(target["points"][first] - target["points"][second]))


def _centres(outlines: str, target: Arrays, layout: Scheme) -> float:
    eyes = getattr(layout, outlines)
    if not eyes:
        raise InputError(f"the landmark scheme {layout.name} has no {outlines}")
    first, second = (target["points"][list(eye)].mean(axis=0) for eye in eyes)
    return float(np.linalg.norm(first - second))


def _extent(target: Arrays) -> NDArray[np.float64]:
    """Width and height in px of the tight box around the annotated points."""
    points = target["points"]
    return np.asarray(np.ptp(points[np.isfinite(points).all(axis=1)], axis=0))


def _external_extent(target: Arrays) -> NDArray[np.float64]:
    """Width and height in px of the box that comes with the annotation: `target["box"]` is (x1, y1, x2, y2) px."""
    if "box" not in target:
        raise InputError("the target has no box", field="box")
    box = np.asarray(target["box"], dtype=np.float64)
    if box.shape != (4,):
        raise InputError(f"expected a box (x1, y1, x2, y2), got shape {box.shape}", field="box")
    return np.maximum(box[2:] - box[:2], 0.0)


def _geometric_mean(extent: NDArray[np.float64]) -> float:
    return float(np.sqrt(extent.prod()))


def _diagonal(extent: NDArray[np.float64]) -> float:
    return float(np.hypot(*extent))


def _mean_side(extent: NDArray[np.float64]) -> float:
    return float(extent.mean())


def _box(
    extent: Callable[[Arrays], NDArray[np.float64]],
    size: Callable[[NDArray[np.float64]], float],
    target: Arrays,
    layout: Scheme,  # noqa: ARG001 - every normaliser is called with the scheme
) -> float:
    return size(extent(target))


NORMALISERS: dict[str, Callable[[Arrays, Scheme], float]] = {
    "outer-eye-corners": partial(_segment, "outer-eye-corners"),
    "inner-eye-corners": partial(_segment, "inner-eye-corners"),
    "eye-centres": partial(_centres, "eyes"),
    "eyelid-centres": partial(_centres, "eyelids"),
    "box": partial(_box, _extent, _geometric_mean),
    "box-diagonal": partial(_box, _extent, _diagonal),
    "box-mean-side": partial(_box, _extent, _mean_side),
    "external-box": partial(_box, _external_extent, _geometric_mean),
    "external-box-diagonal": partial(_box, _external_extent, _diagonal),
    "external-box-mean-side": partial(_box, _external_extent, _mean_side),
    "wrist-width": partial(_segment, "wrist-width"),
}
"""(target, scheme) -> px, from the target alone.

===========================  =======================================================================================
outer-eye-corners            distance of the outer eye corners ("interocular" of 300-W, DenseReg, 300-VW)
inner-eye-corners            distance of the inner eye corners
eye-centres                  distance of the means of the two eye outlines ("pupils", "interpupil"; 300-W of semi-
                             supervised landmark papers)
eyelid-centres               the same without the corners (a Multi-PIE reader)
box                          ``sqrt(w h)`` of the tight box of the annotated points (AFLW2000-3D)
box-diagonal, box-mean-side  its diagonal; ``(w + h) / 2``
external-box[-...]           the same three of the box that comes with the annotation, ``target["box"]``
wrist-width                  distance of the ends of the wrist (HGR1)
===========================  =======================================================================================
"""


def check_normaliser(name: str, layout: Scheme) -> None:
    """Raises `InputError` for an unknown normaliser, or one that this scheme does not have."""
    if name not in NORMALISERS:
        raise InputError(f"unknown normaliser {name!r}; known: {', '.join(NORMALISERS)}", field="normaliser")
    NORMALISERS[name]({"points": np.zeros((layout.points, 2)), "box": np.zeros(4)}, layout)


def normaliser_of(target: Arrays, layout: Scheme, name: str) -> float:
    """The normaliser in px; ``target["points"]`` is (P, 2) float64 px, not finite where not annotated.

    Raises `UnscorableError` if it is not finite or vanishes against the annotated points.
    """
    points = target["points"]
    annotated = points[np.isfinite(points).all(axis=1)]
    if not len(annotated):
        raise UnscorableError("no annotated point")
    size = NORMALISERS[name](target, layout)
    if not np.isfinite(size) or size <= SMALLEST * np.linalg.norm(np.ptp(annotated, axis=0)):
        raise UnscorableError(f"the normaliser {name} is zero or not finite")
    return size
