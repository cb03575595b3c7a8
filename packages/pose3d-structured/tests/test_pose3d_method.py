"""The method on drawn people, with a plan of a few steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core_eval import InputError, Method, Sample
from pose3d_structured import budgets, method
from pose3d_structured.images import PoseSource
from pose3d_structured.joints import bone_lengths, h36m_to_mpii, root_of
from pose3d_structured.method import StructuredPose
from pose3d_structured.metrics import reconstruction_error
from pose3d_structured.network import StructuredPoseNet
from pose3d_structured.plugin import METHODS, METRICS
from pose3d_structured.topology import topologies, topology
from pose3d_structured.training import calibrate

TINY = replace(budgets.PLANS["smoke"], steps=12, batch=8, refine_steps=2, refine_batch=2, violations=3)


@pytest.fixture(scope="module")
def trained(people, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(budgets.PLANS, "smoke", TINY)
        made = StructuredPose()
        made.fit(people[:40], people[40:], seed=1, budget="smoke", workdir=tmp_path_factory.mktemp("work"))
    return made


def predict(made, samples, **options):
    return list(made.predict((sample.inputs for sample in samples), **options))


def test_registered():
    assert isinstance(METHODS["structured"](), Method)
    assert {metric(name="x").name for metric in METRICS.values()} == {"x"}


def test_every_graph_predicts(trained, people):
    for graph in topologies():
        for found in predict(trained, people[40:42], topology=graph):
            pose = found["joints_mm"]
            assert pose.shape == (16, 3)
            assert pose.dtype == np.float64
            assert (pose[root_of("mpii16")] == 0).all()
            assert bone_lengths(pose, "mpii16").sum() == pytest.approx(trained._bones)
            assert found["bound"] >= found["score"] - 1e-6
            if graph in ("unary", "center-star"):
                assert found["converged"]
                assert found["iterations"] == 0
                assert found["bound"] == pytest.approx(float(found["score"]), rel=1e-6, abs=1e-6)
            else:
                assert found["iterations"] >= 1


def test_size_of_a_body(trained, people):
    """As long as the bones of the training bodies, and a volume as wide as their crops."""
    joints = np.array([sample.target["joints_mm"] for sample in people[:40]])
    assert trained._bones == pytest.approx(bone_lengths(h36m_to_mpii(joints), "mpii16").sum(1).mean(), rel=0.1)
    assert 1500 < trained._span < 3500


def test_networks_of_the_graphs_start_from_one(trained):
    weights = {graph: net.state_dict() for graph, net in trained._nets.items()}
    assert weights.keys() == set(topologies())
    for graph in ("center-star", "2-hop"):
        one, two = (torch.cat([v.flatten().float() for v in weights[g].values()]) for g in ("unary", graph))
        assert not torch.equal(one, two)
        assert torch.corrcoef(torch.stack([one[:-3], two[:-3]]))[0, 1] > 0.99
    assert not torch.equal(trained._nets["2-hop"].stiffness, trained._nets["unary"].stiffness)


def test_saved_and_loaded(trained, people, tmp_path):
    trained.save(tmp_path / "saved")
    loaded = StructuredPose()
    loaded.load(tmp_path / "saved")
    for one, two in zip(predict(trained, people[40:]), predict(loaded, people[40:]), strict=True):
        np.testing.assert_allclose(one["joints_mm"], two["joints_mm"], atol=1e-6)
    with pytest.raises(InputError, match="mpii16"):
        StructuredPose(joints="h36m17").load(tmp_path / "saved")
    with pytest.raises(InputError):
        StructuredPose().load(tmp_path / "nothing")


def test_a_killed_training_goes_on(trained, people, tmp_path, monkeypatch):
    """Killed in the second phase: the networks that are finished are not trained again, and nothing differs."""
    monkeypatch.setitem(budgets.PLANS, "smoke", TINY)
    fit, done = method.fit_module, []

    def until(module, batches, *, title, **rest):
        if title == "stick-figure" and "killed" not in done:
            done.append("killed")
            raise KeyboardInterrupt
        report = fit(module, batches, title=title, **rest)
        done.append((title, report.steps - report.resumed_from))
        return report

    monkeypatch.setattr(method, "fit_module", until)
    for attempt in range(2):
        made = StructuredPose()
        try:
            made.fit(people[:40], people[40:], seed=1, budget="smoke", workdir=tmp_path)
        except KeyboardInterrupt:
            assert attempt == 0
    again = done[done.index("killed") + 1 :]
    assert [title for title, _ in again] == ["network", *topologies()]
    finished = ("network", "unary", "center-star")
    assert dict(again) == {title: 0 if title in finished else TINY.refine_steps for title, _ in again}
    for graph, net in made._nets.items():
        for name, values in net.state_dict().items():
            torch.testing.assert_close(values, trained._nets[graph].state_dict()[name], rtol=0, atol=1e-5, msg=name)


def test_it_learns(people, tmp_path, monkeypatch):
    """The pose of the very images that it saw beats the mean pose."""
    plan = replace(TINY, stride=8, width=8, depth=8, steps=70, batch=8, refine_steps=1)
    monkeypatch.setitem(budgets.PLANS, "smoke", plan)
    seen = people[:8]
    made = StructuredPose()
    made.fit(seen, [], seed=1, budget="smoke", workdir=tmp_path)
    metric = reconstruction_error()
    errors = [metric.per_sample(p, s.target) for p, s in zip(predict(made, seen), seen, strict=True)]
    mean = {"joints_mm": np.mean([s.target["joints_mm"] for s in seen], axis=0)}
    constant = [metric.per_sample(mean, s.target) for s in seen]
    assert np.mean(errors) < 0.7 * np.mean(constant)


def test_bad_input(trained, people, tmp_path):
    with pytest.raises(InputError, match="neither fitted nor loaded"):
        predict(StructuredPose(), people[:1])
    with pytest.raises(InputError, match="3-hop"):
        predict(trained, people[:1], topology="3-hop")
    with pytest.raises(InputError, match="image"):
        list(trained.predict([{"image": np.zeros((64, 60, 3), np.uint8)}]))
    with pytest.raises(InputError, match="budget"):
        StructuredPose().fit(people, [], seed=1, budget="huge", workdir=tmp_path)
    with pytest.raises(InputError, match="no training samples"):
        StructuredPose().fit([], [], seed=1, budget="smoke", workdir=tmp_path)
    with pytest.raises(InputError, match="no graphs"):
        StructuredPose(joints="coco17")
    flat = [Sample(s.id, s.inputs, {"points": s.target["points"]}, s.group) for s in people[:4]]
    with pytest.raises(InputError, match="3D"):
        StructuredPose().fit(flat, [], seed=1, budget="smoke", workdir=tmp_path)
    assert list(trained.predict(iter(()))) == []


def test_samples_known_in_2d_train_along(people, tmp_path, monkeypatch):
    """They change the network, and the size of a body stays that of the others."""
    monkeypatch.setitem(budgets.PLANS, "smoke", replace(TINY, steps=3, refine_steps=1))
    flat = [Sample(s.id, s.inputs, {"points": s.target["points"]}, s.group) for s in people[20:40]]
    made = [StructuredPose() for _ in range(2)]
    for one, train in zip(made, (people[:20], people[:20] + flat), strict=True):
        one.fit(train, people[40:], seed=1, budget="smoke", workdir=tmp_path / str(len(train)))
    assert made[0]._bones == made[1]._bones
    detectors = [one._nets["unary"].detection.weight for one in made]
    assert not torch.equal(*detectors)
    assert all(np.isfinite(found["joints_mm"]).all() for found in predict(made[1], people[40:42]))


@pytest.mark.parametrize("graph", ["stick-figure", "2-hop"])
def test_first_values_of_c(people, graph):
    """An untrained network expects no displacement: the errors are the displacements themselves."""
    source, edges, net = PoseSource(people, "mpii16", None, 16), topology(graph), StructuredPoseNet(16, 8).eval()
    calibrate(net, source, edges)
    poses = source.fetch(np.arange(len(people)))["pose"]
    wrong = (poses[:, edges[:, 0]] - poses[:, edges[:, 1]]).reshape(-1, 3)
    low, high = np.quantile(wrong, [0.25, 0.75], axis=0)
    expected = 15 / len(edges) * 0.5 / ((high - low) / 1.349) ** 2
    np.testing.assert_allclose(net.stiffness.detach().numpy(), expected, rtol=1e-3)
    before = net.stiffness.detach().clone()
    calibrate(net, source, topology("unary"))
    torch.testing.assert_close(net.stiffness.detach(), before)
