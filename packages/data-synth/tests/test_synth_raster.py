"""The rasteriser against a plain twin, against ray casting, and against what must be true of any rasteriser."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from data_synth.raster import (
    SUBPIXEL,
    depth_map,
    interpolate,
    rasterise,
    rasterise_quincunx,
    vertex_normals,
    weights_at,
)


def _camera(vertices: np.ndarray, size: int, focal: float = 4.0, distance: float = 1.0) -> np.ndarray:
    """Pin-hole projection (V, 3) px, px, depth; the camera looks along -z, y up becomes y down."""
    depth = distance - vertices[:, 2]
    centre = (size - 1) / 2
    return np.stack(
        [centre + focal * size * vertices[:, 0] / depth, centre - focal * size * vertices[:, 1] / depth, depth], axis=1
    )


def _blob(seed: int, subdivisions: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """A closed, bumpy, self-occluding surface about as large as a head (metres)."""
    mesh = trimesh.creation.icosphere(subdivisions)
    direction = np.asarray(mesh.vertices)
    waves = np.random.default_rng(seed).normal(size=(6, 3)) * 4
    radius = 0.08 * (1 + 0.12 * np.sin(direction @ waves.T).sum(axis=1) / 2)
    return direction * radius[:, None], np.asarray(mesh.faces, np.int32)


def _rasterise_naive(vertices_px, faces, height, width, perspective):
    """One triangle at a time over all pixels, by solving for barycentric coordinates; floats except for coverage."""
    row, col = np.mgrid[0:height, 0:width]
    tri = np.full((height, width), -1)
    depth = np.full((height, width), np.inf)
    bary = np.zeros((height, width, 3))
    fixed = np.rint(vertices_px[:, :2] * SUBPIXEL).astype(object)  # Python integers: exact, whatever their size
    for f, corners in enumerate(faces):
        z = vertices_px[corners, 2]
        if perspective and (z <= 0).any():
            continue
        p = fixed[corners]
        doubled = (p[1] - p[0])[0] * (p[2] - p[0])[1] - (p[1] - p[0])[1] * (p[2] - p[0])[0]
        if doubled == 0:
            continue
        inside = np.ones((height, width), bool)
        for k in range(3):
            a, b = (p[k], p[(k + 1) % 3]) if doubled > 0 else (p[(k + 1) % 3], p[k])
            side = (b[0] - a[0]) * (row * SUBPIXEL - a[1]) - (b[1] - a[1]) * (col * SUBPIXEL - a[0])
            top_or_left = b[1] < a[1] or (b[1] == a[1] and b[0] > a[0])
            inside &= (side > 0) | ((side == 0) & top_or_left)
        if not inside.any():
            continue
        q = p.astype(float) / SUBPIXEL
        matrix = np.vstack([q.T, np.ones(3)])
        screen = np.linalg.solve(matrix, np.stack([col, row, np.ones_like(row)]).reshape(3, -1).astype(float))
        weight = screen / z[:, None] if perspective else screen
        weight = weight / weight.sum(axis=0)
        d = (weight * z[:, None]).sum(axis=0).reshape(height, width)
        nearer = inside & (d < depth)
        tri[nearer], depth[nearer] = f, d[nearer]
        bary[nearer] = weight.T.reshape(height, width, 3)[nearer]
    return tri, bary, depth


@pytest.mark.parametrize("perspective", [True, False])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_agrees_with_the_naive_twin(seed, perspective):
    rng = np.random.default_rng(seed)
    vertices = np.column_stack([rng.uniform(-8, 40, (60, 2)), rng.uniform(0.5, 2, 60)])
    vertices[:20, :2] = np.round(vertices[:20, :2])  # samples exactly on edges and corners
    faces = rng.integers(0, 60, (80, 3)).astype(np.int32)  # intersecting, degenerate, both orientations
    got = rasterise(vertices, faces, 24, 31, perspective=perspective)
    tri, bary, depth = _rasterise_naive(vertices, faces, 24, 31, perspective)
    assert (got.tri >= 0).mean() > 0.9
    np.testing.assert_allclose(got.depth, depth, rtol=1e-6)
    same = got.tri == tri  # triangles that meet in a vertex on a sample are equally near, up to rounding
    assert same.mean() > 0.995
    np.testing.assert_allclose(got.bary[same], bary[same], atol=1e-5)


@given(seed=st.integers(0, 10**6), grid=st.sampled_from([1, 2, 4, 65536]))
@settings(max_examples=60, deadline=None)
def test_shared_edges_are_covered_exactly_once(seed, grid):
    """Each triangle of a triangulated square alone: the square's samples are hit once each, none twice."""
    from scipy.spatial import Delaunay

    rng = np.random.default_rng(seed)
    inner = np.unique(np.round(rng.uniform(1, 14, (25, 2)) * grid) / grid, axis=0)
    plane = np.vstack([[[-2, -2], [-2, 18], [18, -2], [18, 18]], inner])
    vertices = np.column_stack([plane, np.ones(len(plane))])
    hits = sum(
        (rasterise(vertices, face[None].astype(np.int32), 16, 16).tri >= 0) for face in Delaunay(plane).simplices
    )
    np.testing.assert_array_equal(hits, 1)


