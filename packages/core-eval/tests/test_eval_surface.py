"""Charts, the closest vertex, and surfaces on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from core_eval import InputError
from core_eval._detection_naive import closest_naive, geodesic_naive
from core_eval.surface import ChartSurface, annotation, chart_surface, load_surface


def test_the_closest_vertex_agrees_with_a_search_over_all(ball: ChartSurface) -> None:
    rng = np.random.default_rng(0)
    part = rng.integers(0, 7, 500)
    uv = rng.random((500, 2))
    uv[::17] = np.nan
    ours = ball.closest(part, uv)
    assert ours.tolist() == [closest_naive(ball, int(p), place) for p, place in zip(part, uv, strict=True)]
    assert (ours[part == 0] == -1).all()
    assert (ball.part[ours[ours >= 0]] == part[ours >= 0]).all()


def test_the_table_is_the_closest_vertex_of_every_quantised_coordinate(ball: ChartSurface) -> None:
    rng = np.random.default_rng(1)
    part, u, v = rng.integers(0, 7, 2000), rng.integers(0, 256, 2000), rng.integers(0, 256, 2000)
    ours = ball.table[part, u, v]
    for row, (p, place) in enumerate(zip(part, np.stack([u, v], axis=1) / 255.0, strict=True)):
        found, expected = ours[row], closest_naive(ball, int(p), place)
        if found != expected:  # a tie
            apart = [np.linalg.norm(ball.uv[vertex] - place) for vertex in (found, expected)]
            assert apart[0] == pytest.approx(apart[1], rel=1e-12)
    assert ball.table.shape == (7, 256, 256)


def test_a_chart_vertex_is_its_own_closest_and_of_two_at_one_place_the_first_is_taken(ball: ChartSurface) -> None:
    assert ball.closest(ball.part, ball.uv).tolist() == list(range(len(ball.part)))
    twice = ChartSurface(
        "twice",
        np.tile(ball.part, 2),
        np.tile(ball.uv, (2, 1)),
        np.tile(ball.vertex, 2),
        ball.geodesics,
    )
    assert twice.closest(ball.part, ball.uv).tolist() == list(range(len(ball.part)))


def test_distances_run_over_seams_and_are_infinite_without_a_vertex(ball: ChartSurface) -> None:
    """Chart vertices of one mesh vertex are 0 apart, whatever their parts; poles are half a circle apart."""
    first, second = np.argsort(ball.vertex, kind="stable")[:2]
    copies = [np.flatnonzero(ball.vertex == vertex) for vertex in np.unique(ball.vertex)]
    seams = [copy for copy in copies if len(copy) > 1]
    assert len(seams) > 50
    assert all(ball.distances(copy[0], copy[1]) == 0 for copy in seams)
    assert all(ball.part[copy[0]] != ball.part[copy[1]] for copy in seams)
    assert ball.distances([0, -1, -1], [-1, 0, -1]).tolist() == [np.inf] * 3
    rng = np.random.default_rng(2)
    pairs = rng.integers(0, len(ball.part), (200, 2))
    naive = [geodesic_naive(ball, *pair) for pair in pairs]
    np.testing.assert_array_equal(ball.distances(*pairs.T), naive)
    assert ball.distances(np.arange(len(ball.part))[:, None], np.arange(len(ball.part))).max() == pytest.approx(
        0.5 * np.pi, rel=5e-3
    )
    assert ball.distances(first, second) >= 0


def test_a_surface_comes_back_from_its_file(tmp_path: Path, ball: ChartSurface) -> None:
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=0.5)
    path = tmp_path / "ball.npz"
    arrays: dict[str, Any] = {
        "part": ball.part,
        "uv": ball.uv,
        "vertex": ball.vertex,
        "vertices": np.asarray(mesh.vertices),
        "faces": np.asarray(mesh.faces),
        "part_kappas": ball.part_kappas,
    }
    np.savez(path, **arrays)
    loaded = load_surface(path)
    assert (loaded.name, loaded.fingerprint) == ("ball", ball.fingerprint)
    assert load_surface(path) is loaded
    np.testing.assert_array_equal(loaded.part_kappas, ball.part_kappas)

    for key, value in (("uv", ball.uv[:-1]), ("part", ball.part + 1), ("faces", None), ("vertex", ball.vertex + 9999)):
        changed = {name: array for name, array in arrays.items() if name != key}
        if value is not None:
            changed[key] = value
        bad = tmp_path / f"bad-{key}.npz"
        np.savez(bad, **changed)
        with pytest.raises(InputError) as error:
            load_surface(bad)
        assert (error.value.file, error.value.field) == (bad, key)
    for content in (b"", b"PK\x03\x04 not a zip"):
        broken = tmp_path / f"broken-{len(content)}.npz"
        broken.write_bytes(content)
        with pytest.raises(InputError):
            load_surface(broken)
    with pytest.raises(InputError):
        load_surface(tmp_path / "absent.npz")


def test_fingerprints_tell_surfaces_apart(ball: ChartSurface) -> None:
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=0.5)
    rough = chart_surface(
        "ball",
        part=ball.part,
        uv=ball.uv,
        vertex=ball.vertex,
        vertices=np.asarray(mesh.vertices),
        faces=np.asarray(mesh.faces),
        depth=1,
    )
    assert rough.fingerprint != ball.fingerprint


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("part", np.array([1, 1, 3])),
        ("part", np.array([0, 1, 1])),
        ("part", np.zeros(0, int)),
        ("uv", np.array([[0, 0], [0, 1], [0, 1.1]])),
        ("uv", np.array([[0, 0], [0, 1], [0, np.nan]])),
        ("vertex", np.array([0, 1, 642])),
        ("vertex", np.array([0, -1, 2])),
        ("part_kappas", np.array([0.1, 0.2])),
        ("part_kappas", np.array([0.0])),
    ],
)
def test_a_surface_that_does_not_fit_is_refused(ball: ChartSurface, field: str, value: np.ndarray) -> None:
    arrays: dict[str, Any] = {
        "part": np.ones(3, int),
        "uv": np.array([[0, 0], [0, 1], [1, 0.0]]),
        "vertex": np.arange(3),
        "part_kappas": np.array([0.1]),
    }
    ChartSurface("good", geodesics=ball.geodesics, **arrays)
    with pytest.raises(InputError):
        ChartSurface("bad", geodesics=ball.geodesics, **(arrays | {field: value}))


def test_bad_questions_are_refused(ball: ChartSurface) -> None:
    with pytest.raises(InputError):
        ball.closest([7], [[0.5, 0.5]])
    with pytest.raises(InputError):
        ball.closest([-1], [[0.5, 0.5]])
    with pytest.raises(InputError):
        ball.closest([1, 2], [[0.5, 0.5]])
    points, vertices = np.zeros((2, 2)), np.array([0, 1])
    for target in (
        {"surface_points": points},
        {"surface_vertices": vertices},
        {"surface_points": points, "surface_vertices": vertices[:1]},
        {"surface_points": points, "surface_vertices": vertices.astype(float)},
        {"surface_points": points, "surface_vertices": vertices + len(ball.part)},
        {"surface_points": points + np.inf, "surface_vertices": vertices},
    ):
        with pytest.raises(InputError):
            annotation(target, ball)
    points[0] = np.nan
    assert annotation({"surface_points": points, "surface_vertices": vertices}, ball)[1].tolist() == [-1, 1]
