"""DenseReg on the toy world."""

import numpy as np
import pytest

from core_eval import InputError, Method, Sample
from face_densereg.method import DenseReg
from face_densereg.plugin import METHODS

SIDE = 64


@pytest.fixture(scope="module")
def world(toy):
    return [toy(i) for i in range(200)], [toy(i) for i in range(1000, 1008)]


@pytest.fixture(scope="module")
def trained(world, tmp_path_factory):
    method = DenseReg(bins=4)
    method.fit(world[0], [], seed=1, budget="smoke", workdir=tmp_path_factory.mktemp("work"))
    return method


def predict(method, samples, **options):
    return list(method.predict((sample.inputs for sample in samples), **options))


def test_it_learns(trained, world):
    for prediction, sample in zip(predict(trained, world[1]), world[1], strict=True):
        truth = sample.target["uv"]
        both = np.isfinite(truth[..., 0]) & np.isfinite(prediction["uv"][..., 0])
        assert both.sum() > 0.8 * np.isfinite(truth[..., 0]).sum()
        assert np.abs(prediction["uv"][both] - truth[both]).mean() < 0.1
        assert np.linalg.norm(prediction["points"][2] - sample.target["points"][2]) < 6


def test_every_method_keeps_the_contract():
    for factory in METHODS.values():
        assert isinstance(factory(), Method)


def test_decodings_differ_only_as_they_should(trained, world):
    hard, soft, bins = (predict(trained, world[1], decode=mode)[0]["uv"] for mode in ("hard", "soft", "bins"))
    inside = np.isfinite(hard[..., 0])
    np.testing.assert_array_equal(inside, np.isfinite(soft[..., 0]))
    centres = (np.arange(4) + 0.5) / 4
    assert np.isin(bins[inside], centres.astype(np.float32)).all()
    assert np.abs(hard - soft)[inside].mean() < 0.2


def test_save_and_load_predict_the_same(trained, world, tmp_path):
    trained.save(tmp_path)
    loaded = DenseReg(bins=4)
    loaded.load(tmp_path)
    for a, b in zip(predict(trained, world[1], pca=True), predict(loaded, world[1], pca=True), strict=True):
        np.testing.assert_array_equal(a["uv"], b["uv"])
        np.testing.assert_array_equal(a["points"], b["points"])
    with pytest.raises(InputError, match="bins"):
        DenseReg(bins=5).load(tmp_path)


def test_batches_change_nothing(trained, world):
    together = predict(trained, world[1])
    alone = [predict(trained, [sample])[0] for sample in world[1]]
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a["points"], b["points"], atol=0.05)


def test_a_face_in_a_larger_image_is_found(trained, toy):
    sample = toy(3000, side=150, place=(90, 20))
    prediction = predict(trained, [sample])[0]
    assert prediction["uv"].shape == (150, 150, 2)
    assert np.linalg.norm(prediction["points"][2] - sample.target["points"][2]) < 10


def test_an_image_without_a_face_gives_nothing_and_no_error(trained):
    empty = Sample("empty", {"image": np.zeros((SIDE, SIDE, 3), np.uint8)}, {}, "g")
    small = Sample("small", {"image": np.zeros((5, 9, 3), np.uint8)}, {}, "g")
    for prediction in predict(trained, [empty, small]):
        assert np.isnan(prediction["points"]).all()
        assert not prediction["found"].any()


def test_bad_use_is_refused(trained, world, tmp_path):
    with pytest.raises(InputError, match="at least 1"):
        DenseReg(bins=0)
    with pytest.raises(InputError, match="steps"):
        DenseReg(steps=0)
    with pytest.raises(InputError, match="neither fitted nor loaded"):
        next(DenseReg().predict([]), None)
    with pytest.raises(InputError, match="unknown decoding"):
        predict(trained, world[1], decode="best")
    with pytest.raises(InputError, match="no bins"):
        predict(DenseReg(bins=1), world[1], decode="bins")
    with pytest.raises(InputError, match="unknown budget"):
        DenseReg().fit(world[0], [], seed=0, budget="huge", workdir=tmp_path)
    with pytest.raises(InputError, match="no training samples"):
        DenseReg().fit([], [], seed=0, budget="smoke", workdir=tmp_path)
    (tmp_path / "weights.json").write_text("{}")
    with pytest.raises(InputError):
        DenseReg().load(tmp_path)


@pytest.mark.parametrize(
    "points", [np.zeros((68, 3)), np.zeros(136), np.zeros((68, 2), np.int64), np.full((68, 2), np.nan)]
)
def test_what_is_no_mean_shape_is_refused(points, tmp_path):
    np.save(tmp_path / "mean.npy", points)
    with pytest.raises(InputError, match="not a mean shape"):
        METHODS["mean-shape"]().load(tmp_path)
    with pytest.raises(InputError, match="not fitted"):
        METHODS["mean-shape"]().save(tmp_path)


def test_the_mean_shape_is_the_mean_and_scales_with_the_image(world, tmp_path):
    method = METHODS["mean-shape"]()
    method.fit(world[0], [], seed=0, budget="smoke", workdir=tmp_path)
    expected = np.mean([sample.target["points"] for sample in world[0]], axis=0)
    np.testing.assert_allclose(predict(method, world[1])[0]["points"], expected)
    double = Sample("d", {"image": np.zeros((2 * SIDE, 2 * SIDE, 3), np.uint8)}, {}, "g")
    np.testing.assert_allclose(predict(method, [double])[0]["points"], 2 * expected + 0.5)
    method.save(tmp_path / "saved")
    again = METHODS["mean-shape"]()
    again.load(tmp_path / "saved")
    np.testing.assert_array_equal(predict(again, world[1])[0]["points"], predict(method, world[1])[0]["points"])
