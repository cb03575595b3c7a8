"""Lifting a picture by its depth, and turning it."""

import numpy as np
import pytest

from core_eval import InputError
from face_densereg.render3d import Mesh, draw, lift, normals, relief, turned, views

RNG = np.random.default_rng(0)


def picture(height=40, width=50):
    return RNG.integers(0, 256, (height, width, 3)).astype(np.uint8)


def ball(side=61, radius=25.0):
    """Depth in px of the near side of a ball in the middle of the image, NaN beside it."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    rest = radius**2 - x**2 - y**2
    return np.where(rest > 0, side / 2 - np.sqrt(np.maximum(rest, 0)), np.nan)


def draw_naive(mesh, height, width):
    """Plain twin: for each pixel the nearest of all triangles that cover its centre."""
    out = np.full((height, width, 3), 255.0)
    for y in range(height):
        for x in range(width):
            best = np.inf
            for face in mesh.faces:
                corners = mesh.vertices[face]
                system = np.vstack([corners[:, :2].T, np.ones(3)])
                if abs(np.linalg.det(system)) < 1e-12:
                    continue
                weights = np.linalg.solve(system, [x, y, 1.0])
                depth = weights @ corners[:, 2]
                if weights.min() > -1e-9 and depth < best:
                    best, out[y, x] = depth, weights @ mesh.colours[face].astype(float)
    return np.rint(out)


def test_turned_by_nothing_the_picture_comes_back():
    """Wherever there is a triangle, so but for pixels at the rim that stand alone or too steep."""
    image, depth = picture(61, 61), ball()
    mesh = turned(lift(image, depth, 1.0), 0.0)
    seen = draw(mesh, 61, 61)
    x, y = np.rint(mesh.vertices[np.unique(mesh.faces), :2]).astype(int).T
    np.testing.assert_array_equal(seen[y, x], image[y, x])
    assert len(x) > 0.99 * np.isfinite(depth).sum()
    assert (seen[np.isnan(depth)] == 255).all()


@pytest.mark.parametrize("slope", [(0.0, 0.0), (0.7, 0.0), (-0.3, 1.5)])
def test_normals_of_a_plane(slope):
    y, x = np.mgrid[:20, :30]
    mesh = lift(picture(20, 30), (slope[0] * x + slope[1] * y) / 100, 100.0)
    expected = np.array([*slope, -1.0]) / np.sqrt(1 + slope[0] ** 2 + slope[1] ** 2)
    np.testing.assert_allclose(normals(mesh), np.tile(expected, (600, 1)), atol=1e-9)


def test_normals_of_a_ball_point_from_its_middle():
    mesh = lift(picture(61, 61), ball(), 1.0)
    middle = np.array([30.0, 30.0, 30.5])
    radial = (mesh.vertices - middle) / 25
    inner = np.hypot(*radial[:, :2].T) < 0.8
    assert (normals(mesh) * radial).sum(1)[inner].min() > 0.995
    lit = relief(mesh).colours[:, 0].astype(int)
    upper_left, lower_right = (np.abs(mesh.vertices[:, :2] - place).sum(1).argmin() for place in (20.0, 40.0))
    assert lit[upper_left] > lit[lower_right] + 50


def test_a_turn_is_rigid_and_goes_the_way_it_says():
    mesh = lift(picture(61, 61), ball(), 1.0)
    near = mesh.vertices[:, 2].argmin()
    for yaw, pitch in ((30.0, 0.0), (0.0, 30.0), (-50.0, 20.0)):
        moved = turned(mesh, yaw, pitch)
        some = RNG.integers(0, len(mesh.vertices), (50, 2))
        before, after = (np.diff(m.vertices[some], axis=1)[:, 0] for m in (mesh, moved))
        np.testing.assert_allclose(np.linalg.norm(before, axis=1), np.linalg.norm(after, axis=1))
        assert np.linalg.det(np.linalg.lstsq(before, after, rcond=None)[0]) == pytest.approx(1)
        shift = moved.vertices[near] - mesh.vertices[near]
        assert np.sign(np.round(shift[0], 6)) == np.sign(yaw)
        assert np.sign(np.round(shift[1], 6)) == -np.sign(pitch)
    back = turned(turned(mesh, 35.0), -35.0)
    assert np.abs(back.vertices - mesh.vertices - (back.vertices - mesh.vertices)[0]).max() < 1e-9


def test_a_card_looks_narrower_by_the_cosine():
    depth = np.full((60, 60), np.nan)
    depth[10:50, 10:51] = 0.5
    mesh = lift(np.zeros((60, 60, 3), np.uint8), depth, 60.0)
    widths = [(draw(turned(mesh, yaw), 60, 60)[30, :, 0] == 0).sum() for yaw in (0.0, 60.0, -60.0)]
    assert widths == [41, 21, 21]


def test_pictures_agree_with_the_plain_twin():
    image, depth = picture(9, 8), RNG.random((9, 8))
    depth[2:4, 3:5], depth[0, 0] = np.nan, np.nan
    mesh = turned(lift(image, depth, 3.0), 40.0, -15.0)
    assert len(mesh.faces) > 60
    difference = np.abs(draw(mesh, 9, 8).astype(float) - draw_naive(mesh, 9, 8)).max(-1)
    assert (difference <= 1).all()
    # The order of the triangles does not matter: the nearest wins.
    shuffled = Mesh(mesh.vertices, RNG.permutation(mesh.faces), mesh.colours)
    assert (np.abs(draw(mesh, 9, 8).astype(int) - draw(shuffled, 9, 8)).max(-1) > 1).mean() < 0.05


def test_one_surface_is_not_drawn_over_a_jump():
    depth = np.full((10, 20), 0.2)
    depth[:, 10:] = 0.8
    mesh = lift(picture(10, 20), depth, 20.0)
    left = mesh.vertices[:, 0] < 10
    assert (left[mesh.faces].all(1) | ~left[mesh.faces].any(1)).all()
    assert len(mesh.faces) == 2 * 2 * 9 * 9
    assert len(lift(picture(10, 20), depth, 20.0, steepest=20.0).faces) == 2 * 9 * 19


def test_three_known_corners_are_a_triangle():
    for missing in ((0, 0), (0, 1), (1, 0), (1, 1)):
        depth = np.zeros((2, 2))
        depth[missing] = np.nan
        faces = lift(picture(2, 2), depth, 1.0).faces
        assert [sorted(face) for face in faces.tolist()] == [[0, 1, 2]]


def test_views_are_pictures_of_the_asked_size():
    image, depth = picture(61, 61), ball() / 61
    seen = views(image, depth, 61.0, [(-30, 0), (0, 0), (30, 10)], zoom=3)
    assert [view.shape for view in seen] == [(183, 183, 3)] * 3
    assert all(view.dtype == np.uint8 for view in seen)
    assert all(0.2 < (view != 255).any(-1).mean() < 0.8 for view in seen)
    grey = views(image, depth, 61.0, [(0, 0)], textured=False)[0]
    assert (grey[..., 0] == grey[..., 2]).all()


def test_what_cannot_be_lifted_is_refused():
    with pytest.raises(InputError, match="no pixel has a depth"):
        lift(picture(), np.full((40, 50), np.nan), 1.0)
    with pytest.raises(InputError, match="no pixel has a depth"):
        lift(picture(), np.zeros((40, 50)), float("nan"))
    with pytest.raises(InputError, match="cannot be lifted"):
        lift(picture(), np.zeros((40, 51)), 1.0)
    alone = np.full((4, 4), np.nan)
    alone[1, 1] = 0.5
    mesh = lift(picture(4, 4), alone, 4.0)
    assert (mesh.vertices.shape, mesh.faces.shape) == ((1, 3), (0, 3))
    assert (draw(mesh, 4, 4) == 255).all()
    assert not normals(mesh).any()
