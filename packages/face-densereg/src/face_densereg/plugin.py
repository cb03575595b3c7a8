"""What this package offers to the command line. Torch is imported only when a method is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core_eval import Method


def densereg(*, bins: int = 10) -> Method:
    """DenseReg: dense template coordinates by quantised regression, landmarks read from them (K = 1: plain regression)."""
    from face_densereg.method import DenseReg

    return DenseReg(bins=bins)


def mean_shape() -> Method:
    """Baseline: the mean of the training landmarks, whatever the image shows."""
    from face_densereg.mean_shape import MeanShape

    return MeanShape()


METHODS: dict[str, Callable[..., Method]] = {"densereg": densereg, "mean-shape": mean_shape}
