"""The cascade on a toy world: the colour of a pixel tells its template coordinate, so a few steps suffice."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core_eval import InputError, Sample
from core_quantreg import QuantOutput
from face_densereg import budgets
from face_densereg.cascade import Cascade, CascadeNet, CascadeTraining, balanced, privileged
from face_densereg.method import DenseReg

SIDE, CORNERS = 64, np.array([[0.2, 0.2], [0.8, 0.2], [0.5, 0.5], [0.2, 0.8], [0.8, 0.8]])


def toy(index):
    """A square "face": red and green grow with u_h and u_v, on dark noise."""
    rng = np.random.default_rng([7, index])
    size = rng.integers(34, 46)
    x, y = rng.integers(0, SIDE - size, 2)
    image = rng.integers(0, 60, (SIDE, SIDE, 3)).astype(np.uint8)
    uv = np.full((SIDE, SIDE, 2), np.nan, np.float32)
    v, u = np.mgrid[:size, :size] / (size - 1)
    uv[y : y + size, x : x + size] = np.stack([u, v], -1)
    image[y : y + size, x : x + size] = np.stack([60 + 180 * u, 60 + 180 * v, np.full_like(u, 200)], -1)
    points = CORNERS * (size - 1) + [x, y]
    return Sample(f"toy-{index}", {"image": image}, {"uv": uv, "points": points.astype(float)}, f"group-{index}")


@pytest.fixture(scope="module")
def faces():
    return [toy(i) for i in range(1000, 1008)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    method = Cascade(bins=4, steps=120)
    method.fit([toy(i) for i in range(200)], [], seed=1, budget="smoke", workdir=tmp_path_factory.mktemp("work"))
    return method


def predict(method, samples, **options):
    return list(method.predict((sample.inputs for sample in samples), **options))


def error(predictions, samples):
    pairs = zip(predictions, samples, strict=True)
    return np.mean([np.linalg.norm(p["points"] - s.target["points"], axis=1) for p, s in pairs])


def test_it_learns_both(trained, faces):
    predictions = predict(trained, faces)
    for prediction, sample in zip(predictions, faces, strict=True):
        truth = sample.target["uv"]
        both = np.isfinite(truth[..., 0]) & np.isfinite(prediction["uv"][..., 0])
        assert both.sum() > 0.8 * np.isfinite(truth[..., 0]).sum()
        assert np.abs(prediction["uv"][both] - truth[both]).mean() < 0.1
        assert prediction["found"].all()
    assert error(predictions, faces) < 2.5
    assert error(predict(trained, faces, refine=False), faces) < 4


def test_landmarks_come_from_the_second_network(trained, faces):
    before = predict(trained, faces)
    with torch.no_grad():
        trained._net.heat.bias += 5  # moves no peak
        np.testing.assert_allclose(
            predict(trained, faces, refine=False)[0]["points"], predict(trained, faces, refine=False)[0]["points"]
        )
        trained._net.heat.bias -= 5
        weight = trained._net.heat.weight
        weight[[0, 1]] = weight[[1, 0]]
        swapped = predict(trained, faces)
        weight[[0, 1]] = weight[[1, 0]]
    for a, b in zip(before, swapped, strict=True):
        np.testing.assert_array_equal(a["uv"], b["uv"])
        np.testing.assert_allclose(a["points"][2:], b["points"][2:])
        assert np.linalg.norm(a["points"][0] - b["points"][1]) < 1.5


def test_save_and_load_predict_the_same(trained, faces, tmp_path):
    trained.save(tmp_path)
    loaded = Cascade(bins=4)
    loaded.load(tmp_path)
    for a, b in zip(predict(trained, faces, pca=True), predict(loaded, faces, pca=True), strict=True):
        np.testing.assert_array_equal(a["uv"], b["uv"])
        np.testing.assert_array_equal(a["points"], b["points"])
    with pytest.raises(InputError, match="not weights of this network"):
        DenseReg(bins=4).load(tmp_path)


def test_an_image_without_a_face_has_no_landmarks(trained):
    empty = Sample("empty", {"image": np.zeros((SIDE, SIDE, 3), np.uint8)}, {}, "g")
    small = Sample("small", {"image": np.zeros((5, 9, 3), np.uint8)}, {}, "g")
    for prediction in predict(trained, [empty, small]):
        assert np.isnan(prediction["points"]).all()
        assert not prediction["found"].any()


def test_what_the_second_network_is_told():
    """One chart: probability of the face, and the coordinates of eq. 5 where it is one."""
    part = torch.tensor([[[[0.0, 100.0]], [[100.0, 0.0]]]])  # (1, 2, 1, 2): a face pixel, a background pixel
    residuals = torch.full((1, 2, 2, 1, 2), 0.25)
    logits = torch.zeros(1, 2, 2, 1, 2)
    logits[:, 1, 1] = 100.0  # u_v is in the second bin; u_h in either
    told = privileged(QuantOutput(residuals=residuals, logits=logits, part=part, dim=2))
    torch.testing.assert_close(told[0, :, 0], torch.tensor([[1.0, 0.0], [0.5, 0.0], [0.75, 0.0]]))
    with pytest.raises(ValueError, match="part"):
        privileged(QuantOutput(residuals=residuals, logits=logits, part=None, dim=2))


def test_balanced_losses_contribute_equally():
    parameters = torch.tensor([3.0, 0.01], requires_grad=True)
    total = balanced(*parameters)
    total.backward()
    assert total.item() == pytest.approx(6.0)
    first, second = (parameters.grad * parameters.detach()).tolist()
    assert first == pytest.approx(second), "a relative change of either changes the total alike"


def test_trained_end_to_end():
    """The heatmaps' loss reaches the first network, its bins included."""
    net = CascadeNet(budgets.plan("smoke"), bins=4, points=5)
    with torch.no_grad():
        net.head.classifier.weight.normal_()
    images = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    net(images).heat.square().mean().backward()
    assert net.head.classifier.weight.grad.abs().max() > 0
    assert net.head.regressor.weight.grad.abs().max() > 0
    assert next(net.trunks[0].parameters()).grad.abs().max() > 0


