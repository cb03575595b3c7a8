"""The laboratory: five cameras round a chair, twenty lights, and a subject who looks into the middle camera.

Axis letters: `V` vertices of the head, `H` rows and columns of the image, `P` landmarks.

The room's frame is that of the middle camera: x to image right, y up, z towards the camera. Heads are drawn twice as
large as asked for and averaged down, as a face cut out of a photograph is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from math import cos, radians, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from data_synth.faces import labels
from data_synth.faces.accessories import draw_glasses
from data_synth.faces.backdrop import draw_backdrop
from data_synth.faces.camera import View, frame
from data_synth.faces.person import Person
from data_synth.faces.photo import take_photo
from data_synth.faces.render import FaceRenderer, Scene, _exposure, _paint_sheet  # the steps of its `render`
from data_synth.raster import Quincunx, rasterise_quincunx
from data_synth.seeds import generator
from data_synth.shade import Lighting, compose

F32 = NDArray[np.float32]

CAMERAS = (30.0, 15.0, 0.0, -15.0, -30.0)
"""Degrees by which a head that faces the middle camera is turned to image right; 04_1, 05_0, 05_1, 14_0, 13_0."""

FLASHES = (*((float(a), 8.0) for a in range(-90, 91, 15)), *((float(a), 42.0) for a in range(-60, 61, 30)))
"""Azimuth (image right) and elevation in degrees of the flashes of lights 1 to 18; lights 0 and 19 are the room's."""

LIGHTS = len(FLASHES) + 2

GLASSES_SHARE = 0.15
_OVERSAMPLE = 2


@dataclass(frozen=True, slots=True)
class Shot:
    """A moment, seen by all cameras: whose head (V, 3) m with its expression, how it is held (yaw, pitch, roll in
    degrees against the middle camera), and where it is (m from the cameras; seeds of its surroundings)."""

    name: str
    person: Person
    head: F32
    pose: tuple[float, float, float]
    distance: float
    clothes: tuple[str | int, ...]
    glasses: tuple[str | int, ...] | None
    place: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Photo:
    """image (H, H, 3) uint8; points (68, 2) float64 px, jaw on the outline; visible (68,) bool, hidden by nothing of
    the head itself; view of the large picture."""

    image: NDArray[np.uint8]
    points: NDArray[np.float64]
    visible: NDArray[np.bool_]
    view: View


def clear_glasses(*wearer: str | int) -> tuple[str | int, ...]:
    """The name of a generator that draws glasses through which the eyes are seen."""
    names = ((*wearer, "glasses", number) for number in count())
    return next(name for name in names if draw_glasses(generator(*name)).lens_opacity < 0.5)


def view_of(shot: Shot, camera: int) -> View:
    """The head as a camera sees it, not yet framed."""
    yaw, pitch, roll = shot.pose
    around = radians(CAMERAS[camera])
    # Seen from the side, a nod is partly a tilt (to first order; poses are a few degrees).
    return View(
        yaw=CAMERAS[camera] + yaw,
        pitch=pitch * cos(around) + roll * sin(around),
        roll=roll * cos(around) - pitch * sin(around),
        distance=shot.distance,
    )


def lighting(light: int, camera: int, room: np.random.Generator) -> Lighting:
    """A light as a camera sees it: a flash and the lamps of the room, or these alone. `room` varies the lamps."""
    warmth, ambient = room.uniform(0.1, 0.5), room.uniform(0.24, 0.34)
    tint = np.array([1 + 0.3 * warmth, 1.0, 1 - 0.4 * warmth])
    lamps = [((0.0, 66.0), 0.55 * tint), ((150.0, 50.0), 0.25 * tint)]
    if 0 < light < LIGHTS - 1:
        lamps.insert(0, (FLASHES[light - 1], 1.5 * np.array([1.0, 0.99, 1.02])))
    turn = radians(CAMERAS[camera])
    direction = [_direction(azimuth, elevation) for (azimuth, elevation), _ in lamps]
    rotation = np.array([[cos(turn), 0, sin(turn)], [0, 1, 0], [-sin(turn), 0, cos(turn)]])
    return Lighting(
        direction=(np.array(direction) @ rotation.T).astype(np.float32),
        colour=np.array([colour for _, colour in lamps], np.float32),
        sky=(ambient * tint).astype(np.float32),
        ground=(0.45 * ambient * tint).astype(np.float32),
        shadow=0.7,
    )


def _direction(azimuth: float, elevation: float) -> tuple[float, float, float]:
    a, e = radians(azimuth), radians(elevation)
    return sin(a) * cos(e), sin(e), cos(a) * cos(e)


def take(renderer: FaceRenderer, shot: Shot, camera: int, light: int, size: int, rng: np.random.Generator) -> Photo:
    """What a camera sees of a shot in a light, as a face crop of `size` pixels; `rng` frames and develops it."""
    model, large = renderer.model, size * _OVERSAMPLE
    loose = view_of(shot, camera)
    spots = loose.turn(model.landmarks.points(shot.head))
    shift = rng.normal(0, 0.02, 2)
    view = frame(loose, spots, large, float(rng.uniform(0.64, 0.76)), (float(shift[0]), float(shift[1])))
    turned = view.turn(shot.head)
    projected = view.project(turned)
    raster = rasterise_quincunx(projected, model.faces, large, large, cull_back=True)
    points = renderer.landmarks(turned, projected, view)
    light_rig = lighting(light, camera, generator(*shot.place, "lamps"))
    scene = Scene(shot.person, shot.head, turned, view, large, light_rig, False)
    picture = take_photo(_picture(renderer, scene, shot, camera, raster, rng), rng)
    return Photo(
        image=cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False),
        points=(points[:, :2] + 0.5) / _OVERSAMPLE - 0.5,
        visible=labels.visible_points(points, raster.near),
        view=view,
    )


def _picture(
    renderer: FaceRenderer, scene: Scene, shot: Shot, camera: int, raster: Quincunx, rng: np.random.Generator
) -> F32:
    """Linear RGB (H, H, 3) of the large picture: `FaceRenderer.render` with this room's light and nothing in front."""
    person = shot.person
    over = scene.view.turn(person.sheet.on(shot.head))
    light = renderer._light(scene, raster, person.hair, person.sheet, over, person.hairline)
    face = light[renderer.model.landmarks.triangles[17:, 0], :3].mean(axis=0)
    exposure = _exposure(face, person.tone, rng)
    light *= exposure
    canvas, front = np.zeros((*raster.tri.shape, 4), np.float32), raster.near.copy()
    if person.hair.thickness > 0:
        strands = generator(*shot.clothes, "strands")
        _paint_sheet(scene, person.hair, person.sheet, over, exposure, renderer.atlas.noise[1], strands, front, canvas)
    renderer._paint_head(scene, raster, light, person.hairline, generator(*shot.clothes), front, canvas)
    if shot.glasses is not None:
        renderer._wear_glasses(scene, exposure, generator(*shot.glasses), front, canvas)
    room = generator(*shot.place, "camera", camera)
    gain = 0.8 * exposure * float(rng.uniform(0.8, 1.2))
    return compose(canvas, draw_backdrop(room, scene.size, outdoor=False, skin=person.tone, gain=gain))
