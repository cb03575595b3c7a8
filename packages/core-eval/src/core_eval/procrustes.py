"""Similarity alignment of 3D poses in closed form.

Axis letters: N poses, J joints.

The rotation that maps a centred prediction X onto a centred target Y best in the least-squares sense is the unit
quaternion that maximises ``q' H q``, with H a symmetric 4x4 matrix of the nine sums of products (Horn 1987,
"Closed-form solution of absolute orientation using unit quaternions"). Unlike the singular value decomposition it can
express no reflection, so none has to be repaired. The largest eigenvalue is the root of a quartic that Newton's method
reaches from above in a few steps (Theobald 2005, "Rapid calculation of RMSDs using a quaternion-based characteristic
polynomial"), the eigenvector a column of the adjugate of ``H - lambda I``.

Poses whose best rotation is not unique (all joints on a line or in one point; mirror images of some symmetric poses)
have no reconstruction error: they are flagged by NaN, never scored.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core_eval.blocks import in_blocks
from core_eval.errors import InputError

Floats = NDArray[np.float64]

FLAT = 1e-5
"""A pose whose second principal extent is below this share of the first is taken for a line."""

_BLOCK = 4096


def similarity_errors(prediction: ArrayLike, target: ArrayLike) -> Floats:
    """Mean joint distance of each pose after the best similarity (rotation, scale, translation; no reflection).

    Args:
        prediction: (N, J, 3), any unit; read in blocks, so a memory map will do.
        target: (N, J, 3), same unit.

    Returns:
        (N,) in the same unit; NaN where a coordinate is not finite or the best rotation is not unique.

    Raises `InputError` for other shapes.
    """
    guess, truth = (np.asarray(poses) for poses in (prediction, target))
    if guess.ndim != 3 or guess.shape[2] != 3 or guess.shape != truth.shape or guess.shape[1] == 0:
        raise InputError(f"expected two arrays of shape (N, J, 3), got {guess.shape} and {truth.shape}")
    from core_eval._procrustes_kernel import CAREFULLY, align

    errors = np.empty(len(guess))

    def run(start: int, stop: int) -> None:
        block = errors[start:stop]
        x, y = (np.ascontiguousarray(poses[start:stop], dtype=np.float64) for poses in (guess, truth))
        align(x, y, block)
        for pose in np.flatnonzero(block == CAREFULLY) + start:
            errors[pose] = similarity_error(guess[pose], truth[pose])

    in_blocks(run, len(guess), _BLOCK)
    return errors


def similarity_error(prediction: ArrayLike, target: ArrayLike) -> float:
    """`similarity_errors` of one pose, (J, 3) each, by the singular value decomposition (Umeyama 1991, eq. 40-42).

    The plain form of the same thing; it also takes the poses that are nearly degenerate.
    """
    guess, truth = (np.asarray(pose, dtype=np.float64) for pose in (prediction, target))
    if not (np.isfinite(guess).all() and np.isfinite(truth).all()):
        return np.nan
    guess, truth = guess - guess.mean(axis=0), truth - truth.mean(axis=0)
    if _on_a_line(guess) or _on_a_line(truth):
        return np.nan
    energy = float((guess**2).sum())
    u, gains, vt = np.linalg.svd(guess.T @ truth)
    if np.linalg.det(u @ vt) < 0:
        vt[-1] *= -1
        gains[-1] *= -1
    # Turning about the first axis by 180 degrees would cost twice this; nothing means that any angle is as good.
    if gains[1] + gains[2] <= max(1e-6 * gains[1], 1e-13 * gains[0]):
        return np.nan
    aligned = guess @ (u @ vt) * (gains.sum() / energy)
    return float(np.linalg.norm(aligned - truth, axis=1).mean())


def _on_a_line(centred: Floats) -> bool:
    extents = np.linalg.svd(centred, compute_uv=False)
    return len(extents) < 2 or bool(extents[1] <= FLAT * extents[0])
