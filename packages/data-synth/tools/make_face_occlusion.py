"""Make `occlusion.u8`: the share of the sky that each vertex of the mean face sees, cosine-weighted.

Run: python tools/make_face_occlusion.py (needs trimesh and embreex)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh
from trimesh.ray.ray_pyembree import RayMeshIntersector

import data_synth.faces
from data_synth.faces.model import mean_face
from data_synth.faces.model_build import load_assets
from data_synth.faces.model_mesh import split_quads

RAYS = 384
REACH = 0.12  # m; farther surfaces do not darken


def main() -> None:
    assets = load_assets()
    faces, _ = split_quads(assets.quads, assets.part, assets.template, assets.mirror)
    vertices = mean_face(assets).astype(float)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    normal = mesh.vertex_normals
    caster = RayMeshIntersector(mesh)

    k = np.arange(RAYS) + 0.5  # cosine-weighted Fibonacci hemisphere
    radius, turn = np.sqrt(k / RAYS), k * np.pi * (1 + 5**0.5)
    local = np.column_stack([radius * np.cos(turn), radius * np.sin(turn), np.sqrt(1 - radius**2)])
    helper = np.where(np.abs(normal[:, :1]) < 0.9, [1.0, 0, 0], [0, 1.0, 0])
    u = np.cross(helper, normal)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v = np.cross(normal, u)
    free = np.zeros(len(vertices))
    for d in local:
        direction = u * d[0] + v * d[1] + normal * d[2]
        where, ray, _ = caster.intersects_location(vertices + 3e-4 * normal, direction, multiple_hits=False)
        hit = np.linalg.norm(where - vertices[ray], axis=1) < REACH
        seen = np.ones(len(vertices))
        seen[ray[hit]] = 0
        free += seen / RAYS
    free = 0.5 * (free + free[assets.mirror])
    target = Path(data_synth.faces.__file__).parent / "data" / "occlusion.u8"
    target.write_bytes(np.round(free * 255).astype(np.uint8).tobytes())


if __name__ == "__main__":
    main()
