"""Shapes and Blocks: what the paper says of them, checked on the pictures."""

from itertools import combinations

import numpy as np
import pytest
from scipy.ndimage import label as components
from skimage.draw import polygon2mask

from core_eval import InputError
from data_synth.figures import blocks, shapes
from data_synth.figures.dataset import Figures, blocks_set
from data_synth.figures.polygons import fill, place


def fill_naive(polygons, size, fine=16):
    """Share of each pixel that the union covers, by counting sub-pixels."""
    mask = np.zeros((size * fine, size * fine), bool)
    for polygon in polygons:
        mask |= polygon2mask(mask.shape, (polygon[:, ::-1] + 0.5) * fine - 0.5)
    return mask.reshape(size, fine, size, fine).mean((1, 3))


@pytest.fixture(scope="module", params=["blocks", "shapes"])
def samples(request):
    return request.param, list(Figures(request.param).split("train")[:150])


def test_filling_agrees_with_counting_sub_pixels():
    rng = np.random.default_rng(5)
    corners = place(blocks.FIGURES[:6], rng.uniform(5, 8, 6), rng.uniform(0, 7, 6), rng.uniform(25, 35, (6, 2)))
    for polygons, picture in zip(corners, fill(corners, 60), strict=True):
        difference = np.abs(fill_naive(polygons, 60) - picture / 255)
        assert difference.max() < 0.3, "at a corner or a gap narrower than a pixel"
        assert difference[(picture == 0) | (picture == 255)].mean() < 0.005
        assert difference.mean() < 0.005


def test_filling_takes_polygons_either_way_round_and_whole_pixels_exactly():
    box = np.array([[[1.5, 0.5], [4.5, 0.5], [4.5, 2.5], [1.5, 2.5]]])
    expected = np.zeros((6, 6), np.uint8)
    expected[1:3, 2:5] = 255
    np.testing.assert_array_equal(fill(box[None], 6)[0], expected)
    np.testing.assert_array_equal(fill(box[None, :, ::-1], 6)[0], expected)


def test_placing_is_a_similarity():
    rng = np.random.default_rng(6)
    corners, scale, angle = rng.normal(size=(3, 2, 4, 2)), np.array([2.0, 1, 3]), np.array([0.3, np.pi / 2, 2])
    moved = place(corners, scale, angle, np.array([[1.0, 2], [0, 0], [5, 5]]))
    before, after = (np.linalg.norm(points[:, 0, 0] - points[:, 1, 2], axis=-1) for points in (corners, moved))
    np.testing.assert_allclose(after, scale * before)
    np.testing.assert_allclose(moved[1, ..., 0], -corners[1, ..., 1], atol=1e-12)  # x turns towards y


def test_splits_have_the_paper_s_numbers_and_share_nothing():
    data = Figures("blocks")
    pictures = {}
    for name in ("train", "valid", "test"):
        split = data.split(name)
        assert len(split) == 3200
        pictures[name] = {sample.inputs["image"].tobytes() for sample in split[:200]}
        assert len(pictures[name]) == 200
    assert not any(pictures[a] & pictures[b] for a, b in combinations(pictures, 2))
    assert len({data.fingerprint(name) for name in pictures} | {Figures("shapes").fingerprint("test")}) == 4
    with pytest.raises(InputError, match="no root"):
        blocks_set(root="somewhere")


def test_a_sample_depends_on_its_number_alone(samples):
    name, first = samples
    again = Figures(name).split("train")[140:][3]
    np.testing.assert_array_equal(again.inputs["image"], first[143].inputs["image"])
    fetched = Figures(name).split("train")[100:].fetch(np.array([43, 0]))
    np.testing.assert_array_equal(fetched["image"][0], first[143].inputs["image"])
    np.testing.assert_array_equal(fetched["points"][1], first[100].target["points"])
    assert fetched["label"].tolist() == [int(first[143].target["label"]), int(first[100].target["label"])]


