"""The stand-in for 300VW: smooth motion, light and occlusion by category, structure."""

import cv2
import numpy as np
import pytest

from core_eval import Dataset, InputError
from data_synth.faces.model import FaceModel
from data_synth.faces.render import FaceRenderer
from data_synth.seeds import generator
from data_synth.shade import Lighting
from data_synth.videos import dataset as module
from data_synth.videos.dataset import FRAMES, NAME, SIZE, VIDEOS, category_of, stand_in_300vw
from data_synth.videos.motion import LARGEST_YAW, draw_motion, draw_weather, eased, mixed, wander
from data_synth.videos.render import render_video


@pytest.fixture(scope="module")
def videos():
    """Five frames of a video of each category."""
    return {
        category: list(render_video(NAME, number, category, 5, SIZE)) for category, number in ((1, 0), (2, 31), (3, 50))
    }


def test_walks_are_smooth_and_bounded():
    for seed in range(50):
        walk = wander(np.random.default_rng(seed), 500)
        assert np.abs(walk).max() <= 1
        assert np.abs(np.diff(walk)).max() < 2 * np.pi * 1.3 / 499
    assert np.std([wander(np.random.default_rng(seed), 20)[0] for seed in range(200)]) > 0.2, "no two start alike"


def test_eased_passes_through_its_values_and_rests_there():
    values = np.random.default_rng(0).normal(size=(4, 3))
    path = eased(values, 301)
    np.testing.assert_allclose(path[::100], values)
    np.testing.assert_allclose(path[1] - path[0], 0, atol=1e-3)
    inner = (path[:101] - values[0]) / (values[1] - values[0])
    assert (np.diff(inner, axis=0) >= -1e-12).all(), "straight from one to the next"
    np.testing.assert_array_equal(eased(values[:1], 5), np.repeat(values[:1], 5, axis=0))


def test_motion_keeps_the_limits_of_its_category():
    model = FaceModel.load()
    for category in VIDEOS:
        for seed in range(20):
            motion = draw_motion(model, np.random.default_rng(seed), FRAMES, category)
            assert np.abs(motion.yaw).max() <= LARGEST_YAW[category]
            assert np.abs(np.diff(motion.yaw)).max() < 30
            assert ((motion.share > 0.4) & (motion.share < 0.8)).all()
            assert motion.expression.shape == (FRAMES, len(model.action_labels))
            assert ((motion.expression >= 0) & (motion.expression <= 1)).all()


def test_light_and_occlusion_follow_the_category():
    draws = {c: [draw_weather(np.random.default_rng(seed), 200, c, SIZE) for seed in range(30)] for c in VIDEOS}
    assert all((w.change == 0).all() and np.abs(np.log(w.gain)).max() < 0.1 for w in draws[1])
    assert all(w.cover is None for w in draws[1] + draws[2])
    for category in (2, 3):
        assert all(np.ptp(w.change) > 0.05 for w in draws[category])
        assert min(w.gain.min() for w in draws[category]) < 0.3
        assert max(w.gain.max() for w in draws[category]) > 2
    for weather in draws[3]:
        off = np.abs(weather.cover[:, 0])
        assert off[0] > SIZE, "at first it is out of the picture"
        assert (off == 0).sum() >= 15, "it stays before the face for a while"
        assert np.abs(np.diff(weather.cover, axis=0)).max() < SIZE / 4


def test_light_goes_from_one_to_the_other():
    rng = np.random.default_rng(1)

    def lamp(count):
        direction, colour = rng.normal(size=(count, 3)), rng.random((count, 3))
        return Lighting(
            *(np.asarray(x, np.float32) for x in (direction, colour, rng.random(3), rng.random(3))), shadow=0.5
        )

    first, second = lamp(1), lamp(3)
    assert mixed(first, second, 0.0) is first
    half, whole = mixed(first, second, 0.5), mixed(first, second, 1.0)
    np.testing.assert_allclose(half.colour, np.concatenate([0.5 * first.colour, 0.5 * second.colour]))
    assert half.shadow == 0.25
    assert (whole.colour[:1] == 0).all()
    assert whole.shadow == 0
    np.testing.assert_allclose(whole.sky, second.sky)


