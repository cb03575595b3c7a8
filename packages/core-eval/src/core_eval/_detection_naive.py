"""Plain twins of the compiled detection metrics: the definitions as loops over lists, for the tests and for reading.

Axis letters as in `core_eval.average_precision`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from core_eval.average_precision import AREAS, RECALLS, THRESHOLDS, Rules
from core_eval.candidates import Candidates
from core_eval.contracts import Arrays
from core_eval.surface import ChartSurface

Floats = NDArray[np.float64]


def match_naive(candidates: Candidates, *, area: str, max_detections: int, rules: Rules) -> Floats:
    """`core_eval.average_precision.match`, one image, detection and threshold after the other."""
    c, rows, pairs = candidates, [], 0
    for n in range(len(c.objects_of) - 1):
        detections = slice(c.detections_of[n], c.detections_of[n + 1])
        objects = slice(c.objects_of[n], c.objects_of[n + 1])
        shape = (len(c.scores[detections]), len(c.areas[objects]))
        here = slice(pairs, pairs + shape[0] * shape[1])
        overlaps = c.similarity if c.box_overlaps is None else c.box_overlaps
        rows.append(
            _match_image(
                c.similarity[here].reshape(shape),
                overlaps[here].reshape(shape),
                c.scores[detections],
                c.detection_areas[detections],
                c.areas[objects],
                c.ignored[objects],
                c.crowd[objects],
                AREAS[area],
                max_detections,
                rules,
            )
        )
        pairs += shape[0] * shape[1]
    return np.stack(rows)


def _match_image(
    similarity: Floats,
    overlaps: Floats,
    scores: Floats,
    detection_areas: Floats,
    areas: Floats,
    ignored: NDArray[np.bool_],
    crowd: NDArray[np.bool_],
    limits: tuple[float, float],
    max_detections: int,
    rules: Rules,
) -> Floats:
    smallest, largest = limits
    ignore = [bool(flag) or not smallest <= size <= largest for flag, size in zip(ignored, areas, strict=True)]
    ranked = sorted(range(len(scores)), key=lambda d: -scores[d])[:max_detections]  # sorted() keeps ties in order
    counting = [g for g in range(len(areas)) if not ignore[g]]
    others = [g for g in range(len(areas)) if ignore[g]]

    def choose(d: int, table: Floats, least: float, chosen: set[int], groups: Sequence[list[int]]) -> int | None:
        for group in groups:  # the next group is asked only if this one has nothing to offer
            free = [g for g in group if (g not in chosen or crowd[g]) and table[d, g] >= least]
            if rules == "densepose":
                free = [g for g in free if table[d, g] != 0]
            if free:
                return max(reversed(free), key=lambda g: table[d, g])  # the last of equals
        return None

    matches: list[dict[int, int]] = []
    flags: list[dict[int, bool]] = []
    for threshold in THRESHOLDS:
        chosen: set[int] = set()
        match: dict[int, int] = {}
        flag = dict.fromkeys(ranked, rules == "densepose" and not counting)
        for d in ranked:
            choice = choose(d, similarity, min(threshold, 1 - 1e-10), chosen, (counting, others))
            if choice is not None:
                match[d] = choice
                flag[d] = ignore[choice]
                chosen.add(choice)
        matches.append(match)
        flags.append(flag)
    if rules == "densepose":
        chosen = set(matches[-1].values())
        for d in ranked:
            if d not in matches[-1]:
                choice = choose(d, overlaps, 0.8, chosen, (counting + others,))
                if choice is not None:
                    for flag in flags:
                        flag[d] = ignore[choice]
                    if ignore[choice]:
                        matches[-1][d] = choice
                        chosen.add(choice)

    out = np.full((1 + max_detections, 1 + len(THRESHOLDS)), -1.0)
    out[0] = 0
    out[0, :2] = len(counting), len(ranked)
    for k, d in enumerate(ranked, start=1):
        outside = not smallest <= detection_areas[d] <= largest
        out[k, 0] = scores[d]
        for t, (match, flag) in enumerate(zip(matches, flags, strict=True), start=1):
            counts = not (flag[d] or (outside and d not in match))
            out[k, t] = float(d in match) if counts else -1.0
    return out


def accumulate_naive(contributions: Floats) -> tuple[Floats, Floats]:
    """`core_eval.average_precision.accumulate`: precision is the best one at this recall level or beyond."""
    positives = sum(image[0, 0] for image in contributions)
    found = [row for image in contributions for row in image[1 : 1 + int(image[0, 1])]]
    found.sort(key=lambda row: -row[0])
    precision = np.zeros((len(THRESHOLDS), len(RECALLS)))
    recall = np.zeros(len(THRESHOLDS))
    for t in range(len(THRESHOLDS)):
        right = wrong = 0
        points = []
        for row in found:
            right += row[1 + t] == 1
            wrong += row[1 + t] == 0
            points.append((right / positives, right / (right + wrong) if right else 0.0))
        recall[t] = right / positives
        for r, level in enumerate(RECALLS):
            precision[t, r] = max((value for reached, value in points if reached >= level), default=0.0)
    return precision, recall


def oks_naive(detected: Floats, annotated: Floats, area: float, box: Floats, sigmas: Sequence[float]) -> float:
    """`core_eval.oks.oks` of one pair: (P, 2) detected and annotated points in px, the latter NaN where unlabelled."""
    labelled = np.asarray(np.isfinite(annotated).all(axis=1))
    if labelled.any():
        offsets = (detected - annotated)[labelled]
    else:  # how far outside the threefold box
        low, high = box[:2] - box[2:], box[:2] + 2 * box[2:]
        offsets = np.maximum(low - detected, 0) + np.maximum(detected - high, 0)
        labelled = np.ones_like(labelled)
    spread = 2 * (2 * np.asarray(sigmas)[labelled]) ** 2 * (area + np.spacing(1))
    return float(np.exp(-(offsets**2).sum(axis=1) / spread).mean())


def closest_naive(surface: ChartSurface, part: int, place: Floats) -> int:
    """`ChartSurface.closest` of one point: all chart vertices of the part, the first of the nearest."""
    if part == 0 or np.isnan(place).any():
        return -1
    members = np.flatnonzero(surface.part == part)
    return int(members[np.argmin(cdist(place[None], surface.uv[members])[0])])


def geodesic_naive(surface: ChartSurface, first: int, second: int) -> float:
    """`ChartSurface.distances` of one pair of chart vertices."""
    if first < 0 or second < 0:
        return np.inf
    i, j = sorted((int(surface.vertex[first]), int(surface.vertex[second])))
    if i == j:
        return 0.0
    code = surface.geodesics.codes[j * (j - 1) // 2 + i]
    return np.inf if code == 65535 else float(code) * surface.geodesics.step


def gps_naive(prediction: Arrays, target: Arrays, surface: ChartSurface, kappas: Floats) -> Floats:
    """(D, G) GPS of one image, a point at a time as the public evaluators do it: kappas (C,) in metres by part.

    Maps have one cell a pixel (``sizes`` is given), since that is what the public format stores.
    """
    out = np.zeros((len(prediction["scores"]), len(target["boxes"])))
    for d, (x, y, width, height) in enumerate(prediction["boxes"]):
        for g, (points, vertices) in enumerate(zip(target["surface_points"], target["surface_vertices"], strict=True)):
            values = []
            for point, vertex in zip(points, vertices, strict=True):
                if vertex < 0 or np.isnan(point).any():
                    continue
                column, row = int(point[0] - x), int(point[1] - y)
                found = -1
                if 0 <= column < int(width) and 0 <= row < int(height):
                    part, u, v = prediction["iuv"][d, row, column]
                    found = closest_naive(surface, int(part), np.array([u, v]) / 255.0)
                kappa = kappas[surface.part[vertex] - 1]
                values.append(np.exp(-(geodesic_naive(surface, vertex, found) ** 2) / (2 * kappa**2)))
            if values:
                out[d, g] = np.mean(values)
    return out
