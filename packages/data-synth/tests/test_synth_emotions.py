import itertools

import numpy as np
import pytest

from core_eval import InputError, scheme
from core_eval.normalisers import normaliser_of
from data_synth.emotions import studio
from data_synth.emotions.dataset import COUNTS, SplitRenderer, multipie, place_of
from data_synth.emotions.expressions import ACTIONS, EMOTIONS, draw_expression
from data_synth.faces.render import FaceRenderer
from data_synth.raster import rasterise

IMAGES = 240


@pytest.fixture(scope="module")
def renderer():
    return FaceRenderer.load()


@pytest.fixture(scope="module")
def drawn():
    """split -> the arrays of its first images and their places."""
    out = {}
    for split in ("train", "test"):
        render = SplitRenderer(split, "one")
        blocks = [render(range(first, first + 20)) for first in range(0, IMAGES, 20)]
        arrays = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
        out[split] = arrays, [place_of(split, index) for index in range(IMAGES)]
    return out


def test_counts_and_subjects_are_the_papers():
    data = multipie()
    assert {split: len(data.split(split)) for split in COUNTS} == {"train": 1875, "valid": 579, "test": 1054}
    people = {split: {place_of(split, index).subject for index in range(COUNTS[split])} for split in COUNTS}
    assert people == {"train": {*range(1, 151)}, "valid": {*range(151, 201)}, "test": {*range(201, 338)}}
    assert not set.intersection(*people.values())


@pytest.mark.parametrize("split", COUNTS)
def test_classes_are_even_and_every_light_occurs(split):
    places = [place_of(split, index) for index in range(COUNTS[split])]
    for field, classes in (("emotion", 6), ("camera", 5)):
        found = np.bincount([getattr(place, field) for place in places], minlength=classes)
        assert found.min() > 0.8 * len(places) / classes, field
    assert {place.light for place in places} == set(range(20))
    for first in range(0, 90, 30):
        assert {place.emotion for place in places[first : first + 30]} == set(range(6))


def test_subject_who_comes_back_shows_another_emotion():
    shown = {}
    for index in range(0, COUNTS["train"], 5):
        place = place_of("train", index)
        assert place.emotion not in shown.setdefault(place.subject, set())
        shown[place.subject].add(place.emotion)
    assert {len(emotions) for emotions in shown.values()} == {2, 3}


