"""The Mnemonic Descent Method: its parts, and a toy world in which a few steps of training suffice."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core_eval import InputError, Sample
from face_densereg.aam.features import sample_patches as sample_patches_compiled
from face_densereg.aligned import frame_of
from face_densereg.mdm import training
from face_densereg.mdm.network import MOVE, MnemonicDescent, PatchNet, sample_patches
from face_densereg.mdm.plans import PLANS, plan
from face_densereg.mdm.starts import MODE_NOISE, Starts, box_start, near_start
from face_densereg.shape_model import fit_shape_model, similarity

PLAN = replace(PLANS["smoke"], side=40, patch=10, hidden=48, updates=120, batch=16, rate=2e-3)
CORNERS = np.array([[0, 0], [1, 0], [0.5, 0.5], [0, 1], [1, 1]])


def toy(index):
    """A coloured square on noise; landmarks at its corners and middle."""
    rng = np.random.default_rng([13, index])
    image = rng.integers(0, 60, (48, 48, 3)).astype(np.uint8)
    size = int(rng.integers(20, 28))
    x, y = rng.integers(6, 16, 2)
    v, u = np.mgrid[:size, :size] / (size - 1)
    image[y : y + size, x : x + size] = np.stack([60 + 180 * u, 60 + 180 * v, np.full_like(u, 200)], -1)
    points = CORNERS * (size - 1) + [x, y]
    return Sample(f"toy-{index}", {"image": image}, {"points": points}, f"group-{index}")


@pytest.fixture(scope="module")
def samples():
    return [toy(index) for index in range(80)]


@pytest.fixture(scope="module")
def shapes(samples):
    rng = np.random.default_rng(0)  # squares alone have no modes
    points = np.array([sample.target["points"] for sample in samples])
    return fit_shape_model(points + rng.normal(0, 0.5, points.shape))


@pytest.fixture(scope="module")
def trained(samples, shapes, tmp_path_factory):
    return training.train(samples, shapes, PLAN, seed=4, workdir=tmp_path_factory.mktemp("work"))


def distance(one, other):
    return np.linalg.norm(np.asarray(one) - np.asarray(other), axis=-1).mean()


def starts_of(chosen, shapes, seed, kind=box_start):
    rng = np.random.default_rng(seed)
    return [kind(sample.target["points"], shapes, rng) for sample in chosen]


def test_patches_are_those_of_the_compiled_sampler():
    rng = np.random.default_rng(1)
    images = rng.normal(size=(2, 20, 20, 3)).astype(np.float32)
    points = rng.uniform(-3, 24, (2, 4, 2)).astype(np.float32)
    got = sample_patches(torch.from_numpy(images).movedim(-1, 1), torch.from_numpy(points), 7).movedim(1, -1).numpy()
    for n in range(2):
        expected = sample_patches_compiled(images[n], points[n].astype(np.float64), 7)
        np.testing.assert_allclose(got.reshape(2, 4, 7, 7, 3)[n], expected, atol=1e-4)


@pytest.mark.parametrize("patch", [10, 14, 26])
def test_description_has_the_announced_length(patch):
    net = PatchNet(patch, 4)
    assert net(torch.zeros(3, 3, patch, patch)).shape == (3, net.length)


def test_untrained_network_stays_at_the_start():
    net = MnemonicDescent(5, PLAN)
    start = torch.rand(2, 5, 2) * 30
    shapes = net(torch.zeros(2, 40, 40, 3, dtype=torch.uint8), start)
    assert shapes.shape == (PLAN.steps, 2, 5, 2)
    torch.testing.assert_close(shapes, start.expand_as(shapes))


def test_gradient_of_the_last_shape_flows_through_moves_and_memory_but_not_through_the_places():
    torch.manual_seed(0)
    net = MnemonicDescent(5, replace(PLAN, steps=3))
    torch.nn.init.normal_(net.move.weight, std=0.1 / MOVE)
    states = []

    def keep(_, inputs):
        inputs[0].retain_grad()
        states.append(inputs[0])

    net.move.register_forward_pre_hook(keep)
    images = torch.randint(0, 255, (2, 40, 40, 3), dtype=torch.uint8)
    start = (torch.rand(2, 5, 2) * 30).requires_grad_()
    net(images, start)[-1].sum().backward()
    torch.testing.assert_close(start.grad, torch.ones_like(start))
    direct = net.move.weight.sum(0) * MOVE * PLAN.side
    assert (states[-1].grad - direct).abs().max() < 1e-4, "the last state is only moved by"
    assert (states[0].grad - direct).abs().max() > 1e-3, "the first one is also remembered"


def test_images_and_truth_are_seen_in_the_frame_of_the_start(samples, shapes):
    frame = frame_of(shapes, 40, 0.6)
    arrays = {
        "image": np.stack([sample.inputs["image"] for sample in samples[:6]]),
        "points": np.stack([sample.target["points"] for sample in samples[:6]]),
    }
    made = Starts(shapes, frame)(arrays, np.random.default_rng(3))
    again = Starts(shapes, frame)(arrays, np.random.default_rng(3))
    assert all((made[key] == again[key]).all() for key in made)
    assert made["image"].shape == (6, 40, 40, 3)
    assert made["start"].shape == made["target"].shape == (6, 5, 2)
    for image, target in zip(made["image"], made["target"], strict=True):
        x, y = np.round(target[2]).astype(int)
        assert image[y, x, 2] > 120, "the square's blue is where its middle is said to be"
    assert 1.0 < distance(made["start"], made["target"]) < 12.0


def test_near_starts_are_nearer_than_boxes(samples, shapes):
    truth = [sample.target["points"] for sample in samples]
    near, box = (distance(starts_of(samples, shapes, 1, kind), truth) for kind in (near_start, box_start))
    assert 0.2 < near < 0.7 * box


def test_near_starts_err_alike_in_all_modes():
    """As errors of single landmarks do, however much a mode varies between faces."""
    rng = np.random.default_rng(5)
    model = fit_shape_model(CORNERS * 24 + rng.normal(0, 3, (300, 5, 2)) * [[1, 0.5]])
    assert model.deviations[0] > 1.5 * model.deviations[-1]
    truth = model.mean * 20 + 30
    errors = []
    for _ in range(600):
        start = near_start(truth, model, rng)
        rotation, shift = similarity(start, model.mean)
        errors.append(model.modes @ (start @ rotation.T + shift - model.mean).ravel())
    spread = np.std(errors, axis=0)
    assert spread.max() < 1.5 * spread.min()
    assert MODE_NOISE < np.median(spread) < 1.5 * MODE_NOISE


def test_training_brings_starts_to_the_landmarks(trained, shapes):
    test = [toy(index) for index in range(500, 530)]
    truth = [sample.target["points"] for sample in test]
    images = [sample.inputs["image"] for sample in test]
    for kind in (box_start, near_start):
        starts = starts_of(test, shapes, 7, kind)
        assert distance(list(training.fit(trained, shapes, images, starts)), truth) < 0.6 * distance(starts, truth)


def test_later_steps_are_better(trained, shapes):
    test = [toy(index) for index in range(500, 530)]
    window = training.frame(trained, shapes)
    pairs = [
        window.crop(sample.inputs["image"], start)
        for sample, start in zip(test, starts_of(test, shapes, 8), strict=True)
    ]
    with torch.inference_mode():
        steps = trained(
            torch.from_numpy(np.stack([crop.image for crop, _ in pairs])),
            torch.from_numpy(np.array([shape for _, shape in pairs], np.float32)),
        ).numpy()
    truth = [sample.target["points"] for sample in test]
    errors = [
        np.mean([distance(crop.points_to_image(p), t) for (crop, _), p, t in zip(pairs, shape, truth, strict=True)])
        for shape in steps.astype(float)
    ]
    assert errors[-1] < errors[0]


def test_fit_moves_with_the_image_and_passes_over_what_was_not_found(trained, shapes):
    sample = toy(600)
    image, start = sample.inputs["image"], starts_of([sample], shapes, 3)[0]
    large = np.kron(image, np.ones((2, 2, 1), np.uint8))
    nothing = np.full_like(start, np.nan)
    fitted = list(training.fit(trained, shapes, [image, image, large], [nothing, start, 2 * start + 0.5]))
    assert np.isnan(fitted[0]).all()
    np.testing.assert_allclose((fitted[2] - 0.5) / 2, fitted[1], atol=0.5)
    assert list(training.fit(trained, shapes, [], [])) == []


def test_training_is_repeatable_and_resumes(samples, shapes, tmp_path):
    short = replace(PLAN, updates=4)
    first = training.train(samples, shapes, short, seed=1, workdir=tmp_path)
    again = training.train(samples, shapes, short, seed=1, workdir=tmp_path)  # finished: no further step
    other = training.train(samples, shapes, short, seed=1, workdir=tmp_path / "other")
    for one in (again, other):
        for a, b in zip(first.state_dict().values(), one.state_dict().values(), strict=True):
            torch.testing.assert_close(a, b)


def test_unknown_budget():
    with pytest.raises(InputError, match="budget"):
        plan("no such budget")
