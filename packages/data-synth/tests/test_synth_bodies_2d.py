"""Pictures of people with 2D joints, and the visibility of joints that both data sets share."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from core_eval import Dataset, InputError
from data_synth.bodies import dataset_2d as module
from data_synth.bodies.body_set import SIZE, source_hash
from data_synth.bodies.camera import CAMERAS, look_at, person_box, project
from data_synth.bodies.dataset_2d import SPLITS, SplitPlan, person_of
from data_synth.bodies.people import NAMES, SUBJECTS, Bodies
from data_synth.bodies.render import Actor, BodyRenderer
from data_synth.bodies.scene import Solid, box_faces, draw_scene, make_boxes
from data_synth.bodies.sequences import record
from data_synth.bodies.skeleton import JOINTS
from data_synth.bodies.wardrobe import draw_outfit
from data_synth.plugin import DATASETS
from data_synth.seeds import generator


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    for name, plan in list(SPLITS.items()):
        patch.setitem(SPLITS, name, SplitPlan(30, plan.first, plan.people))
    yield module.stand_in_h36m_2d(cache=tmp_path_factory.mktemp("flat"))
    patch.undo()


def test_plugin_makes_a_dataset(tmp_path):
    made = DATASETS["h36m-2d"](cache=tmp_path)
    assert isinstance(made, Dataset)
    assert [len(made.split(name)) for name in ("train", "valid", "test")] == [3000, 300, 300]
    with pytest.raises(InputError, match="takes no root folder"):
        module.stand_in_h36m_2d(root=tmp_path)
    assert made.fingerprint("test") != DATASETS["h36m"](cache=tmp_path).fingerprint("test")


def test_nobody_is_in_two_splits():
    seen = {name: Counter(person_of(name, i) for i in range(plan.images)) for name, plan in SPLITS.items()}
    assert [len(people) for people in seen.values()] == [30, 5, 5]
    everybody = [who for people in seen.values() for who in people]
    assert len(set(everybody)) == 40
    assert set(everybody) <= set(NAMES) - set(SUBJECTS)
    assert all(len(set(people.values())) == 1 for people in seen.values())


def test_samples_have_two_dimensional_labels_only(small):
    split = small.split("valid")
    for sample in split:
        assert {name: (a.shape, a.dtype.name) for name, a in sample.target.items()} == {
            "points": ((17, 2), "float64"), "visible": ((17,), "bool")
        }  # fmt: skip
        assert sample.inputs["image"].shape == (SIZE, SIZE, 3)
        assert (sample.target["points"] > 0).all()
        assert (sample.target["points"] < SIZE - 1).all()
        assert sample.target["visible"].sum() >= 4
        assert sample.inputs["image"].std() > 12
    assert len({sample.group for sample in split}) == 5
    assert 0.4 < np.mean([sample.target["visible"] for sample in split]) < 0.98


def test_a_sample_depends_on_its_index_alone(small):
    stored = small.split("train")[8]
    module._motion.cache_clear()
    again = module.SplitRenderer("train").draw(8)
    np.testing.assert_array_equal(again["image"], stored.inputs["image"])
    np.testing.assert_array_equal(again["points"], stored.target["points"])


def test_hashes_follow_the_modules():
    assert source_hash(("dataset",)) != source_hash(("dataset_2d", "exercise"))


def test_cameras_are_rigid_upright_and_see_the_middle():
    for camera in CAMERAS:
        np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(camera.rotation) == pytest.approx(1)
        head, feet = project(camera.intrinsics, camera.see(np.array([[0, 0, 1.8], [0, 0, 0.0]])))
        assert head[1] < feet[1]
        assert 300 < feet[1] - head[1] < 600
        left, right = project(camera.intrinsics, camera.see(camera.rotation[0] * [[-0.5], [0.5]]))
        assert left[0] < right[0]


def test_a_crop_shows_what_the_frame_shows():
    camera = look_at(np.array([0.3, -4.0, 1.5]), np.array([0.0, 0, 1.0]), 1100.0, roll=5.0)
    points = generator("test", "crop").normal(size=(17, 3)) * 0.4 + [0, 0, 1.0]
    seen = camera.see(points)
    frame = project(camera.intrinsics, seen)
    x, y, side = person_box(frame)
    crop = project(camera.crop((x, y, side), 128), seen)
    np.testing.assert_allclose(crop, (frame - [x, y]) * 128 / side + 63.5, atol=1e-9)


@pytest.fixture(scope="module")
def shown():
    """Pictures of a person who stands about, from all cameras: (actor, camera, intrinsics, picture)."""
    renderer, bodies = BodyRenderer.load(), Bodies.load()
    index = NAMES.index("S9")
    pose = record(("h36m",), "S9", "Waiting", 1, np.array([10, 90, 170])).pose
    outfit = draw_outfit(bodies, index, generator("test", "look"), generator("test", "clothes"))
    scene, out = draw_scene(generator("test", "scene"), inside=True), []
    for k in range(3):
        actor = Actor(bodies.skeletons[index], outfit, pose.turn[k], pose.pivots[k])
        joints = actor.skeleton.joints(actor.pivots[None], actor.turn[None])[0]
        for camera in CAMERAS:
            intrinsics = camera.crop(person_box(project(camera.intrinsics, camera.see(joints))), 128)
            picture = renderer.render(actor, camera, intrinsics, scene, 128, generator("test", "photo", k))
            out.append((actor, camera, intrinsics, joints, scene, picture))
    return out


def test_visible_joints_are_inside_the_silhouette(shown):
    shares = []
    for _, camera, intrinsics, joints, _, picture in shown:
        column, row = np.rint(project(intrinsics, camera.see(joints))).astype(int).T
        assert picture.silhouette[row, column][picture.visible].all()
        assert 0.04 < picture.silhouette.mean() < 0.5
        shares.append(picture.visible)
    share = np.mean(shares, axis=0)
    assert share[JOINTS.index("head")] > 0.9
    assert 0.6 < share.mean() < 1


def test_what_is_behind_a_board_is_not_visible(shown):
    renderer = BodyRenderer.load()
    actor, camera, intrinsics, joints, scene, before = shown[0]
    # A board between the camera and the legs, below the hips.
    place = actor.pivots[0] + 0.12 * (camera.position - actor.pivots[0])
    low, high = (place[0] - 1.5, place[1] - 0.02, 0.0), (place[0] + 1.5, place[1] + 0.02, 0.85 * joints[0, 2])
    board = Solid(make_boxes([(low, high)]), box_faces(1), np.full((24, 3), 0.3, np.float32))
    after = renderer.render(actor, camera, intrinsics, scene, 128, generator("test", "photo"), solids=(board,))
    legs = [JOINTS.index(name) for name in ("l_knee", "r_knee", "l_foot", "r_foot")]
    arms = [JOINTS.index(name) for name in ("head", "thorax", "l_shoulder", "r_shoulder")]
    assert before.visible[legs].any()
    assert not after.visible[legs].any()
    np.testing.assert_array_equal(after.visible[arms], before.visible[arms])


def test_left_and_right_are_the_persons_own(shown):
    for actor, camera, _, joints, _, _ in shown:
        facing = -actor.turn[0][:, 1]  # the pelvis's front
        towards = (camera.position - actor.pivots[0]) @ facing
        seen = camera.see(joints)
        left, right = seen[JOINTS.index("l_hip"), 0], seen[JOINTS.index("r_hip"), 0]
        if abs(towards) > 2:
            assert (left > right) == (towards > 0)
