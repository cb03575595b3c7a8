"""Light: limit cases with known answers."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from data_synth.raster import vertex_normals
from data_synth.shade import Lighting, compose, illuminate, lit_share, tabulate_shadows, to_linear, to_srgb


def _lighting(direction, colour=(1.0, 1.0, 1.0), sky=(0.0, 0.0, 0.0), ground=(0.0, 0.0, 0.0), shadow=1.0) -> Lighting:
    direction = np.array([direction], np.float32)
    direction /= np.linalg.norm(direction)
    return Lighting(direction, np.array([colour], np.float32), np.float32(sky), np.float32(ground), shadow)


def test_diffuse_light_is_lamberts_law():
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(50, 3)).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    ones, none = np.ones(50, np.float32), np.zeros(3, np.float32)
    light = illuminate(normals, ones, ones, _lighting((1, 2, 3), colour=(0.5, 1, 2)), none, 4)
    cosine = np.maximum(normals @ (np.array([1, 2, 3]) / np.sqrt(14)), 0)
    np.testing.assert_allclose(light[:, :3], cosine[:, None] * [0.5, 1, 2], atol=1e-6)
    half = np.array([1, 2, 3]) / np.sqrt(14) + [0, 0, 1]
    mirror = np.maximum(normals @ (half / np.linalg.norm(half)), 0)
    np.testing.assert_allclose(light[:, 3], np.where(cosine > 0, 0.5 * mirror**16, 0), atol=1e-5)


def test_surroundings_blend_from_ground_to_sky_and_shadow_takes_the_key_light_only():
    normals = np.array([[0, 1, 0], [0, -1, 0], [0, 0, 1]], np.float32)
    half, dark, none = np.full(3, 0.5, np.float32), np.zeros(3, np.float32), np.zeros(3, np.float32)
    lighting = _lighting((0, 0, 1), sky=(1, 1, 1), ground=(0, 0, 1), shadow=0.75)
    light = illuminate(normals, half, dark, lighting, none, 0)
    np.testing.assert_allclose(light[0, :3], 0.5, atol=1e-6)
    np.testing.assert_allclose(light[1, :3], [0, 0, 0.5], atol=1e-6)
    np.testing.assert_allclose(light[2, :3], [0.25 + 0.25, 0.25 + 0.25, 0.5 + 0.25], atol=1e-6)


def _sphere_under_plate() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    ball = trimesh.creation.icosphere(3)
    plate = trimesh.creation.box((4, 0.1, 4))
    plate.apply_translation((0, 3, 0))
    both = trimesh.util.concatenate([ball, plate])
    return np.asarray(both.vertices, np.float32), np.asarray(both.faces, np.int32), np.arange(len(ball.vertices))


def test_a_plate_throws_its_shadow_on_a_ball():
    vertices, faces, ball = _sphere_under_plate()
    above = lit_share(vertices, vertices, faces, np.array([0.0, 1.0, 0.0]))
    beside = lit_share(vertices, vertices, faces, np.array([1.0, 0.0, 0.0]))
    assert above[ball].max() == 0
    assert beside[ball][vertices[ball, 0] > 0.3].min() > 0.5
    assert beside[ball][vertices[ball, 0] < -0.6].max() < 0.5  # nearer the rim the softening reaches past it
    tilted = np.array([0.6, 0.0, 0.8])
    facing = vertices[ball] @ tilted
    along = lit_share(vertices, vertices, faces, tilted)[ball]
    assert along[facing > 0.5].min() == 1
    assert along[facing < -0.5].max() < 0.5


def test_the_table_agrees_with_shadows_drawn_for_the_direction():
    vertices, faces, ball = _sphere_under_plate()
    table = tabulate_shadows(vertices, faces, 400)
    np.testing.assert_allclose(np.linalg.norm(table.direction, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(table.direction.mean(axis=0), 0, atol=0.01)
    errors = []
    for seed in range(10):
        direction = np.random.default_rng(seed).normal(size=3)
        direction /= np.linalg.norm(direction)
        drawn = lit_share(vertices, vertices, faces, direction)
        errors.append(np.abs(table.towards(direction) - drawn)[ball].mean())
    assert np.mean(errors) < 0.08
    exact = table.towards(table.direction[7])
    assert np.abs(exact - table.lit[7] / 255)[ball].mean() < 0.05


def test_composition_keeps_constants_and_averages_cover():
    background = np.full((8, 9, 3), 0.25, np.float32)
    clear = np.zeros((17, 10, 4), np.float32)
    np.testing.assert_array_equal(compose(clear, background), background)
    full = np.full((17, 10, 4), 1, np.float32)
    np.testing.assert_allclose(compose(full * [0.6, 0.6, 0.6, 1], background), 0.6, atol=1e-6)
    edge = full.copy()
    edge[:, :4] = 0  # the cover begins at the corner between pixels 3 and 4
    got = compose(edge, background)
    np.testing.assert_allclose(got[:, 3], 0.25 * 0.75 + 0.25, atol=1e-6)  # pixel 3: only its right corners are covered
    np.testing.assert_allclose(got[:, 4:], 1.0, atol=1e-6)
    np.testing.assert_allclose(got[:, :3], 0.25, atol=1e-6)
    with pytest.raises(ValueError, match="samples"):
        compose(edge[:-1], background)


def test_srgb_and_linear_are_inverse_below_the_shoulder_and_monotone_above():
    code = np.arange(0, 225, dtype=np.uint8)
    back = to_srgb(to_linear(code / 255.0))
    assert np.abs(back.astype(int) - code).max() <= 1
    ramp = to_srgb(np.linspace(-0.5, 5, 500, dtype=np.float32))
    assert (np.diff(ramp.astype(int)) >= 0).all()
    assert ramp[0] == 0
    assert ramp[-1] >= 250
    strong = to_srgb(np.linspace(0, 1, 100, dtype=np.float32), contrast=0.8).astype(int)
    plain = to_srgb(np.linspace(0, 1, 100, dtype=np.float32)).astype(int)
    assert (strong[1:15] <= plain[1:15]).all()
    assert (strong[50:80] >= plain[50:80]).all()


def test_normals_of_a_mirrored_mesh_mirror():
    mesh = trimesh.creation.icosphere(2)
    vertices = np.asarray(mesh.vertices, np.float32) * [1, 2, 3]
    flip = np.array([-1, 1, 1], np.float32)
    faces = np.asarray(mesh.faces, np.int32)
    one, two = vertex_normals(vertices, faces), vertex_normals(vertices * flip, faces[:, ::-1].copy())
    np.testing.assert_allclose(one * flip, two, atol=1e-6)
