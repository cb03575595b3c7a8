"""Where a deformable model may start when it has no dense correspondence: the mean shape in a detector's box.

Axis letters: H rows and W columns of an image, P landmarks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core_eval import Arrays, Sample

Box = NDArray[np.float64]
"""(4,) px, (x1, y1, x2, y2)."""

ENLARGED_BELOW = 400
"""The HOG-SVM detector finds faces of at least 80 px: images with smaller sides are shown to it twice as large."""

SMALLEST_FACE = 24
"""Side of the window of the LBP cascade, px."""


def whole_box(inputs: Arrays) -> Box | None:
    """The `box` that comes with the image, else the image itself."""
    if "box" in inputs:
        return np.asarray(inputs["box"], np.float64)
    height, width = inputs["image"].shape[:2]
    return np.array([0.0, 0.0, width - 1.0, height - 1.0])


def hog_svm(inputs: Arrays) -> Box | None:
    """The best box of the detector of King (2015), histograms of oriented gradients with support vectors (dlib)."""
    image = np.ascontiguousarray(inputs["image"])
    boxes, scores, _ = _hog_svm().run(image, int(max(image.shape[:2]) < ENLARGED_BELOW), 0.0)
    if not len(boxes):
        return None
    best = boxes[int(np.argmax(scores))]
    return np.array([best.left(), best.top(), best.right(), best.bottom()], np.float64)


def lbp_cascade(inputs: Arrays) -> Box | None:
    """The largest box of the cascade of boosted local binary patterns that scikit-image ships (Liao et al. 2007)."""
    image = np.ascontiguousarray(inputs["image"])
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST_FACE:
        return None
    boxes = _lbp_cascade().detect_multi_scale(
        img=image,
        scale_factor=1.1,
        step_ratio=1,
        min_size=(SMALLEST_FACE, SMALLEST_FACE),
        max_size=(height, width),
    )
    if not boxes:
        return None
    best = max(boxes, key=lambda box: box["width"] * box["height"])
    left, top = float(best["c"]), float(best["r"])
    return np.array([left, top, left + best["width"] - 1, top + best["height"] - 1])


DETECTORS: dict[str, Callable[[Arrays], Box | None]] = {
    "box": whole_box,
    "hog-svm": hog_svm,
    "lbp-cascade": lbp_cascade,
}
"""By the name of the option `init`. No package ships the deformable part model of Mathias et al. (2014)."""


def learn_placement(detector: str, samples: Sequence[Sample], count: int) -> NDArray[np.float64]:
    """Where the landmarks lie, on average, in a detector's boxes.

    Args:
        detector: name in `DETECTORS`.
        samples: training samples with `points` (P, 2) px.
        count: P.

    Returns (P, 2): the mean of the landmarks from the box's middle in units of the root of its area; NaN if no face was
    found in any sample, or not the right one.
    """
    placed = []
    for sample in samples:
        box = DETECTORS[detector](sample.inputs)
        points = np.asarray(sample.target["points"], np.float64)
        if box is not None and (box[:2] <= points.mean(0)).all() and (points.mean(0) <= box[2:]).all():
            placed.append((points - (box[:2] + box[2:]) / 2) / _size(box))
    return np.mean(placed, axis=0) if placed else np.full((count, 2), np.nan)


def place(detector: str, placement: NDArray[np.float64], inputs: Arrays) -> NDArray[np.float64]:
    """The start (P, 2) px: the mean landmarks in the detector's box; NaN where it finds none."""
    box = DETECTORS[detector](inputs)
    if box is None:
        return np.full_like(placement, np.nan)
    return placement * _size(box) + (box[:2] + box[2:]) / 2


def _size(box: Box) -> float:
    return float(np.sqrt(np.prod(box[2:] - box[:2])))


@cache
def _hog_svm() -> Any:
    import dlib

    return dlib.get_frontal_face_detector()


@cache
def _lbp_cascade() -> Any:
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    return Cascade(lbp_frontal_face_cascade_filename())
