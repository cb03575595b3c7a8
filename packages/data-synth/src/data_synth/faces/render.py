"""One picture of a face with its labels.

Axis letters: `N` faces, `V` vertices, `F` triangles, `H` rows and columns of the image, `S` = 2 H + 1 samples of the
fine grid.

The head is drawn once into a z-buffer at half-pixel steps. Every other sample lies on a pixel centre and gives the
labels; all of them together give the anti-aliased picture, over which hair, hats, glasses and a background are
composed by depth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from data_synth.faces import accessories, labels, surface
from data_synth.faces.backdrop import draw_backdrop, draw_occluder
from data_synth.faces.camera import View, frame
from data_synth.faces.hair import COLUMNS, Scalp, Sheet, Style, build_scalp, build_sheet, draw_hat
from data_synth.faces.lights import draw_lighting
from data_synth.faces.model import FaceModel
from data_synth.faces.model_build import PARTS
from data_synth.faces.person import Person, draw_person
from data_synth.faces.photo import take_photo
from data_synth.faces.skin import SkinAtlas, build_atlas
from data_synth.raster import Raster, rasterise, vertex_normals
from data_synth.shade import Lighting, downsample, illuminate, lit_share, to_linear

F32 = NDArray[np.float32]

_WRAP = np.array([0.22, 0.10, 0.06], np.float32)
_FLESH = to_linear(
    np.array([0, 0, 0, 120, 80, 70, 110, 45, 42, 0, 0, 0, 175, 90, 85, 228, 216, 196]).reshape(6, 3) / 255
)


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


@dataclass(frozen=True)
class FaceRenderer:
    """The face model and everything prepared from it. Get the shared one with `FaceRenderer.load()`."""

    model: FaceModel
    atlas: SkinAtlas
    scalp: Scalp
    occlusion: F32
    casters: NDArray[np.int32]
    caster_vertices: NDArray[np.int64]

    @classmethod
    @lru_cache(maxsize=1)
    def load(cls) -> FaceRenderer:
        """Takes a minute the first time on a machine, then two seconds per process."""
        model = FaceModel.load()
        skin = model.faces[model.component == PARTS.index("skin")]
        skin = skin[model.mean[skin, 1].min(axis=1) > -0.17]
        used, local = np.unique(skin, return_inverse=True)
        inner = np.unique(
            model.faces[np.isin(model.component, [PARTS.index(p) for p in ("mouth_cavity", "tongue", "teeth")])]
        )
        occlusion = model.occlusion.copy()
        occlusion[inner] = np.maximum(occlusion[inner], 0.25 + 8 * np.maximum(model.mean[inner, 2] - 0.03, 0))
        return cls(
            model=model,
            atlas=build_atlas(model),
            scalp=build_scalp(model),
            occlusion=occlusion,
            casters=local.reshape(skin.shape).astype(np.int32),
            caster_vertices=used,
        )

    def person(self, rng: np.random.Generator) -> Person:
        return draw_person(self.model, self.atlas, self.scalp, rng)

    def vertices(self, people: list[Person], rngs: list[np.random.Generator]) -> F32:
        """(N, V, 3) heads of these people with expressions drawn from their generators."""
        expressions = np.concatenate([self.model.sample_expressions(rng, 1) for rng in rngs])
        phenotype = np.concatenate([p.params.phenotype for p in people])
        shape = np.concatenate([p.params.shape for p in people])
        return self.model.vertices(replace(people[0].params, phenotype=phenotype, shape=shape, expression=expressions))

    def view(self, head: F32, yaw: float, size: int, rng: np.random.Generator) -> View:
        """A camera for a head (V, 3): pose, distance and framing as in a face crop."""
        loose = View(
            yaw=yaw,
            pitch=float(np.clip(rng.normal(0, 12), -32, 32)),
            roll=float(np.clip(rng.normal(0, 12), -40, 40)),
            distance=float(np.exp(rng.uniform(np.log(0.45), np.log(2.5)))),
        )
        spots = self.model.landmarks.points(loose.turn(head))
        share, shift = rng.uniform(0.47, 0.75), rng.normal(0, 0.025, 2)
        return frame(loose, spots, size, float(share), (float(shift[0]), float(shift[1])))

    def landmarks(self, head: F32, view: View) -> NDArray[np.float64]:
        """(68, 3) x px, y px, depth m, with the jaw marched to the outline of this view."""
        turned = view.turn(head)
        marched = self.model.landmarks.march(view.project(turned)[:, :2], view.up)
        return view.project(marched.points(turned.astype(np.float64)))

    def render(
        self, person: Person, head: F32, view: View, size: int, rng: np.random.Generator, *, outdoor: bool
    ) -> Picture:
        """Draw a person's head (V, 3) m, as `vertices` gives it, from a camera, in a scene drawn from `rng`."""
        turned = view.turn(head)
        raster = _raster(view.project(turned), self.model.faces, size)
        code, part = labels.label_maps(raster.tri, raster.bary, self.model.faces, self.model.uv, self.model.part)
        points = self.landmarks(head, view)
        return Picture(
            image=self._image(person, head, turned, view, raster, points, size, rng, outdoor),
            uv=code,
            part=part,
            points=points[:, :2],
            visible=labels.visible_points(points, raster.depth),
            view=view,
        )

    def _image(
        self,
        person: Person,
        head: F32,
        turned: F32,
        view: View,
        raster: Raster,
        points: NDArray[np.float64],
        size: int,
        rng: np.random.Generator,
        outdoor: bool,
    ) -> NDArray[np.uint8]:
        lighting = draw_lighting(rng, outdoor=outdoor)
        style = person.hair
        if rng.random() < 0.12:
            colours = _fabric(rng), _fabric(rng)
            style = draw_hat(self.scalp, *colours, rng)
        sheet = build_sheet(self.scalp, style, head, rng)
        hair = view.turn(sheet.vertices)
        lit, hair_lit = self._shadows(turned, hair, sheet, lighting)
        normals = vertex_normals(turned, self.model.faces)
        diffuse, specular = illuminate(normals, self.occlusion, lit, lighting, _WRAP, 14.0)
        exposure = _exposure(diffuse[self.model.landmarks.triangles[17:, 0]], person.tone, rng)
        diffuse *= exposure
        specular *= exposure
        canvas = np.zeros((*raster.tri.shape, 4), np.float32)
        self._paint_head(person, style, view, raster, diffuse, specular, lighting, rng, canvas)
        front = raster.depth.copy()
        if len(sheet.faces) and style.thickness > 0:
            sheet_normals = vertex_normals(hair, sheet.faces)
            shade = np.full(len(hair), 0.75, np.float32)
            light = illuminate(sheet_normals, shade, hair_lit, lighting, np.zeros(3, np.float32), 10.0)
            _paint_sheet(style, sheet, hair, light, exposure, view, size, self.atlas.noise[1], rng, front, canvas)
        if rng.random() < 0.14:
            self._wear_glasses(head, view, lighting, exposure, size, rng, front, canvas)
        pixels = downsample(canvas)
        backdrop = draw_backdrop(rng, size, outdoor=outdoor, skin=person.tone) * np.float32(
            np.exp(rng.normal(-0.2, 0.4))
        )
        picture = pixels[..., :3] + (1 - pixels[..., 3:]) * backdrop
        if rng.random() < 0.10:
            box = np.concatenate([points[:, :2].min(axis=0), points[:, :2].max(axis=0)])
            mean_light = diffuse[self.model.landmarks.triangles[17:, 0]].mean(axis=0)
            colour, opacity = draw_occluder(rng, size, box, person.tone * mean_light)
            picture += opacity * (colour - picture)
        return take_photo(picture, rng)

    def _shadows(self, turned: F32, hair: F32, sheet: Sheet, lighting: Lighting) -> tuple[F32, F32]:
        """Share of the key light that reaches the head's and the sheet's vertices."""
        if lighting.shadow < 0.3:
            return np.ones(len(turned), np.float32), np.ones(len(hair), np.float32)
        inner = sheet.faces[sheet.margin[sheet.faces].min(axis=1) > 0.0]
        casters = np.concatenate([turned[self.caster_vertices], hair])
        faces = np.concatenate([self.casters, inner + len(self.caster_vertices)])
        lit = lit_share(np.concatenate([turned, hair]), casters, faces, lighting.direction[0])
        return lit[: len(turned)], lit[len(turned) :]

    def _paint_head(
        self,
        person: Person,
        style: Style,
        view: View,
        raster: Raster,
        diffuse: F32,
        specular: F32,
        lighting: Lighting,
        rng: np.random.Generator,
        canvas: F32,
    ) -> None:
        model = self.model
        place = np.where(model.eye_local[:, 2:] != 0, model.eye_local[:, :2], self.atlas.texel)
        column, along = self.scalp.lookup.T
        scalp = np.interp(column, np.arange(COLUMNS), person.hair.end) - along
        if style.cloth:
            scalp = np.minimum(
                scalp, np.interp(column, np.arange(COLUMNS), np.maximum(style.end, person.hair.end)) - along
            )
        cloth = accessories.collar(model.mean, rng)
        channels = np.column_stack([place, diffuse, specular, scalp, cloth]).astype(np.float32)
        half = lighting.direction[0] + [0.0, 0.0, 1.0]
        glint = (view.rotation.T @ (half / np.linalg.norm(half)))[:2] * 0.7
        fabric = np.stack([_fabric(rng), _fabric(rng)])
        period = rng.uniform(6, 25) if rng.random() < 0.3 else 0.0
        surface.paint_head(
            raster.tri, raster.bary, model.faces, model.component, channels, person.texture, self.atlas.noise[1],
            person.hair.colour, fabric, np.float32(period), person.iris, np.float32(rng.uniform(0.11, 0.2)),
            glint.astype(np.float32), _FLESH, canvas,
        )  # fmt: skip

    def _wear_glasses(
        self,
        head: F32,
        view: View,
        lighting: Lighting,
        exposure: float,
        size: int,
        rng: np.random.Generator,
        front: F32,
        canvas: F32,
    ) -> None:
        eye = np.flatnonzero(self.model.eye_local[:, 2] != 0)
        right, left = eye[self.model.mean[eye, 0] < 0], eye[self.model.mean[eye, 0] > 0]
        centres = np.stack([head[right].mean(axis=0), head[left].mean(axis=0)])
        ears = self.model.landmarks.points(head)[[0, 16]] * [1.03, 1, 1] + [0, 0.006, -0.03]
        bridge = float(self.model.landmarks.points(head)[27, 2])
        solid = accessories.build_glasses(accessories.draw_glasses(rng), centres, ears, bridge + 0.006)
        turned = view.turn(solid.vertices)
        normals = vertex_normals(turned, solid.faces)
        normals *= np.where(normals[:, 2:] < 0, -1, 1).astype(
            np.float32
        )  # thin things are lit on the side that is seen
        ones = np.ones(len(turned), np.float32)
        diffuse, specular = illuminate(normals, ones, ones, lighting, np.zeros(3, np.float32), 30.0)
        colour = exposure * (solid.albedo * diffuse + 0.15 * specular)
        raster = _raster(view.project(turned), solid.faces, size, cull_back=False)
        surface.paint_solid(
            raster.tri, raster.bary, raster.depth, front, solid.faces, colour.astype(np.float32), solid.opacity, canvas
        )


