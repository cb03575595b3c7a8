"""Segmentation by transfer: a mask drawn on the template labels every image whose dense field is known (Sec. 5.2).

Axis letters: H rows and W columns of an image, T rows and columns of the mask.

"Any labelling function defined on the template shape can be transferred to the image domain using the regressed
coordinates." The mask comes with the training samples as `template_part` (T, T) integer: the texel in row r and column
c covers u_v in [r, r + 1) / T and u_h in [c, c + 1) / T. 0 is the label of what is not on the template.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core_eval import Arrays, InputError, Sample
from face_densereg.locate import Crop
from face_densereg.method import DenseReg


def transfer(mask: NDArray[np.integer], uv: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The label (T, T) of the texel at each template coordinate (..., 2): (...) uint8, 0 where it is NaN."""
    known = np.isfinite(uv).all(axis=-1)
    size = np.array(mask.shape[::-1])
    place = np.clip(np.where(known[..., None], uv, 0) * size, 0, size - 1).astype(np.intp)
    return np.where(known, mask[place[..., 1], place[..., 0]], 0).astype(np.uint8)


def template_mask(train: Sequence[Sample]) -> NDArray[np.uint8]:
    """The mask (T, T) that training samples carry. Raises `InputError` if there is none, or it is no map of labels."""
    first = train[0]
    if "template_part" not in first.target:
        raise InputError("the samples have no mask on the template", sample=first.id, field="template_part")
    mask = np.asarray(first.target["template_part"])
    if mask.ndim != 2 or mask.dtype.kind not in "iu" or mask.size == 0 or not 0 <= mask.min() <= mask.max() < 256:
        raise InputError(
            f"expected labels 0 to 255, two axes, got {mask.dtype} {mask.shape}", sample=first.id, field="template_part"
        )
    return mask.astype(np.uint8)


class PartTransfer(DenseReg):
    """DenseReg whose prediction has `part` (H, W) uint8 too, from the mask that its training samples carry.

    Nothing else differs: the network never sees the mask. Options as of `DenseReg`.
    """

    def __init__(self, *, bins: int = 10, steps: int | None = None) -> None:
        super().__init__(bins=bins, steps=steps)
        self._mask = np.zeros((1, 1), np.uint8)

    def _learn(self, train: Sequence[Sample], side: int) -> None:
        self._mask = template_mask(train)
        super()._learn(train, side)

    def _stored(self) -> dict[str, np.ndarray]:
        return {**super()._stored(), "mask": self._mask}

    def _restore(self, arrays: dict[str, np.ndarray], side: int, face: float) -> None:
        self._mask = arrays.pop("mask")
        super()._restore(arrays, side, face)

    def _read(
        self, image: np.ndarray, crop: Crop | None, answer: Arrays | None, *, pca: bool, refine: bool
    ) -> dict[str, np.ndarray]:
        prediction = super()._read(image, crop, answer, pca=pca, refine=refine)
        return {**prediction, "part": transfer(self._mask, prediction["uv"])}
