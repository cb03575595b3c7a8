"""The method on a toy world: two dots, a bright one and a dim one; the class says which is further left."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core_eval import InputError, Method, Sample
from landmark_semisup import budgets
from landmark_semisup.arrays import load
from landmark_semisup.costs import parse_costs
from landmark_semisup.method import SemiSupervised
from landmark_semisup.plugin import METHODS
from landmark_semisup.training import SemiBatches

SIDE = 24


def toy(index, side=SIDE):
    rng = np.random.default_rng([11, index])
    y, x = np.mgrid[:side, :side]
    points = np.array([[rng.uniform(4, 10), rng.uniform(4, 20)], [rng.uniform(13, 20), rng.uniform(4, 20)]])
    points = points[:: 1 if index % 2 else -1].copy()
    image = np.zeros((side, side))
    for grey, (u, v) in zip((255, 110), points, strict=True):
        image = np.maximum(image, grey * np.exp(-((x - u) ** 2 + (y - v) ** 2) / 4))
    target = {"points": points, "label": np.array(index % 2)}
    return Sample(f"toy-{index}", {"image": np.repeat(image[..., None], 3, 2).astype(np.uint8)}, target, f"{index}")


@pytest.fixture(scope="module")
def world():
    return [toy(i) for i in range(120)], [toy(i) for i in range(1000, 1020)]


@pytest.fixture
def longer(monkeypatch):
    """The smoke budget with enough steps to learn this."""
    monkeypatch.setitem(budgets.PLANS, "smoke", replace(budgets.PLANS["smoke"], fold=1, steps=120, check=20, rate=5e-3))


def error(method, samples):
    answers = list(method.predict(sample.inputs for sample in samples))
    return np.mean(
        [np.linalg.norm(a["points"] - s.target["points"], axis=-1) for a, s in zip(answers, samples, strict=True)]
    )


@pytest.mark.parametrize("network", ["seq-mt", "comm-mt", "heatmap-mt"])
@pytest.mark.usefixtures("longer")
def test_it_learns_places_and_classes(network, world, tmp_path):
    method = SemiSupervised(network=network, costs="L+C")
    method.fit(*world, seed=1, budget="smoke", workdir=tmp_path)
    centre = np.mean([np.linalg.norm(s.target["points"] - 11.5, axis=-1) for s in world[1]])
    assert error(method, world[1]) < 0.6 * centre
    labels = [int(answer["label"]) for answer in method.predict(sample.inputs for sample in world[1])]
    assert np.mean([label == int(s.target["label"]) for label, s in zip(labels, world[1], strict=True)]) > 0.8


def test_all_costs_with_few_annotations_then_saved_and_loaded(world, tmp_path):
    method = SemiSupervised(costs="L+T+C", fraction=0.1)
    assert isinstance(method, Method)
    method.fit(*world, seed=1, budget="smoke", workdir=tmp_path / "work")
    method.save(tmp_path / "saved")
    loaded = SemiSupervised(costs="L+T+C", fraction=0.1)
    loaded.load(tmp_path / "saved")
    inputs = [sample.inputs for sample in world[1]]
    for one, two in zip(method.predict(inputs), loaded.predict(inputs), strict=True):
        np.testing.assert_array_equal(one["points"], two["points"])
        assert one["label"] == two["label"]
    with pytest.raises(InputError, match="network"):
        SemiSupervised(network="comm-mt").load(tmp_path / "saved")
    with pytest.raises(InputError, match="task"):
        SemiSupervised(task="shapes").load(tmp_path / "saved")


def test_with_all_images_annotated_cost_t_changes_nothing(world, tmp_path):
    """Table 1 leaves these cells blank: T is applied to images without landmarks only."""
    points = []
    for costs in ("L", "L+T"):
        method = SemiSupervised(costs=costs)
        method.fit(*world, seed=4, budget="smoke", workdir=tmp_path / costs)
        points.append(np.stack([answer["points"] for answer in method.predict(s.inputs for s in world[1])]))
    np.testing.assert_array_equal(*points)


def test_landmarks_that_are_not_annotated_are_not_looked_at(world, tmp_path):
    """Moving them changes no weight."""
    results = []
    images = load(world[0])
    for noise in (0.0, 5.0):
        method = SemiSupervised(costs="L+T", fraction=0.2)
        keep = method._annotated(images, 2)
        train = [
            sample if kept else replace(sample, target={**sample.target, "points": sample.target["points"] + noise})
            for sample, kept in zip(world[0], keep, strict=True)
        ]
        method.fit(train, world[1], seed=2, budget="smoke", workdir=tmp_path / str(noise))
        results.append(torch.cat([p.flatten() for p in method._net.parameters()]))
    assert torch.equal(*results)


def test_batches_hold_annotated_images_first_and_depend_on_the_step_alone(world):
    images = load(world[0])
    keep = np.zeros(120, bool)
    keep[:7] = True
    batches = SemiBatches(images, keep, parse_costs("L+T"), budgets.TASKS["blocks"], 16, 3)
    batch = batches.batch(5)
    assert batch["annotated"].all(1).tolist() == [True] * 7 + [False] * 16
    assert len(batch["moved"]) == len(batch["matrices"]) == 16
    assert not batch["points"][7:].any()
    again = SemiBatches(images, keep, parse_costs("L+T"), budgets.TASKS["blocks"], 16, 3).batch(5)
    assert all(torch.equal(batch[key], again[key]) for key in batch)
    alone = SemiBatches(images, keep, parse_costs("L"), budgets.TASKS["blocks"], 16, 3).batch(0)
    assert len(alone["image"]) == 7
    assert "moved" not in alone


def test_the_weights_kept_are_those_of_the_best_check(world, monkeypatch, tmp_path):
    monkeypatch.setitem(budgets.PLANS, "smoke", replace(budgets.PLANS["smoke"], steps=40, check=4, patience=2))
    errors = iter([5.0, 3.0, 4.0, 3.5, 1.0])
    seen = []

    def validate(net):
        seen.append(torch.cat([p.flatten().clone() for p in net.parameters()]))
        return next(errors)

    monkeypatch.setattr("landmark_semisup.method.validation", lambda *_, **__: validate)
    method = SemiSupervised()
    method.fit(*world, seed=1, budget="smoke", workdir=tmp_path)
    assert len(seen) == 4, "stopped after two checks without a better error"
    assert torch.equal(torch.cat([p.flatten() for p in method._net.parameters()]), seen[1])


def test_a_finished_run_is_resumed_with_its_best_weights(world, tmp_path):
    methods = [SemiSupervised(costs="L+C", fraction=0.5) for _ in range(2)]
    for method in methods:
        method.fit(*world, seed=1, budget="smoke", workdir=tmp_path)
    one, two = (method._net.state_dict() for method in methods)
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_classes_alone_can_teach(world, tmp_path):
    method = SemiSupervised(costs="C", task="shapes", landmarks=3)
    method.fit(*world, seed=1, budget="smoke", workdir=tmp_path)
    answer = next(iter(method.predict([world[1][0].inputs])))
    assert answer["points"].shape == (3, 2)
    assert answer["label"].shape == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "hourglass"}, "unknown network"),
        ({"costs": "L+X"}, "costs"),
        ({"task": "dots"}, "unknown task"),
        ({"network": "comm-mt", "costs": "L+T"}, "seq-mt alone"),
        ({"fraction": 1.5}, r"\[0, 1\]"),
        ({"fraction": 0.0}, "teaches nothing"),
        ({"landmarks": 2}, "without cost L"),
        ({"costs": "C", "landmarks": 0}, "at least 1"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        SemiSupervised(**options)


def test_bad_data_is_refused(world, tmp_path):
    train, valid = world

    def fit(samples, match, **options):
        with pytest.raises(InputError, match=match):
            METHODS["semi-supervised"](**options).fit(samples, valid, seed=0, budget="smoke", workdir=tmp_path)

    hidden = [replace(s, target={**s.target, "visible": np.zeros(2, bool)}) for s in train]
    bare = [replace(s, target={"points": s.target["points"]}) for s in train]
    fit([], "no training samples")
    fit([train[0], toy(1, side=28)], "differ")
    fit(bare, "class", costs="L+C")
    fit([bare[0], train[1]], "some samples have a class")
    fit([train[0], bare[1]], "some samples have a class")
    fit(hidden, "visible")
    fit(train, "not all 2 classes", fraction=0.01)
    fit([toy(i, side=26) for i in range(4)], "multiples of 4")
    for costs, held, match in (("L", hidden, "validation"), ("C", bare, "validation")):
        with pytest.raises(InputError, match=match):
            SemiSupervised(costs=costs).fit(train, held, seed=0, budget="smoke", workdir=tmp_path)
    with pytest.raises(InputError, match="unknown budget"):
        SemiSupervised().fit(*world, seed=0, budget="huge", workdir=tmp_path)
    with pytest.raises(InputError, match="neither fitted nor loaded"):
        next(SemiSupervised().predict([]), None)


def test_an_image_of_another_size_is_refused(world, tmp_path):
    method = SemiSupervised()
    method.fit(*world, seed=0, budget="smoke", workdir=tmp_path / "work")
    with pytest.raises(InputError, match="24x24 px, not 28x28"):
        list(method.predict([toy(3, side=28).inputs]))
    (tmp_path / "weights.json").write_text("{}")
    with pytest.raises(InputError):
        method.load(tmp_path)
