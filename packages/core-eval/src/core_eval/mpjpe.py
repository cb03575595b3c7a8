"""Joint position errors of 3D poses.

Axis letters: N poses, J joints.

========  =================================================================  =====================================
metric    what is removed before the mean joint distance is taken            also called
========  =================================================================  =====================================
MPJPE     the position of a root joint, or nothing                           "protocol 1" of Human3.6M
N-MPJPE   root position and the best scale (Rhodin et al. 2018)              "protocol 3"
P-MPJPE   the best similarity: rotation, scale, translation, no reflection   "reconstruction error", "protocol 2"
========  =================================================================  =====================================

All are per pose (never per sequence), then averaged over poses. "Protocol" numbers mean different things in different
repositories: say the metric's name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core_eval.contracts import Arrays, Metric, UnscorableError
from core_eval.errors import InputError
from core_eval.procrustes import similarity_errors
from core_eval.signature import signature
from core_eval.statistics import over_samples

Floats = NDArray[np.float64]


def mpjpe_errors(prediction: ArrayLike, target: ArrayLike, *, root: int | None = 0) -> Floats:
    """Mean joint distance of each pose: (N, J, 3) and (N, J, 3) -> (N,), in their unit.

    Both poses are moved so that their joint `root` is the origin; None leaves them where they are. Raises
    `InputError` for other shapes.
    """
    guess, truth = _rooted(prediction, target, root)
    return np.asarray(np.linalg.norm(guess - truth, axis=2).mean(axis=1))


def n_mpjpe_errors(prediction: ArrayLike, target: ArrayLike, *, root: int | None = 0) -> Floats:
    """`mpjpe_errors` after scaling each prediction by ``sum(p . t) / sum(p . p)``, the best factor in least squares.

    NaN where the prediction has no extent. Raises `InputError` for other shapes.
    """
    guess, truth = _rooted(prediction, target, root)
    energy = np.einsum("njd,njd->n", guess, guess)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.einsum("njd,njd->n", guess, truth) / energy
        errors = np.linalg.norm(scale[:, None, None] * guess - truth, axis=2).mean(axis=1)
    return np.where(energy > 0, errors, np.nan)


def p_mpjpe_errors(prediction: ArrayLike, target: ArrayLike) -> Floats:
    """`core_eval.procrustes.similarity_errors` under its name in the literature; NaN for degenerate poses."""
    return similarity_errors(prediction, target)


def _rooted(prediction: ArrayLike, target: ArrayLike, root: int | None) -> tuple[Floats, Floats]:
    guess, truth = (np.asarray(pose, dtype=np.float64) for pose in (prediction, target))
    if guess.ndim != 3 or guess.shape[2] != 3 or guess.shape != truth.shape or guess.shape[1] == 0:
        raise InputError(f"expected two arrays of shape (N, J, 3), got {guess.shape} and {truth.shape}")
    if root is None:
        return guess, truth
    if not 0 <= root < guess.shape[1]:
        raise InputError(f"joint {root} of {guess.shape[1]}", field="root")
    return guess - guess[:, root : root + 1], truth - truth[:, root : root + 1]


def mpjpe(name: str = "mpjpe", *, joints: int | None = None, root: int | None = 0) -> Metric:
    """Mean per-joint position error in mm, relative to joint `root` (None: absolute); lower is better.

    Reads ``joints_mm`` (J, 3), of exactly `joints` joints if given; joints whose target is not finite are left out.
    """
    return _metric(name, "mpjpe", partial(mpjpe_errors, root=None), joints, root, "none" if root is None else "root")


def n_mpjpe(name: str = "n-mpjpe", *, joints: int | None = None, root: int | None = 0) -> Metric:
    """`mpjpe` after the best scaling of each pose, in mm; lower is better."""
    align = "scale" if root is None else "root+scale"
    return _metric(name, "n-mpjpe", partial(n_mpjpe_errors, root=None), joints, root, align)


def p_mpjpe(name: str = "p-mpjpe", *, joints: int | None = None) -> Metric:
    """Reconstruction error in mm: mean joint distance after the best similarity of each pose; lower is better.

    A pose whose alignment is not unique (joints on a line or in one point) is a failure and reported, never 0.
    """
    return _metric(name, "p-mpjpe", p_mpjpe_errors, joints, None, "similarity,no-reflection")


def _metric(
    name: str,
    kind: str,
    errors: Callable[[Floats, Floats], Floats],
    joints: int | None,
    root: int | None,
    align: str,
) -> Metric:
    def per_sample(prediction: Arrays, target: Arrays) -> float:
        guess, truth = (np.asarray(arrays["joints_mm"], dtype=np.float64) for arrays in (prediction, target))
        if truth.ndim != 2 or truth.shape[1] != 3 or (joints is not None and len(truth) != joints):
            raise InputError(f"expected ({joints or 'J'}, 3) joints, got {truth.shape}", field="joints_mm")
        if guess.shape != truth.shape:
            raise InputError(f"predicted joints {guess.shape}, annotated {truth.shape}", field="joints_mm")
        annotated = np.asarray(np.isfinite(truth).all(axis=1))
        if not annotated.any():
            raise UnscorableError("no annotated joint")
        if root is not None:
            if not annotated[root : root + 1].any():
                raise UnscorableError(f"the root joint {root} is not annotated")
            guess, truth = guess - guess[root], truth - truth[root]
        guess, truth = guess[annotated], truth[annotated]
        if not np.isfinite(guess).all():
            raise UnscorableError("not finite")
        error = float(errors(guess[None], truth[None])[0])
        if np.isnan(error):
            raise UnscorableError("degenerate pose: its alignment is not unique")
        return error

    return Metric(
        name=name,
        unit="mm",
        better="lower",
        signature=signature(kind, align=align, root=root, joints=joints or "annotated", pool="per-pose"),
        needs=("joints_mm",),
        per_sample=per_sample,
        failed=np.inf,
        reduce=lambda e: float(np.mean(e)),
        terms=over_samples,
    )
