"""Rendered faces: labels that sit exactly where they should, and pictures that depend on what they claim to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core_eval import scheme
from data_synth.faces.camera import View, frame
from data_synth.faces.labels import OUTSIDE, decode_uv, encode_uv, visible_points
from data_synth.faces.model_regions import PART_NAMES
from data_synth.faces.render import FaceRenderer
from data_synth.raster import interpolate, rasterise
from data_synth.seeds import generator

SIZE = 128


@pytest.fixture(scope="module")
def renderer() -> FaceRenderer:
    return FaceRenderer.load()


@pytest.fixture(scope="module")
def pictures(renderer):
    """Forty heads with yaw from -80 to 80 degrees: (head, picture)."""
    people = [renderer.person(generator("test", "person", k)) for k in range(10)] * 4
    heads = renderer.vertices(people, generator("test", "expressions"))
    out = []
    for k, (person, head, yaw) in enumerate(zip(people, heads, np.linspace(-80, 80, 40), strict=True)):
        rng = generator("test", "scene", k)
        view = renderer.view(head, float(yaw), SIZE, rng)
        out.append((head, renderer.render(person, head, view, SIZE, rng, outdoor=k % 2 == 0)))
    return out


def _bilinear(field: np.ndarray, point: np.ndarray) -> np.ndarray:
    """A field sampled at (x, y), 0-based pixel centres; NaN if a neighbour is."""
    x, y = point
    c, r = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - c, y - r
    top = (1 - fx) * field[r, c] + fx * field[r, c + 1]
    return (1 - fy) * top + fy * ((1 - fx) * field[r + 1, c] + fx * field[r + 1, c + 1])


def test_uv_at_a_landmark_is_the_landmarks_template_uv_without_half_pixel_offset(renderer, pictures):
    """Offsets in pixels: uv read at the point minus the point's own uv, through the local derivative of the uv map."""
    template = renderer.model.landmarks.points(renderer.model.uv)
    offsets, misses = [], []
    for _, picture in pictures:
        uv = decode_uv(picture.uv).astype(float)
        for i in range(17, 68):
            c, r = np.floor(picture.points[i]).astype(int)
            if not picture.visible[i] or not (2 <= c < SIZE - 3 and 2 <= r < SIZE - 3):
                continue
            patch = uv[r - 1 : r + 3, c - 1 : c + 3]
            if not np.isfinite(patch).all():
                continue
            row, column = np.mgrid[0:4, 0:4].reshape(2, -1)
            design = np.stack([column, row, np.ones(16)], axis=1)
            slope, residual, *_ = np.linalg.lstsq(design, patch.reshape(-1, 2), rcond=None)
            miss = _bilinear(uv, picture.points[i]) - template[i]
            misses.append(np.abs(miss).max())
            if residual.max() < 1e-5:  # smooth there: no other layer of the surface (lids, lips) shows
                offsets.append(np.linalg.solve(slope[:2].T, miss))
    assert len(offsets) > 200
    assert np.median(misses) < 0.002
    assert np.mean(misses) < 0.015  # one pixel is about 0.012
    assert np.abs(np.mean(offsets, axis=0)).max() < 0.05
    assert np.abs(np.median(offsets, axis=0)).max() < 0.02


def test_points_are_projections_of_the_model(renderer, pictures):
    """Inner points against a projection written out here, in double precision."""
    for head, picture in pictures[:8]:
        view = picture.view
        x, y, z = (renderer.model.landmarks.points(head.astype(float)) @ view.rotation.T).T
        depth = view.distance - z
        expected = np.stack([view.centre[0] + view.focal * x / depth, view.centre[1] - view.focal * y / depth], axis=1)
        np.testing.assert_allclose(picture.points[17:], expected[17:], atol=2e-4)


def test_labels_equal_those_of_a_plain_rasterisation_at_pixel_centres(renderer, pictures):
    """The culled z-buffer at pixel centres and corners against a z-buffer of all triangles on the pixel grid."""
    model = renderer.model
    uv = np.where(np.isfinite(model.uv), model.uv, 0).astype(np.float32)
    for head, picture in pictures[::5]:
        projected = picture.view.project(picture.view.turn(head))
        raster = rasterise(projected, model.faces, SIZE, SIZE)
        part = np.where(raster.tri >= 0, model.part[raster.tri], 0)
        same = part == picture.part
        assert same.mean() > 0.9995
        inside = same & (part > 0)
        plain = interpolate(raster, model.faces, uv)
        assert np.quantile(np.abs(decode_uv(picture.uv) - plain)[inside], 0.999) < 2e-4
        assert (picture.uv[picture.part == 0] == OUTSIDE).all()
        assert (picture.uv[picture.part > 0] != OUTSIDE).all()


def test_every_part_is_seen_and_left_is_the_subjects_left(pictures):
    frontal = [picture for _, picture in pictures if abs(picture.view.yaw) < 15 and abs(picture.view.roll) < 15]
    assert len(frontal) >= 5
    for picture in frontal:
        column = np.broadcast_to(np.arange(SIZE), (SIZE, SIZE))
        left, right = (column[picture.part == PART_NAMES.index(f"{side}_brow")].mean() for side in ("left", "right"))
        assert left > right
    assert set(np.unique([p.part for p in frontal])) == set(range(len(PART_NAMES)))


def test_landmarks_lie_in_the_parts_they_outline(pictures):
    """Brow points on brow pixels, the nose tip on the nose, lip points within two pixels of lip pixels."""
    hits = {"brow": [], "nose": [], "lip": []}
    for _, picture in pictures:
        for name, points in (("brow", range(17, 27)), ("nose", (30,)), ("lip", range(48, 60))):
            for i in points:
                c, r = np.rint(picture.points[i]).astype(int)
                if picture.visible[i] and 2 <= c < SIZE - 2 and 2 <= r < SIZE - 2:
                    near = picture.part[r - 2 : r + 3, c - 2 : c + 3]
                    hits[name].append(any(name in PART_NAMES[p] for p in np.unique(near)))
    assert {name: np.mean(values) > 0.97 for name, values in hits.items()} == dict.fromkeys(hits, True)