@pytest.mark.parametrize("budget", ["smoke", "standard"])
def test_the_same_class_is_a_body_cascade(budget):
    """24 charts and 16 joints in place of one chart and 68 landmarks; a joint that nobody annotated is NaN."""
    plan = budgets.cascade_plan(budget)
    net = CascadeNet(plan, bins=3, points=16, charts=24)
    rng = np.random.default_rng(0)
    part = torch.from_numpy(rng.integers(0, 25, (2, 64, 64)).astype(np.uint8))
    uv = torch.from_numpy(rng.uniform(0, 1, (2, 64, 64, 2)).astype(np.float32)).masked_fill(
        (part == 0)[..., None], np.nan
    )
    points = torch.from_numpy(rng.uniform(0, 64, (2, 16, 2)))
    points[0, 3] = float("nan")
    batch = {
        "image": torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8),
        "uv": uv,
        "part": part,
        "points": points,
    }
    loss = CascadeTraining(net, plan).training_step(batch, 0)
    loss.backward()
    assert torch.isfinite(loss)
    output = net(batch["image"])
    assert output.heat.shape == (2, 16, 16, 16)
    assert output.dense.residuals.shape[:4] == (2, 24, 2, 3)
    assert privileged(output.dense).shape[1] == 3 * 24


def test_the_papers_budget_has_two_hourglasses():
    plan = budgets.cascade_plan("paper")
    assert (plan.trunk, plan.steps) == ("hourglass", budgets.plan("paper").steps)
    with pytest.raises(ValueError, match="images alone"):
        CascadeNet(budgets.plan("paper"), bins=10, points=68)


def test_the_quick_cascade_makes_fewer_steps_and_differs_in_nothing_else():
    """A step takes twice as long as DenseReg's; whoever names a number of steps gets it."""
    alone, both = budgets.plan("quick"), budgets.cascade_plan("quick")
    assert alone.steps / 2.2 < both.steps < alone.steps
    assert replace(both, steps=alone.steps) == alone
    assert budgets.cascade_plan("quick", steps=7).steps == 7
    assert budgets.cascade_plan("smoke") == budgets.plan("smoke")
