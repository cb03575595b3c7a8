"""Where deformable models start, and their combinations behind one trained DenseReg."""

import time
from dataclasses import replace

import numpy as np
import pytest
import skimage.data

from core_eval import InputError, Method, Sample, score
from core_eval.ced import failure
from face_densereg import budgets
from face_densereg.aligned import frame_of
from face_densereg.deformable import Deformable
from face_densereg.initial import DETECTORS, hog_svm, lbp_cascade, learn_placement, place, whole_box
from face_densereg.mdm import training
from face_densereg.method import DenseReg
from face_densereg.plugin import METHODS
from face_densereg.shape_model import fit_shape_model

SPREAD = 0.02


@pytest.fixture(scope="module")
def photograph():
    return skimage.data.astronaut()


@pytest.mark.parametrize("detector", [hog_svm, lbp_cascade])
def test_detector_finds_the_face_in_a_photograph(detector, photograph):
    x1, y1, x2, y2 = detector({"image": photograph})
    assert x1 < 205 < 245 < x2, "both eyes"
    assert y1 < 95 < 140 < y2, "eyes and mouth"
    assert 60 < x2 - x1 < 160


@pytest.mark.parametrize("detector", [hog_svm, lbp_cascade])
@pytest.mark.parametrize("shape", [(1, 1), (5, 40), (23, 24), (128, 128)])
def test_detector_finds_nothing_where_there_is_nothing(detector, shape):
    assert detector({"image": np.full((*shape, 3), 90, np.uint8)}) is None


def test_box_is_given_or_the_image():
    image = np.zeros((20, 30, 3), np.uint8)
    assert whole_box({"image": image}).tolist() == [0, 0, 29, 19]
    assert whole_box({"image": image, "box": np.array([1.0, 2.0, 3.0, 4.0])}).tolist() == [1, 2, 3, 4]


def boxed(box, points):
    inputs = {"image": np.zeros((90, 90, 3), np.uint8), "box": np.array(box, float)}
    return Sample("boxed", inputs, {"points": np.asarray(points, float)}, "group")


def test_start_lies_in_the_box_as_the_landmarks_do_in_training(corners):
    samples = [boxed((x, y, x + s, y + s), corners * s + [x, y]) for x, y, s in ((3, 5, 20), (11, 2, 40), (0, 0, 7))]
    placement = learn_placement("box", samples, 5)
    start = place("box", placement, boxed((30, 10, 80, 60), corners).inputs)
    np.testing.assert_allclose(start, corners * 50 + [30, 10], atol=1e-9)
    elsewhere = boxed((50, 50, 60, 60), corners)
    np.testing.assert_array_equal(learn_placement("box", [*samples, elsewhere], 5), placement)
    assert np.isnan(learn_placement("box", [elsewhere], 5)).all()
    blank = {"image": np.zeros((60, 60, 3), np.uint8)}
    assert np.isnan(place("hog-svm", placement, blank)).all()


@pytest.mark.parametrize("zoom", [0.4, 1.0, 3.0])
def test_frame_shows_the_image_where_it_says(zoom, corners):
    """A bright spot at a landmark is found there in the crop, at any size and roll."""
    shapes = fit_shape_model(corners * 30 + np.random.default_rng(0).normal(0, 1, (20, 5, 2)))
    frame = frame_of(shapes, 48, 0.6)
    angle = 0.4
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shape = corners * 30 @ turn.T + [60 * zoom, 40 * zoom]
    y, x = np.mgrid[: int(110 * zoom), : int(120 * zoom)]
    spot = np.exp(-((x - shape[0, 0]) ** 2 + (y - shape[0, 1]) ** 2) / (2 * (2 * zoom) ** 2))
    crop, inside = frame.crop(np.repeat((250 * spot)[..., None], 3, -1).astype(np.uint8), shape)
    assert crop.image.shape == (48, 48, 3)
    row, column = np.unravel_index(crop.image[..., 0].argmax(), (48, 48))
    assert np.hypot(column - inside[0, 0], row - inside[0, 1]) < 1.3
    np.testing.assert_allclose(crop.points_to_image(inside), shape, atol=1e-9)
    extent = np.ptp(frame.reference, axis=0).max()
    assert extent == pytest.approx(0.6 * 48)


@pytest.fixture(scope="module")
def trained(toy, tmp_path_factory):
    method = Deformable(bins=4)
    with pytest.MonkeyPatch.context() as patch:  # how good the network is does not matter here
        patch.setitem(budgets.PLANS, "smoke", replace(budgets.PLANS["smoke"], steps=30))
        method.fit(
            [toy(i, spread=SPREAD) for i in range(60)],
            [],
            seed=1,
            budget="smoke",
            workdir=tmp_path_factory.mktemp("work"),
        )
    return method


