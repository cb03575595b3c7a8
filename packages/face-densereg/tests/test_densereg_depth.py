"""The depth branch on the toy world, whose faces are domes."""

import numpy as np
import pytest
import torch

from core_eval import InputError, Method, Sample, UnscorableError
from core_train import Augment, seed_torch
from face_densereg import budgets
from face_densereg.depth import DenseRegDepth, DepthNet, DepthTraining, moving_depth
from face_densereg.depth_error import depth_error, depth_errors
from face_densereg.method import DenseReg
from face_densereg.network import DenseRegNet
from face_densereg.plugin import METHODS, METRICS

SIDE = 64


def dome(sample):
    """The sample with a depth: the middle of its square is nearer than its border."""
    u, v = np.moveaxis(sample.target["uv"], -1, 0)
    depth = (0.6 - 0.3 * np.sin(np.pi * u) * np.sin(np.pi * v)).astype(np.float32)
    return Sample(sample.id, sample.inputs, {**sample.target, "depth": depth}, sample.group)


@pytest.fixture(scope="module")
def world(toy):
    return [dome(toy(i)) for i in range(200)], [dome(toy(i)) for i in range(1000, 1008)]


@pytest.fixture(scope="module")
def trained(world, tmp_path_factory):
    method = DenseRegDepth(bins=4, steps=100)
    method.fit(world[0], [], seed=1, budget="smoke", workdir=tmp_path_factory.mktemp("work"))
    return method


def predict(method, samples):
    return list(method.predict(sample.inputs for sample in samples))


def test_it_learns_depth_beside_coordinates(trained, world):
    for prediction, sample in zip(predict(trained, world[1]), world[1], strict=True):
        depth = prediction["depth"]
        assert (depth.dtype, depth.shape, float(prediction["depth_unit"])) == (np.float32, (SIDE, SIDE), SIDE)
        np.testing.assert_array_equal(np.isfinite(depth), np.isfinite(prediction["uv"][..., 0]))
        errors = depth_errors(prediction, sample.target)
        constant = depth_errors({"depth": np.full((SIDE, SIDE), 0.48)}, sample.target)
        assert np.isfinite(errors).mean() > 0.8
        assert errors[np.isfinite(errors)].mean() < 0.5 * constant.mean()
        both = np.isfinite(sample.target["uv"][..., 0]) & np.isfinite(depth)
        assert np.abs(prediction["uv"] - sample.target["uv"])[both].mean() < 0.1


def test_saved_and_loaded_it_predicts_the_same(trained, world, tmp_path):
    trained.save(tmp_path)
    loaded = METHODS["densereg"](bins=4, depth=True)
    assert isinstance(loaded, DenseRegDepth)
    assert isinstance(loaded, Method)
    loaded.load(tmp_path)
    for a, b in zip(predict(trained, world[1]), predict(loaded, world[1]), strict=True):
        np.testing.assert_array_equal(a["depth"], b["depth"])
    with pytest.raises(InputError, match="not weights of this network"):
        DenseReg(bins=4).load(tmp_path)


def test_a_larger_image_tells_the_unit_of_its_depth(trained, toy):
    """The toy's square is as large in the larger image as in training, so a unit is as many px as there."""
    sample = dome(toy(3000, side=150, place=(90, 20)))
    prediction = predict(trained, [sample])[0]
    assert prediction["depth"].shape == (150, 150)
    np.testing.assert_array_equal(np.isfinite(prediction["depth"]), np.isfinite(prediction["uv"][..., 0]))
    assert 0.75 * SIDE < float(prediction["depth_unit"]) < 1.33 * SIDE
    errors = depth_errors(prediction, sample.target, "affine")
    assert errors[np.isfinite(errors)].mean() < 0.05


def test_without_a_face_there_is_no_depth(trained):
    prediction = predict(trained, [Sample("", {"image": np.zeros((SIDE, SIDE, 3), np.uint8)}, {}, "")])[0]
    assert np.isnan(prediction["depth"]).all()
    small = predict(trained, [Sample("", {"image": np.zeros((5, 9, 3), np.uint8)}, {}, "")])[0]
    assert small["depth"].shape == (5, 9)
    assert np.isnan(small["depth"]).all()
    assert np.isnan(small["depth_unit"])


def test_the_branch_is_one_convolution_and_leaves_the_start_of_the_rest():
    plan = budgets.plan("smoke")
    seed_torch(0, "weights")
    with_depth = DepthNet(plan, 10).state_dict()
    seed_torch(0, "weights")
    without = DenseRegNet(plan, 10).state_dict()
    added = with_depth.keys() - without.keys()
    assert sum(with_depth[name].numel() for name in added) == plan.width + 1
    for name, value in without.items():
        assert torch.equal(with_depth[name], value)


