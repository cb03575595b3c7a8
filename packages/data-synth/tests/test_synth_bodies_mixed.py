"""Training images with 3D joints in turns with those that have 2D joints."""

from __future__ import annotations

import pytest

from core_eval import Dataset, InputError
from data_synth.bodies.mixed import MixedSplit
from data_synth.plugin import DATASETS


class Counted(list):
    """A split that is a list, and tells how many of its first samples were asked to be rendered."""

    rendered = 0

    def __getitem__(self, index):
        if not isinstance(index, slice):
            return super().__getitem__(index)
        self.wanted = index.stop
        return self

    def prepare(self, progress, workers):
        self.rendered = self.wanted


def test_turns():
    solid, flat = Counted(f"s{i}" for i in range(7)), Counted(f"f{i}" for i in range(4))
    split = MixedSplit(solid, flat)
    assert list(split) == ["s0", "s1", "f0", "s2", "s3", "f1", "s4", "s5", "f2"]
    assert list(split[1:5]) == ["s1", "f0", "s2", "s3"]
    assert split[-1] == "f2"
    assert list(split[2:6][1:]) == ["s2", "s3", "f1"]
    split[:4].prepare()
    assert (solid.rendered, flat.rendered) == (4, 2)
    split[:0].prepare()
    assert (solid.rendered, flat.rendered) == (4, 2)


def test_plugin_makes_a_dataset(tmp_path):
    made, solid = DATASETS["h36m-mixed"](cache=tmp_path), DATASETS["h36m"](cache=tmp_path)
    assert isinstance(made, Dataset)
    assert [len(made.split(name)) for name in ("train", "valid", "test")] == [9000, 600, 1440]
    assert [made.missing(name) for name in ("train", "test")] == [9000, 1440]
    # What is trained on is another set, what is tested on the same.
    assert made.fingerprint("train") not in (solid.fingerprint("train"), made.flat.fingerprint("train"))
    assert made.fingerprint("test") == solid.fingerprint("test")
    with pytest.raises(InputError, match="unknown split 'tset'"):
        made.split("tset")
    with pytest.raises(InputError, match="takes no root folder"):
        DATASETS["h36m-mixed"](root=tmp_path)
