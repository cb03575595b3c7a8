"""Percentage of correct key points, and the area under its curve.

Axis letters: J joints.

A joint is correct at threshold t if its distance to the truth is at most t times a length of the person:

- PCK (Yang and Ramanan 2013; on LSP as in Wei et al. 2016): the torso, left shoulder to right hip;
- PCKh (Andriluka et al. 2014): 0.6 times the diagonal of the annotated head box.

Joints that are not annotated (not finite) are left out; annotated occluded joints count. A prediction that is not
finite is a miss. "Total" pools all joints of all people; a column such as "Shoulder" is the mean of its joints' rates.
All in percent, higher is better. A sample contributes (score, count) for every joint, so that any resampling of people
gives exact pooled numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core_eval.contracts import Arrays, Metric, UnscorableError
from core_eval.errors import InputError
from core_eval.nme import check_choice
from core_eval.normalisers import SMALLEST
from core_eval.quadrature import Quadrature, plain_mean, trapezoid
from core_eval.signature import signature
from core_eval.skeletons import Skeleton, skeleton

Floats = NDArray[np.float64]
Pool = Literal["pooled", "macro"]

HEAD_FACTOR = 0.6
"""Share of the head box's diagonal that MPII calls the head size (SC_BIAS of the official evaluator)."""


def _steps(limit: float, *, last: bool = True) -> Floats:
    """0, 0.01, ..., limit, or the same without the limit."""
    count = round(100 * limit)
    return np.linspace(0.0, count / 100, count + 1)[: None if last else -1]


AUC_CONVENTIONS: dict[str, Quadrature] = {
    "trapezoid-0.01": Quadrature(trapezoid(_steps), False, "official MPII evaluator: 0:0.01:t"),
    "closed-form": Quadrature(None, False, "the exact integral"),
    "mean-below-limit": Quadrature(plain_mean(partial(_steps, last=False)), True, "bearpaw: 0:0.01:t-0.01, d < x"),
    "mmpose-20": Quadrature(plain_mean(lambda limit: limit * np.arange(20) / 20), True, "mmpose: 20 thresholds, d < x"),
}


@dataclass(frozen=True, slots=True)
class PckProtocol:
    """Which joints are scored and what their distances are divided by.

    Attributes:
        skeleton: a name of ``skeletons.toml``.
        normaliser: "head-box" (from ``target["head_box"]``, (x1, y1, x2, y2) px), "box-max-side" (the longer side of
            ``target["box"]``), or a segment of the skeleton ("torso-diagonal", "torso-side").
        visible: score joints with ``target["visible"]`` (J,) only.

    Raises `InputError` for unknown names.
    """

    skeleton: str
    normaliser: str
    visible: bool = False

    def __post_init__(self) -> None:
        known = ("head-box", "box-max-side", *self.table.segments)
        if self.normaliser not in known:
            raise InputError(f"unknown normaliser {self.normaliser!r}; known: {', '.join(known)}", field="normaliser")

    @property
    def table(self) -> Skeleton:
        return skeleton(self.skeleton)

    def size(self, target: Arrays) -> float:
        """The length in px that distances are divided by."""
        if self.normaliser in self.table.segments:
            first, second = self.table.segments[self.normaliser]
            return float(np.linalg.norm(np.subtract(*np.asarray(target["points"], dtype=np.float64)[[first, second]])))
        key = {"head-box": "head_box", "box-max-side": "box"}[self.normaliser]
        box = np.asarray(target.get(key, ()), dtype=np.float64)
        if box.shape != (4,):
            raise InputError(f"expected a box (x1, y1, x2, y2), got shape {box.shape}", field=key)
        sides = box[2:] - box[:2]
        return float(HEAD_FACTOR * np.hypot(*sides) if key == "head_box" else sides.max())


def relative_distances(prediction: Arrays, target: Arrays, protocol: PckProtocol) -> tuple[Floats, NDArray[np.bool_]]:
    """(J,) distances divided by the person's length, infinite where nothing is predicted, and (J,) which are scored.

    `prediction["points"]` and ``target["points"]`` are (J, 2) px. Raises `InputError` for other shapes,
    `UnscorableError` for a zero or unknown length.
    """
    joints = len(protocol.table.joints)
    truth, guess = (np.asarray(arrays["points"], dtype=np.float64) for arrays in (target, prediction))
    for kind, points in (("annotated", truth), ("predicted", guess)):
        if points.shape != (joints, 2):
            raise InputError(f"expected ({joints}, 2) {kind} joints, got {points.shape}", field="points")
    scored = np.asarray(np.isfinite(truth).all(axis=1))
    if protocol.visible:
        if np.shape(target.get("visible", ())) != (joints,):
            raise InputError(f"expected the visibility of {joints} joints in the target", field="visible")
        scored = scored & np.asarray(target["visible"], dtype=bool)
    size = protocol.size(target)
    extent = np.linalg.norm(np.ptp(truth[np.isfinite(truth).all(axis=1)], axis=0)) if scored.any() else 0.0
    if not (np.isfinite(size) and size > SMALLEST * extent):
        missed = np.stack([np.zeros(joints), scored], axis=1)
        raise UnscorableError(f"the {protocol.normaliser} is zero or not annotated", missed)
    with np.errstate(invalid="ignore", over="ignore"):
        distances = np.hypot(*(guess - truth).T) / size
    return np.where(np.isnan(distances), np.inf, distances), scored


