"""Augmentation moves images and labels together."""

import numpy as np
import pytest

from core_train import Augment
from core_train.augment import (
    FILL,
    move_points,
    random_affines,
    recolour,
    warp_coordinates,
    warp_images,
    warp_labels,
)

SIZE = (48, 64)


def ramp(height=SIZE[0], width=SIZE[1]):
    """uv of a plane: u = x / 100, v = y / 100; no label outside a rectangle."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    uv = np.stack([x, y], -1) / 100
    uv[:8], uv[-6:], uv[:, :5], uv[:, -9:] = (np.nan,) * 4
    return uv[None]


def matrices(seed, n=1, output=SIZE, **options):
    options = {"scale": (0.75, 1.25), "rotation": 30.0, "shift": 0.1, **options}
    return random_affines(np.random.default_rng(seed), n, SIZE, output, **options)


def test_the_identity_changes_nothing():
    identity = random_affines(np.random.default_rng(0), 2, SIZE, SIZE)
    assert np.allclose(identity, [[1, 0, 0], [0, 1, 0]])
    images = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), dtype=np.uint8)
    labels = np.random.default_rng(0).integers(0, 9, (2, *SIZE), dtype=np.uint8)
    uv = np.repeat(ramp(), 2, 0)
    assert np.array_equal(warp_images(images, identity, SIZE), images)
    assert np.array_equal(warp_labels(labels, identity, SIZE), labels)
    assert np.array_equal(warp_coordinates(uv, identity, SIZE), uv, equal_nan=True)


@pytest.mark.parametrize("seed", range(5))
def test_coordinates_and_points_move_alike(seed):
    """On a plane, the label at an output pixel is the source position that the matrix sends there."""
    matrix = matrices(seed, output=(40, 40))
    warped = warp_coordinates(ramp(), matrix, (40, 40))[0]
    y, x = np.nonzero(np.isfinite(warped[..., 0]))
    assert len(x) > 200
    source = 100 * warped[y, x].astype(np.float64)
    landed = move_points(source[None], matrix)[0]
    error = np.abs(landed - np.stack([x, y], -1)).max(1)
    assert np.median(error) < 0.05  # bilinear inside
    assert error.max() < 1.3  # nearest neighbour at the rim: half a pixel each way, scaled


def test_points_follow_what_they_mark():
    images = np.full((3, *SIZE, 3), FILL, np.uint8)
    points = np.array([[[20.0, 15.0]], [[40.0, 30.0]], [[32.0, 20.0]]])
    for image, ((x, y),) in zip(images, points, strict=True):
        image[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2] = 200
    moved = matrices(1, 3)
    warped = warp_images(images, moved, SIZE)[..., 0].astype(np.float64) - FILL
    yy, xx = np.mgrid[: SIZE[0], : SIZE[1]]
    centre = [[(w * xx).sum() / w.sum(), (w * yy).sum() / w.sum()] for w in warped]
    assert np.allclose(centre, move_points(points, moved)[:, 0], atol=0.1)


def test_surfaces_are_not_mixed_at_an_occlusion():
    """Left half 0.2, right half 0.8: no pixel in between after a shift by half a pixel."""
    uv = np.full((1, *SIZE, 2), 0.2, np.float32)
    uv[:, :, 32:] = 0.8
    shifted = warp_coordinates(uv, np.array([[[1.0, 0, 0.5], [0, 1, 0]]]), SIZE)
    assert set(np.unique(shifted[np.isfinite(shifted)]).tolist()) == {np.float32(0.2), np.float32(0.8)}
    smooth = warp_coordinates(uv, np.array([[[1.0, 0, 0.5], [0, 1, 0]]]), SIZE, jump=1.0)
    assert 0.4 < smooth[0, 10, 32, 0] < 0.6


def test_labels_leave_nothing_outside():
    far = np.array([[[1.0, 0, 1000], [0, 1, 0]]])
    assert np.isnan(warp_coordinates(ramp(), far, SIZE)).all()
    assert (warp_labels(np.ones((1, *SIZE), np.uint8), far, SIZE) == 0).all()
    assert (warp_images(np.zeros((1, *SIZE, 3), np.uint8), far, SIZE) == 127).all()


def test_draws_stay_in_their_ranges_and_keep_the_centre():
    m = matrices(0, 2000, shift=0.0, output=(30, 20))
    factor = np.hypot(m[:, 0, 0], m[:, 1, 0])
    angle = np.rad2deg(np.arctan2(m[:, 1, 0], m[:, 0, 0]))
    assert 0.75 <= factor.min() < 0.76
    assert 1.24 < factor.max() <= 1.25
    assert -30 <= angle.min() < -29.5
    assert 29.5 < angle.max() <= 30
    centre = move_points(np.tile([[[31.5, 23.5]]], (2000, 1, 1)), m)
    assert np.allclose(centre, [9.5, 14.5])


def test_colours():
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    one, zero = np.ones((2, 1, 1, 3)), np.zeros((2, 1, 1, 1))
    assert np.array_equal(recolour(images, one, zero), images)
    assert (recolour(images, 0 * one, zero + 10) == 138).all()  # 127.5 + 10, to the even number
    assert recolour(images, 3 * one, zero).max() == 255


def test_a_whole_batch():
    generator = np.random.default_rng(0)
    n = 400
    batch = {
        "image": generator.integers(0, 256, (n, 16, 16, 3), dtype=np.uint8),
        "uv": generator.random((n, 16, 16, 2), dtype=np.float32),
        "part": np.ones((n, 16, 16), np.uint8),
        "points": np.tile([[[2.0, 7.0]]], (n, 1, 1)),
        "yaw": np.arange(n),
    }

    def mirror(arrays):
        swapped = {key: arrays[key][:, :, ::-1] for key in ("image", "uv", "part")}
        return {**swapped, "points": arrays["points"] * [-1, 1] + [15, 0], "yaw": -arrays["yaw"]}

    before = {key: value.copy() for key, value in batch.items()}
    still = Augment(scale=(1, 1), rotation=0, shift=0, brightness=0, contrast=0, mirror=mirror)
    out = still(batch, np.random.default_rng(1))
    flipped = out["yaw"] < 0
    assert 150 < flipped.sum() < 250
    assert np.array_equal(out["image"][flipped], batch["image"][flipped][:, :, ::-1])
    assert np.array_equal(out["image"][~flipped], batch["image"][~flipped])
    assert (out["points"][flipped] == [13, 7]).all()
    moved = Augment(size=(12, 10))(batch, np.random.default_rng(1))
    assert {key: value.shape for key, value in moved.items()} == {
        "image": (n, 12, 10, 3),
        "uv": (n, 12, 10, 2),
        "part": (n, 12, 10),
        "points": (n, 1, 2),
        "yaw": (n,),
    }
    assert {key: value.dtype for key, value in moved.items()} == {key: value.dtype for key, value in batch.items()}
    assert all(np.array_equal(batch[key], before[key]) for key in batch)
    again = Augment(size=(12, 10))(batch, np.random.default_rng(1))
    assert all(np.array_equal(moved[key], again[key], equal_nan=True) for key in moved)
