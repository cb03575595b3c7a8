"""Voxels, targets and joints."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from core_eval import InputError
from core_eval.procrustes import similarity_errors
from core_eval.skeletons import skeleton
from core_quantreg import IGNORE
from pose3d_structured.joints import h36m_to_mpii, volume_pose
from pose3d_structured.volume import Volume


@pytest.mark.parametrize("shape", [(20, 20, 20), (1, 1, 1), (3, 5, 7)])
def test_round_trip(shape):
    volume = Volume(*shape)
    positions = torch.rand(50, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 1.4 - 0.2
    voxel, residual = volume.encode(positions)
    torch.testing.assert_close(volume.decode(voxel, residual), positions, rtol=0, atol=1e-7)
    inside = ((positions >= 0) & (positions < 1)).all(-1)
    half = 0.5 / torch.tensor(shape).flip(0)
    assert (residual[inside].abs() <= half + 1e-9).all()
    assert inside.any()
    assert not inside.all()


def test_centres_have_no_residual_and_their_own_index():
    volume = Volume(3, 5, 7)
    voxel, residual = volume.encode(volume.centres().flatten(1).T)
    assert voxel.tolist() == list(range(105))
    assert residual.abs().max() < 1e-6
    corner = volume.encode(torch.tensor([0.99, 0.01, 0.5]))[0]
    assert corner == (1 * 5 + 0) * 7 + 6, "x is the last axis"


def test_unknown_positions():
    voxel, residual = Volume().encode(torch.tensor([[0.5, np.nan, 0.5], [0.5, 0.5, 0.5]]))
    assert voxel[0] == IGNORE != voxel[1]
    assert residual[0].tolist() == [0, 0, 0]
    assert Volume().decode(voxel, residual).isnan().all(1).tolist() == [True, False]


def test_no_volume():
    with pytest.raises(ValueError, match="at least one voxel"):
        Volume(20, 0, 20)


def test_orthographic_pose_is_kept_up_to_similarity():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(16, 3)) * 300 + [100, -50, 4000]
    image = 0.11 * real[:, :2] + [120, 170]
    pose = volume_pose(image, real, 320, root=6)
    assert similarity_errors(pose[None], real[None])[0] < 1e-9
    np.testing.assert_allclose(pose[:, :2], (image + 0.5) / 320)
    assert pose[6, 2] == 0.5


def test_perspective_costs_little_and_no_focal_length_is_needed():
    rng = np.random.default_rng(1)
    body = rng.normal(size=(16, 3)) * 250
    errors = []
    for distance in (2_000, 5_000, 50_000):
        real = Rotation.random(rng=0).apply(body) + np.array([0, 0, distance])
        image = 0.2 * distance * real[:, :2] / real[:, 2:] + 160
        errors.append(similarity_errors(volume_pose(image, real, 320, root=6)[None], real[None])[0])
    assert errors[0] > errors[1] > errors[2]
    assert errors[1] < 25, "mm, for a person of 2 m at 5 m"
    assert errors[2] < 2.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda flat, real: (flat[:3], real), "do not fit"),
        (lambda flat, real: (flat * np.nan, real), "not finite"),
        (lambda flat, real: (flat, real * [0, 0, 1]), "no scale"),
        (lambda flat, real: (flat * 0, real), "no scale"),
    ],
)
def test_bad_points(change, message):
    rng = np.random.default_rng(0)
    flat, real = change(rng.normal(size=(16, 2)), rng.normal(size=(16, 3)))
    with pytest.raises(InputError, match=message) as caught:
        volume_pose(flat, real, 320, root=6, sample="S9-1")
    assert caught.value.sample == "S9-1"


def test_h36m_to_mpii():
    source, goal = skeleton("h36m17"), skeleton("mpii16")
    points = np.random.default_rng(0).normal(size=(2, 17, 3))
    moved = h36m_to_mpii(points)
    at = {name: moved[:, goal.joints.index(name)] for name in goal.joints}
    of = {name: points[:, source.joints.index(name)] for name in source.joints}
    np.testing.assert_array_equal(at["thorax"], (of["l_shoulder"] + of["r_shoulder"]) / 2)
    for name in set(goal.joints) & set(source.joints) - {"thorax"}:
        np.testing.assert_array_equal(at[name], of[name])
    others = {"pelvis": "hip", "l_ankle": "l_foot", "r_ankle": "r_foot", "upper_neck": "thorax", "head_top": "head"}
    for name, origin in others.items():
        np.testing.assert_array_equal(at[name], of[origin])
    mirrored = h36m_to_mpii(points[:, list(source.mirror)])
    np.testing.assert_array_equal(mirrored, moved[:, list(goal.mirror)])
    with pytest.raises(InputError, match="17"):
        h36m_to_mpii(moved)
