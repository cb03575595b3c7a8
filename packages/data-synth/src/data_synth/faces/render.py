"""One picture of a face with its labels.

Axis letters: `N` faces, `V` vertices, `F` triangles, `H` rows and columns of the image, `S` = 2 H + 1 rows and `K` =
H + 1 columns of a `raster.Quincunx`.

The head is drawn once into a z-buffer at the pixels' centres and corners. The samples on centres give the labels;
together with those on corners they give the anti-aliased picture, in which hair, hats, glasses and a background are
composed by depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from data_synth.faces import accessories, labels, surface
from data_synth.faces.backdrop import draw_backdrop
from data_synth.faces.camera import View, frame
from data_synth.faces.hair import COLUMNS, Scalp, Sheet, Style, build_scalp, cut_sheet
from data_synth.faces.hair import hairline as edge_of
from data_synth.faces.lights import draw_lighting
from data_synth.faces.model import FaceModel
from data_synth.faces.model_build import PARTS
from data_synth.faces.model_params import FaceParams
from data_synth.faces.occluders import draw_occluder
from data_synth.faces.person import Person, draw_person
from data_synth.faces.photo import take_photo
from data_synth.faces.skin_atlas import SkinAtlas, build_atlas
from data_synth.faces.styles import draw_hat
from data_synth.raster import Quincunx, corners_of, rasterise_quincunx, vertex_normals
from data_synth.shade import Lighting, ShadowTable, compose, illuminate, lit_share, tabulate_shadows, to_linear

F32 = NDArray[np.float32]

HAT_SHARE, GLASSES_SHARE, OCCLUDER_SHARE = 0.12, 0.14, 0.10

_WRAP = np.array([0.22, 0.10, 0.06], np.float32)
_FLESH = to_linear(np.array([[0, 0, 0], [120, 80, 70], [110, 45, 42], [0, 0, 0], [175, 90, 85], [222, 208, 188]]) / 255)


@dataclass(frozen=True, slots=True)
class Picture:
    """image (H, H, 3) uint8 sRGB; uv (H, H, 2) uint16 code (see `labels.decode_uv`); part (H, H) uint8 index into
    `PART_NAMES`; points (68, 2) float64 px, jaw marched to the outline; visible (68,) bool; view."""

    image: NDArray[np.uint8]
    uv: NDArray[np.uint16]
    part: NDArray[np.uint8]
    points: NDArray[np.float64]
    visible: NDArray[np.bool_]
    view: View


@dataclass(frozen=True, slots=True)
class Scene:
    """A person's head (V, 3) in the model's frame and as the camera has it, the camera, and the light on it."""

    person: Person
    head: F32
    turned: F32
    view: View
    size: int
    lighting: Lighting
    outdoor: bool


@dataclass(frozen=True)
class FaceRenderer:
    """The face model and everything prepared from it. Get the shared one with `FaceRenderer.load()`.

    place (V, 2) where `surface.paint_head` finds the colour of a vertex; eyes: the vertices of the two eyeballs, image
    left first; shadows: of the mean head; casters: the triangles that throw shadows.
    """

    model: FaceModel
    atlas: SkinAtlas
    scalp: Scalp
    place: F32
    eyes: tuple[NDArray[np.int64], NDArray[np.int64]]
    occlusion: F32
    shadows: ShadowTable
    casters: NDArray[np.int32]

    @classmethod
    @lru_cache(maxsize=1)
    def load(cls) -> FaceRenderer:
        """Takes a minute the first time on a machine, then two seconds per process."""
        model = FaceModel.load()
        atlas = build_atlas(model)
        skin = model.faces[model.component == PARTS.index("skin")]
        casters = np.ascontiguousarray(skin[model.mean[skin, 1].min(axis=1) > -0.17])
        on_eye = model.eye_local[:, 2] != 0
        # Occlusion and shadows are tabulated with a closed mouth: what is inside would be black when it opens.
        inside = np.isin(model.component, [PARTS.index(p) for p in ("mouth_cavity", "tongue", "teeth")])
        inner = np.unique(model.faces[inside])
        occlusion = model.occlusion.copy()
        occlusion[inner] = np.maximum(occlusion[inner], 0.15 + 8 * np.maximum(model.mean[inner, 2] - 0.035, 0))
        shadows = tabulate_shadows(model.mean, casters)
        shadows.lit[:, inner] = 100
        return cls(
            model=model,
            atlas=atlas,
            scalp=build_scalp(model),
            place=np.where(on_eye[:, None], model.eye_local[:, :2], atlas.texel).astype(np.float32),
            eyes=(np.flatnonzero(on_eye & (model.mean[:, 0] < 0)), np.flatnonzero(on_eye & (model.mean[:, 0] > 0))),
            occlusion=occlusion,
            shadows=shadows,
            casters=casters,
        )

    def person(self, rng: np.random.Generator) -> Person:
        """Draw one identity."""
        return draw_person(self.model, self.atlas, self.scalp, rng)

    def neutral(self, people: list[Person]) -> F32:
        """(N, V, 3) heads of these people without expression, m in the model's frame."""
        params = [person.params for person in people]
        names = ("phenotype", "shape", "expression")
        return self.model.vertices(FaceParams(*(np.concatenate([getattr(p, name) for p in params]) for name in names)))

    def express(self, neutral: F32, rng: np.random.Generator) -> F32:
        """The heads (N, V, 3) of `neutral` with expressions drawn from `rng`."""
        return self.model.express(neutral, self.model.sample_expressions(rng, len(neutral)))

    def vertices(self, people: list[Person], rng: np.random.Generator) -> F32:
        """(N, V, 3) heads of these people with expressions drawn from `rng`, m in the model's frame."""
        return self.express(self.neutral(people), rng)

    def view(self, head: F32, yaw: float, size: int, rng: np.random.Generator) -> View:
        """A camera for a head (V, 3): pose, distance and framing as in a face crop. yaw in degrees."""
        loose = View(
            yaw=yaw,
            pitch=float(np.clip(rng.normal(0, 12), -32, 32)),
            roll=float(np.clip(rng.normal(0, 12), -40, 40)),
            distance=float(np.exp(rng.uniform(np.log(0.45), np.log(2.5)))),
        )
        spots = loose.turn(self.model.landmarks.points(head))
        share, shift = rng.uniform(0.47, 0.75), rng.normal(0, 0.025, 2)
        return frame(loose, spots, size, float(share), (float(shift[0]), float(shift[1])))

    def landmarks(self, turned: F32, projected: F32, view: View) -> NDArray[np.float64]:
        """(68, 3) x px, y px, depth m, with the jaw marched to the outline of this view."""
        marched = self.model.landmarks.march(projected, view.up)
        return view.project(marched.points(turned).astype(np.float64))

    def render(
        self, person: Person, head: F32, view: View, size: int, rng: np.random.Generator, *, outdoor: bool
    ) -> Picture:
        """Draw a person's head (V, 3) m, as `vertices` gives it, from a camera, in a scene drawn from `rng`."""
        turned = view.turn(head)
        projected = view.project(turned)
        model = self.model
        raster = rasterise_quincunx(projected, model.faces, size, size, cull_back=True)
        code, part = labels.label_maps(raster.tri, raster.screen, model.faces, model.uv, model.part)
        points = self.landmarks(turned, projected, view)
        scene = Scene(person, head, turned, view, size, draw_lighting(rng, outdoor=outdoor), outdoor)
        return Picture(
            image=self._image(scene, raster, points[:, :2], rng),
            uv=code,
            part=part,
            points=points[:, :2],
            visible=labels.visible_points(points, raster.near),
            view=view,
        )

    def _image(
        self, scene: Scene, raster: Quincunx, points: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        person, view, size = scene.person, scene.view, scene.size
        style, sheet, hairline = person.hair, person.sheet, person.hairline
        if rng.random() < HAT_SHARE:
            style = draw_hat(self.scalp, _fabric(rng), _fabric(rng), rng)
            sheet = cut_sheet(self.scalp, style, rng)
            hairline = np.minimum(hairline, edge_of(self.scalp, style))
        over = view.turn(sheet.on(scene.head))
        light = self._light(scene, raster, style, sheet, over, hairline)
        face_light = light[self.model.landmarks.triangles[17:, 0], :3].mean(axis=0)
        exposure = _exposure(face_light, person.tone, rng)
        light *= exposure
        canvas, front = np.zeros((*raster.tri.shape, 4), np.float32), raster.near.copy()
        if style.thickness > 0:  # first, so that no skin is painted below it
            _paint_sheet(scene, style, sheet, over, exposure, self.atlas.noise[1], rng, front, canvas)
        self._paint_head(scene, raster, light, hairline, rng, front, canvas)
        if rng.random() < GLASSES_SHARE:
            self._wear_glasses(scene, exposure, rng, front, canvas)
        gain = float(np.exp(rng.normal(-0.2, 0.4)))
        picture = compose(canvas, draw_backdrop(rng, size, outdoor=scene.outdoor, skin=person.tone, gain=gain))
        if rng.random() < OCCLUDER_SHARE:
            box = np.concatenate([points.min(axis=0), points.max(axis=0)])
            colour, opacity = draw_occluder(rng, size, box, person.tone * exposure * face_light)
            picture += opacity * (colour - picture)
        return take_photo(picture, rng)

    def _light(self, scene: Scene, raster: Quincunx, style: Style, sheet: Sheet, over: F32, hairline: F32) -> F32:
        """Light (V, 6) on the vertices of the head that are seen."""
        lighting = scene.lighting
        if style.cloth and lighting.shadow > 0.2:  # a brim throws its own shadow; the table knows the bare head only
            inner = sheet.faces[sheet.margin[sheet.faces].min(axis=1) > 0.0]
            casters = np.concatenate([scene.turned, over])
            faces = np.concatenate([self.casters, inner + len(scene.turned)])
            lit = lit_share(scene.turned, casters, faces, lighting.direction[0])
        else:
            lit = self.shadows.towards(scene.view.rotation.T @ lighting.direction[0])
        occlusion = self.occlusion
        if style.thickness > 0:  # it is darker just below the edge of the hair
            occlusion = occlusion * (1 - np.float32(0.4) * np.exp(np.minimum(hairline, 0) / np.float32(0.010)))
        normals = vertex_normals(scene.turned, self.model.faces)
        seen = corners_of(raster.tri, self.model.faces, len(normals))
        seen[self.model.landmarks.triangles[17:, 0]] = True  # where the exposure is measured
        return illuminate(normals, occlusion, lit, lighting, _WRAP, 4, seen)

    def _paint_head(
        self,
        scene: Scene,
        raster: Quincunx,
        light: F32,
        hairline: F32,
        rng: np.random.Generator,
        front: F32,
        canvas: F32,
    ) -> None:
        person, model = scene.person, self.model
        half = scene.lighting.direction[0] + np.array([0.0, 0.0, 1.0])
        glint = (scene.view.rotation.T @ (half / np.linalg.norm(half)))[:2] * 0.7
        stripe = rng.uniform(6, 25) if rng.random() < 0.3 else 0.0
        values = np.empty((len(light), surface.FIELDS), np.float32)
        values[:, :2], values[:, 2], values[:, 4:] = self.place, hairline, light
        values[:, 3] = accessories.collar(model.mean, rng)
        surface.paint_head(
            *raster, front, model.faces, model.component, values, person.texture,
            self.atlas.noise[1], person.hair.colour, np.stack([_fabric(rng), _fabric(rng)]), np.float32(stripe),
            person.iris, np.float32(rng.uniform(0.11, 0.2)), glint.astype(np.float32), _FLESH, canvas,
        )  # fmt: skip

    def _wear_glasses(self, scene: Scene, exposure: float, rng: np.random.Generator, front: F32, canvas: F32) -> None:
        head, view = scene.head, scene.view
        spots = self.model.landmarks.points(head)
        centres = np.stack([head[eye].mean(axis=0) for eye in self.eyes])
        ears = spots[[0, 16]] * np.array([1.03, 1, 1]) + np.array([0, 0.006, -0.03])
        solid = accessories.build_glasses(accessories.draw_glasses(rng), centres, ears, float(spots[27, 2]) + 0.006)
        turned = view.turn(solid.vertices)
        normals = vertex_normals(turned, solid.faces)
        normals *= np.where(normals[:, 2:] < 0, -1, 1).astype(np.float32)  # thin things are lit on the side seen
        ones = np.ones(len(turned), np.float32)
        light = exposure * illuminate(normals, ones, ones, scene.lighting, np.zeros(3, np.float32), 5)
        colour = (solid.albedo * light[:, :3] + 0.15 * light[:, 3:]).astype(np.float32)
        raster = rasterise_quincunx(view.project(turned), solid.faces, scene.size, scene.size)
        surface.paint_solid(*raster, front, solid.faces, colour, solid.opacity, canvas)


def _paint_sheet(
    scene: Scene,
    style: Style,
    sheet: Sheet,
    turned: F32,
    exposure: float,
    grain: F32,
    rng: np.random.Generator,
    front: F32,
    canvas: F32,
) -> None:
    raster = rasterise_quincunx(scene.view.project(turned), sheet.faces, scene.size, scene.size)
    ones = np.ones(len(turned), np.float32)
    normals = vertex_normals(turned, sheet.faces)
    seen = corners_of(raster.tri, sheet.faces, len(turned))
    light = illuminate(normals, np.float32(0.75) * ones, ones, scene.lighting, np.zeros(3, np.float32), 3, seen)
    light *= np.float32(exposure)
    colours = np.stack([style.colour, style.colour if style.band_colour is None else style.band_colour])
    surface.paint_sheet(
        *raster, front, sheet.faces, sheet.margin, COLUMNS, light, grain,
        int(rng.integers(0, 400)), colours.astype(np.float32), np.float32(style.band), np.float32(style.streak),
        np.float32(style.ragged), np.float32(style.gloss), canvas,
    )  # fmt: skip


def _fabric(rng: np.random.Generator) -> F32:
    value = np.clip(rng.beta(1.2, 1.6) * np.exp(rng.normal(0, 0.35 * rng.random(), 3)), 0.02, 0.9)
    return to_linear(value)


def _exposure(light: F32, tone: F32, rng: np.random.Generator) -> float:
    """What a camera's automatic exposure makes of a face: dark skin in weak light is lifted, though not all the way."""
    reflected = float(light.mean()) * float(tone.mean()) ** 0.45
    return float(0.52 / max(reflected, 1e-3) * np.exp(rng.normal(0, 0.12)))
