"""The method on a toy world: two dots, a bright one and a dim one; the class says which is further left."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core_eval import InputError, Method, Sample
from landmark_semisup import budgets
from landmark_semisup.arrays import load, load_once
from landmark_semisup.batches import SemiBatches
from landmark_semisup.costs import parse_costs, soft_argmax
from landmark_semisup.method import SemiSupervised
from landmark_semisup.plugin import METHODS
from landmark_semisup.tasks import TASKS

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
    images = load(world[0], TASKS["blocks"])
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
    images = load(world[0], TASKS["blocks"])
    keep = np.zeros(120, bool)
    keep[:7] = True
    batches = SemiBatches(images, keep, parse_costs("L+T"), TASKS["blocks"], (16, 16), 3)
    batch = batches.batch(5)
    assert batch["annotated"].all(1).tolist() == [True] * 7 + [False] * 16
    assert len(batch["moved"]) == len(batch["matrices"]) == 16
    assert not batch["points"][7:].any()
    again = SemiBatches(images, keep, parse_costs("L+T"), TASKS["blocks"], (16, 16), 3).batch(5)
    assert all(torch.equal(batch[key], again[key]) for key in batch)
    alone = SemiBatches(images, keep, parse_costs("L"), TASKS["blocks"], (16, 16), 3).batch(0)
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
        ({"network": "comm-mt", "costs": "L+T"}, "needs a soft-argmax"),
        ({"network": "rcn", "costs": "L+T", "task": "300w"}, "needs a soft-argmax"),
        ({"task": "300w", "costs": "L+C"}, "has no classes"),
        ({"classes": ["emotion"]}, "only with cost C"),
        ({"classes": "emotion", "costs": "L+C"}, "list of keys"),
        ({"beta": 0.0}, "positive and finite"),
        ({"beta": float("inf")}, "positive and finite"),
        ({"beta": 1.0, "network": "comm-mt"}, "alone"),
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


def test_an_inverse_temperature_that_overflows_is_one_clear_error(world, tmp_path):
    with pytest.raises(InputError, match="maps overflow at the inverse temperature 1e\\+38"):
        SemiSupervised(beta=1e38).fit(*world, seed=0, budget="smoke", workdir=tmp_path)


def test_the_annotated_images_depend_on_the_repetition_alone(world):
    """Not on network, costs or seed; and few lie in many."""
    images = load(world[0], TASKS["blocks"])
    few, many = (
        SemiSupervised(network=network, costs=costs, fraction=fraction)._annotated(images, 3)
        for network, costs, fraction in (("seq-mt", "L+T+C", 0.1), ("comm-mt", "L", 0.5))
    )
    assert few.sum() == 12
    assert many[few].all()
    other = SemiSupervised(fraction=0.1)._annotated(images, 4)
    assert (few != other).any()


def test_fit_draws_them_from_the_repetition_or_else_the_seed(world, monkeypatch, tmp_path):
    draws = []
    subset = SemiSupervised._annotated
    monkeypatch.setattr(
        SemiSupervised, "_annotated", lambda self, images, draw: draws.append(draw) or subset(self, images, draw)
    )
    for number, more in enumerate(({"repetition": 3}, {"repetition": 0}, {})):
        SemiSupervised().fit(*world, seed=7, budget="smoke", workdir=tmp_path / str(number), **more)
    assert draws == [3, 0, 7]


def faces(index):
    """A toy with two kinds of class, larger than what the network sees, with a box."""
    sample = toy(index, side=40)
    labels = {"emotion": np.array(index % 2), "camera": np.array(index % 3), "subject": np.array(index)}
    target = {"points": 2 * sample.target["points"] + 0.5, **labels}
    image = sample.inputs["image"].repeat(2, 0).repeat(2, 1)
    return Sample(sample.id, {"image": image, "box": np.array([8.0, 8, 60, 60])}, target, sample.group)


@pytest.mark.parametrize(("classes", "sizes"), [(None, (2, 3)), (["subject", "camera"], (60, 3))])
def test_two_kinds_of_classes_have_a_branch_each(classes, sizes, tmp_path):
    train, valid = [faces(i) for i in range(60)], [faces(i) for i in range(100, 110)]
    method = SemiSupervised(costs="L+T+C", task="multipie", classes=classes, fraction=0.2)
    method.fit(train, valid, seed=1, budget="smoke", workdir=tmp_path / "work")
    assert method._net.size.classes == sizes
    assert (method._net.size.height, method._net.size.width) == (64, 64)
    method.save(tmp_path / "saved")
    loaded = SemiSupervised(costs="L+T+C", task="multipie", classes=classes)
    loaded.load(tmp_path / "saved")
    keys = {"points", *(classes or ("emotion", "camera"))}
    for one, two in zip(*(m.predict(s.inputs for s in valid) for m in (method, loaded)), strict=True):
        assert one.keys() == two.keys() == keys
        np.testing.assert_array_equal(one["points"], two["points"])
    with pytest.raises(InputError, match="classes"):
        SemiSupervised(costs="L+T+C", task="multipie", classes=["emotion"]).load(tmp_path / "saved")


def test_points_are_given_in_the_image_not_in_the_crop(monkeypatch, tmp_path):
    """The network of a task that crops learns places that are then told in the whole image."""
    plan = replace(budgets.PLANS["smoke"], fold=1, steps=80, check=20, rate=5e-3, maps=8)
    monkeypatch.setitem(budgets.PLANS, "smoke", plan)
    train, valid = [faces(i) for i in range(60)], [faces(i) for i in range(100, 110)]
    method = SemiSupervised(network="rcn+", task="300w")
    method.fit(train, valid, seed=1, budget="smoke", workdir=tmp_path)
    centre = np.mean([np.linalg.norm(s.target["points"] - s.target["points"].mean(0), axis=-1) for s in valid])
    assert error(method, valid) < 0.6 * centre


def test_on_300w_cost_t_is_for_all_images():
    images = load([faces(i) for i in range(30)], TASKS["300w"])
    keep = np.arange(30) < 10
    for name, moved in (("multipie", 8), ("300w", 16)):
        batch = SemiBatches(images, keep, parse_costs("L+T"), TASKS[name], (8, 8), 3).batch(0)
        assert len(batch["moved"]) == len(batch["matrices"]) == moved
        assert len(batch["image"]) == 16


def test_transformation_alone_can_be_asked_for(world, tmp_path):
    method = SemiSupervised(costs="T", landmarks=2)
    method.fit(*world, seed=1, budget="smoke", workdir=tmp_path)
    assert next(iter(method.predict([world[1][0].inputs]))).keys() == {"points"}


def test_maps_are_those_that_the_points_come_from(world, tmp_path):
    method = SemiSupervised(beta=0.5)
    method.fit(*world, seed=1, budget="smoke", workdir=tmp_path)
    inputs = world[1][0].inputs
    maps = next(method.maps([inputs]))
    assert maps.shape == (2, SIDE, SIDE)
    place = soft_argmax(torch.from_numpy(maps)[None], method.task.beta)[0]
    torch.testing.assert_close(
        place.double(), torch.from_numpy(next(method.predict([inputs]))["points"]), atol=1e-4, rtol=0
    )


def test_a_split_is_read_once_in_a_process_and_a_list_every_time():
    class Split(list):
        reads = 0

        def __iter__(self):
            Split.reads += 1
            return super().__iter__()

        __hash__ = object.__hash__

    split = Split(toy(i) for i in range(4))
    first = load_once(split, TASKS["blocks"])
    assert load_once(split, TASKS["blocks"]) is first
    assert load_once(split, replace(TASKS["blocks"], masked=False)) is not first
    assert Split.reads == 2
    plain = list(split)
    assert load_once(plain, TASKS["blocks"]) is not load_once(plain, TASKS["blocks"])


def test_an_image_of_another_size_is_refused(world, tmp_path):
    method = SemiSupervised()
    method.fit(*world, seed=0, budget="smoke", workdir=tmp_path / "work")
    with pytest.raises(InputError, match="24x24 px, not 28x28"):
        list(method.predict([toy(3, side=28).inputs]))
    (tmp_path / "weights.json").write_text("{}")
    with pytest.raises(InputError):
        method.load(tmp_path)
