"""What this package offers to the command line. Torch is imported only when a method is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from core_eval import LazyFactory

if TYPE_CHECKING:
    from core_eval import Method


def densereg(*, bins: int = 10, steps: int | None = None, depth: bool = False) -> Method:
    """DenseReg: template coordinates by quantised regression (plain for K = 1), landmarks read from them.

    With it come the deformable models that may refine the landmarks, except where the network alone is compared: with
    another number of `steps`, K = 1, or a `depth` branch.
    """
    if depth:
        from face_densereg.depth import DenseRegDepth

        return DenseRegDepth(bins=bins, steps=steps)
    from face_densereg.deformable import Deformable
    from face_densereg.method import DenseReg

    return DenseReg(bins=bins, steps=steps) if bins == 1 or steps is not None else Deformable(bins=bins)


def cascade(*, bins: int = 10, steps: int | None = None) -> Method:
    """DenseReg Cascade: landmarks from heatmaps of a second network that sees the dense field (Sec. 4.4)."""
    from face_densereg.cascade import Cascade

    return Cascade(bins=bins, steps=steps)


def part_transfer(*, bins: int = 10, steps: int | None = None) -> Method:
    """DenseReg that labels parts by the mask on its template (Sec. 5.2)."""
    from face_densereg.segmentation import PartTransfer

    return PartTransfer(bins=bins, steps=steps)


def deeplab(*, steps: int | None = None) -> Method:
    """Baseline: DenseReg's trunk trained for segmentation directly, after DeepLab-v2."""
    from face_densereg.deeplab import DeepLab

    return DeepLab(steps=steps)


def mean_shape() -> Method:
    """Baseline: the mean of the training landmarks, whatever the image shows."""
    from face_densereg.mean_shape import MeanShape

    return MeanShape()


METHODS: dict[str, Callable[..., Method]] = {
    "cascade": cascade,
    "deeplab": deeplab,
    "densereg": densereg,
    "mean-shape": mean_shape,
    "part-transfer": part_transfer,
}

METRICS: dict[str, LazyFactory] = {"depth-error": LazyFactory("face_densereg.depth_error:depth_error")}

DEMOS: dict[str, LazyFactory] = {"face": LazyFactory("face_densereg.demo:face")}
