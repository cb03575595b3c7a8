"""The pictures that the methods of this package see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core_eval import Arrays, InputError


def rgb(inputs: Arrays) -> NDArray[np.uint8]:
    """`image` (H, W, 3) uint8 RGB of any size. Raises `InputError` for grey, transparent or deeper pictures."""
    if "image" not in inputs:
        raise InputError("a sample without a picture", field="image")
    image = np.asarray(inputs["image"])
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InputError(
            f"expected a picture (H, W, 3) uint8 RGB, got {image.dtype} {image.shape}; make it RGB of 8 bits first",
            field="image",
        )
    return image
