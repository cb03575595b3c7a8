"""Which training images keep their landmark annotations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError
from core_train import numpy_generator


def annotated_subset(labels: NDArray[np.integer], fraction: float, draw: int) -> NDArray[np.bool_]:
    """Keep round(fraction N) images, as even over the classes as they allow (footnote 3).

    All images are put in one order: rounds in which every class that has images left gives one, both drawn at random;
    the first are kept. So with one number of draw a smaller subset lies in a larger one.

    Args:
        labels: (N,) classes, or (N, B) for B kinds of classes: then their combinations are balanced.
        fraction: in [0, 1].
        draw: number of the draw. Nothing else enters, so all systems can be given the same subset.

    Returns: (N,) bool, true where the annotation is kept.

    Raises `InputError` for a fraction outside [0, 1], and for one that leaves a class without an annotated image.
    """
    if not 0 <= fraction <= 1:
        raise InputError(f"a fraction lies in [0, 1], got {fraction}", field="fraction")
    total = round(fraction * len(labels))
    _, index = np.unique(labels, return_inverse=True, axis=0)
    index = index.reshape(-1)
    count = int(index.max(initial=-1)) + 1
    keep = np.zeros(len(labels), np.bool_)
    if not total:
        if fraction:
            raise InputError(f"a fraction of {fraction} of {len(labels)} images annotates none", field="fraction")
        return keep
    if total < count:
        raise InputError(
            f"a fraction of {fraction} of {len(labels)} images annotates {total}, not all {count} classes",
            field="fraction",
        )
    generator = numpy_generator("annotated", draw)
    turn = np.empty(len(labels), np.int64)  # the round in which an image is given
    for number in range(count):
        members = np.flatnonzero(index == number)
        turn[members] = generator.permutation(len(members))
    keep[np.lexsort((generator.random(len(labels)), turn))[:total]] = True
    return keep