@pytest.fixture(scope="module")
def saved(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    trained.save(folder)
    return folder


@pytest.fixture(scope="module")
def faces(toy):
    return [toy(index, spread=SPREAD) for index in range(1000, 1012)]


def predict(method, samples, **options):
    return list(method.predict([sample.inputs for sample in samples], **options))


def test_models_start_in_the_box(trained, faces):
    """Every combination is the model's own fit from the start that the same options without a model answer."""
    assert isinstance(trained, Method)
    images = [sample.inputs["image"] for sample in faces]
    starts = [prediction["points"] for prediction in predict(trained, faces, init="box")]
    assert np.isfinite(starts).all()
    by_hand = {
        "aam": [trained._appearance.fit(image, start) for image, start in zip(images, starts, strict=True)],
        "mdm": list(training.fit(trained._descent, trained.densereg.shapes, images, starts)),
    }
    for model, expected in by_hand.items():
        for prediction, points in zip(predict(trained, faces, init="box", model=model), expected, strict=True):
            np.testing.assert_array_equal(prediction["points"], points)
            assert prediction["found"].all()
    assert all((one != other).any() for one, other in zip(by_hand["aam"], by_hand["mdm"], strict=True))


def test_start_is_densereg_itself(trained, faces):
    for options in ({}, {"pca": True}, {"decode": "soft"}):
        for one, other in zip(
            predict(trained, faces, **options), predict(trained.densereg, faces, **options), strict=True
        ):
            assert one.keys() == other.keys()
            for key in one:
                np.testing.assert_array_equal(one[key], other[key])


def test_model_keeps_the_dense_answer(trained, faces):
    for one, other in zip(predict(trained, faces, model="aam"), predict(trained, faces), strict=True):
        np.testing.assert_array_equal(one["uv"], other["uv"])


@pytest.mark.parametrize("model", [None, "mdm", "aam"])
@pytest.mark.parametrize("init", ["densereg", "hog-svm", "lbp-cascade"])
def test_nothing_found_is_no_crash(trained, init, model):
    blank = Sample("blank", {"image": np.zeros((50, 90, 3), np.uint8)}, {}, "blank")
    prediction = predict(trained, [blank], init=init, model=model)[0]
    assert np.isnan(prediction["points"]).all()
    assert not prediction["found"].any()


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({}, {"dense field", "landmarks"}),
        ({"model": "mdm"}, {"MDM"}),
        ({"model": "aam", "init": "box"}, {"AAM"}),
        ({"init": "hog-svm"}, {"detector"}),
    ],
)
def test_it_tells_how_long_its_parts_take(trained, faces, options, parts):
    inputs = [sample.inputs for sample in faces[:3]]
    start = time.perf_counter()
    found = trained.speeds(inputs, **options)
    whole = 1e3 * (time.perf_counter() - start)
    assert found.keys() == parts
    assert all(value > 0 for value in found.values())
    assert sum(found.values()) < whole, "one image takes less than all"


def test_nothing_found_has_no_speed(trained):
    blank = {"image": np.zeros((50, 90, 3), np.uint8)}
    assert trained.speeds([blank, blank]) == {}
    assert trained.speeds([blank], model="mdm") == {}


@pytest.mark.parametrize("init", ["densereg", "box", "hog-svm"])
@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((64, 64, 1), np.uint8),
        np.zeros((64, 64, 3), np.uint16),
        np.zeros((64, 64, 3), np.float32),
        np.zeros((0, 64, 3), np.uint8),
    ],
)
def test_grey_transparent_and_deep_pictures_are_refused(trained, image, init):
    with pytest.raises(InputError, match="uint8 RGB") as refused:
        list(trained.predict([{"image": image}], init=init, model="mdm"))
    assert refused.value.field == "image"
    with pytest.raises(InputError, match="without a picture"):
        list(trained.predict([{}], init=init))


@pytest.mark.parametrize("model", [None, "mdm", "aam"])
def test_tiny_and_huge_pictures_are_answered_in_their_own_size(trained, model):
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (3, 200), (900, 1400)):
        picture = rng.integers(0, 60, (*shape, 3)).astype(np.uint8)
        answer = next(trained.predict([{"image": picture}], model=model))
        assert answer["uv"].shape == (*shape, 2)
        assert answer["points"].shape == (5, 2)


def test_a_picture_without_a_face_counts_as_a_failure(trained):
    """The metric's landmarks are 55, the toy's five: the answer is said eleven times."""
    blank = next(trained.predict([{"image": np.zeros((64, 64, 3), np.uint8)}], model="aam"))
    truth = np.random.default_rng(0).uniform(0, 60, (55, 2))
    nothing = np.tile(blank["points"], (11, 1))
    metric = failure(limit=0.1, normaliser="box-diagonal", layout="ear55")
    pairs = [("seen", truth), ("blank", nothing)]
    scored = score(metric, [(name, {"points": points}, {"points": truth}) for name, points in pairs])
    assert (scored.value, scored.n, list(scored.failures)) == (50.0, 2, ["blank"])


def test_saved_and_loaded(trained, saved, faces):
    loaded = Deformable(bins=4)
    loaded.load(saved)
    for options in ({"model": "mdm"}, {"model": "aam", "init": "box"}, {}):
        for one, other in zip(predict(trained, faces, **options), predict(loaded, faces, **options), strict=True):
            np.testing.assert_allclose(one["points"], other["points"], atol=1e-5)
    assert set(DETECTORS) == set(loaded._placements)


def test_bad_input(trained, saved, tmp_path):
    with pytest.raises(InputError, match="init"):
        next(trained.predict([], init="dpm"))
    with pytest.raises(InputError, match="model"):
        next(trained.predict([], model="asm"))
    with pytest.raises(InputError, match="neither fitted nor loaded"):
        next(Deformable().predict([]))
    with pytest.raises(InputError):
        Deformable().load(tmp_path)
    with pytest.raises(InputError, match="bins"):
        Deformable(bins=7).load(saved)
    (saved / "models" / "weights.json").rename(tmp_path / "weights.json")
    try:
        with pytest.raises(InputError, match="no trained weights"):
            Deformable(bins=4).load(saved)
    finally:
        (tmp_path / "weights.json").rename(saved / "models" / "weights.json")


def test_network_alone_is_trained_where_many_are_compared():
    assert isinstance(METHODS["densereg"](bins=10), Deformable)
    assert isinstance(METHODS["densereg"](bins=10, steps=50), DenseReg)
    assert isinstance(METHODS["densereg"](bins=1), DenseReg)
