"""The stand-in for the iBUG ears: landmarks, thin plate splines, structure."""

import cv2
import numpy as np
import pytest

from core_eval import Dataset, InputError, scheme
from data_synth.ears import dataset as module
from data_synth.ears.dataset import PER_PERSON, SIZE, SPLITS, stand_in_ears
from data_synth.ears.landmarks import MARGIN, EarLandmarks, correspondence, region, resample
from data_synth.ears.render import draw_person, render_ear
from data_synth.faces.labels import decode_uv
from data_synth.faces.model import FaceModel
from data_synth.seeds import generator


@pytest.fixture(scope="module")
def marks():
    return EarLandmarks.load()


@pytest.fixture(scope="module")
def ears():
    people = [draw_person("test", "ears", number) for number in range(3)]
    return [render_ear(person, SIZE, generator("test", "ear", n), 30.0) for n, person in enumerate(people)]


def test_landmarks_lie_on_the_right_ear_where_they_were_drawn(marks):
    model = FaceModel.load()
    assert len(marks.triangles) == scheme("ear55").points
    np.testing.assert_allclose(marks.weights.sum(axis=1), 1)
    assert marks.weights.min() >= 0
    places = marks.points(model.mean)
    assert (places[:, 0] < -0.06).all(), "the subject's right"
    # The side view of the surface points is the drawing: the template, up to scale and place.
    side = places[:, [2, 1]] * [1, -1]
    centred, drawn = side - side.mean(axis=0), marks.template - marks.template.mean(axis=0)
    scale = (centred * drawn).sum() / (drawn * drawn).sum()
    assert np.abs(centred - scale * drawn).max() < 2e-4
    assert 0.05 < scale < 0.07, "an ear is six centimetres high"


def test_template_fills_the_square_up_to_its_margin(marks):
    low, high = marks.template.min(axis=0), marks.template.max(axis=0)
    assert low[1] == pytest.approx(MARGIN)
    assert high[1] == pytest.approx(1 - MARGIN)
    np.testing.assert_allclose(low + high, 1)


def test_resampled_curves_have_equal_steps():
    bent = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 1.0]])
    np.testing.assert_allclose(resample(bent, 5), [[0, 0], [1, 0], [2, 0], [3, 0], [3, 1]])


def test_correspondence_is_a_thin_plate_spline(marks):
    """Of an affine image of the template it is that affine map, at every labelled pixel."""
    turn = np.array([[70.0, -14.0], [9.0, 80.0]])
    points = marks.template @ turn.T + [30.0, 20.0]
    uv = correspondence(points, marks.template, SIZE)
    inside = np.isfinite(uv).all(-1)
    y, x = np.nonzero(inside)
    expected = (np.column_stack([x, y]) - [30.0, 20.0]) @ np.linalg.inv(turn).T
    np.testing.assert_allclose(uv[inside], expected, atol=1e-4)
    reached = region(points, (SIZE, SIZE), 0)
    assert inside[reached].mean() > 0.99, "the whole ear is labelled"
    assert inside.sum() < 1.35 * reached.sum(), "and little else"


def test_splines_pass_through_every_landmark(ears, marks):
    """At a landmark's pixel the coordinate is the template's, to what a pixel is worth."""
    for ear in ears:
        uv, points = decode_uv(ear["uv"]), ear["points"]
        column, row = np.rint(points).astype(int).T
        inside = (column >= 0) & (row >= 0) & (column < SIZE) & (row < SIZE)
        found, expected = uv[row[inside], column[inside]], marks.template[inside]
        known = np.isfinite(found).all(axis=1)
        assert known.mean() > 0.95, "landmarks are labelled"
        pixel = 1 / np.ptp(points, axis=0).max()
        error = np.linalg.norm(found - expected, axis=1)[known]
        assert np.median(error) < pixel
        assert np.isfinite(uv[..., 0]).sum() > 300


def test_an_ear_out_of_the_picture_has_no_labels(marks):
    assert np.isnan(correspondence(marks.template * 50 + 500, marks.template, SIZE)).all()


def test_people_show_their_ears(ears):
    for number in range(3):
        assert not draw_person("test", "ears", number).hair.over_ears
    assert all(ear["visible"].mean() > 0.6 for ear in ears)
    assert all(ear["image"].std() > 5 for ear in ears)
    assert not np.array_equal(ears[0]["points"], ears[1]["points"])


def test_structure(tmp_path, monkeypatch):
    assert set(SPLITS) == {"train", "valid", "test"}
    monkeypatch.setattr(module, "SPLITS", {"train": 8, "valid": 5, "test": 6})
    made = stand_in_ears(cache=tmp_path)
    assert isinstance(made, Dataset)
    test = made.split("test")
    assert (len(test), made.missing("test")) == (6, 6)
    samples = list(test)
    assert [sample.group for sample in samples] == ["test-0000"] * PER_PERSON + ["test-0001"]
    for sample in samples:
        np.testing.assert_array_equal(sample.target["part"] > 0, np.isfinite(sample.target["uv"]).all(-1))
        assert sample.target["points"].shape == sample.target["landmark_uv"].shape == (55, 2)
        assert sample.inputs["image"].shape == (SIZE, SIZE, 3)
    again = stand_in_ears(cache=tmp_path / "other").split("test")[5]
    np.testing.assert_array_equal(again.inputs["image"], samples[5].inputs["image"])
    made.preview("test", tmp_path / "sheet.png", n=3)
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (2 * SIZE, 3 * 2 * 2 * SIZE, 3)
    assert made.fingerprint("test") != made.fingerprint("valid")
    with pytest.raises(InputError, match="unknown split"):
        made.split("all")
    with pytest.raises(InputError, match="no root"):
        stand_in_ears(root=tmp_path)
