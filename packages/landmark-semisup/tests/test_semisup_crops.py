"""What a network sees of an image, and the augmentations: geometry that pictures and points must share."""

from dataclasses import replace

import numpy as np
import pytest

from core_eval import InputError
from landmark_semisup.crops import IDENTITY, box_of, crop_matrix, cut, framed, grey, move
from landmark_semisup.tasks import TASKS
from landmark_semisup.transforms import augment, block, draw_transforms

FACES = TASKS["300w"]


def dot(x, y, height=120, width=160, spread=2.0):
    """(H, W, 1) uint8: a soft dot at (x, y)."""
    rows, columns = np.mgrid[:height, :width]
    return np.rint(255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread**2))).astype(np.uint8)[..., None]


def centre(image):
    """(x, y) of the centre of mass of (H, W, 1)."""
    mass = image[..., 0].astype(float)
    rows, columns = np.mgrid[: mass.shape[0], : mass.shape[1]]
    return np.array([(mass * columns).sum(), (mass * rows).sum()]) / mass.sum()


def test_grey_takes_colour_and_grey():
    colour = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert grey(colour).shape == (5, 7, 1)
    plain = colour[..., 0]
    np.testing.assert_array_equal(grey(plain)[..., 0], plain)
    np.testing.assert_array_equal(grey(plain[..., None])[..., 0], plain)
    np.testing.assert_array_equal(grey(np.repeat(plain[..., None], 3, 2))[..., 0], plain)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8), np.zeros(4, np.uint8), np.zeros((0, 4), np.uint8)]
)
def test_what_is_no_image_is_refused(image):
    with pytest.raises(InputError, match="uint8, got"):
        grey(image)


def test_a_crop_puts_the_box_in_the_middle():
    matrix = crop_matrix(np.array([30.0, 20.0, 90.0, 60.0]), 80, 1.3)
    corners = move(np.array([[60.0, 40.0], [30, 40], [90, 40], [60, 20]]), matrix)
    half = 80 / 1.3 / 2
    np.testing.assert_allclose(
        corners, [[39.5, 39.5], [39.5 - half, 39.5], [39.5 + half, 39.5], [39.5, 39.5 - half / 1.5]]
    )


@pytest.mark.parametrize("longer", [30.0, 60.0, 110.0])
def test_pictures_and_points_are_moved_alike(longer):
    """Also where the image is made smaller, and blurred for it."""
    place = np.array([71.3, 52.7])
    image = dot(*place, spread=longer / 30)
    box = np.array([place[0] - longer / 2, place[1] - 20, place[0] + longer / 2 + 5, place[1] + 12])
    matrix = crop_matrix(box, 80, 1.3)
    np.testing.assert_allclose(centre(cut(image, matrix, 80)), move(place[None], matrix)[0], atol=0.1)


def test_an_image_made_smaller_is_averaged_not_picked():
    stripes = np.zeros((160, 160, 1), np.uint8)
    stripes[:, ::2] = 255
    small = cut(stripes, crop_matrix(np.array([20.0, 20, 140, 140]), 40, 1.0), 40)
    assert np.ptp(small[5:-5, 5:-5].astype(int)) < 30


def test_which_box_is_used():
    image = np.repeat(dot(80, 60), 3, 2)
    box, points = np.array([50.0, 30, 110, 90]), np.array([[10.0, 10], [60, 40], [np.nan, np.nan]])
    given = framed({"image": image, "box": box}, FACES, points)
    np.testing.assert_array_equal(given[1], crop_matrix(box, 80, FACES.margin))
    taken = framed({"image": image}, FACES, points)
    np.testing.assert_array_equal(taken[1], crop_matrix(np.array([10.0, 10, 60, 40]), 80, FACES.margin))
    whole = framed({"image": image[:80, :80]}, FACES, points)
    assert whole[0].shape == (80, 80, 1)
    np.testing.assert_array_equal(whole[1], IDENTITY)
    assert framed({"image": image, "box": box}, TASKS["blocks"])[0].shape == (120, 160, 1)
    with pytest.raises(InputError, match="160x120 px, not 80x80, needs a box"):
        framed({"image": image}, FACES)


@pytest.mark.parametrize("box", [[1, 2, 3], [5, 5, 5, 5], [9, 9, 3, 3], [0, 0, np.inf, 4], [0, 0, np.nan, 4]])
def test_what_is_no_box_is_refused(box):
    with pytest.raises(InputError, match="a box is"):
        crop_matrix(np.array(box, float), 80, 1.3)


def test_a_box_needs_points():
    np.testing.assert_array_equal(box_of(np.array([[3.0, 9], [np.nan, 1], [5, 2]])), [3, 2, 5, 9])
    with pytest.raises(InputError, match="two annotated points"):
        box_of(np.array([[1.0, 2], [np.nan, 1]]))


def test_augmentation_moves_pictures_and_points_alike():
    task = replace(FACES, blocked=False)
    places = np.random.default_rng(1).uniform(30, 50, (20, 1, 2)).astype(np.float32)
    pictures = np.stack([dot(*place[0], 80, 80) for place in places])
    moved, points, inside = augment(np.random.default_rng(2), pictures, places, task)
    assert np.abs(points - places).max() > 5
    assert inside.all()
    np.testing.assert_allclose([centre(picture) for picture in moved], points[:, 0], atol=0.15)


def test_points_that_leave_the_image_are_told():
    places = np.tile(np.array([[1.0, 40], [40, 40]], np.float32), (50, 1, 1))
    _, points, inside = augment(np.random.default_rng(3), np.zeros((50, 80, 80, 1), np.uint8), places, FACES)
    assert inside[:, 1].all()
    assert 0.2 < inside[:, 0].mean() < 0.8
    np.testing.assert_array_equal(inside[:, 0], ((points[:, 0] >= -0.5) & (points[:, 0] < 79.5)).all(-1))


def test_black_rectangles_are_rectangles_of_at_most_two_fifths_of_the_image():
    pictures = np.full((200, 50, 60, 1), 9, np.uint8)
    block(np.random.default_rng(4), pictures)
    black = pictures[..., 0] == 0
    rows, columns = black.any(2).sum(1), black.any(1).sum(1)
    np.testing.assert_array_equal(black.sum((1, 2)), rows * columns)
    assert 15 < rows.max() <= 21
    assert 18 < columns.max() <= 25
    assert black.mean((1, 2)).max() < 0.17


@pytest.mark.parametrize(("name", "rotation", "scale"), [("hgr1", 20, 0.1), ("multipie", 20, 0.1), ("300w", 30, 0.1)])
def test_ranges_are_as_printed(name, rotation, scale):
    matrices = draw_transforms(np.random.default_rng(5), 2000, (64, 64), TASKS[name])
    angle = np.rad2deg(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]))
    factor = np.sqrt(np.linalg.det(matrices[:, :, :2]))
    assert 0.99 * rotation < np.abs(angle).max() <= rotation
    assert 1 - scale <= factor.min() < factor.max() <= 1 + scale