def test_all_lights_show_every_picture_in_each():
    data = multipie(lights="all")
    assert len(data.split("train")) == 37500
    for index in (0, 47, 37499):
        place, first = place_of("train", index, "all"), place_of("train", index // 20)
        assert place.light == index % 20
        assert place[:5] == first[:5]
    assert data.fingerprint("train") != multipie().fingerprint("train")


def test_same_pictures_whatever_was_rendered_before(drawn):
    again = SplitRenderer("test", "one")(range(40, 60))
    for name, array in again.items():
        np.testing.assert_array_equal(array, drawn["test"][0][name][40:60])


def aligned(points):
    """Landmarks (N, 68, 2) with the eye centres' middle at 0 and their distance as unit."""
    left, right = points[:, 36:42].mean(axis=1), points[:, 42:48].mean(axis=1)
    return (points - ((left + right) / 2)[:, None]) / np.linalg.norm(right - left, axis=1)[:, None, None]


def nearest_class(train, labels, test):
    centroids = np.stack([train[labels == k].mean(axis=0) for k in range(labels.max() + 1)])
    return np.square(test[:, None] - centroids[None]).sum(axis=(2, 3)).argmin(axis=1)


@pytest.mark.parametrize(("field", "at_least"), [("camera", 0.85), ("emotion", 0.5)])
def test_true_landmarks_tell_the_classes(drawn, field, at_least):
    (train, known), (test, asked) = drawn["train"], drawn["test"]
    labels, truth = (np.array([getattr(place, field) for place in places]) for places in (known, asked))
    sides = [np.array([place.camera for place in places]) if field == "emotion" else np.zeros(IMAGES, int)
             for places in (known, asked)]  # fmt: skip
    right = np.zeros(IMAGES, bool)
    for side in np.unique(sides[0]):  # emotions camera by camera
        of, at = sides[0] == side, sides[1] == side
        guess = nearest_class(aligned(train["points"][of]), labels[of], aligned(test["points"][at]))
        right[at] = guess == truth[at]
    assert right.mean() > at_least


def opening(points, pairs):
    return np.mean([np.linalg.norm(points[:, a] - points[:, b], axis=1) for a, b in pairs], axis=0)


def test_emotions_move_mouth_and_eyes_as_their_names_say(drawn):
    arrays, places = drawn["train"]
    emotion = np.array([EMOTIONS[place.emotion] for place in places])
    points = aligned(arrays["points"])
    mouth = opening(points, [(61, 67), (62, 66), (63, 65)])
    eyes = opening(points, [(37, 41), (38, 40), (43, 47), (44, 46)])
    corners = np.abs(points[:, 54, 0] - points[:, 48, 0])
    mean = {name: [field[emotion == name].mean() for field in (mouth, eyes, corners)] for name in EMOTIONS}
    assert mean["scream"][0] > mean["surprise"][0] > 3 * mean["neutral"][0]
    assert mean["squint"][1] < mean["neutral"][1] < mean["surprise"][1]
    assert mean["smile"][2] > 1.1 * mean["neutral"][2]


def test_weights_stay_in_their_range(renderer):
    labels = renderer.model.action_labels
    for emotion, seed in itertools.product(range(len(EMOTIONS)), range(20)):
        weights = draw_expression(emotion, np.random.default_rng(seed), labels)
        assert weights.shape == (len(labels),)
        assert weights.min() >= 0
        assert weights.max() <= 1
        assert max(weights[labels.index(f"eyeBlink{side}")] for side in ("Left", "Right")) <= 0.8
    sides = {label.removesuffix("Left").removesuffix("Right") for label in labels}
    assert {action for actions in ACTIONS.values() for action in actions} <= sides


def shot_of(renderer, subject=3, emotion=0):
    person = renderer.person(np.random.default_rng(subject))
    weights = draw_expression(emotion, np.random.default_rng(subject), renderer.model.action_labels)
    head = renderer.model.vertices(person.params.with_expression(weights[None]))[0]
    return studio.Shot("x", person, head, (1.0, 2.0, -1.0), 1.2, ("clothes",), None, ("room",))


@pytest.mark.parametrize("camera", range(5))
def test_visible_points_are_those_that_rays_reach(renderer, camera):
    shot = shot_of(renderer)
    photo = studio.take(renderer, shot, camera, 3, 64, np.random.default_rng(camera))
    turned = photo.view.turn(shot.head)
    projected = photo.view.project(turned).astype(float)
    truth = renderer.landmarks(turned, photo.view.project(turned), photo.view)
    np.testing.assert_allclose(photo.points * 2 + 0.5, truth[:, :2], atol=1e-9)
    covered = rasterise(projected, renderer.model.faces, 128, 128).tri >= 0
    for x, y in truth[photo.visible][:, :2]:
        column, row = round(x), round(y)
        assert covered[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].any()
    nearest = np.array([depth_on_ray(projected, renderer.model.faces, x, y) for x, y in truth[17:, :2]])
    reached = truth[17:, 2] - nearest < 0.006
    assert (photo.visible[17:] | ~reached).all(), "what a ray reaches is visible"
    assert (reached == photo.visible[17:]).mean() > 0.95


def depth_on_ray(projected, faces, x, y):
    """Depth of the nearest triangle at (x, y), in plain arithmetic; +inf beside the mesh."""
    a, b, c = (projected[faces[:, k]] for k in range(3))
    edge = [(q[:, 0] - p[:, 0]) * (y - p[:, 1]) - (q[:, 1] - p[:, 1]) * (x - p[:, 0])
            for p, q in ((b, c), (c, a), (a, b))]  # fmt: skip
    area = sum(edge)
    inside = (np.stack(edge) <= 0).all(axis=0) & (area < 0)  # the front runs clockwise where y points down
    near = sum(e / p[:, 2] for e, p in zip(edge, (a, b, c), strict=True))[inside] / area[inside]
    return 1 / near.max() if inside.any() else np.inf


def test_flash_lights_its_side(renderer):
    shot = shot_of(renderer)
    sides = []
    for azimuth in (-75.0, 75.0):
        light = 1 + studio.FLASHES.index((azimuth, 8.0))
        grey = studio.take(renderer, shot, 2, light, 64, np.random.default_rng(0)).image.astype(float).mean(axis=2)
        sides.append(grey[24:40, 16:28].mean() - grey[24:40, 36:48].mean())
    assert sides[0] > 10
    assert sides[1] < -10


def test_normaliser_of_errors_is_there(drawn):
    arrays, _ = drawn["test"]
    found = [normaliser_of({"points": points}, scheme("ibug68"), "eye-centres") for points in arrays["points"]]
    assert min(found) > 12
    assert max(found) < 40
    assert ((arrays["points"] > -0.5) & (arrays["points"] < 63.5)).all()


def test_samples_say_what_they_are(drawn):
    recipe = multipie().recipe
    arrays, places = drawn["test"]
    samples = [recipe.sample("test", i, {name: arrays[name][i] for name in arrays}) for i in range(IMAGES)]
    assert len({sample.id for sample in samples}) == IMAGES
    for sample, place in zip(samples, places, strict=True):
        assert sample.inputs.keys() == {"image"}
        assert sample.group == f"subject-{place.subject:03d}"
        for name in ("emotion", "camera", "light", "subject"):
            assert sample.target[name].dtype == np.int64
            assert sample.target[name] == getattr(place, name)


def test_bad_requests_are_explained(tmp_path):
    with pytest.raises(InputError, match="no root folder"):
        multipie(root=tmp_path)
    with pytest.raises(InputError, match="one or all"):
        multipie(lights="some")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="unknown split"):
        multipie().split("dev")
    with pytest.raises(InputError, match="unknown split"):
        multipie().fingerprint("dev")