def test_faces_fill_the_crop_and_stay_inside(pictures):
    for _, picture in pictures:
        low, high = picture.points.min(axis=0), picture.points.max(axis=0)
        assert 0.40 * SIZE < (high - low).max() < 0.80 * SIZE
        assert low.min() > -1
        assert high.max() < SIZE


def test_visibility_follows_yaw(pictures):
    """Turned to image right, the eye at image right is hidden first; the frontal face shows everything inside."""
    left_eye, right_eye = scheme("ibug68").eyes
    for _, picture in pictures:
        if abs(picture.view.yaw) < 10:
            assert picture.visible[17:].mean() > 0.9
    turned = [p for _, p in pictures if abs(p.view.yaw) > 65]
    near = [p.visible[list(left_eye if p.view.yaw > 0 else right_eye)].mean() for p in turned]
    far = [p.visible[list(right_eye if p.view.yaw > 0 else left_eye)].mean() for p in turned]
    assert np.mean(near) > 0.95
    assert np.mean(far) < np.mean(near) - 0.2


def test_visible_points_uses_depth_at_the_point():
    near = np.full((17, 9), 1.0, np.float32)  # nearness at centres and corners of 8 x 8 pixels
    points = np.array([[3, 3, 0.999], [3, 3, 1.005], [3, 3, 1.1], [-1, 3, 0.5], [3, 8.2, 0.5]])
    np.testing.assert_array_equal(visible_points(points, near), [True, True, False, False, False])
    near[:, 5:] = -np.inf
    assert visible_points(np.array([[4.2, 3, 1.1]]), near).all()  # beside the outline


def test_uv_code_round_trips_within_its_step():
    uv = np.random.default_rng(0).random((50, 2))
    uv[3] = np.nan
    code = encode_uv(uv)
    assert (code[3] == OUTSIDE).all()
    back = decode_uv(code)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, uv, atol=8e-6)
    np.testing.assert_array_equal(encode_uv(back), code)
    np.testing.assert_array_equal(encode_uv(np.array([0.0, 1.0])), [0, 65534])


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(20, 0, 0), (0, 15, 0), (0, 0, 10), (-30, 10, -20)])
def test_rotation_signs(yaw, pitch, roll):
    """Yaw moves the nose to image right, pitch up, roll turns the head's up axis clockwise in the image."""
    view = View(yaw=yaw, pitch=pitch, roll=roll, distance=1.0, focal=100.0)
    np.testing.assert_allclose(view.rotation @ view.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(view.rotation) == pytest.approx(1)
    nose = view.rotation @ [0, 0, 1]
    if roll == 0:
        assert np.sign(round(nose[0], 9)) == np.sign(yaw)
        assert np.sign(round(nose[1], 9)) == np.sign(pitch)
    if yaw == pitch == 0:
        assert np.sign(view.up[0]) == np.sign(roll)
        assert view.up[1] < 0


def test_framing_puts_the_box_where_it_was_asked():
    cloud = np.random.default_rng(0).normal(0, 0.05, (68, 3))
    view = frame(View(yaw=0, pitch=0, roll=0, distance=0.8), cloud, 100, 0.6, (0.1, -0.05))
    seen = view.project(cloud)[:, :2]
    low, high = seen.min(axis=0), seen.max(axis=0)
    assert (high - low).max() == pytest.approx(60)
    np.testing.assert_allclose((low + high) / 2, 49.5 + np.array([10, -5]), atol=1e-9)


def test_the_picture_does_not_move_the_labels(renderer):
    """Another scene (light, hat, occluder, background) changes every pixel's colour but no label."""
    person = renderer.person(generator("a"))
    head = renderer.vertices([person], generator("b"))[0]
    view = renderer.view(head, 10.0, SIZE, generator("c"))
    one, two = (renderer.render(person, head, view, SIZE, generator("d", k), outdoor=k == 1) for k in (0, 1))
    for name in ("uv", "part", "points", "visible"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert (one.image != two.image).mean() > 0.5


def test_a_face_keeps_its_identity_over_pictures(renderer):
    """Two expressions of one person share everything but the expression."""
    person = renderer.person(generator("one"))
    heads = renderer.vertices([person, person], generator("two"))
    assert np.abs(heads[0] - heads[1]).max() > 1e-3
    crown = renderer.model.mean[:, 1] > 0.11
    np.testing.assert_allclose(heads[0][crown], heads[1][crown], atol=2e-3)


def test_larger_pictures_show_the_same_scene(renderer):
    """Twice the size: the same labels at the shared pixel corners, points scaled about them."""
    person = renderer.person(generator("s"))
    head = renderer.vertices([person], generator("t"))[0]
    small = renderer.view(head, -15.0, 64, generator("u"))
    large = replace(small, focal=2 * small.focal, centre=tuple(2 * c + 0.5 for c in small.centre))
    one = renderer.render(person, head, small, 64, generator("v"), outdoor=False)
    two = renderer.render(person, head, large, 128, generator("v"), outdoor=False)
    np.testing.assert_allclose(two.points, 2 * one.points + 0.5, atol=1e-3)
    mean = np.nanmean(decode_uv(two.uv).reshape(64, 2, 64, 2, 2)[:, 0, :, 0][one.part > 0], axis=0)
    np.testing.assert_allclose(mean, np.nanmean(decode_uv(one.uv)[one.part > 0], axis=0), atol=0.02)
