"""One picture of a person in a scene, with the visibility of the joints.

Axis letters: `V` vertices, `B` bones, `J` joints, `H` rows and columns of the image; samples as in `raster.Quincunx`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from data_synth.bodies import paint
from data_synth.bodies.camera import Camera, project
from data_synth.bodies.people import Bodies
from data_synth.bodies.scene import Scene, Solid
from data_synth.bodies.skeleton import BONE, JOINTS, Skeleton
from data_synth.bodies.wardrobe import Outfit
from data_synth.faces.backdrop import draw_backdrop
from data_synth.faces.photo import take_photo
from data_synth.faces.surface import paint_solid
from data_synth.raster import corners_of, rasterise_quincunx, vertex_normals
from data_synth.shade import Lighting, compose, illuminate, lit_share

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

_SHOWN_BY: dict[str, tuple[str, ...]] = {
    "hip": ("pelvis", "torso", "thigh"), "knee": ("thigh", "shin"), "foot": ("shin", "foot"),
    "spine": ("pelvis", "torso"), "thorax": ("torso", "neck", "clavicle"), "neck_nose": ("neck", "head"),
    "head": ("head",), "shoulder": ("clavicle", "upperarm", "torso"), "elbow": ("upperarm", "forearm", "forearm-twist"),
    "wrist": ("forearm", "forearm-twist", "hand"),
}  # fmt: skip
"""Bones whose flesh is round a joint: it is seen if the surface in front of it belongs to one of them."""
DEEPEST = 0.25
"""A joint is not seen if the surface in front of it is further away from it than this, m."""


@dataclass(frozen=True)
class Actor:
    """Somebody in a pose: turn (B, 3, 3), pivots (B, 3) m as in `pose.Pose`, and looks."""

    skeleton: Skeleton
    outfit: Outfit
    turn: F64
    pivots: F64


@dataclass(frozen=True)
class Picture:
    """image (H, H, 3) uint8 sRGB; visible (J,) bool; silhouette (H, H) bool: the person, at pixel centres."""

    image: NDArray[np.uint8]
    visible: NDArray[np.bool_]
    silhouette: NDArray[np.bool_]


class BodyRenderer:
    """What all pictures share. Get it with `BodyRenderer.load()`."""

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies
        order = np.argsort(-bodies.weights, axis=1)[:, :4]
        weight = np.take_along_axis(bodies.weights, order, axis=1)
        self._index = np.ascontiguousarray(order).astype(np.int32)
        self._weight = np.ascontiguousarray(weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
        self.bone_of_face = np.argmax(bodies.weights[bodies.faces].sum(axis=1), axis=1)
        self._shows = np.zeros((len(JOINTS), len(BONE)), np.bool_)
        for joint, name in enumerate(JOINTS):
            side, _, stem = name.rpartition("_") if name[:2] in ("l_", "r_") else ("", "", name)
            for bone in _SHOWN_BY[stem]:
                sided = f"{bone}.{side.upper()}"
                for each in [sided] if sided in BONE else [b for b in BONE if b.partition(".")[0] == bone]:
                    self._shows[joint, BONE[each]] = True

    @classmethod
    @lru_cache(maxsize=1)
    def load(cls) -> BodyRenderer:
        return cls(Bodies.load())

    def vertices(self, actor: Actor) -> F32:
        """(V, 3) m in the world."""
        turn = actor.turn @ actor.skeleton.neutral
        shift = actor.pivots - (turn @ actor.skeleton.pivot[:, :, None])[..., 0]
        return paint.skin(
            actor.outfit.vertices, self._index, self._weight, turn.astype(np.float32), shift.astype(np.float32)
        )

    def render(
        self,
        actor: Actor,
        camera: Camera,
        intrinsics: F64,
        scene: Scene,
        size: int,
        rng: np.random.Generator,
        *,
        solids: tuple[Solid, ...] = (),
    ) -> Picture:
        """A crop of `size` pixels with `intrinsics` (3, 3); rng draws the photograph's defects."""
        faces = self.bodies.faces
        world = self.vertices(actor)
        casters = np.concatenate([world] + [solid.vertices.astype(np.float32) for solid in solids])
        start = np.cumsum([len(world)] + [len(solid.vertices) for solid in solids])
        joined = [faces] + [solid.faces + np.int32(first) for solid, first in zip(solids, start, strict=False)]
        background, exposure, lit = self._background(
            scene, camera, intrinsics, size, casters, np.concatenate(joined), rng
        )
        axes = camera.rotation * np.array([[1.0], [-1.0], [-1.0]])  # x right, y up, z towards the camera
        lighting = _seen_by(scene.lighting, axes)
        canvas = np.zeros((2 * size + 1, size + 1, 4), np.float32)
        front = np.full(canvas.shape[:2], -np.inf, np.float32)

        raster = rasterise_quincunx(_to_screen(world, camera, intrinsics), faces, size, size, cull_back=True)
        normals = vertex_normals(world, faces) @ axes.T.astype(np.float32)
        share = lit[: len(world)]
        wrap = np.array([0.18, 0.12, 0.10], np.float32)
        seen = corners_of(raster.tri, faces, len(world))
        light = exposure * illuminate(normals, 0.55 + 0.45 * share, share, lighting, wrap, 4, seen)
        look = actor.outfit
        paint.paint_body(
            *raster, front, faces, look.fields, light, look.albedo, np.array(look.pattern),
            np.array(look.pitch, np.float32), np.float32(look.gap), canvas,
        )  # fmt: skip
        for solid, first in zip(solids, start, strict=False):
            screen = _to_screen(solid.vertices, camera, intrinsics)
            thing = rasterise_quincunx(screen, solid.faces, size, size, cull_back=True)
            normals = vertex_normals(solid.vertices, solid.faces) @ axes.T.astype(np.float32)
            share = lit[first : first + len(normals)]
            light = illuminate(normals, 0.5 + 0.5 * share, share, lighting, np.zeros(3, np.float32), 4)
            colour = (exposure * solid.albedo * light[:, :3]).astype(np.float32)
            paint_solid(*thing, front, solid.faces, colour, np.ones(len(solid.faces), np.float32), canvas)
            front = np.maximum(front, thing.near)
        silhouette = raster.tri[1::2, :size]
        visible = self._visible(actor, camera, intrinsics, silhouette, raster.near, front, size)
        return Picture(take_photo(compose(canvas, background), rng), visible, silhouette >= 0)

    def _visible(
        self, actor: Actor, camera: Camera, intrinsics: F64, tri: NDArray[np.int32], near: F32, front: F32, size: int
    ) -> NDArray[np.bool_]:
        """(J,) whether what is seen at a joint's pixel is the flesh round it."""
        seen = camera.see(actor.skeleton.joints(actor.pivots[None], actor.turn[None])[0])
        pixel = np.rint(project(intrinsics, seen)).astype(int)
        inside = ((pixel >= 0) & (pixel < size)).all(axis=1)
        column, row = np.clip(pixel, 0, size - 1).T
        face, nearest = tri[row, column], near[1::2, :size][row, column]
        unhidden = nearest >= front[1::2, :size][row, column]
        with np.errstate(divide="ignore"):
            close = np.abs(1 / nearest - seen[:, 2]) < DEEPEST
        flesh = self._shows[np.arange(len(JOINTS)), self.bone_of_face[np.maximum(face, 0)]]
        return inside & (face >= 0) & unhidden & close & flesh

    def _background(
        self,
        scene: Scene,
        camera: Camera,
        intrinsics: F64,
        size: int,
        casters: F32,
        faces: NDArray[np.int32],
        rng: np.random.Generator,
    ) -> tuple[F32, np.float32, F32]:
        """The picture (H, H, 3) without anybody, the exposure, and the share of key light on each caster's vertex."""
        light, key = scene.lighting, scene.lighting.direction[0]
        normals = np.array([[0, 0, 1], [0, 0, -1], [-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0]], np.float32)
        up = _seen_by(light, np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]))  # illuminate() wants y up
        around = np.concatenate([normals[2:], normals[:1]]) @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32)
        ones = np.ones(5, np.float32)
        level = illuminate(around, ones, ones, up, np.zeros(3, np.float32), 1)[:, :3].mean()
        exposure = np.float32(0.62 / max(float(level), 1e-3) * np.exp(rng.normal(0, 0.1)))
        if scene.room is None:
            lit = lit_share(casters, casters, faces, key)
            gain = float(np.exp(rng.normal(-0.2, 0.35)))
            skin = np.array([0.5, 0.3, 0.2], np.float32)
            return draw_backdrop(rng, size, outdoor=scene.outdoor, skin=skin, gain=gain), exposure, lit
        room = scene.room
        inverse = np.linalg.inv(intrinsics)
        side, place = paint.cast_room(inverse, camera.rotation, camera.position, room.half, room.ceiling, size)
        floor = side == 0
        lit = lit_share(np.concatenate([casters, place[floor]]), casters, faces, key)
        reached = np.ones((size, size), np.float32)
        reached[floor] = 1 - 0.6 * light.shadow * (1 - lit[len(casters) :]) * max(float(key[2]), 0.3)
        six = normals @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32)
        walls = exposure * illuminate(
            six, np.ones(6, np.float32), np.ones(6, np.float32), up, np.zeros(3, np.float32), 1
        )
        picture = paint.paint_room(
            side, place, room.atlas, room.pitch, np.float32(room.ceiling), np.ascontiguousarray(walls[:, :3]), reached
        )
        return picture, exposure, lit[: len(casters)]


def _seen_by(lighting: Lighting, axes: F64) -> Lighting:
    """The same light with directions in other axes (3, 3). The surroundings' up and down are those of the picture."""
    direction = np.ascontiguousarray(lighting.direction @ axes.T.astype(np.float32))
    return Lighting(direction, lighting.colour, lighting.sky, lighting.ground, lighting.shadow)


def _to_screen(world: NDArray[np.floating], camera: Camera, intrinsics: F64) -> F64:
    seen = camera.see(world.astype(np.float64))
    return np.concatenate([project(intrinsics, seen), seen[:, 2:]], axis=1)
