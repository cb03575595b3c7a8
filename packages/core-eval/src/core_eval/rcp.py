"""Ratio of correct points of a dense correspondence, and the area under its curve.

Axis letters: H rows, W columns, Q annotated points of an image, N images, T thresholds.

``RCP(t) = share of annotated points with geodesic error <= t``, pooled over all points of all images, and
``AUC_a = (1/a) int_0^a RCP(t) dt``, which in closed form is ``mean(clip(1 - d/a, 0, 1))`` (Güler, thesis, Sec. 4.2.3,
with a = 10 cm and 30 cm). A point without a prediction has an infinite error: it is wrong at every threshold.

The arrays of one image, for one surface (`core_eval.surface.ChartSurface`):

================================  ================  ==============================================================
prediction["part"]                (H, W) integer    chart, 0 = background
prediction["uv"]                  (H, W, 2)         coordinates in the chart, in [0, 1]; NaN counts as background
target["surface_points"]          (..., Q, 2)       px, (x, y), pixel centres at integers; NaN = no point
target["surface_vertices"]        (..., Q) integer  chart vertex of each point; -1 = no point
================================  ================  ==============================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core_eval.ced import area_under_ced, ced_curve
from core_eval.contracts import Arrays, Metric, UnscorableError
from core_eval.errors import InputError
from core_eval.signature import signature
from core_eval.surface import ChartSurface, annotation, resolve_surface

Floats = NDArray[np.float64]
CURVE_POINTS = 61
"""Thresholds of the curve that `rcp_auc` keeps of each image: every 5 mm at 30 cm."""


def geodesic_errors(prediction: Arrays, target: Arrays, surface: ChartSurface) -> Floats:
    """Metres between predicted and annotated vertex of each annotated point of an image; infinite if not predicted.

    The prediction is read at the pixel whose centre is nearest to the point. Raises `InputError` for other shapes than
    the module's table, a point outside the image, and unknown charts and vertices.
    """
    part, uv = np.asarray(prediction["part"]), np.asarray(prediction["uv"], dtype=np.float64)
    if part.ndim != 2 or uv.shape != (*part.shape, 2):
        raise InputError(f"expected (H, W) and (H, W, 2), got {part.shape} and {uv.shape}", field="uv")
    points, vertices = annotation(target, surface)
    points, vertices = points[vertices >= 0], vertices[vertices >= 0]
    column, row = np.floor(points + 0.5).astype(np.int64).T
    if points.size and not (
        0 <= row.min() <= row.max() < len(part) and 0 <= column.min() <= column.max() < len(part.T)
    ):
        raise InputError(f"an annotated point lies outside the {part.shape} prediction", field="surface_points")
    return surface.distances(surface.closest(part[row, column], uv[row, column]), vertices)


def rcp_curve(distances: ArrayLike, thresholds: ArrayLike) -> Floats:
    """(T,) share of the pooled `distances` that are ``<=`` each of the (T,) `thresholds`, all in one unit."""
    return ced_curve(distances, thresholds)


def curve_thresholds(limit: float) -> Floats:
    """(T,) thresholds in metres at which `rcp_auc` keeps the curve of each image: 0 to `limit`, both included."""
    return np.linspace(0.0, limit, CURVE_POINTS)


def area_under_rcp(distances: ArrayLike, limit: float) -> float:
    """Exact area under the RCP curve on [0, limit] divided by `limit`: ``mean(clip(1 - d/limit, 0, 1))``."""
    return area_under_ced(distances, limit)


def rcp_auc(name: str = "rcp-auc", *, limit: float, surface: ChartSurface | Path | str) -> Metric:
    """AUC_a of the pooled points for ``a = limit`` metres; a fraction, higher is better.

    `surface` is one, or the ``.npz`` file of one. Raises `InputError` for a limit that is not positive.
    """
    return _metric(name, "rcp-auc", surface, limit, "limit", _Points(resolve_surface(surface), limit, area=True))


def rcp(name: str = "rcp", *, threshold: float, surface: ChartSurface | Path | str) -> Metric:
    """Share of points within `threshold` metres, pooled over all images; a fraction, higher is better."""
    return _metric(
        name, "rcp", surface, threshold, "threshold", _Points(resolve_surface(surface), threshold, area=False)
    )


@dataclass(frozen=True, slots=True)
class _Points:
    """`Metric.per_sample`: sum over the image's points, their number; for an area also (T,) hits on the curve."""

    surface: ChartSurface
    limit: float
    area: bool

    def __call__(self, prediction: Arrays, target: Arrays) -> Floats:
        errors = geodesic_errors(prediction, target, self.surface)
        if not self.area:
            return np.array([(errors <= self.limit).sum(), errors.size], dtype=np.float64)
        credit = np.clip(1 - errors / self.limit, 0, 1).sum()
        hits = np.searchsorted(np.sort(errors), curve_thresholds(self.limit), side="right")
        return np.array([credit, errors.size, *hits], dtype=np.float64)


def _metric(
    name: str, kind: str, surface: ChartSurface | Path | str, limit: float, word: str, per_sample: _Points
) -> Metric:
    if not (np.isfinite(limit) and limit > 0):
        raise InputError(f"must be a positive number of metres, got {limit}", field=word)
    charts = resolve_surface(surface)
    return Metric(
        name=name,
        unit="fraction",
        better="higher",
        signature=signature(
            kind,
            error="geodesic-metres",
            surface=f"{charts.name}-{charts.fingerprint}",
            **{word: f"{limit:g}"},
            hit="d<=t",
            **({"integral": "closed-form"} if per_sample.area else {}),
            missed="infinite",
            pool="points",
        ),
        needs=("part", "uv"),
        per_sample=per_sample,
        failed=np.array([0.0, 1.0, *np.zeros(CURVE_POINTS if per_sample.area else 0)]),
        reduce=_ratio,
        terms=lambda sums: sums[:, :2],
    )


def _ratio(sums: Floats) -> float:
    points = sums[:, 1].sum()
    if points == 0:
        raise UnscorableError("there is no annotated point")
    return float(sums[:, 0].sum() / points)
