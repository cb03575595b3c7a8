"""Speed of the rasteriser against ray casting on the same frames, of drawing heads, and of rendering whole samples.

CPU seconds of one core, best of several rounds: other work on the machine should not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh
from trimesh.ray.ray_pyembree import RayMeshIntersector

from data_synth.faces.dataset import BLOCK, SIZE, SplitRenderer, yaw_of
from data_synth.faces.labels import label_maps, visible_points
from data_synth.faces.lights import draw_lighting
from data_synth.faces.render import FaceRenderer, Scene
from data_synth.raster import rasterise, rasterise_quincunx
from data_synth.seeds import generator
from data_synth.shade import compose, to_srgb


@pytest.fixture(scope="module", autouse=True)
def one_core():
    """Rates are per core: OpenCV must not help itself to the others."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(before)


def cpu(call: Callable[[], Any], rounds: int) -> float:
    """Best CPU seconds of a call."""
    best = np.inf
    for _ in range(rounds):
        begin = time.process_time()
        call()
        best = min(best, time.process_time() - begin)
    return best


def test_rasteriser_beats_ray_casting(benchmark: Any) -> None:
    """128 x 128 heads; the rays' bounding volumes are built anew, since every frame is another mesh."""
    renderer = FaceRenderer.load()
    faces = renderer.model.faces
    people = [renderer.person(generator("speed", k)) for k in range(8)]
    heads = renderer.vertices(people, generator("speed"))
    views = [
        renderer.view(head, yaw, SIZE, generator("speed")) for head, yaw in zip(heads, range(-60, 60, 15), strict=True)
    ]
    frames = [view.project(view.turn(head)) for view, head in zip(views, heads, strict=True)]
    row, column = np.mgrid[0:SIZE, 0:SIZE].reshape(2, -1)

    def cast(k: int) -> np.ndarray:
        view = views[k]
        rays = np.stack(
            [(column - view.centre[0]) / view.focal, (view.centre[1] - row) / view.focal, -np.ones(SIZE * SIZE)], axis=1
        )
        origins = np.tile([0.0, 0.0, view.distance], (len(rays), 1))
        mesh = trimesh.Trimesh(view.turn(heads[k]), faces, process=False)
        return RayMeshIntersector(mesh).intersects_first(origins, rays).reshape(SIZE, SIZE)

    same = np.mean([(cast(k) == rasterise(frame, faces, SIZE, SIZE).tri).mean() for k, frame in enumerate(frames)])
    peer = cpu(lambda: [cast(k) for k in range(len(frames))], 3) / len(frames)
    benchmark(lambda: [rasterise(frame, faces, SIZE, SIZE) for frame in frames])
    ours = cpu(lambda: [rasterise(frame, faces, SIZE, SIZE) for frame in frames], 10) / len(frames)
    print(f"\nrasteriser {1e3 * ours:.2f} ms, rays {1e3 * peer:.2f} ms: ratio {peer / ours:.1f} (expected 8)")
    print(f"the same triangle at {100 * same:.3f} % of the pixels")
    assert same > 0.9999
    assert peer / ours >= 8


def test_heads_per_second(benchmark: Any) -> None:
    """Model forward (float32), z-buffer, light, shadows, skin, and all labels: a head without its scene."""
    renderer = FaceRenderer.load()
    rng = generator("speed")
    people = [renderer.person(generator("speed", k)) for k in range(BLOCK)]
    neutral = renderer.neutral(people)
    backdrop = np.full((SIZE, SIZE, 3), 0.2, np.float32)

    def draw() -> None:
        heads = renderer.express(neutral, rng)
        for k, (person, head) in enumerate(zip(people, heads, strict=True)):
            view = renderer.view(head, yaw_of("train", k), SIZE, rng)
            turned = view.turn(head)
            projected = view.project(turned)
            model = renderer.model
            raster = rasterise_quincunx(projected, model.faces, SIZE, SIZE, cull_back=True)
            label_maps(raster.tri, raster.screen, model.faces, model.uv, model.part)
            visible_points(renderer.landmarks(turned, projected, view), raster.near)
            scene = Scene(person, head, turned, view, SIZE, draw_lighting(rng, outdoor=k % 2 == 0), k % 2 == 0)
            bald = replace(person.hair, thickness=0.0, cloth=False)
            light = renderer._light(scene, raster, bald, person.sheet, turned, person.hairline)
            canvas = np.zeros((*raster.tri.shape, 4), np.float32)
            renderer._paint_head(scene, raster, light, person.hairline, rng, raster.near, canvas)
            to_srgb(compose(canvas, backdrop))

    draw()  # compiles
    benchmark.pedantic(draw, rounds=1)
    seconds = cpu(draw, 10) / BLOCK
    print(f"\nheads {SIZE} x {SIZE}: {1e3 * seconds:.2f} ms, {1 / seconds:.0f} images/s per core (expected 250)")
    assert 1 / seconds >= 250


def test_whole_samples_per_second(benchmark: Any) -> None:
    """Heads with hair, hats, glasses, backgrounds, occluders and the camera; people are drawn as well."""
    blocks = [range(k * BLOCK, (k + 1) * BLOCK) for k in range(10)]  # all images of the first `BLOCK` people
    SplitRenderer("train")(blocks[0])  # loads the model and compiles

    def render() -> None:
        renderer = SplitRenderer("train")  # a new one, so that people are drawn in every round
        for block in blocks:
            renderer(block)

    benchmark.pedantic(render, rounds=1)
    seconds = cpu(render, 3) / sum(map(len, blocks))
    print(f"\nsamples {SIZE} x {SIZE}: {1e3 * seconds:.2f} ms, {1 / seconds:.0f} images/s per core (expected 250)")
    assert 1 / seconds >= 250
