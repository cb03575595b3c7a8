"""Pictures: sizes, colours where they belong, and a network without maps."""

import numpy as np
import pytest

from core_eval import InputError
from landmark_semisup.budgets import plan
from landmark_semisup.figures import GAP, GUESS, LANDMARKS, TRUTH, enlarge, landmarks_figure, shapes_figure
from landmark_semisup.method import SemiSupervised
from landmark_semisup.networks import CommMT, Size


def picture():
    """Two white shapes on black, 60 x 60: one about (15, 20), one about (40, 45)."""
    image = np.zeros((60, 60, 3), np.uint8)
    image[15:26, 10:21] = 255
    image[38:53, 33:48] = 255
    return {"image": image}, {"points": np.array([[15.0, 20.0], [40.0, 45.0]])}


def near(tile, place, zoom, colour):
    """Whether that colour is at the place (x, y) of the small picture."""
    x, y = np.rint((np.array(place) + 0.5) * zoom - 0.5).astype(int)
    return (np.abs(tile[y - 1 : y + 2, x - 1 : x + 2].astype(int) - colour).max(-1) < 40).any()


@pytest.mark.parametrize("label", [0, 1])
def test_figure_4_shows_crosses_the_named_shape_and_the_maps(label):
    inputs, target = picture()
    prediction = {"points": np.array([[5.0, 50.0], [50.0, 8.0]]), "label": np.array(label)}
    maps = np.zeros((2, 60, 60))
    maps[0, 30, 10], maps[1] = 3.0, np.linspace(-7, 9, 3600).reshape(60, 60)
    drawn = shapes_figure([(inputs, target, prediction, maps)] * 3, side=120)
    assert drawn.shape == (3 * 120 + 2 * GAP, 3 * 120 + 2 * GAP, 3)
    top = drawn[:120, :120]
    for place, colour in zip(prediction["points"], LANDMARKS, strict=True):
        assert near(top, place, 2, colour)
    inside = [top[int(2 * y) + 4, int(2 * x) - 6].tolist() for x, y in target["points"]]
    assert inside[label] == [63, 255, 63], "the shape that the class names is green"
    assert inside[1 - label] == [255, 255, 255]
    first, second = drawn[120 + GAP : 240 + GAP, :120], drawn[240 + 2 * GAP :, :120]
    assert np.argwhere(first[..., 0] == 255).min(0).tolist() == [60, 20]
    assert (second.min(), second.max()) == (0, 255)
    assert (inputs["image"] == picture()[0]["image"]).all(), "the sample is left as it was"


def test_figure_7_shows_true_and_found_places():
    inputs, target = picture()
    found = {"points": target["points"] + [8, -7]}
    nowhere = {"points": np.full((2, 2), np.nan)}
    drawn = landmarks_figure([(inputs, target)] * 2, [("one", [found, found]), ("two", [nowhere, found])], side=120)
    assert drawn.shape == (2 * 120 + GAP, 156 + 2 * (120 + GAP), 3)
    tile, other = drawn[:120, 156 + GAP :][:, :120], drawn[120 + GAP :, 156 + GAP :][:, :120]
    for place, guess in zip(target["points"], found["points"], strict=True):
        assert near(tile, place, 2, TRUTH)
        assert near(tile, guess, 2, GUESS)
        assert not near(other, guess, 2, GUESS)
    assert drawn[:120, :156].min() < 128, "the name is written"


def test_places_are_pixel_centres():
    large, zoom = enlarge(np.arange(16, dtype=np.uint8).reshape(4, 4, 1).repeat(3, 2), 40)
    assert zoom == 10
    assert large[int((2 + 0.5) * zoom - 0.5), int((1 + 0.5) * zoom - 0.5), 0] == 9


def test_a_network_without_maps_says_so():
    method = SemiSupervised(network="comm-mt")
    method._net = CommMT(method.task, plan("smoke", "blocks"), Size(24, 24, 2, ())).eval()
    with pytest.raises(InputError, match="no maps"):
        next(method.maps([{"image": np.zeros((24, 24, 3), np.uint8)}]))
