"""One photograph of a hand with its labels.

Axis letters: `V` vertices, `F` triangles, `P` landmarks, `H` rows and columns of the image, `S` rows and `K` columns of
a `raster.Quincunx`.

Hands are drawn twice as large as asked for and averaged down, as a hand cut out of a photograph is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data_synth.faces import surface
from data_synth.faces.backdrop import draw_backdrop
from data_synth.faces.camera import View, frame
from data_synth.faces.lights import draw_lighting
from data_synth.faces.photo import take_photo
from data_synth.hands import landmarks
from data_synth.hands.model import HandModel
from data_synth.hands.pose import Pose, pose_hand
from data_synth.hands.skin import Skin
from data_synth.raster import rasterise_quincunx, vertex_normals
from data_synth.shade import Lighting, compose, illuminate, lit_share

F32 = NDArray[np.float32]

_OVERSAMPLE = 2
_WRAP = np.array([0.25, 0.11, 0.07], np.float32)
_SKY = np.array(
    [(0.0, 1.0, 0.1), (0.8, 0.5, 0.3), (-0.8, 0.5, 0.3), (0.0, 0.3, 1.0), (0.6, -0.5, 0.6), (-0.6, -0.5, 0.6)]
)
_SKY /= np.linalg.norm(_SKY, axis=1, keepdims=True)


@dataclass(frozen=True, slots=True)
class Picture:
    """image (H, H, 3) uint8 sRGB; points (P, 2) float64 px; visible (P,) bool, not hidden by hand and arm; view of the
    large picture."""

    image: NDArray[np.uint8]
    points: NDArray[np.float64]
    visible: NDArray[np.bool_]
    view: View


def render(
    model: HandModel,
    subject: int,
    skin: Skin,
    pose: Pose,
    turn: tuple[float, float, float],
    size: int,
    rng: np.random.Generator,
) -> Picture:
    """A subject's hand in a pose, turned by yaw, pitch and roll (degrees), in a scene drawn from `rng`."""
    large = size * _OVERSAMPLE
    posed = pose_hand(model, subject, pose)
    loose = View(*turn, distance=float(np.exp(rng.uniform(np.log(0.5), np.log(1.6)))))
    spots = landmarks.place(model, posed, loose.rotation)
    shift = rng.normal(0, 0.03, 2)
    view = frame(loose, loose.turn(spots), large, float(rng.uniform(0.6, 0.8)), (float(shift[0]), float(shift[1])))
    turned = view.turn(posed.vertices)
    raster = rasterise_quincunx(view.project(turned), model.faces, large, large, cull_back=True)
    points = view.project(view.turn(spots).astype(float))
    outdoor = bool(rng.random() < 0.3)
    lighting = draw_lighting(rng, outdoor=outdoor)
    light = _light(model, turned, lighting)
    exposure = _exposure(light, skin.tone, rng)
    colour = exposure * (skin.wear(rng) * light[:, :3] + skin.gloss[:, None] * light[:, 3:])
    canvas, nothing = np.zeros((*raster.tri.shape, 4), np.float32), np.full(raster.near.shape, -np.inf, np.float32)
    opaque = np.ones(len(model.faces), np.float32)
    surface.paint_solid(*raster, nothing, model.faces, colour.astype(np.float32), opaque, canvas)
    gain = float(np.exp(rng.normal(-0.15, 0.35)))
    scene = compose(canvas, draw_backdrop(rng, large, outdoor=outdoor, skin=skin.tone, gain=gain))
    photo = cv2.resize(take_photo(scene, rng), (size, size), interpolation=cv2.INTER_AREA)
    return Picture(
        image=np.asarray(photo, np.uint8),
        points=(points[:, :2] + 0.5) / _OVERSAMPLE - 0.5,
        visible=landmarks.visible_points(model, points, raster),
        view=view,
    )


def _light(model: HandModel, turned: F32, lighting: Lighting) -> F32:
    """Light (V, 6) on the skin, with shadows of the key light and darker gaps between the fingers."""
    normals = vertex_normals(turned, model.faces)
    lit = lit_share(turned, turned, model.faces, lighting.direction[0], bias=0.02)
    facing = np.maximum(normals @ _SKY.T.astype(np.float32), 0.02)
    free = np.stack([lit_share(turned, turned, model.faces, d, resolution=48, bias=0.03) for d in _SKY], axis=1)
    occlusion = (free * facing).sum(axis=1) / facing.sum(axis=1)
    occlusion = 0.25 + 0.75 * occlusion
    return illuminate(normals, occlusion.astype(np.float32), lit, lighting, _WRAP, 4)


def _exposure(light: F32, tone: F32, rng: np.random.Generator) -> float:
    """Automatic exposure, which lifts dark skin in weak light, though not all the way."""
    reflected = float(light[:, :3].mean()) * float(tone.mean()) ** 0.6
    return float(0.42 / max(reflected, 1e-3) * np.exp(rng.normal(0, 0.15)))
