"""One frame of a video.

Axis letters: H rows and columns of a frame, T frames, V vertices.

A frame is drawn as the pictures of `stand-in-300w` are. All that is drawn at random (hair, hat, glasses, background,
camera) comes from one generator that starts anew in every frame, so the frames of a video agree in it; what changes is
given: head, camera, light, exposure and what is in front.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from data_synth.faces import labels
from data_synth.faces.camera import View, frame
from data_synth.faces.lights import draw_lighting
from data_synth.faces.occluders import draw_occluder
from data_synth.faces.render import FaceRenderer, Picture, Scene
from data_synth.raster import rasterise_quincunx
from data_synth.seeds import generator
from data_synth.videos.motion import Motion, Weather, draw_motion, draw_weather, mixed

U8 = NDArray[np.uint8]
GAMMA = 2.2
"""Of the exposure and the noise that are put on a finished picture."""

DARK_NOISE = 0.004
"""Standard deviation of the noise that a longer exposure would have spared, for a gain of 1, of linear light."""


def render_video(name: str, number: int, category: int, frames: int, size: int) -> Iterator[Picture]:
    """The pictures of video `number` of the data set `name`, T = `frames` of H = `size` px, in order.

    A frame depends on all of these and its place alone. Raises KeyError for a category other than 1, 2 and 3.
    """
    renderer = FaceRenderer.load()
    rng = generator(name, "video", number)
    outdoor = bool(rng.random() < 0.5)
    person = renderer.person(generator(name, "person", number))
    motion = draw_motion(renderer.model, rng, frames, category)
    weather = draw_weather(rng, frames, category, size)
    lights = draw_lighting(rng, outdoor=outdoor), draw_lighting(rng, outdoor=outdoor)
    cover = None if weather.cover is None else _cover(generator(name, "cover", number), size)
    neutral = np.repeat(renderer.neutral([person]), frames, axis=0)
    heads = renderer.model.express(neutral, motion.expression)
    for place, head in enumerate(heads):
        view = camera(renderer, head, motion, place, size)
        turned = view.turn(head)
        light = mixed(*lights, float(weather.change[place]))
        scene = Scene(person, head, turned, view, size, light, outdoor)
        picture = _draw(renderer, scene, generator(name, "look", number))
        yield _exposed(picture, weather, cover, place, generator(name, "noise", number, place))


def camera(renderer: FaceRenderer, head: NDArray[np.float32], motion: Motion, place: int, size: int) -> View:
    """The camera of a frame, for its head (V, 3) m."""
    loose = View(
        yaw=float(motion.yaw[place]),
        pitch=float(motion.pitch[place]),
        roll=float(motion.roll[place]),
        distance=motion.distance,
    )
    spots = loose.turn(renderer.model.landmarks.points(head))
    x, y = motion.shift[place]
    return frame(loose, spots, size, float(motion.share[place]), (float(x), float(y)))


def _draw(renderer: FaceRenderer, scene: Scene, rng: np.random.Generator) -> Picture:
    """`FaceRenderer.render`, in a light that is given."""
    model, view, size = renderer.model, scene.view, scene.size
    projected = view.project(scene.turned)
    raster = rasterise_quincunx(projected, model.faces, size, size, cull_back=True)
    code, part = labels.label_maps(raster.tri, raster.screen, model.faces, model.uv, model.part)
    points = renderer.landmarks(scene.turned, projected, view)
    return Picture(
        image=renderer._image(scene, raster, points[:, :2], rng),
        uv=code,
        part=part,
        points=points[:, :2],
        visible=labels.visible_points(points, raster.near),
        view=view,
    )


def _cover(rng: np.random.Generator, size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What passes in front, in its place before the face: linear colour (3 H, 3 H, 3) and opacity (3 H, 3 H), with H px
    around the picture, so that nothing is cut off where it moves."""
    box = (np.array([0.28, 0.25, 0.72, 0.8]) + 1) * size
    skin = np.array([1.0, 0.7, 0.55], np.float32) * np.float32(rng.uniform(0.06, 0.6))
    colour, opacity = draw_occluder(rng, 3 * size, box, skin)
    return colour, opacity[..., 0]


def _exposed(
    picture: Picture,
    weather: Weather,
    cover: tuple[NDArray[np.float32], NDArray[np.float32]] | None,
    place: int,
    rng: np.random.Generator,
) -> Picture:
    """The picture with this frame's exposure and noise, and what passes in front."""
    image, gain = picture.image, float(weather.gain[place])
    size = len(image)
    linear = (image / np.float32(255)) ** np.float32(GAMMA)
    if cover is not None and weather.cover is not None:
        move = np.array([[1, 0, weather.cover[place, 0] - size], [0, 1, weather.cover[place, 1] - size]])
        colour, opacity = (cv2.warpAffine(layer, move, (size, size)) for layer in cover)
        linear += opacity[..., None] * (colour - linear)
    noise = rng.normal(0, DARK_NOISE, linear.shape)
    linear = gain * linear + np.sqrt(gain) * noise
    out = np.clip(np.rint(255 * np.clip(linear, 0, 1) ** (1 / GAMMA)), 0, 255).astype(np.uint8)
    return Picture(out, picture.uv, picture.part, picture.points, picture.visible, picture.view)