def test_a_frame_of_a_video_is_a_face_with_its_labels(videos):
    model = FaceModel.load()
    for pictures in videos.values():
        for picture in pictures:
            assert picture.image.shape == (SIZE, SIZE, 3)
            inside = (picture.uv != 65535).all(-1)
            np.testing.assert_array_equal(inside, picture.part > 0)
            assert inside.mean() > 0.05
            assert ((picture.points > -20) & (picture.points < SIZE + 20)).all()
            assert picture.visible.any()
        assert len(model.landmarks.triangles) == len(pictures[0].points)


def test_neighbouring_frames_show_the_same_scene(videos):
    """Far more alike than the same frames of two videos."""
    first = {category: [p.image.astype(float) for p in pictures] for category, pictures in videos.items()}
    within = np.mean([np.abs(a - b).mean() for a, b in zip(first[1], first[1][1:], strict=False)])
    between = np.mean([np.abs(a - b).mean() for a, b in zip(first[1], first[2], strict=True)])
    assert within < 0.6 * between


def test_without_motion_only_noise_differs(monkeypatch):
    """What is not in motion is the same in every frame: person, hair, background, camera."""
    from data_synth.videos import render

    def still(model, rng, frames, category):
        motion = draw_motion(model, rng, frames, category)
        fields = {name: getattr(motion, name) for name in ("yaw", "pitch", "roll", "share", "shift", "expression")}
        return type(motion)(distance=motion.distance, **{name: value[[0] * frames] for name, value in fields.items()})

    monkeypatch.setattr(render, "draw_motion", still)
    a, b = list(render_video(NAME, 5, 1, 2, SIZE))
    np.testing.assert_array_equal(a.uv, b.uv)
    np.testing.assert_array_equal(a.points, b.points)
    assert 0 < np.abs(a.image.astype(float) - b.image).mean() < 8


def test_a_given_light_draws_what_the_renderer_draws(monkeypatch):
    """`_draw` in the light that `FaceRenderer.render` would have drawn gives its picture."""
    from data_synth.faces import render as faces
    from data_synth.videos import render

    renderer = FaceRenderer.load()
    person = renderer.person(generator("test", "person"))
    head = renderer.neutral([person])[0]
    view = renderer.view(head, 20.0, SIZE, generator("test", "view"))
    light = faces.draw_lighting(generator("test", "light"), outdoor=False)
    monkeypatch.setattr(faces, "draw_lighting", lambda *_, **__: light)
    expected = renderer.render(person, head, view, SIZE, generator("test", "rest"), outdoor=False)
    scene = faces.Scene(person, head, view.turn(head), view, SIZE, light, False)
    found = render._draw(renderer, scene, generator("test", "rest"))
    for name in ("image", "uv", "part", "points", "visible"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_structure_is_that_of_300vw(tmp_path, monkeypatch):
    assert [category_of(video) for video in (0, 30, 31, 49, 50, 63)] == [1, 1, 2, 2, 3, 3]
    with pytest.raises(IndexError):
        category_of(64)
    monkeypatch.setattr(module, "VIDEOS", {1: 1, 2: 1})
    made = stand_in_300vw(cache=tmp_path)
    assert isinstance(made, Dataset)
    test = made.split("test")
    assert len(test) == 2 * FRAMES
    assert made.missing("test") == 2 * FRAMES
    first, last = test[0], test[-1]
    assert made.missing("test") == 0
    assert (first.id, first.group, last.group) == ("test/video-01/000001", "video-01", "video-02")
    assert (int(first.target["category"]), int(last.target["category"]), int(last.target["frame"])) == (1, 2, FRAMES)
    assert [sample.id for sample in test[3:5]] == [test[3].id, test[4].id]
    again = list(render_video(NAME, 1, 2, FRAMES, SIZE))[-1]
    np.testing.assert_array_equal(again.image, last.inputs["image"])
    made.preview("test", tmp_path / "sheet.png", n=2)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))[..., ::-1]
    assert sheet.shape == (2 * SIZE, 2 * 3 * 2 * SIZE, 3)
    shown = cv2.resize(sheet[:, 6 * SIZE : 8 * SIZE], (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    assert np.abs(shown - last.inputs["image"].astype(float)).mean() < 3, "the last frame is shown too"
    with pytest.raises(InputError, match="unknown split"):
        made.split("train")
    with pytest.raises(InputError, match="no root"):
        stand_in_300vw(root=tmp_path)
