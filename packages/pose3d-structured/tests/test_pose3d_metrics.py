"""The metrics of the tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import procrustes
from scipy.spatial.transform import Rotation

from core_eval import InputError, UnscorableError, score
from pose3d_structured.joints import h36m_to_mpii
from pose3d_structured.metrics import agreement, reconstruction_error, root_relative_error

RNG = np.random.default_rng(0)
TRUTH = 300 * RNG.normal(size=(17, 3)) + [0, 0, 4000]


def test_reconstruction_error_of_a_similar_pose_is_zero():
    moved = 0.3 * TRUTH @ Rotation.random(random_state=1).as_matrix().T + 7
    metric = reconstruction_error()
    assert metric.per_sample({"joints_mm": moved}, {"joints_mm": TRUTH}) < 1e-9
    assert metric.per_sample({"joints_mm": h36m_to_mpii(moved)}, {"joints_mm": TRUTH}) < 1e-9
    mirror = metric.per_sample({"joints_mm": moved * [-1, 1, 1]}, {"joints_mm": TRUTH})
    assert mirror > 50, "no reflection"


def test_reconstruction_error_scores_the_joints_of_mpii():
    guess = TRUTH + 30 * RNG.normal(size=TRUTH.shape)
    value = reconstruction_error().per_sample({"joints_mm": guess}, {"joints_mm": TRUTH})
    first, second, _ = procrustes(h36m_to_mpii(TRUTH), h36m_to_mpii(guess))
    size = np.linalg.norm(h36m_to_mpii(TRUTH) - h36m_to_mpii(TRUTH).mean(0))
    assert value == pytest.approx(size * np.linalg.norm(first - second, axis=1).mean(), rel=1e-9)
    chin = guess.copy()
    chin[9] += 1000
    assert reconstruction_error().per_sample({"joints_mm": chin}, {"joints_mm": TRUTH}) == pytest.approx(value)
    assert "mpii16" in reconstruction_error().signature


def test_root_relative_error():
    guess = TRUTH.copy()
    guess[16] += [0, 0, 160]
    assert root_relative_error().per_sample({"joints_mm": guess + 50}, {"joints_mm": TRUTH}) == pytest.approx(10)


def test_degenerate_poses_fail_and_never_score():
    line = np.outer(np.arange(16.0), [1, 2, 3])
    with pytest.raises(UnscorableError, match="degenerate"):
        reconstruction_error().per_sample({"joints_mm": line}, {"joints_mm": TRUTH})
    found = score(reconstruction_error(), [("a", {"joints_mm": line}, {"joints_mm": TRUTH})])
    assert found.failures.keys() == {"a"}
    assert found.value == np.inf


def test_other_joints_are_refused():
    with pytest.raises(InputError, match="joints_mm"):
        reconstruction_error().per_sample({"joints_mm": TRUTH[:14]}, {"joints_mm": TRUTH})
    with pytest.raises(InputError, match="16 joints"):
        reconstruction_error(joints=17)


def test_agreement_is_the_share_of_frames_in_time():
    frames = [(True, 0), (True, 20), (True, 21), (False, 50)]
    items = [
        (str(n), {"converged": np.array(ok), "iterations": np.array(count)}, {}) for n, (ok, count) in enumerate(frames)
    ]
    assert score(agreement(), items).value == 0.5
    assert score(agreement(iterations=30), items).value == 0.75
