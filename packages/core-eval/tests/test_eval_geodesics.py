"""Geodesic distances against known surfaces, an exact algorithm, and a plain twin of the strip search."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from pygeodesic.geodesic import PyGeodesicAlgorithmExact
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import Delaunay

from core_eval import InputError
from core_eval.geodesic_graph import surface_graph
from core_eval.geodesics import GeodesicTable, geodesic_distances, geodesic_table


def sphere(subdivisions: int) -> tuple[np.ndarray, np.ndarray]:
    mesh = trimesh.creation.icosphere(subdivisions=subdivisions)
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def terrain(rng: np.random.Generator, size: int = 7, height: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """A jittered (size, size) grid with random heights and random diagonals."""
    x, y = np.meshgrid(np.arange(size, dtype=float), np.arange(size, dtype=float))
    points = np.stack([x.ravel(), y.ravel(), np.zeros(size * size)], axis=1) + rng.uniform(-0.3, 0.3, (size * size, 3))
    points[:, 2] *= height / 0.3
    faces = []
    for row in range(size - 1):
        for column in range(size - 1):
            a = row * size + column
            b, c, d = a + 1, a + size, a + size + 1
            faces += [(a, b, d), (a, d, c)] if rng.random() < 0.5 else [(a, b, c), (c, b, d)]  # not all oriented alike
    return points, np.array(faces)


def exact(points: np.ndarray, faces: np.ndarray, sources: range | list[int]) -> np.ndarray:
    algorithm = PyGeodesicAlgorithmExact(points, faces)
    return np.stack([algorithm.geodesicDistances(np.array([source]), None)[0] for source in sources])


def surface_graph_naive(points: np.ndarray, faces: np.ndarray, depth: int) -> dict[tuple[int, int], float]:
    """The strip search, one window at a time, with angles in place of cross products."""
    pieces: dict[tuple[int, int], float] = {}

    def note(a: int, b: int, length: float) -> None:
        if a != b:
            pair = (min(a, b), max(a, b))
            pieces[pair] = min(length, pieces.get(pair, np.inf))

    def length(a: int, b: int) -> float:
        return float(np.linalg.norm(points[a] - points[b]))

    def look(source: int, face: int, ends: dict[int, complex], low: float, high: float, left: int) -> None:
        (a, at_a), (b, at_b) = ends.items()
        beyond = [other for other in range(len(faces)) if other != face and {a, b} <= set(faces[other])]
        if left == 0 or len(beyond) != 1:
            return
        apex = next(int(corner) for corner in faces[beyond[0]] if corner not in ends)
        along = (at_b - at_a) / abs(at_b - at_a)
        x = (length(a, apex) ** 2 + length(a, b) ** 2 - length(b, apex) ** 2) / (2 * length(a, b))
        y = np.sqrt(max(length(a, apex) ** 2 - x**2, 0.0))
        away = np.sign((at_a / along).imag)  # of the source, which is the origin
        at_apex = at_a + (x + away * y * 1j) * along
        angle = float(np.angle(at_apex))
        if low <= angle <= high:
            note(source, apex, abs(at_apex))
        if angle > low:
            look(source, beyond[0], {a: at_a, apex: at_apex}, low, min(high, angle), left - 1)
        if angle < high:
            look(source, beyond[0], {apex: at_apex, b: at_b}, max(low, angle), high, left - 1)

    for index, face in enumerate(faces):
        for shift in range(3):
            source, a, b = (int(corner) for corner in np.roll(face, -shift))
            near, far = length(source, a), length(source, b)
            note(source, a, near)
            angle = float(np.arccos((near**2 + far**2 - length(a, b) ** 2) / (2 * near * far)))
            look(source, index, {a: complex(near), b: far * np.exp(1j * angle)}, 0.0, angle, depth)
    return pieces


@pytest.mark.parametrize("depth", [0, 1, 2, 5])
def test_the_graph_agrees_with_its_plain_twin(depth: int) -> None:
    points, faces = terrain(np.random.default_rng(depth), size=5)
    graph = surface_graph(points, faces, depth=depth).tocoo()
    naive = surface_graph_naive(points, faces, depth)
    fast = {(int(i), int(j)): w for i, j, w in zip(graph.row, graph.col, graph.data, strict=True) if i < j}
    assert fast.keys() == naive.keys()
    assert all(fast[pair] == pytest.approx(naive[pair], rel=1e-9) for pair in naive)


@pytest.mark.parametrize("seed", range(4))
def test_deep_strips_are_the_exact_distance(seed: int) -> None:
    points, faces = terrain(np.random.default_rng(seed))
    truth = exact(points, faces, range(len(points)))
    ours = geodesic_distances(points, faces, range(len(points)), depth=40)
    np.testing.assert_allclose(ours, truth, rtol=1e-9, atol=1e-9)
    library = geodesic_distances(points, faces, range(len(points)), exact=True)
    np.testing.assert_array_equal(library, truth)


def test_a_deeper_search_is_closer_and_never_too_short() -> None:
    points, faces = sphere(3)
    sources = [0, 100, 333]
    truth = exact(points, faces, sources)
    errors = []
    for depth in (0, 1, 2, 4, 8, 16):
        ours = geodesic_distances(points, faces, sources, depth=depth)
        assert (ours >= truth * (1 - 1e-12)).all()
        errors.append(np.max(ours - truth))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 5e-3 < 0.1 < errors[0]


def test_the_default_is_within_the_stated_error_on_a_sphere() -> None:
    """Great circles, radius 1: no other algorithm is involved. The polyhedron itself is 0.06 % short of the sphere."""
    points, faces = sphere(4)
    sources = [0, 1200, 2400]
    arcs = np.arccos(np.clip(points[sources] @ points.T, -1, 1))
    far = arcs > 1e-3
    error = np.abs(geodesic_distances(points, faces, sources)[far] / arcs[far] - 1)
    assert error.mean() < 1.5e-3
    assert error.max() < 6e-3


def test_a_flat_convex_sheet_has_euclidean_distances() -> None:
    points, _ = terrain(np.random.default_rng(5), size=6, height=0.0)
    corners = np.array([[-1, -1, 0], [6, -1, 0], [6, 6, 0], [-1, 6, 0]], dtype=float)
    cloud = np.concatenate([points, corners])
    triangles = Delaunay(cloud[:, :2]).simplices
    ours = geodesic_distances(cloud, triangles, range(len(cloud)), depth=30)
    np.testing.assert_allclose(ours, np.linalg.norm(cloud[:, None] - cloud[None], axis=2), atol=1e-9)


def test_opposite_corners_of_a_unit_cube() -> None:
    """The classic: unfold two faces, so sqrt(1 + 2^2)."""
    box = trimesh.creation.box(extents=(1, 1, 1))
    points, faces = np.asarray(box.vertices), np.asarray(box.faces)
    opposite = np.argmax(np.linalg.norm(points - points[0], axis=1))
    assert geodesic_distances(points, faces, [0])[0, opposite] == pytest.approx(np.sqrt(5), rel=1e-12)


def test_a_path_bends_around_a_notch() -> None:
    """An L-shaped sheet: from (2, 0) to (0, 2) the way leads over the inner corner (1, 1)."""
    points = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0], [1, 1, 0], [2, 1, 0], [0, 2, 0], [1, 2, 0]], float)
    faces = np.array([[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4], [3, 4, 7], [3, 7, 6]])
    ours = geodesic_distances(points, faces, [5, 2])
    assert ours[0, 7] == pytest.approx(2.0)  # (2, 1) -> (1, 1) -> (1, 2)
    assert ours[1, 6] == pytest.approx(2 * np.sqrt(2))
    np.testing.assert_allclose(ours, exact(points, faces, [5, 2]), rtol=1e-12)


def test_components_have_no_way_between_them_and_lonely_vertices_are_allowed() -> None:
    points = np.array([[0, 0, 0], [3, 0, 0], [0, 4, 0], [9, 9, 9], [9, 8, 9], [8, 9, 9], [5, 5, 5]], dtype=float)
    faces = np.array([[0, 1, 2], [3, 4, 5]])
    ours = geodesic_distances(points, faces, [0, 6])
    np.testing.assert_allclose(ours[0], [0, 3, 4, np.inf, np.inf, np.inf, np.inf])
    np.testing.assert_allclose(ours[1], [np.inf] * 6 + [0])
    table = geodesic_table(points, faces)
    np.testing.assert_allclose(table.distances(0, [0, 1, 2, 3]), [0, 3, 4, np.inf], atol=table.step / 2)
    assert table.distances(6, 6) == 0


def test_a_fin_on_an_edge_is_walked_along_but_not_crossed() -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [0.5, 1, 0], [0.5, -1, 0], [0.5, 0, 1]], dtype=float)
    faces = np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4]])
    graph = surface_graph(points, faces, depth=3)
    assert graph[2, 3] == 0
    assert geodesic_distances(points, faces, [2])[0, 3] == pytest.approx(2 * np.hypot(0.5, 1))


def test_coincident_vertices_and_slivers_do_no_harm() -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 0, 0], [0.5, 0, 0], [0, 1, 0], [1, 1, 0]], dtype=float)
    faces = np.array([[0, 1, 4], [1, 2, 5], [1, 5, 4], [0, 3, 1]])
    ours = geodesic_distances(points, faces, range(6))
    assert np.isfinite(ours).all()
    np.testing.assert_allclose(ours[0], [0, 1, 1, 0.5, 1, np.sqrt(2)], atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 8))
def test_the_distance_is_a_metric_whatever_the_depth(seed: int, depth: int) -> None:
    rng = np.random.default_rng(seed)
    points, faces = terrain(rng, size=4)
    distance = geodesic_distances(points, faces, range(16), depth=depth)
    assert (np.diag(distance) == 0).all()
    np.testing.assert_allclose(distance, distance.T, rtol=1e-12)
    assert (distance[:, :, None] + distance[None] >= distance[:, None, :] * (1 - 1e-12)).all()
    assert (distance >= np.linalg.norm(points[:, None] - points[None], axis=2) * (1 - 1e-12)).all()

    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))  # a reflection half of the time
    moved = geodesic_distances(3.0 * points @ turn + rng.normal(size=3), faces, range(16), depth=depth)
    np.testing.assert_allclose(moved, 3.0 * distance, rtol=1e-9)
    names = rng.permutation(16)
    renamed = geodesic_distances(points[names], np.argsort(names)[faces][rng.permutation(18)], range(16), depth=depth)
    np.testing.assert_allclose(renamed, distance[np.ix_(names, names)], rtol=1e-9)


def test_a_table_is_the_distances_to_half_a_step_and_comes_back_from_disk(tmp_path: Path) -> None:
    points, faces = sphere(2)
    seen: list[tuple[int, int]] = []
    table = geodesic_table(points, faces, cache=tmp_path, progress=lambda *done: seen.append(done))
    everyone = np.arange(len(points))
    truth = geodesic_distances(points, faces, everyone)
    ours = table.distances(everyone[:, None], everyone[None])
    assert np.abs(ours - truth).max() <= table.step / 2 * (1 + 1e-9)
    assert table.step <= truth.max() / 32767 * (1 + 1e-6)
    assert (ours == ours.T).all()
    assert (np.diag(ours) == 0).all()
    assert seen[-1] == (len(points), len(points))

    seen.clear()
    again = geodesic_table(points, faces, cache=tmp_path, progress=lambda *done: seen.append(done))
    assert not seen  # read, not computed
    np.testing.assert_array_equal(again.codes, table.codes)
    np.testing.assert_array_equal(again.codes, geodesic_table(points, faces).codes)
    assert len(list(tmp_path.iterdir())) == 1
    geodesic_table(points * 2, faces, cache=tmp_path)
    geodesic_table(points, faces, cache=tmp_path, depth=2)
    assert len(list(tmp_path.iterdir())) == 3


def test_an_exact_table_needs_the_same_bytes_and_is_never_longer() -> None:
    points, faces = sphere(2)
    fast, slow = geodesic_table(points, faces, depth=2), geodesic_table(points, faces, exact=True)
    pairs = np.triu_indices(len(points), 1)
    assert fast.codes.nbytes == slow.codes.nbytes == 2 * len(pairs[0])
    assert (slow.distances(*pairs) <= fast.distances(*pairs) + fast.step).all()


def test_a_crash_leaves_no_half_table(tmp_path: Path) -> None:
    points, faces = sphere(2)

    def crash(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        geodesic_table(points, faces, cache=tmp_path, progress=crash)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["short", "dtype", "text", "step", "count", "object", "missing"])
def test_a_damaged_table_is_refused(tmp_path: Path, damage: str) -> None:
    points, faces = sphere(1)
    table = geodesic_table(points, faces, cache=tmp_path)
    (home,) = tmp_path.iterdir()
    facts = {"vertices": table.vertices, "step": table.step}
    if damage == "short":
        np.save(home / "codes.npy", np.asarray(table.codes)[:-1])
    elif damage == "dtype":
        np.save(home / "codes.npy", np.asarray(table.codes, dtype=np.float16))
    elif damage == "text":
        (home / "codes.npy").write_bytes(b"not an array")
    elif damage == "object":
        np.save(home / "codes.npy", np.array([{}], dtype=object), allow_pickle=True)
    elif damage == "missing":
        (home / "codes.npy").unlink()
    else:
        changed = {"step": {"step": float("nan")}, "count": {"vertices": 7}}[damage]
        (home / "table.json").write_text(json.dumps(facts | changed), "utf-8")
    with pytest.raises(InputError) as error:
        geodesic_table(points, faces, cache=tmp_path)
    assert error.value.file == home


def test_bad_meshes_and_questions_are_refused() -> None:
    points, faces = sphere(0)
    for bad_points, bad_faces in (
        (points[:, :2], faces),
        (np.where(points > 0.8, np.nan, points), faces),
        (points, faces.astype(float)),
        (points, faces + 1),
        (points, faces[:, :2]),
        (points, np.where(faces == 0, 1, faces)),
        (points[:0], faces[:0]),
    ):
        with pytest.raises(InputError):
            surface_graph(bad_points, bad_faces)
    with pytest.raises(InputError):
        surface_graph(points, faces, depth=-1)
    with pytest.raises(InputError):
        geodesic_distances(points, faces, [12])
    with pytest.raises(IndexError):
        geodesic_table(points, faces).distances(0, 12)
    with pytest.raises(IndexError):
        GeodesicTable(np.zeros(0, np.uint16), 1.0, 1).distances(-1, 0)
    assert GeodesicTable(np.zeros(0, np.uint16), 1.0, 1).distances(0, [0, 0]).tolist() == [0, 0]


def test_dijkstra_sees_pieces_of_length_zero() -> None:
    """Coincident vertices are joined by an explicit zero, which scipy must take for an edge."""
    points = np.array([[0, 0, 0], [0, 0, 0], [1, 0, 0]], dtype=float)
    graph = surface_graph(points, np.array([[0, 1, 2]]))
    assert graph.nnz == 6
    assert dijkstra(graph, indices=[0])[0].tolist() == [0, 0, 1]