def _contribution(
    prediction: Arrays,
    target: Arrays,
    *,
    protocol: PckProtocol,
    quadrature: Quadrature | None,
    limit: float,
    strict: bool,
) -> Floats:
    """(J, 2): the score of each joint in [0, 1] (a hit, or the area under its step), and whether it is scored."""
    distances, scored = relative_distances(prediction, target, protocol)
    if quadrature:
        values = quadrature.areas(distances, limit)
    else:
        values = (distances < limit if strict else distances <= limit).astype(np.float64)
    return np.stack([np.where(scored, values, 0.0), scored.astype(np.float64)], axis=1)


def joint_rates(contributions: Floats) -> Floats:
    """(N, J, 2) contributions -> (J,) percent, NaN for joints that nobody has."""
    score, count = contributions.sum(axis=0).T
    return np.asarray(np.divide(100.0 * score, count, out=np.full(len(count), np.nan), where=count > 0))


def _metric(
    name: str,
    kind: str,
    protocol: PckProtocol,
    joints: str,
    pool: Pool | None,
    *,
    quadrature: Quadrature | None = None,
    limit: float,
    strict: bool = False,
    choices: Mapping[str, str],
) -> Metric:
    if not (np.isfinite(limit) and limit > 0):
        raise InputError(f"must be a positive number, got {limit}", field="threshold")
    members = np.array(protocol.table.group(joints))
    pool = pool or ("pooled" if joints == "total" else "macro")
    check_choice("pool", pool, Pool)

    def reduce(contributions: Floats) -> float:
        rates = joint_rates(contributions)[members]
        if np.isnan(rates).all():
            raise InputError(f"no sample has annotated joints of the group {joints}")
        if pool == "macro":
            return float(np.nanmean(rates))
        score, count = contributions[:, members].sum(axis=(0, 1))
        return float(100.0 * score / count)

    mask = {"mask": "visible"} if protocol.visible else {}
    return Metric(
        name=name,
        unit="percent",
        better="higher",
        signature=signature(
            kind,
            joints=f"{protocol.skeleton}/{joints}",
            norm=f"{HEAD_FACTOR}*head-box-diagonal" if protocol.normaliser == "head-box" else protocol.normaliser,
            pool=pool,
            **mask,
            **choices,
        ),
        needs=("points",),
        per_sample=partial(_contribution, protocol=protocol, quadrature=quadrature, limit=limit, strict=strict),
        failed=np.stack([np.zeros(len(protocol.table.joints)), np.ones(len(protocol.table.joints))], axis=1),
        reduce=reduce,
        terms=(lambda c: c[:, members].sum(axis=1) * np.array([100.0, 1.0])) if pool == "pooled" else None,
    )


def pck(
    name: str = "pck",
    *,
    threshold: float = 0.2,
    skeleton: str = "lsp14",
    normaliser: str = "torso-diagonal",
    joints: str = "total",
    pool: Pool | None = None,
    visible: bool = False,
    strict: bool = False,
) -> Metric:
    """Percentage of joints within `threshold` times the person's length; 0.2 of the torso on LSP.

    `joints` is a column of the skeleton ("total", "head", "shoulder" ...) or one joint; `pool` "pooled" divides all
    hits by all joints, "macro" averages the joints' rates. By default the total is pooled and a column is the mean of
    its joints' rates, as printed. With `strict` a distance equal to the threshold misses.
    """
    protocol = PckProtocol(skeleton, normaliser, visible)
    return _metric(
        name,
        "pck",
        protocol,
        joints,
        pool,
        limit=threshold,
        strict=strict,
        choices={"threshold": f"{threshold:g}", "hit": "d<t" if strict else "d<=t"},
    )


def pck_auc(
    name: str = "pck-auc",
    *,
    limit: float = 0.2,
    skeleton: str = "lsp14",
    normaliser: str = "torso-diagonal",
    joints: str = "total",
    pool: Pool | None = None,
    visible: bool = False,
    convention: str = "trapezoid-0.01",
) -> Metric:
    """Area under `pck` over thresholds from 0 to `limit`, divided by the limit, in percent."""
    if convention not in AUC_CONVENTIONS:
        known = ", ".join(AUC_CONVENTIONS)
        raise InputError(f"unknown convention {convention!r}; known: {known}", field="convention")
    quadrature = AUC_CONVENTIONS[convention]
    return _metric(
        name,
        "pck-auc",
        PckProtocol(skeleton, normaliser, visible),
        joints,
        pool,
        quadrature=quadrature,
        limit=limit,
        choices={"limit": f"{limit:g}", "hit": "d<t" if quadrature.strict else "d<=t", "integral": convention},
    )


def pckh(
    name: str = "pckh",
    *,
    threshold: float = 0.5,
    skeleton: str = "mpii16",
    joints: str = "total",
    pool: Pool | None = None,
    visible: bool = False,
    strict: bool = False,
) -> Metric:
    """`pck` relative to the head size, 0.6 times the diagonal of the head box; 0.5 on MPII.

    The column "head" is the official mean of upper neck and head top, "head-top" what several ports print as Head.
    """
    return pck(
        name,
        threshold=threshold,
        skeleton=skeleton,
        normaliser="head-box",
        joints=joints,
        pool=pool,
        visible=visible,
        strict=strict,
    )


def pckh_auc(
    name: str = "pckh-auc",
    *,
    limit: float = 0.5,
    skeleton: str = "mpii16",
    joints: str = "total",
    pool: Pool | None = None,
    visible: bool = False,
    convention: str = "trapezoid-0.01",
) -> Metric:
    """Area under `pckh` over thresholds from 0 to `limit`, divided by the limit, in percent."""
    return pck_auc(
        name,
        limit=limit,
        skeleton=skeleton,
        normaliser="head-box",
        joints=joints,
        pool=pool,
        visible=visible,
        convention=convention,
    )
