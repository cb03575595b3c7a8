"""The stand-in for Human3.6M: structure, determinism, access, and labels that agree with the pictures."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from core_eval import Dataset, InputError
from core_eval.skeletons import skeleton
from data_synth.bodies import dataset as module
from data_synth.bodies.body_set import BLOCK, SIZE
from data_synth.bodies.dataset import ACTION_NAMES, SPLITS, SplitPlan, SplitRenderer, shot
from data_synth.bodies.preview import contact_sheet, preview
from data_synth.bodies.skeleton import JOINT_PARENTS, JOINTS
from data_synth.plugin import DATASETS


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The data set cut to one subject and 60 images a split, rendered into a folder of its own."""
    patch = pytest.MonkeyPatch()
    for name, plan in list(SPLITS.items()):
        patch.setitem(SPLITS, name, SplitPlan(plan.subjects[:1], plan.takes[:1], 1))
    yield module.stand_in_h36m(cache=tmp_path_factory.mktemp("bodies"))
    patch.undo()


def test_plugin_makes_a_dataset(tmp_path):
    made = DATASETS["h36m"](cache=tmp_path)
    assert isinstance(made, Dataset)
    assert (made.name, made.kind) == ("h36m", "stand-in")
    assert [len(made.split(name)) for name in ("train", "valid", "test")] == [6000, 600, 1440]
    assert made.missing("test") == 1440
    assert list(tmp_path.iterdir()) == []  # nothing is rendered, or even created, before it is needed
    with pytest.raises(InputError, match="unknown split 'tset'"):
        made.split("tset")
    with pytest.raises(InputError, match="takes no root folder"):
        module.stand_in_h36m(root=tmp_path)


def test_joints_are_those_of_the_scheme():
    known = skeleton("h36m17")
    assert known.parents == JOINT_PARENTS
    assert known.joints == JOINTS


@pytest.mark.parametrize("split", list(SPLITS))
def test_every_sample_is_another_picture_and_shares_are_even(split):
    plan = SPLITS[split]
    shots = [shot(split, i) for i in range(plan.images)]
    assert len({what.id for what in shots}) == plan.images
    for attribute in ("subject", "action", "take", "camera"):
        counts = Counter(getattr(what, attribute) for what in shots)
        assert len(set(counts.values())) == 1, attribute
    first = {what.action for what in shots[: len(ACTION_NAMES)]}
    assert first == set(range(len(ACTION_NAMES)))
    assert {what.camera for what in shots[:60]} == {0, 1, 2, 3}
    # One moment of a take is seen by one camera only, and moments are spread over the take.
    moments = Counter((what.group, what.frame) for what in shots)
    assert set(moments.values()) == {1}
    assert {what.frame for what in shots} <= set(range(200))


def test_splits_have_no_take_and_test_no_subject_in_common():
    takes = {name: {shot(name, i).group for i in range(plan.images)} for name, plan in SPLITS.items()}
    assert takes["train"].isdisjoint(takes["valid"])
    seen = {name: {group.partition("/")[0] for group in groups} for name, groups in takes.items()}
    assert seen == {
        "train": {"S1", "S5", "S6", "S7", "S8"}, "valid": {"S1", "S5", "S6", "S7", "S8"}, "test": {"S9", "S11"}
    }  # fmt: skip


def test_samples_keep_the_contract(small):
    split = small.split("test")
    assert len(split) == 60
    for sample in split:
        assert set(sample.inputs) == {"image"}
        assert sample.inputs["image"].shape == (SIZE, SIZE, 3)
        assert sample.inputs["image"].dtype == np.uint8
        target = sample.target
        shapes = {name: (array.shape, array.dtype.name) for name, array in target.items()}
        assert shapes == {
            "joints_mm": ((17, 3), "float64"), "points": ((17, 2), "float64"), "visible": ((17,), "bool"),
            "intrinsics": ((3, 3), "float64"), "action": ((), "int64"), "camera": ((), "int64"),
            "subject": ((), "int64"),
        }  # fmt: skip
        subject, take, camera, _ = sample.id.split("/")
        assert sample.group == f"{subject}/{take}"
        assert take.startswith(ACTION_NAMES[target["action"]])
        assert (subject, camera) == (f"S{target['subject']}", f"cam{target['camera'] + 1}")
    assert small.missing("test") == 0


def test_points_are_the_projected_joints_inside_the_crop(small):
    for sample in small.split("test"):
        joints, k = sample.target["joints_mm"], sample.target["intrinsics"]
        seen = joints @ k.T
        np.testing.assert_allclose(seen[:, :2] / seen[:, 2:], sample.target["points"], atol=1e-9)
        low, high = sample.target["points"].min(axis=0), sample.target["points"].max(axis=0)
        np.testing.assert_allclose((low + high) / 2, (SIZE - 1) / 2, atol=1e-9)  # the box is centred, without jitter
        assert (high - low).max() == pytest.approx(SIZE / 1.25)
        assert 3000 < joints[0, 2] < 9000


def test_pictures_show_something_lit(small):
    images = np.stack([sample.inputs["image"] for sample in small.split("test")])
    means = images.mean(axis=(1, 2, 3))
    assert means.min() > 20
    assert means.max() < 235
    assert means.std() > 10
    assert (images.std(axis=(1, 2, 3)) > 12).all()


def test_a_sample_depends_on_its_name_alone(small):
    stored = small.split("valid")[7]
    module._recording.cache_clear()
    module._outfit.cache_clear()
    again = SplitRenderer("valid")(range(7, 8))
    np.testing.assert_array_equal(again["image"][0], stored.inputs["image"])
    np.testing.assert_array_equal(again["joints_mm"][0], stored.target["joints_mm"])


def test_batches_and_maps_hold_what_samples_hold(small):
    split = small.split("test")
    some = split[10:40:7]
    batch = some.batch(range(len(some)), ["image", "joints_mm"])
    for row, sample in enumerate(some):
        np.testing.assert_array_equal(batch["image"][row], sample.inputs["image"])
        np.testing.assert_array_equal(batch["joints_mm"][row], sample.target["joints_mm"])
    np.testing.assert_array_equal(np.concatenate(split.arrays("points"))[3], split[3].target["points"])
    with pytest.raises(ValueError, match="use batch"):
        some.arrays("points")
    with pytest.raises(IndexError):
        split[60]


def test_fingerprints_differ_by_split_(small):
    names = ["train", "valid", "test"]
    assert len({small.fingerprint(name) for name in names}) == len(names)
    assert small.fingerprint("train") == small.fingerprint("train")


def test_preview_is_a_picture(small, tmp_path):
    small.preview("test", tmp_path / "sheet.png", n=6)
    assert (tmp_path / "sheet.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(InputError, match="empty"):
        contact_sheet(small.split("test")[:0])
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write the preview"):
        preview(small.split("test")[:1], tmp_path / "file" / "sheet.png")


def test_blocks_do_not_change_samples():
    assert SPLITS["train"].images % BLOCK == 0