def test_agrees_with_ray_casting():
    """Rays through the pixel centres of a closed surface: at least 99.99 % see the same triangle."""
    from trimesh.ray.ray_pyembree import RayMeshIntersector

    same = total = 0
    for seed in range(4):
        vertices, faces = _blob(seed, subdivisions=5)
        size = 96
        got = rasterise(_camera(vertices, size), faces, size, size)
        row, col = np.mgrid[0:size, 0:size].reshape(2, -1)
        centre = (size - 1) / 2
        rays = np.stack([(col - centre) / (4 * size), (centre - row) / (4 * size), -np.ones(size * size)], axis=1)
        mesh = trimesh.Trimesh(vertices, faces, process=False)
        hit = RayMeshIntersector(mesh).intersects_first(np.tile([0.0, 0.0, 1.0], (len(rays), 1)), rays)
        same += int((hit.reshape(size, size) == got.tri).sum())
        total += size * size
        assert (got.tri >= 0).mean() > 0.2
    assert same / total >= 0.9999


@pytest.mark.parametrize("cull_back", [True, False])
def test_quincunx_equals_every_other_sample_of_a_grid_twice_as_fine(cull_back):
    vertices, faces = _blob(4)
    px = _camera(vertices, 32)
    fine = rasterise(px * [2, 2, 1] + [1, 1, 0], faces, 65, 65, cull_back=cull_back)
    got = rasterise_quincunx(px, faces, 32, 32, cull_back=cull_back)
    assert got.tri.shape == got.near.shape == (65, 33)
    assert (got.tri[1::2, -1] == -1).all()
    for row in range(65):
        columns = np.arange(row % 2, 65, 2)
        tri, near = got.tri[row, : len(columns)], got.near[row, : len(columns)]
        np.testing.assert_array_equal(tri, fine.tri[row, columns])
        np.testing.assert_allclose(1 / near[tri >= 0], fine.depth[row, columns][tri >= 0], rtol=1e-6)
        for k in np.flatnonzero(tri >= 0)[::7]:
            weights = weights_at(columns[k], row, *faces[tri[k]], got.screen)
            np.testing.assert_allclose(weights, fine.bary[row, columns[k]], atol=1e-6)


def test_depth_map_is_the_depth_of_an_orthographic_raster():
    vertices, faces = _blob(5)
    px = _camera(vertices, 48)
    for cull_back in (True, False):
        expected = rasterise(px, faces, 48, 48, perspective=False, cull_back=cull_back).depth
        np.testing.assert_array_equal(depth_map(px, faces, 48, 48, cull_back=cull_back), expected)


def test_interpolation_returns_positions_under_perspective():
    """Interpolating the vertices themselves must give the point where the pixel's ray meets the surface."""
    vertices, faces = _blob(3)
    size = 64
    raster = rasterise(_camera(vertices, size), faces, size, size)
    seen = raster.tri >= 0
    point = interpolate(raster, faces, vertices.astype(np.float32), fill=np.nan)
    assert np.isnan(point[~seen]).all()
    projected = _camera(point[seen].astype(float), size)
    row, col = np.nonzero(seen)
    np.testing.assert_allclose(projected[:, :2], np.column_stack([col, row]), atol=2e-3)
    np.testing.assert_allclose(projected[:, 2], raster.depth[seen], rtol=1e-5)


def test_bary_weights_are_a_partition_and_depth_is_the_nearest():
    vertices, faces = _blob(1)
    px = _camera(vertices, 64)
    front = rasterise(px, faces, 64, 64)
    seen = front.tri >= 0
    np.testing.assert_allclose(front.bary[seen].sum(axis=1), 1, atol=1e-6)
    assert front.bary.min() >= 0
    assert np.isinf(front.depth[~seen]).all()
    culled = rasterise(px, faces, 64, 64, cull_back=True)  # a closed surface hides its own back
    np.testing.assert_array_equal(culled.tri, front.tri)


def test_order_of_triangles_does_not_matter_except_for_exact_ties():
    vertices, faces = _blob(2)
    px = _camera(vertices, 64)
    order = np.random.default_rng(0).permutation(len(faces))
    straight, shuffled = rasterise(px, faces, 64, 64), rasterise(px, faces[order], 64, 64)
    np.testing.assert_array_equal(straight.depth, shuffled.depth)
    seen = straight.tri >= 0
    np.testing.assert_array_equal(order[shuffled.tri[seen]], straight.tri[seen])
    twice = rasterise(px, np.vstack([faces, faces]), 64, 64)
    np.testing.assert_array_equal(twice.tri, straight.tri)


def test_behind_the_camera_and_degenerate_triangles_are_left_out():
    vertices = np.array([[0, 0, 1], [9, 0, 1], [0, 9, -1], [3, 3, 1], [6, 6, 1], [0, 9, 1]], float)
    assert (rasterise(vertices, np.array([[0, 1, 2], [0, 3, 4]], np.int32), 9, 9).tri == -1).all()
    assert (rasterise(vertices, np.array([[0, 1, 5]], np.int32), 9, 9).tri == 0).any()
    assert (rasterise(vertices, np.zeros((0, 3), np.int32), 9, 9).tri == -1).all()


@pytest.mark.parametrize(
    ("vertices", "faces"),
    [
        (np.array([[0, 0, np.nan]] * 3), [[0, 1, 2]]),
        (np.array([[np.inf, 0, 1]] * 3), [[0, 1, 2]]),
        (np.array([[9000.0, 0, 1]] * 3), [[0, 1, 2]]),
        (np.zeros((3, 2)), [[0, 1, 2]]),
        (np.ones((3, 3)), [[0, 1, 3]]),
    ],
)
def test_bad_geometry_is_refused(vertices, faces):
    with pytest.raises(ValueError, match=r"vertices|faces"):
        rasterise(vertices, np.array(faces, np.int32), 4, 4)


def test_vertex_normals_of_a_sphere_point_outwards():
    mesh = trimesh.creation.icosphere(4)
    normals = vertex_normals(mesh.vertices, np.asarray(mesh.faces, np.int32))
    assert (np.einsum("vc,vc->v", normals, mesh.vertices) > 0.9995).all()