def _raster(projected: F32, faces: NDArray[np.int32], size: int, *, cull_back: bool = True) -> Raster:
    """The fine z-buffer (S, S): sample 2 k + 1 lies on pixel centre k."""
    fine = projected.astype(np.float64)
    fine[:, :2] = 2 * fine[:, :2] + 1
    return rasterise(fine, faces, 2 * size + 1, 2 * size + 1, cull_back=cull_back)


def _paint_sheet(
    style: Style,
    sheet: Sheet,
    turned: F32,
    light: tuple[F32, F32],
    exposure: float,
    view: View,
    size: int,
    grain: F32,
    rng: np.random.Generator,
    front: F32,
    canvas: F32,
) -> None:
    channels = np.column_stack([sheet.margin, sheet.column, exposure * light[0], exposure * light[1]]).astype(
        np.float32
    )
    raster = _raster(view.project(turned), sheet.faces, size, cull_back=False)
    hem = style.colour if style.band_colour is None else style.band_colour
    surface.paint_sheet(
        raster.tri, raster.bary, raster.depth, front, sheet.faces, channels, grain, int(rng.integers(0, 400)),
        style.colour, hem, np.float32(style.band), np.float32(style.streak), np.float32(style.ragged),
        np.float32(style.gloss), np.float32(7.0), canvas,
    )  # fmt: skip


def _fabric(rng: np.random.Generator) -> F32:
    value = np.clip(rng.beta(1.2, 1.6) * np.exp(rng.normal(0, 0.35 * rng.random(), 3)), 0.02, 0.9)
    return to_linear(value)


def _exposure(diffuse: F32, tone: F32, rng: np.random.Generator) -> float:
    """What a camera's automatic exposure makes of a face: dark skin in weak light is lifted, though not all the way."""
    reflected = float(diffuse.mean()) * float(tone.mean()) ** 0.45
    return float(0.52 / max(reflected, 1e-3) * np.exp(rng.normal(0, 0.12)))
