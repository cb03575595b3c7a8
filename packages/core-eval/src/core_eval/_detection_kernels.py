"""Compiled loops of the detection metrics; imported only when something is computed.

Axis letters as in `core_eval.average_precision`: N images, D detections, G objects, S pairs, T thresholds, M detections
that count per image, R recall levels.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

IGNORED, FALSE, TRUE = -1.0, 0.0, 1.0
_BOX_OVERLAP = 0.8
"""From which box overlap on the DensePose rules let a detection take over an ignore flag."""


@njit(cache=True)
def match_images(
    order: Ints,
    detections_of: Ints,
    objects_of: Ints,
    similarity: Floats,
    overlaps: Floats,
    scores: Floats,
    detection_areas: Floats,
    areas: Floats,
    ignored: Bools,
    crowd: Bools,
    thresholds: Floats,
    smallest: float,
    largest: float,
    limit: int,
    densepose: bool,
) -> Floats:
    """See `core_eval.average_precision.match`; `order` (D,) sorts the detections by image, then by falling score."""
    images, levels = len(objects_of) - 1, len(thresholds)
    out = np.full((images, 1 + limit, 1 + levels), IGNORED)
    most = 1
    for n in range(images):
        most = max(most, objects_of[n + 1] - objects_of[n])
    queue = np.empty(most, np.int64)
    skip = np.empty(most, np.bool_)
    taken = np.empty(most, np.bool_)
    matched = np.empty((levels, limit), np.bool_)
    flags = np.empty((levels, limit), np.bool_)
    pair = 0
    for n in range(images):
        first, count = objects_of[n], objects_of[n + 1] - objects_of[n]
        begin, total = detections_of[n], detections_of[n + 1] - detections_of[n]
        kept = min(total, limit)
        # objects that count come first, each kind in the order given
        valid = 0
        for pass_ in range(2):
            for g in range(count):
                out_of_range = areas[first + g] < smallest or areas[first + g] > largest
                ignore = ignored[first + g] or out_of_range
                if ignore == (pass_ == 1):
                    queue[valid] = g
                    skip[valid] = ignore
                    valid += 1
        positives = count - int(skip[:count].sum())
        out[n, 0] = 0.0
        out[n, 0, 0] = positives
        out[n, 0, 1] = kept
        for t in range(levels):
            taken[:count] = False
            for k in range(kept):
                row = pair + (order[begin + k] - begin) * count
                best, choice = min(thresholds[t], 1 - 1e-10), -1
                for q in range(count):
                    if taken[q] and not crowd[first + queue[q]]:
                        continue
                    if choice >= 0 and not skip[choice] and skip[q]:
                        break
                    value = similarity[row + queue[q]]
                    if value < best or (densepose and value == 0.0):
                        continue
                    best, choice = value, q
                matched[t, k] = choice >= 0
                flags[t, k] = skip[choice] if choice >= 0 else densepose and positives == 0
                if choice >= 0:
                    taken[choice] = True
        if densepose and count > 0:
            # `taken` still is that of the last threshold
            last = levels - 1
            for k in range(kept):
                if matched[last, k]:
                    continue
                row = pair + (order[begin + k] - begin) * count
                best, choice = _BOX_OVERLAP, -1
                for q in range(count):
                    if taken[q] and not crowd[first + queue[q]]:
                        continue
                    value = overlaps[row + queue[q]]
                    if value < best:
                        continue
                    best, choice = value, q
                if choice >= 0:
                    flags[:, k] = skip[choice]
                    if skip[choice]:
                        matched[last, k] = True
                        taken[choice] = True
        for k in range(kept):
            detection = order[begin + k]
            outside = detection_areas[detection] < smallest or detection_areas[detection] > largest
            out[n, 1 + k, 0] = scores[detection]
            for t in range(levels):
                if flags[t, k] or (outside and not matched[t, k]):
                    out[n, 1 + k, 1 + t] = IGNORED
                else:
                    out[n, 1 + k, 1 + t] = TRUE if matched[t, k] else FALSE
        pair += total * count
    return out


@njit(cache=True)
def precision_recall(found: Floats, positives: float, levels: Floats) -> tuple[Floats, Floats]:
    """(T, R) monotone precision at the recall `levels` and (T,) final recall of (D, T) outcomes, best score first."""
    detections, thresholds = found.shape
    precision = np.zeros((thresholds, len(levels)))
    recall = np.zeros(thresholds)
    curve = np.empty(detections)
    reached = np.empty(detections)
    for t in range(thresholds):
        right, wrong = 0, 0
        for k in range(detections):
            right += found[k, t] == TRUE
            wrong += found[k, t] == FALSE
            reached[k] = right / positives
            curve[k] = right / (wrong + right + 2.220446049250313e-16)
        for k in range(detections - 1, 0, -1):
            curve[k - 1] = max(curve[k - 1], curve[k])
        recall[t] = right / positives
        k = 0
        for r in range(len(levels)):
            while k < detections and reached[k] < levels[r]:
                k += 1
            if k == detections:
                break
            precision[t, r] = curve[k]
    return precision, recall


@njit(cache=True)
def keypoint_similarity(
    detections_of: Ints,
    objects_of: Ints,
    detected: Floats,
    annotated: Floats,
    areas: Floats,
    boxes: Floats,
    variances: Floats,
) -> Floats:
    """(S,) object key point similarity; see `core_eval.oks.oks_candidates`."""
    pairs = 0
    for n in range(len(objects_of) - 1):
        pairs += (detections_of[n + 1] - detections_of[n]) * (objects_of[n + 1] - objects_of[n])
    out = np.empty(pairs)
    pair = 0
    for n in range(len(objects_of) - 1):
        for d in range(detections_of[n], detections_of[n + 1]):
            for g in range(objects_of[n], objects_of[n + 1]):
                total, labelled = 0.0, 0
                scale = areas[g] + 2.220446049250313e-16
                for p in range(len(variances)):
                    dx, dy = detected[d, p, 0] - annotated[g, p, 0], detected[d, p, 1] - annotated[g, p, 1]
                    if dx == dx:  # an unlabelled point is NaN
                        labelled += 1
                        total += np.exp(-(dx * dx + dy * dy) / variances[p] / scale / 2)
                if labelled == 0:
                    labelled = len(variances)
                    x, y, width, height = boxes[g]
                    for p in range(len(variances)):
                        dx = max(0.0, x - width - detected[d, p, 0]) + max(0.0, detected[d, p, 0] - (x + 2 * width))
                        dy = max(0.0, y - height - detected[d, p, 1]) + max(0.0, detected[d, p, 1] - (y + 2 * height))
                        total += np.exp(-(dx * dx + dy * dy) / variances[p] / scale / 2)
                out[pair] = total / labelled
                pair += 1
    return out


@njit(cache=True)
def geodesic_similarity(
    maps: NDArray[np.uint8],
    boxes: Floats,
    sizes: Ints,
    per_pixel: bool,
    points: Floats,
    annotated: Ints,
    kappas: Floats,
    table: NDArray[np.int32],
    mesh_vertex: Ints,
    codes: NDArray[np.uint16],
    step: float,
    unreachable: int,
) -> Floats:
    """(D, G) geodesic point similarity, with a NaN for an unknown chart; see `core_eval.gps.gps_candidates`."""
    out = np.zeros((len(boxes), len(points)))
    for d in range(len(boxes)):
        x, y, width, height = boxes[d]
        rows, columns = sizes[d]
        for g in range(len(points)):
            total, count = 0.0, 0
            for q in range(points.shape[1]):
                if annotated[g, q] < 0:
                    continue
                count += 1
                across, down = points[g, q, 0] - x, points[g, q, 1] - y
                if per_pixel:
                    # the public evaluators truncate towards zero, so that up to a pixel before the box is inside
                    if not (-1 < across < columns and -1 < down < rows):
                        continue
                    column, row = int(across), int(down)
                else:
                    if not (0 <= across < width and 0 <= down < height):
                        continue
                    column = min(int(across / width * columns), columns - 1)
                    row = min(int(down / height * rows), rows - 1)
                if maps[d, row, column, 0] >= len(table):
                    out[d, g] = np.nan
                    return out
                found = table[maps[d, row, column, 0], maps[d, row, column, 1], maps[d, row, column, 2]]
                if found < 0:
                    continue
                i, j = mesh_vertex[annotated[g, q]], mesh_vertex[found]
                distance = 0.0
                if i != j:
                    high, low = max(i, j), min(i, j)
                    code = codes[high * (high - 1) // 2 + low]
                    if code == unreachable:
                        continue
                    distance = code * step
                total += np.exp(-(distance * distance) / (2 * kappas[annotated[g, q]] ** 2))
            if count > 0:
                out[d, g] = total / count
    return out
