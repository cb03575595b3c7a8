"""Pictures: what they show is right, and they are drawn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from core_eval.procrustes import similarity_errors
from pose3d_structured import budgets
from pose3d_structured.figures import aligned, cases, poses, residual_field, write
from pose3d_structured.joints import root_of
from pose3d_structured.method import StructuredPose


@pytest.fixture(scope="module")
def untrained(people):
    """Networks with random weights: enough to draw. With their first ones all joints may lie on a line."""
    generator = torch.Generator().manual_seed(0)
    made = StructuredPose()
    made._plan = budgets.PLANS["smoke"]
    made._measure(people)
    made._nets = {graph: made._network(made._plan).eval() for graph in ("unary", "2-hop")}
    for net in made._nets.values():
        for branch in (net.unary, net.residual):
            branch.weight.data.normal_(std=0.05, generator=generator)
    return made


def test_alignment_leaves_the_reconstruction_error():
    rng = np.random.default_rng(0)
    for _ in range(20):
        pose, truth = rng.normal(size=(2, 16, 3))
        left = np.linalg.norm(aligned(pose, truth) - truth, axis=1).mean()
        assert left == pytest.approx(similarity_errors(pose[None], truth[None])[0], rel=1e-6)


def test_cases_are_the_extremes_and_the_median(untrained, people):
    found = cases(untrained, people[:9])
    assert [case.title for case in found] == ["largest gain", "median", "largest loss"]
    assert found[0].gain >= found[1].gain >= found[2].gain
    for case in found:
        assert (case.truth[root_of("mpii16")] == 0).all()
        wrong = np.linalg.norm(case.unary - case.truth, axis=1).mean()
        assert wrong == pytest.approx(case.errors[0], rel=1e-6)


def test_pictures_are_drawn(untrained, people, tmp_path):
    write(poses(cases(untrained, people[:3])), tmp_path / "new" / "poses.png")
    write(residual_field(untrained, people[0]), tmp_path / "new" / "residuals.png")
    assert {file.name for file in (tmp_path / "new").iterdir()} == {"poses.png", "residuals.png"}
    assert cv2.imread(str(tmp_path / "new" / "poses.png")).std() > 10
