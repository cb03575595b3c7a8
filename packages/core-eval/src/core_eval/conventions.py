"""Where public evaluators disagree: the published variants of a metric, by name.

The first convention of each metric is the one this project reports; the others exist so that a reader sees how much of
a gap between two numbers is the metric. Each variant has its own signature and is never ranked with another.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from core_eval.ced import CONVENTIONS as CED
from core_eval.contracts import Metric
from core_eval.errors import InputError
from core_eval.image_similarity import MS_SSIM_CONVENTIONS, SSIM_CONVENTIONS
from core_eval.pck import AUC_CONVENTIONS
from core_eval.plugin import METRICS


@dataclass(frozen=True, slots=True)
class Convention:
    """One published way to compute a metric.

    Attributes:
        name: what a user writes.
        changes: the options of the metric's factory that it sets.
        note: who computes it so, or what differs.
        only: it exists only where these options have these values.
    """

    name: str
    changes: Mapping[str, Any]
    note: str
    only: Mapping[str, Any] = field(default_factory=dict)


_BOTH_TORSOS = (
    Convention("official", {}, "pooled over joints, d <= t; on LSP relative to left shoulder - right hip"),
    Convention("torso-side", {"normaliser": "torso-side"}, "left shoulder - left hip"),
)
_POOLED = (
    Convention("macro", {"pool": "macro"}, "mean of the joints' rates"),
    Convention("strict-less", {"strict": True}, "d < t"),
    Convention("visible-only", {"visible": True}, "annotated occluded joints are left out"),
)
_AUC = tuple(
    Convention(name, {"convention": name} | ({"pool": "macro"} if rule.strict else {}), rule.source)
    for name, rule in AUC_CONVENTIONS.items()
)

CONVENTIONS: Mapping[str, tuple[Convention, ...]] = {
    "ced-auc": tuple(Convention(name, {"convention": name}, rule.source) for name, rule in CED.items()),
    "failure": (
        Convention("closed-form", {"convention": "closed-form"}, "e <= t is a hit"),
        Convention("strict-less", {"convention": "strict-less"}, "D-X-Y/landmark-detection and others: e < t is a hit"),
        Convention("menpo-simpson", {"convention": "menpo-simpson"}, "menpofit: read at the last point of its grid"),
    ),
    "gps": (
        Convention("constant-kappa", {"kappa": 0.255}, "the DensePose paper: one kappa of 0.255 m"),
        Convention("per-part", {"kappa": "per-part"}, "the public evaluators: one kappa for each part"),
        Convention("per-part-masked", {"kappa": "per-part", "masked": True}, "later challenges: GPSm"),
    ),
    "inception-score": (
        Convention("10-splits", {"splits": 10}, "the published code: mean over 10 consecutive parts"),
        Convention("1-split", {"splits": 1}, "default of a popular port"),
    ),
    "mean-iou": (
        Convention(
            "present-or-predicted", {"absent": "present-or-predicted"}, "a class that is only predicted counts 0"
        ),
        Convention("present", {"absent": "present"}, "classes of the truth alone"),
        Convention("all", {"absent": "all"}, "a class that is nowhere counts 0"),
        Convention("per-image", {"pool": "per-image"}, "mean of the images' own means"),
    ),
    "mpjpe": (
        Convention("root-relative", {}, "Human3.6M protocol 1"),
        Convention("absolute", {"root": None}, "in the camera's frame"),
    ),
    "ms-ssim": tuple(Convention(name, {"convention": name}, note) for name, note in MS_SSIM_CONVENTIONS.items()),
    "nme": (
        Convention("as-given", {}, "the protocol's own normaliser and pooling"),
        Convention("points-pooled", {"pool": "points"}, "all points of all images alike"),
        Convention("rms", {"distance": "rms-distance"}, "root mean square of the distances"),
        Convention("outer-eye-corners", {"normaliser": "outer-eye-corners"}, "300-W"),
        Convention("eye-centres", {"normaliser": "eye-centres"}, "also called pupils"),
        Convention("box", {"normaliser": "box"}, "sqrt(w h) of the points' box: AFLW2000-3D"),
        Convention("box-diagonal", {"normaliser": "box-diagonal"}, "of the points' box"),
        Convention("box-mean-side", {"normaliser": "box-mean-side"}, "(w + h) / 2 of the points' box: menpofit"),
    ),
    "pck": (*_BOTH_TORSOS, *_POOLED),
    "pck-auc": _AUC,
    "pckh": (
        Convention("official", {}, "pooled over joints, d <= t; Head is the mean of upper neck and head top"),
        *_POOLED,
        Convention("head-top", {"joints": "head-top"}, "several ports: Head is the head top alone", {"joints": "head"}),
        Convention(
            "index-11", {"threshold": 0.11}, "HRNet: what it prints as @0.1 is read at 0.11", {"threshold": 0.1}
        ),
    ),
    "pckh-auc": _AUC,
    "ssim": tuple(Convention(name, {"convention": name}, rule.source) for name, rule in SSIM_CONVENTIONS.items()),
}

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "ced-auc": {"limit": 0.1, "normaliser": "outer-eye-corners"},
    "failure": {"limit": 0.1, "normaliser": "outer-eye-corners"},
    "mean-iou": {"classes": 8},
    "nme": {"normaliser": "outer-eye-corners"},
    "uv-auc": {"limit": 0.1},
}
"""Options that a factory wants and nobody gave: 300-W, and the eight parts of the Helen table."""


def variants(metric: str, **options: Any) -> tuple[Metric, ...]:
    """The metric of that name in `core_eval.plugin.METRICS` in every convention, ours first.

    `options` are the factory's. Variants are called ``"name (convention)"``; conventions that the options rule out (eye
    corners of a hand) are left out, and a metric on which public evaluators agree comes alone, under its own name.
    Raises `InputError` for an unknown metric or option values.
    """
    options = _complete(metric, options)
    ours: Metric = METRICS[metric](**options)
    found: dict[str, Metric] = {}
    for convention in CONVENTIONS.get(metric, ()):
        if _exists(convention, options):
            with suppress(InputError):
                built = _build(metric, convention, options)
                found.setdefault(built.signature, built)  # a protocol's own choice may be one of the conventions
    return tuple(found.values()) or (ours,)


def variant(metric: str, convention: str, **options: Any) -> Metric:
    """The metric in one convention. Raises `InputError` for one that it does not have."""
    options = _complete(metric, options)
    fitting = [one for one in CONVENTIONS.get(metric, ()) if _exists(one, options)]
    for one in fitting:
        if one.name == convention:
            return _build(metric, one, options)
    known = ", ".join(one.name for one in fitting) or "none"
    raise InputError(f"{metric} has no convention {convention!r} here; known: {known}", field="convention")


def _complete(metric: str, options: Mapping[str, Any]) -> dict[str, Any]:
    if metric not in METRICS:
        raise InputError(f"unknown metric {metric!r}; known: {', '.join(METRICS)}", field="metric")
    return {**DEFAULTS.get(metric, {}), **options}


def _exists(convention: Convention, options: Mapping[str, Any]) -> bool:
    return all(options.get(key) == value for key, value in convention.only.items())


def _build(metric: str, convention: Convention, options: Mapping[str, Any]) -> Metric:
    built: Metric = METRICS[metric](**{**options, **convention.changes})
    return replace(built, name=f"{built.name} ({convention.name})")
