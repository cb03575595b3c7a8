"""Which training images keep their landmark annotations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError
from core_train import numpy_generator


def annotated_subset(labels: NDArray[np.integer], fraction: float, seed: int) -> NDArray[np.bool_]:
    """Draw round(fraction N) images as evenly over the classes as they allow (footnote 3), anew for every seed.

    A class gets its share or all it has; what is left over goes to classes in random order. A subset of a smaller
    fraction with the same seed is not contained in that of a larger one.

    Args:
        labels: (N,) classes.
        fraction: in [0, 1].
        seed: names the draw.

    Returns: (N,) bool, true where the annotation is kept.

    Raises `InputError` for a fraction outside [0, 1], and for one that leaves a class without an annotated image.
    """
    if not 0 <= fraction <= 1:
        raise InputError(f"a fraction lies in [0, 1], got {fraction}", field="fraction")
    total = round(fraction * len(labels))
    classes, index = np.unique(labels, return_inverse=True)
    keep = np.zeros(len(labels), np.bool_)
    if not total:
        if fraction:
            raise InputError(f"a fraction of {fraction} of {len(labels)} images annotates none", field="fraction")
        return keep
    if total < len(classes):
        raise InputError(
            f"a fraction of {fraction} of {len(labels)} images annotates {total}, not all {len(classes)} classes",
            field="fraction",
        )
    generator = numpy_generator(seed, "annotated")
    members = [generator.permutation(np.flatnonzero(index == number)) for number in range(len(classes))]
    counts = np.zeros(len(classes), np.int64)
    sizes = np.array([len(found) for found in members])
    while counts.sum() < total:  # one round: every class that has images left gets one, the last round only some
        able = generator.permutation(np.flatnonzero(counts < sizes))
        counts[able[: total - counts.sum()]] += 1
    for found, count in zip(members, counts, strict=True):
        keep[found[:count]] = True
    return keep
