"""What several test files need."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from core_eval.surface import ChartSurface, chart_surface


@pytest.fixture(scope="session")
def ball() -> ChartSurface:
    """A sphere of radius 0.5 m in six charts, one for each side of the cube around it; seams are duplicated."""
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=0.5)
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    centres = vertices[faces].mean(axis=1)
    axis = np.abs(centres).argmax(axis=1)
    side = 1 + 2 * axis + (np.take_along_axis(centres, axis[:, None], axis=1)[:, 0] > 0)
    corners = np.unique(np.stack([np.repeat(side, 3), faces.ravel()], axis=1), axis=0)
    part, vertex = corners.T
    others = np.array([[1, 2], [0, 2], [0, 1]])[(part - 1) // 2]
    uv = np.take_along_axis(vertices[vertex], others, axis=1) + 0.5
    return chart_surface(
        "ball",
        part=part,
        uv=uv,
        vertex=vertex,
        vertices=vertices,
        faces=faces,
        part_kappas=np.linspace(0.1, 0.3, 6),
    )