def test_changing_a_sample_changes_no_later_reading():
    split = Figures("blocks").split("test")
    sample = split[7]
    sample.target["points"][:] = 0
    sample.inputs["image"][:] = 0
    assert split[7].target["points"].min() > 0
    assert split[7].inputs["image"].max() == 255


def test_figures_are_white_on_black_and_inside(samples):
    for sample in samples[1]:
        image = sample.inputs["image"]
        assert image.shape == (60, 60, 3)
        assert (image == image[..., :1]).all()
        assert image.max() == 255
        assert image[[0, -1]].max(initial=0) < 100
        assert image[:, [0, -1]].max(initial=0) < 100


def test_points_of_blocks_are_the_centres_of_white_squares(samples):
    name, first = samples
    if name != "blocks":
        pytest.skip("of Blocks only")
    for sample in first:
        points = sample.target["points"]
        cell = np.linalg.norm(np.diff(points, axis=0), axis=1)
        np.testing.assert_allclose(cell, cell[0])
        assert blocks.CELL[0] <= cell[0] <= blocks.CELL[1]
        x, y = np.rint(points).astype(int).T
        assert (sample.inputs["image"][y, x] == 255).all()
        head = 2 * points[0] - points[1]  # the triangle is white too, and one cell further there is nothing
        assert sample.inputs["image"][*np.rint(head[::-1]).astype(int)].max() > 200
        before = np.rint(2 * head - points[0])[::-1].astype(int)
        if ((before >= 0) & (before < 60)).all():
            assert sample.inputs["image"][*before].max() < 200


def test_classes_of_blocks_differ_in_their_squares_and_in_their_pictures():
    assert len(set(blocks.CLASSES)) == 15
    chains = blocks.CHAINS @ [1, 1j]
    for chain in chains:
        assert len(set(chain)) == 5
        assert -1 not in chain, "the head's cell is free"
    assert len({frozenset(chain) for chain in chains}) == 15, "no two look the same"
    for one, two in combinations(chains - chains.mean(1, keepdims=True), 2):
        similarity = abs(np.vdot(one, two)) / np.linalg.norm(one) / np.linalg.norm(two)
        assert similarity < 0.95, "nor become the same by rotation and scale"
    mirrored = {turns.translate(str.maketrans("LR", "RL")) for turns in blocks.CLASSES}
    assert mirrored == set(blocks.CLASSES)


def test_classes_of_blocks_are_balanced_and_turned_all_ways():
    split = Figures("blocks").split("valid")
    labels = [int(sample.target["label"]) for sample in split[:600]]
    assert np.bincount(labels).tolist() == [40] * 15
    along = np.array([np.diff(sample.target["points"][:2], axis=0)[0] for sample in split[:600]]) @ [1, 1j]
    assert abs((along / np.abs(along)).mean()) < 0.1


def test_shapes_are_two_and_the_class_names_the_nearer_one(samples):
    name, first = samples
    if name != "shapes":
        pytest.skip("of Shapes only")
    labels = []
    for sample in first:
        points = sample.target["points"]
        y, x = np.mgrid[:60, :60]
        regions, count = components(sample.inputs["image"][..., 0] > 60, np.ones((3, 3)))
        assert count == 2
        fullness = []  # share of the circle about a shape: 2 / pi of a square, 1.3 / pi of a triangle
        for point in points:
            own = regions == regions[*np.rint(point[::-1]).astype(int)]
            np.testing.assert_allclose(np.argwhere(own).mean(0)[::-1], point, atol=0.5)
            fullness.append(own.sum() / np.hypot(x - point[0], y - point[1])[own].max() ** 2)
        assert fullness[0] < fullness[1], "triangle first"
        distance = np.hypot(*(points + 0.5).T)
        assert int(sample.target["label"]) == int(np.argmin(distance))
        assert abs(distance[0] - distance[1]) >= shapes.MARGIN
        labels.append(int(sample.target["label"]))
    assert 0.35 < np.mean(labels) < 0.65
