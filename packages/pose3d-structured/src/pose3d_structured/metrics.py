"""What the tables of the thesis measure: the reconstruction error over MPII's joints, and whether ADMM agreed.

Axis letters: J joints.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core_eval import Arrays, InputError, Metric, signature
from core_eval.mpjpe import mpjpe, p_mpjpe
from core_eval.skeletons import skeleton
from core_eval.statistics import over_samples
from pose3d_structured.joints import H36M, MPII, h36m_to_mpii, root_of


def reconstruction_error(name: str = "p-mpjpe", *, joints: int = 16) -> Metric:
    """Mean joint distance in mm after the best similarity of each pose (Sec. 3.3), over the 16 joints of MPII.

    Reads ``joints_mm`` (J, 3); prediction and target may each be (16, 3) in the order of "mpii16" or (17, 3) in that of
    "h36m17", which is then converted.
    """
    return _over_mpii(p_mpjpe(name, joints=_sixteen(joints)))


def root_relative_error(name: str = "mpjpe", *, joints: int = 16) -> Metric:
    """Mean joint distance in mm relative to the pelvis, without alignment; joints as in `reconstruction_error`."""
    return _over_mpii(mpjpe(name, joints=_sixteen(joints), root=root_of(MPII)))


def agreement(name: str = "agreement", *, iterations: int = 20) -> Metric:
    """Share of frames whose inference ended in agreement of its stars within so many iterations (Sec. 3.2.3).

    Reads ``converged`` () and ``iterations`` () of the prediction; exact inference takes no iteration.
    """

    def per_sample(prediction: Arrays, target: Arrays) -> float:
        del target
        return float(bool(prediction["converged"]) and int(prediction["iterations"]) <= iterations)

    return Metric(
        name=name,
        unit="fraction",
        better="higher",
        signature=signature("agreement", iterations=iterations),
        needs=("converged", "iterations"),
        per_sample=per_sample,
        failed=0.0,
        reduce=lambda shares: float(np.mean(shares)),
        terms=over_samples,
    )


def _sixteen(joints: int) -> int:
    if joints != len(skeleton(MPII).joints):
        raise InputError(f"the thesis scores the 16 joints of MPII, not {joints}", field="joints")
    return joints


def _over_mpii(metric: Metric) -> Metric:
    def per_sample(prediction: Arrays, target: Arrays) -> float:
        guess, truth = ({"joints_mm": _mpii(np.asarray(arrays["joints_mm"]))} for arrays in (prediction, target))
        return float(metric.per_sample(guess, truth))

    return replace(metric, signature=f"{metric.signature}|skeleton:{MPII}", per_sample=per_sample)


def _mpii(joints: np.ndarray) -> np.ndarray:
    return h36m_to_mpii(joints) if joints.shape == (len(skeleton(H36M).joints), 3) else joints
