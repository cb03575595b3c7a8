"""Targets of samples, batches and augmentation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core_eval import InputError, Sample
from core_eval.procrustes import similarity_errors
from core_eval.skeletons import skeleton
from core_train import ArrayBatches
from core_train.augment import FILL, random_affines
from pose3d_structured.images import PoseAugment, PoseSource, mirrored, moved, square
from pose3d_structured.joints import bone_lengths, bones_of, h36m_to_mpii, root_of, target_pose


@pytest.mark.parametrize("of", ["mpii16", "h36m17"])
def test_target_is_right_up_to_similarity_and_perspective(people, of):
    for sample in people[:8]:
        pose = target_pose(sample.target, 64, of)
        truth = sample.target["joints_mm"] if of == "h36m17" else h36m_to_mpii(sample.target["joints_mm"])
        assert pose.shape == truth.shape
        assert pose[root_of(of), 2] == 0.5
        # The thesis: the approximation "naturally introduces some reconstruction error". Here perspective is strong.
        assert similarity_errors(pose[None], truth[None])[0] < 40
        left = skeleton(of).joints.index("l_shoulder"), skeleton(of).joints.index("r_shoulder")
        assert np.sign(pose[left[0], 2] - pose[left[1], 2]) == np.sign(truth[left[0], 2] - truth[left[1], 2])


def test_samples_known_in_2d(people):
    target = dict(people[0].target)
    del target["joints_mm"]
    pose = target_pose(target, 64, "mpii16")
    np.testing.assert_allclose(pose[:, :2], (h36m_to_mpii(target["points"]) + 0.5) / 64)
    assert np.isnan(pose[:, 2]).all()
    target["points"] = target["points"].copy()
    target["points"][2] = np.nan
    assert np.flatnonzero(np.isnan(target_pose(target, 64, "h36m17")[:, 0])).tolist() == [2]
    broken = {**people[0].target, "joints_mm": np.full((17, 3), np.nan)}
    assert np.isnan(target_pose(broken, 64, "mpii16")[:, 2]).all()
    sixteen = {key: h36m_to_mpii(people[0].target[key]) for key in ("points", "joints_mm")}
    np.testing.assert_array_equal(target_pose(sixteen, 64, "mpii16"), target_pose(people[0].target, 64, "mpii16"))


@pytest.mark.parametrize(
    ("of", "target", "field"),
    [
        ("mpii16", {}, "points"),
        ("mpii16", {"points": np.zeros((14, 2))}, "points"),
        ("h36m17", {"points": np.zeros((16, 2))}, "points"),
        ("mpii16", {"points": np.zeros((17, 2)), "joints_mm": np.zeros((14, 3))}, "joints_mm"),
        ("mpii16", {"points": np.zeros((17, 2)), "joints_mm": np.zeros((17, 3))}, "points"),
    ],
)
def test_bad_targets_are_named(of, target, field):
    with pytest.raises(InputError, match=field) as caught:
        target_pose(target, 64, of, sample="S9-1")
    assert "S9-1" in str(caught.value)


def test_bones():
    assert len(bones_of("mpii16")) == 15
    assert bone_lengths(np.zeros((2, 16, 3)), "mpii16").shape == (2, 15)
    pose = np.random.default_rng(0).normal(size=(17, 3))
    np.testing.assert_allclose(bone_lengths(pose, "h36m17")[0], np.linalg.norm(pose[1] - pose[0]))


@pytest.mark.parametrize(
    "image", [np.zeros((60, 64, 3), np.uint8), np.zeros((64, 64, 3)), np.zeros((64, 64), np.uint8)]
)
def test_images_that_are_not_square_rgb(image, people):
    with pytest.raises(InputError, match="image"):
        square(image, None, 16)
    bad = Sample("odd", {"image": image}, people[0].target, "g")
    with pytest.raises(InputError, match="odd"):
        PoseSource([people[0], bad], "mpii16", None, 16).fetch(np.arange(2))


def test_sizes_of_images(people):
    assert square(people[0].inputs["image"], 96, 16).shape == (96, 96, 3)
    with pytest.raises(InputError, match="multiple of 16"):
        square(np.zeros((40, 40, 3), np.uint8), None, 16)
    other = Sample("other", {"image": np.zeros((32, 32, 3), np.uint8)}, people[0].target, "g")
    with pytest.raises(InputError, match="64 and 32"):
        PoseSource([people[0], other], "mpii16", None, 16).fetch(np.arange(2))
    with pytest.raises(InputError, match="no image"):
        PoseSource([Sample("none", {}, people[0].target, "g")], "mpii16", None, 16).fetch(np.arange(1))


def test_poses_do_not_depend_on_the_size_of_the_network(people):
    small, large = (PoseSource(people, "mpii16", side, 16).fetch(np.arange(4)) for side in (None, 128))
    np.testing.assert_array_equal(small["pose"], large["pose"])
    assert large["image"].shape == (4, 128, 128, 3)


def test_mirror_twice_is_nothing(people):
    arrays = PoseSource(people, "mpii16", None, 16).fetch(np.arange(4))
    every = np.ones(4, bool)
    once = mirrored(arrays["image"], arrays["pose"], every, "mpii16")
    twice = mirrored(*once, every, "mpii16")
    np.testing.assert_array_equal(twice[0], arrays["image"])
    np.testing.assert_allclose(twice[1], arrays["pose"], atol=1e-6)
    left, right = (skeleton("mpii16").joints.index(f"{side}_wrist") for side in "lr")
    np.testing.assert_allclose(once[1][:, left, 0], 1 - arrays["pose"][:, right, 0], atol=1e-6)
    np.testing.assert_array_equal(once[1][:, left, 1:], arrays["pose"][:, right, 1:])


def test_a_similarity_of_the_image_is_one_of_the_pose(people):
    poses = PoseSource(people, "mpii16", None, 16).fetch(np.arange(6))["pose"].astype(np.float64)
    matrices = random_affines(np.random.default_rng(0), 6, (64, 64), (64, 64), scale=(0.5, 2), rotation=90, shift=0.2)
    turned = moved(poses, matrices, 64)
    # Turned about the line of sight and scaled: a rotation with determinant +1, so the alignment leaves nothing.
    assert similarity_errors(turned, poses).max() < 1e-9
    factor = np.sqrt(np.linalg.det(matrices[:, :, :2]))
    np.testing.assert_allclose(
        bone_lengths(turned, "mpii16"), factor[:, None] * bone_lengths(poses, "mpii16"), rtol=1e-9
    )
    assert (np.isnan(moved(np.full_like(poses, np.nan), matrices, 64))).all()


def test_augmentation_moves_image_and_pose_together(people):
    """A white dot at each wrist is found where the pose says, after any change but colour."""
    dots = []
    for sample in people[:8]:
        image = np.full((64, 64, 3), FILL, np.uint8)
        x, y = sample.target["points"][13].round().astype(int)
        image[y - 1 : y + 2, x - 1 : x + 2] = 255
        points = sample.target["points"].copy()
        points[13] = x, y
        dots.append(replace(sample, inputs={"image": image}, target={**sample.target, "points": points}))
    source = PoseSource(dots, "h36m17", None, 16)
    batches = ArrayBatches(source, 8, 1, transform=PoseAugment("h36m17", brightness=0, contrast=0))
    arrays = {key: value.numpy() for key, value in batches.batch(0).items()}
    names = skeleton("h36m17").joints
    checked = 0
    for image, pose in zip(arrays["image"], arrays["pose"], strict=True):
        light = image[..., 0].astype(float) - FILL
        if light.sum() < 800:  # the dot has left the image
            continue
        row, column = np.mgrid[:64, :64]
        found = np.array([(column * light).sum(), (row * light).sum()]) / light.sum()
        apart = [np.linalg.norm(pose[names.index(joint), :2] * 64 - 0.5 - found) for joint in ("l_wrist", "r_wrist")]
        assert min(apart) < 1
        checked += 1
    assert checked >= 5