@pytest.mark.parametrize("masked", [False, True])
def test_gradient_reaches_the_depth_of_the_face_alone(masked):
    training = DepthTraining(DepthNet(budgets.plan("smoke"), 2), rate=1e-3, kernel_rate=None, positions=None)
    depth = torch.full((2, 8, 8), torch.nan)
    depth[0, 2:6, 1:5], depth[1, :3] = 0.3, 0.8
    batch = {"image": torch.zeros(2, 8, 8, 3, dtype=torch.uint8), "depth": depth}
    reached = torch.isfinite(depth)
    if masked:
        batch["ignored"] = torch.zeros(2, 8, 8, dtype=torch.uint8)
        batch["ignored"][0, :, 3:] = 1
        reached &= batch["ignored"] == 0
    output = training.net(torch.zeros(2, 8, 8, 3, dtype=torch.uint8)).depth
    maps = torch.full((2, 1, 1, 8, 8), 0.5, requires_grad=True)
    loss = training.depth_loss(type(output)(maps, None, None), batch)
    loss.backward()
    assert torch.equal(maps.grad[:, 0, 0] != 0, reached)
    errors = (depth[reached] - 0.5).abs()
    torch.testing.assert_close(loss, 70 * (0.5 * errors**2).mean())


def plane(slope, side=64):
    """A patch of a plane through the middle of the image, in units of its side; coordinates that follow x and y."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    centre = (side - 1) / 2
    depth = 0.5 + (slope[0] * (x - centre) + slope[1] * (y - centre)) / side
    uv = np.stack([x, y], -1) / side
    off = (np.hypot(x - centre, y - centre) > side / 4)[None]
    depth, uv = np.where(off, np.nan, depth), np.where(off[..., None], np.nan, uv)
    image = np.zeros((1, side, side, 3), np.uint8)
    return {"image": image, "uv": uv.astype(np.float32), "depth": depth.astype(np.float32)}


@pytest.mark.parametrize(("scale", "rotation"), [(1.4, 0.0), (0.7, 0.0), (1.0, 25.0), (1.2, 25.0)])
def test_a_plane_keeps_its_slope_when_the_picture_is_scaled_and_turned(scale, rotation):
    """A surface scaled in all three directions is as steep as before, and turns with the picture."""
    augment = moving_depth(Augment(scale=(scale, scale), rotation=rotation, shift=0.0))
    moved = augment(plane((0.6, -0.2)), np.random.default_rng(3))
    assert set(moved) == {"image", "uv", "depth"}
    assert (moved["depth"].dtype, moved["uv"].shape[-1]) == (np.float32, 2)
    np.testing.assert_array_equal(np.isfinite(moved["depth"]), np.isfinite(moved["uv"][..., 0]))
    y, x = np.nonzero(np.isfinite(moved["depth"][0]))
    centred = np.column_stack([x - 31.5, y - 31.5, np.ones(len(x))])
    inner = np.hypot(*centred[:, :2].T) < 12 * scale
    fit = np.linalg.lstsq(centred[inner], 64 * (moved["depth"][0][y, x][inner] - 0.5), rcond=None)[0]
    assert np.hypot(*fit[:2]) == pytest.approx(np.hypot(0.6, 0.2), rel=0.02)
    assert abs(fit[2]) < 0.05
    if not rotation:
        np.testing.assert_allclose(fit[:2], [0.6, -0.2], atol=0.01)


def test_error_by_hand():
    truth = np.array([[np.nan, 0.2], [0.4, 0.6]])
    guess = np.array([[0.9, 0.3], [np.nan, 0.5]])
    np.testing.assert_allclose(depth_errors({"depth": guess}, {"depth": truth}), [0.1, np.inf, 0.1])
    metric = METRICS["depth-error"]()
    sums = metric.per_sample({"depth": guess}, {"depth": truth})
    np.testing.assert_allclose(sums, [1.2, 3])
    assert metric.reduce(np.stack([sums, metric.failed])) == pytest.approx(2.2 / 4)
    assert metric.per_sample({"depth": truth}, {"depth": truth})[0] == 0


def test_aligned_error_knows_no_scale_and_offset():
    rng = np.random.default_rng(0)
    truth, guess = rng.random((5, 6)), rng.random((5, 6))
    for align, other in (("affine", 3 * guess - 1), ("shift", guess - 1)):
        np.testing.assert_allclose(
            depth_errors({"depth": guess}, {"depth": truth}, align),
            depth_errors({"depth": other}, {"depth": truth}, align),
        )
    squares = [(depth_errors({"depth": guess}, {"depth": truth}, align) ** 2).sum() for align in ("affine", "shift")]
    line = np.polyval(np.polyfit(guess.ravel(), truth.ravel(), 1), guess.ravel())
    assert squares[0] == pytest.approx(((line - truth.ravel()) ** 2).sum())
    assert squares[0] < squares[1]
    flat = depth_errors({"depth": np.ones((5, 6))}, {"depth": truth}, "affine")
    np.testing.assert_allclose(flat, np.abs(truth - truth.mean()).ravel())


def test_bad_depths_are_refused(toy, tmp_path):
    with pytest.raises(InputError, match=r"no depth \(sample toy-0, field depth\)"):
        DenseRegDepth(steps=1).fit([toy(0)], [], seed=0, budget="smoke", workdir=tmp_path)
    nothing = {"depth": np.full((2, 2), np.nan)}
    with pytest.raises(UnscorableError):
        depth_errors(nothing, nothing)
    with pytest.raises(InputError, match="shape"):
        depth_errors({"depth": np.zeros((2, 3))}, nothing)
    with pytest.raises(InputError, match="unknown alignment"):
        depth_error(align="both")
