"""The graphs of Table 3.1."""

from __future__ import annotations

import numpy as np
import pytest

from core_eval import InputError
from core_eval.skeletons import skeleton
from pose3d_structured.topology import topologies, topology

NAMES = ("unary", "center-star", "stick-figure", "extended-stick-figure", "2-hop")


def named(name, of="mpii16"):
    joints = skeleton(of).joints
    return {frozenset((joints[a], joints[b])) for a, b in topology(name, of)}


@pytest.mark.parametrize("of", ["mpii16", "h36m17"])
def test_all_are_there_and_symmetric(of):
    bones = skeleton(of)
    assert topologies(of) == NAMES
    for name in NAMES:
        edges = topology(name, of)
        mirrored = {tuple(sorted(bones.mirror[joint] for joint in edge)) for edge in edges.tolist()}
        assert mirrored == {tuple(edge) for edge in edges.tolist()}
        assert (edges[:, 0] < edges[:, 1]).all()
    joints = len(bones.joints)
    assert [len(topology(name, of)) for name in NAMES[:3]] == [0, joints - 1, joints - 1]


def test_2_hop_is_the_square_of_the_skeleton():
    bones = topology("stick-figure")
    near = np.zeros((16, 16), int)
    near[bones[:, 0], bones[:, 1]] = near[bones[:, 1], bones[:, 0]] = 1
    two = np.triu((near @ near + near) > 0, 1)
    knees = {frozenset(("l_knee", "r_knee"))}
    joints = skeleton("mpii16").joints
    assert named("2-hop") == {frozenset((joints[a], joints[b])) for a, b in np.argwhere(two)} | knees


def test_printed_examples():
    """Sec. 3.3 names these."""
    assert {
        frozenset(("r_wrist", "r_shoulder")),
        frozenset(("l_ankle", "l_hip")),
        frozenset(("l_knee", "r_knee")),
    } <= named("2-hop")
    extra = named("extended-stick-figure") - named("stick-figure")
    assert extra == {
        frozenset(pair)
        for pair in [
            ("l_elbow", "r_elbow"), ("l_knee", "r_knee"), ("head_top", "l_shoulder"), ("head_top", "r_shoulder"),
            ("pelvis", "l_knee"), ("pelvis", "r_knee"),
        ]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[mpii16.mine]\nedges = [['pelvis', 'tail']]", "no joint 'tail'"),
        ("[mpii16.mine]\nstar = 'tail'", "no joint 'tail'"),
        ("[mpii16.mine]\nedges = [['pelvis', 'thorax']]", "disconnected"),
        ("[mpii16.mine]\nincludes = ['mine']", "includes itself"),
        ("[mpii16.mine]\nbone = true", "unknown key 'bone'"),
        ("[mpii16.yours]", "unknown graph 'mine'"),
        ("[h36m17.mine]", "no graphs for skeleton 'mpii16'"),
        ("[mpii16.mine", "not a file of graphs"),
    ],
)
def test_bad_files(tmp_path, text, message):
    file = tmp_path / "graphs.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        topology("mine", file=file)


def test_unknown_skeleton():
    with pytest.raises(InputError, match="unknown skeleton"):
        topology("unary", "squid")


def test_own_graph(tmp_path):
    file = tmp_path / "graphs.toml"
    file.write_text("[mpii16.mine]\nbones = true\nedges = [['l_wrist', 'r_wrist']]")
    assert len(topology("mine", file=file)) == 16
