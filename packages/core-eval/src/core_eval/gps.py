"""Geodesic point similarity of dense poses, and average precision and recall by it.

Axis letters: D detections, G persons, Q annotated points of a person, R rows and C columns of a map, H rows and W
columns of the image, M chart vertices.

``GPS = mean over annotated p of exp(-g(i_p, j_p)^2 / (2 kappa^2))`` with g the geodesic distance between the annotated
and the predicted vertex (Güler, thesis, Eq. 4.2). A point outside the detection's box, or where it predicts background,
contributes 0. Three signatures that must not be mixed:

- ``gps``: kappa = 0.255 m for all points, the papers' choice;
- ``gps`` with ``kappa="per-part"``: the constant of the annotated point's part, as in the public evaluators;
- ``gpsm``: ``sqrt(GPS * mask IoU)`` with per-part kappas, the measure since the 2019 challenge.

Matching follows the public evaluators (``match:densepose`` in the signature, see `core_eval.average_precision`) unless
``rules="coco"`` is asked for. Points and boxes are read as they do: the offset of a point from the box is truncated.

The arrays of one image, for one surface (`core_eval.surface.ChartSurface`):

==========================  ===================  ===============================================================
prediction["scores"]        (D,)                 confidence, in any order
prediction["boxes"]         (D, 4)               x, y, width, height in px
prediction["iuv"]           (D, R, C, 3) uint8   chart (0 = background), 255 u, 255 v
prediction["sizes"]         (D, 2) integer       optional: rows and columns in use; the map has one cell a pixel from
                                                 the box's corner, at least int(height) x int(width) of them. Without
                                                 it, R x C cells cover the box evenly
prediction["count"]         ()                   optional: only so many rows are real, the others are padding
target["surface_points"]    (G, Q, 2)            px, (x, y); NaN = no point
target["surface_vertices"]  (G, Q) integer       chart vertex of each point; -1 = no point
target["boxes"]             (G, 4)               x, y, width, height in px
target["areas"]             (G,)                 square px, of the person's mask
target["crowd"]             (G,) bool            a region with many persons
target["masks"]             (G, H, W)            only for the mask IoU: nonzero where the person is
==========================  ===================  ===============================================================

A person without annotated points is ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core_eval.average_precision import Rules, detection_metric
from core_eval.candidates import Candidates, box_overlaps, rows
from core_eval.contracts import Arrays, Metric
from core_eval.detection_maps import mask_overlaps, read_maps, read_masks
from core_eval.errors import InputError
from core_eval.geodesics import UNREACHABLE
from core_eval.surface import ChartSurface, annotation, resolve_surface

Floats = NDArray[np.float64]
Kappa = float | Literal["per-part"]

KAPPA = 0.255
"""Metres; a point 0.3 m off, the average half-size of a body segment, then counts one half (thesis, Sec. 4.2.3)."""

DENSEPOSE_KAPPAS: tuple[float, ...] = (
    *(0.351,) * 2,  # torso
    *(0.107,) * 2,  # hands
    *(0.126,) * 2,  # feet
    *(0.237,) * 4,  # upper legs
    *(0.173,) * 4,  # lower legs
    *(0.142,) * 4,  # upper arms
    *(0.128,) * 4,  # lower arms
    *(0.150,) * 2,  # head
)
"""Metres, by DensePose's charts 1..24: mean geodesic distances within a part (the public evaluators' constants)."""


def gps_candidates(
    prediction: Arrays, target: Arrays, surface: ChartSurface, *, kappa: Kappa = KAPPA, masked: bool = False
) -> Candidates:
    """The pairs of one image with their GPS (or, if `masked`, GPSm); arrays as in the module's table.

    Raises `InputError` for a missing array, another shape or type, values that are not finite, charts and vertices that
    the surface does not have, and ``kappa="per-part"`` on a surface without `part_kappas`.
    """
    from core_eval._detection_kernels import geodesic_similarity  # numba starts slowly

    kappas = _kappas(surface, kappa)
    found = read_maps(prediction)
    points, vertices = annotation(target, surface)
    if points.ndim != 3:
        raise InputError(f"expected (G, Q, 2) points, got {points.shape}", field="surface_points")
    areas = rows(target, "areas", (), side="annotated", count=len(points))
    crowd = rows(target, "crowd", (), side="annotated", count=len(points)) != 0
    boxes = rows(target, "boxes", (4,), side="annotated", count=len(points))
    if bool((boxes[:, 2:] < 0).any()):
        raise InputError("a box has a negative size", field="boxes")
    similarity = geodesic_similarity(
        found.maps,
        found.boxes,
        found.pixels,
        found.per_pixel,
        points,
        vertices,
        kappas,
        surface.table,
        surface.vertex,
        surface.geodesics.codes,
        surface.geodesics.step,
        UNREACHABLE,
    )
    if np.isnan(similarity).any():
        raise InputError(f"a predicted chart is not in 0..{surface.charts}", field="iuv")
    if masked:
        similarity = np.sqrt(similarity * mask_overlaps(found, read_masks(target, len(points)), crowd))
    return Candidates.single(
        similarity,
        found.scores,
        detection_areas=found.boxes[:, 2] * found.boxes[:, 3],
        areas=areas,
        ignored=np.asarray((vertices < 0).all(axis=1)),
        crowd=crowd,
        box_overlaps=box_overlaps(found.boxes, boxes, crowd),
    )


def gps_metric(
    name: str = "gps",
    *,
    surface: ChartSurface | Path | str,
    statistic: str = "AP",
    kappa: Kappa = KAPPA,
    masked: bool = False,
    max_detections: int = 20,
    rules: Rules = "densepose",
) -> Metric:
    """One number of the COCO summary (AP, AP50, AP75, APM, APL, AR ...) by GPS, in percent; higher is better.

    `surface` is one, or the ``.npz`` file of one. Raises `InputError` for an unknown number or kappa.
    """
    charts = resolve_surface(surface)
    _kappas(charts, kappa)
    return detection_metric(
        name,
        "gpsm" if masked else "gps",
        _Gps(charts, kappa, masked),
        statistic_name=statistic,
        max_detections=max_detections,
        rules=rules,
        needs=("scores", "boxes", "iuv"),
        surface=f"{charts.name}-{charts.fingerprint}",
        kappa=kappa if isinstance(kappa, str) else f"{kappa:g}",
        **({"similarity": "sqrt(gps*mask-iou)"} if masked else {}),
    )


def gpsm_metric(
    name: str = "gpsm", *, surface: ChartSurface | Path | str, statistic: str = "AP", max_detections: int = 20
) -> Metric:
    """`gps_metric` as the public evaluators define GPSm: per-part kappas, and the mask IoU taken in."""
    return gps_metric(
        name, surface=surface, statistic=statistic, kappa="per-part", masked=True, max_detections=max_detections
    )


@dataclass(frozen=True, slots=True)
class _Gps:
    """(prediction, target) -> `Candidates` of one image."""

    surface: ChartSurface
    kappa: Kappa
    masked: bool

    def __call__(self, prediction: Arrays, target: Arrays) -> Candidates:
        return gps_candidates(prediction, target, self.surface, kappa=self.kappa, masked=self.masked)


def _kappas(surface: ChartSurface, kappa: Kappa) -> Floats:
    """(M,) metres, by the chart vertex of the annotated point."""
    if isinstance(kappa, str):
        if kappa != "per-part" or surface.part_kappas is None:
            raise InputError(f"the surface {surface.name} has no kappas {kappa!r}", field="kappa")
        by_vertex: Floats = surface.part_kappas[surface.part - 1]
        return by_vertex
    if not (np.isfinite(kappa) and kappa > 0):
        raise InputError(f"must be a positive number of metres, got {kappa}", field="kappa")
    return np.full(len(surface.part), float(kappa))
