"""One picture of an ear, with its labels.

Axis letters: H rows and columns of the image, P = 55 landmarks, V vertices.
"""

from __future__ import annotations

import numpy as np

from data_synth.ears.landmarks import EarLandmarks, correspondence
from data_synth.faces.camera import View, frame
from data_synth.faces.labels import encode_uv, visible_points
from data_synth.faces.person import Person
from data_synth.faces.render import FaceRenderer
from data_synth.raster import rasterise_quincunx
from data_synth.seeds import generator

ATTEMPTS = 100


def draw_person(name: str, split: str, number: int) -> Person:
    """A person of the data set whose hair does not hang over the ears: the first such of a sequence of draws."""
    renderer = FaceRenderer.load()
    for attempt in range(ATTEMPTS):
        person = renderer.person(generator(name, split, "person", number, attempt))
        if not person.hair.over_ears:
            return person
    raise RuntimeError(f"no hair style in {ATTEMPTS} leaves the ears free")


def ear_view(turned_to: View, landmarks: np.ndarray, size: int, rng: np.random.Generator) -> View:
    """Frame the ear whose turned landmarks (P, 3) are given, as in a loose crop."""
    share, shift = rng.uniform(0.5, 0.8), rng.normal(0, 0.03, 2)
    return frame(turned_to, landmarks, size, float(share), (float(shift[0]), float(shift[1])))


def render_ear(person: Person, size: int, rng: np.random.Generator, sideways: float) -> dict[str, np.ndarray]:
    """A picture of a person's right ear and its labels, all drawn from `rng`.

    `sideways`: degrees by which the view may differ from the side. Returns image (H, H, 3) uint8; points (P, 2) px;
    visible (P,): no part of the head hides it; uv (H, H, 2) uint16 code; yaw () degrees.
    """
    renderer, marks = FaceRenderer.load(), EarLandmarks.load()
    head = renderer.vertices([person], rng)[0]
    loose = View(
        yaw=90.0 + float(rng.uniform(-sideways, sideways)),
        pitch=float(np.clip(rng.normal(0, 10), -25, 25)),
        roll=float(np.clip(rng.normal(0, 10), -30, 30)),
        distance=float(np.exp(rng.uniform(np.log(0.6), np.log(2.5)))),
    )
    view = ear_view(loose, loose.turn(marks.points(head)), size, rng)
    picture = renderer.render(person, head, view, size, rng, outdoor=bool(rng.random() < 0.5))
    projected = view.project(view.turn(head))
    points = marks.points(projected)
    near = rasterise_quincunx(projected, renderer.model.faces, size, size, cull_back=True).near
    return {
        "image": picture.image,
        "points": points[:, :2],
        "visible": visible_points(points, near, tolerance=0.002),
        "uv": encode_uv(correspondence(points[:, :2], marks.template, size)),
        "yaw": np.float32(view.yaw),
    }
