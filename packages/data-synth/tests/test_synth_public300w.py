"""The splits of 300W's public test set among the stand-in's test faces; nothing is rendered but a few of them."""

import numpy as np
import pytest

from core_eval import InputError
from data_synth.faces.dataset import FIELDS, StandIn300W, yaw_of
from data_synth.public300w import PUBLIC, PublicStandIn, stand_in_300w


def test_easy_and_hard_faces_make_up_the_whole():
    common, challenging, full = (PublicStandIn().split(name) for name in ("common", "challenging", "full"))
    assert sorted([*common.indices, *challenging.indices]) == list(full.indices) == list(range(600))
    assert (len(common), len(challenging)) == (450, 150)
    assert max(abs(yaw_of("test", index)) for index in common.indices) <= 30
    assert min(abs(yaw_of("test", index)) for index in challenging.indices) > 30


def test_what_was_there_is_unchanged():
    """Recorded results and rendered shards are known by these."""
    plain, more = StandIn300W(), PublicStandIn()
    for name in ("train", "valid", "test"):
        assert more.fingerprint(name) == plain.fingerprint(name)
        assert more.split(name).shards.folder == plain.split(name).shards.folder
    assert len({more.fingerprint(name) for name in ("test", *PUBLIC)}) == 4


def test_a_sample_is_that_of_the_test_split_with_a_box(tmp_path):
    dataset = stand_in_300w(cache=tmp_path)
    rng = np.random.default_rng(1)
    stored = {name: np.zeros((1, *field.shape), field.dtype) for name, field in FIELDS.items()}
    stored["points"][:] = rng.uniform(20, 100, (68, 2))
    faces = dataset.split("test")
    faces.shards.sample = lambda _: {name: value[0] for name, value in stored.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("data_synth.faces.dataset.landmark_uv", lambda: np.zeros((68, 2)))
        split = dataset.split("challenging")
        sample, plain = split[3], faces[split.indices[3]]
        assert [one.id for one in split[2:5]][1] == sample.id
    assert sample.id == plain.id
    assert sample.group == plain.group
    low, high = stored["points"][0].min(0), stored["points"][0].max(0)
    np.testing.assert_array_equal(sample.inputs["box"], [*low, *high])
    assert sample.inputs.keys() == {"image", "box"}
    assert plain.inputs.keys() == {"image"}


def test_unknown_splits_and_roots_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"unknown split 'ibug'.*common"):
        PublicStandIn().split("ibug")
    with pytest.raises(InputError, match="unknown split 'ibug'"):
        PublicStandIn().fingerprint("ibug")
    with pytest.raises(InputError, match="no root"):
        stand_in_300w(root=tmp_path)
