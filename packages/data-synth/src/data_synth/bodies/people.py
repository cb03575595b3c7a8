"""Who is in the pictures: bodies of anny (code Apache-2.0, assets CC0), made once and kept.

Axis letters: `P` people, `V` vertices, `F` triangles, `B` bones of `skeleton.BONES`.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from data_synth.bodies.skeleton import BONE, BONES, SIDES, Skeleton, make_skeleton
from data_synth.seeds import generator
from data_synth.shards import cache_root
from data_synth.stored import make_tensors

log = logging.getLogger(__name__)
F32 = NDArray[np.float32]

SUBJECTS = ("S1", "S5", "S6", "S7", "S8", "S9", "S11")
"""The seven people of `h36m`; women are S1, S5, S7, as there."""
WOMEN = ("S1", "S5", "S7")
OTHERS = 40
"""People of `h36m-2d`, none of whom is a subject."""
NAMES = (*SUBJECTS, *(f"other-{k:02d}" for k in range(OTHERS)))

_HEADS = (
    *("spine03", "neck01", "head", "eye.L", "eye.R"),
    *(
        f"{bone}.{side}"
        for side in SIDES
        for bone in ("upperarm01", "lowerarm01", "wrist", "upperleg01", "lowerleg01", "foot")
    ),
)

# Our bone <- anny's bones and the share of their skinning weight; the spine's bend is spread over the lumbar vertebrae.
_MEMBERS: dict[str, dict[str, float]] = {
    "pelvis": {"root": 1, "pelvis": 1, "spine05": 1, "spine04": 0.7, "spine03": 0.3},
    "torso": {"spine04": 0.3, "spine03": 0.7, "spine02": 1, "spine01": 1},
    "neck": {"neck01": 1, "neck02": 1, "neck03": 0.5},
    "head": {"neck03": 0.5, "head": 1, "eye": 1, "tongue": 1, "jaw": 1},
    "clavicle": {"clavicle": 1, "shoulder01": 1},
    "upperarm": {"upperarm01": 1, "upperarm02": 1},
    "forearm": {"lowerarm01": 1, "lowerarm02": 0.3},
    "forearm-twist": {"lowerarm02": 0.7},
    "hand": {"wrist": 1, "finger": 1, "metacarpal": 1},
    "thigh": {"upperleg01": 1, "upperleg02": 1},
    "shin": {"lowerleg01": 1, "lowerleg02": 1},
    "foot": {"foot": 1, "toe": 1},
}


@dataclass(frozen=True)
class Bodies:
    """All people on one mesh, as modelled (standing, arms spread), in the frame of `skeleton`.

    vertices (P, V, 3) float32 m; faces (F, 3) int32; weights (V, B) float32, rows sum to 1; eyes (P, 2, 3) float64 m
    centres of the eyeballs, left first; skeletons: one for each of `NAMES`.
    """

    vertices: F32
    faces: NDArray[np.int32]
    weights: F32
    eyes: NDArray[np.float64]
    skeletons: tuple[Skeleton, ...]

    @classmethod
    @lru_cache(maxsize=1)
    def load(cls, cache_dir: Path | None = None) -> Bodies:
        """From the cache; the first call on a machine builds it from anny (about a minute)."""
        source = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
        path = (cache_dir or cache_root() / "models") / f"bodies-{source}-anny{version('anny')}.safetensors"

        def build() -> tuple[dict[str, np.ndarray], dict[str, str]]:
            log.info("building the bodies from anny; about a minute, once")
            return build_bodies(), {}

        make_tensors(path, build)
        stored = load_file(path)
        skeletons = []
        for heads, vertices in zip(stored["heads"], stored["vertices"], strict=True):
            on_head = vertices[stored["weights"][:, BONE["head"]] > 0.5]
            crown = np.array([0.0, on_head[:, 1].mean(), on_head[:, 2].max()])
            named = dict(zip(_HEADS, heads, strict=True))
            skeletons.append(make_skeleton(named, crown, _soles(vertices.astype(np.float64), stored["weights"])))
        eyes = stored["heads"][:, [_HEADS.index("eye.L"), _HEADS.index("eye.R")]]
        return cls(stored["vertices"], stored["faces"], stored["weights"], eyes, tuple(skeletons))


def _soles(vertices: NDArray[np.float64], weights: F32) -> NDArray[np.float64]:
    """(2, 4, 3) corners of the soles: heel and toes, inner and outer; a shoe's rim further out than the skin."""
    corners = []
    for side in SIDES:
        foot = vertices[weights[:, BONE[f"foot.{side}"]] > 0.5]
        (left, front, low), (right, back, _) = foot.min(axis=0) - 0.008, foot.max(axis=0) + 0.008
        corners.append([[x, y, low + 0.008] for x in (left, right) for y in (front, back)])
    return np.array(corners)


def draw_phenotype(name: str) -> dict[str, float]:
    """What anny calls phenotype, for one person; all adults."""
    rng = generator("bodies", "phenotype", name)
    woman = name in WOMEN if name in SUBJECTS else bool(rng.random() < 0.5)
    race = rng.dirichlet([0.7, 0.7, 0.7])
    return {
        "gender": float(np.clip(rng.normal(0.94 if woman else 0.06, 0.05), 0, 1)),
        "age": float(rng.uniform(0.58, 0.85)),
        "muscle": float(np.clip(rng.normal(0.52, 0.13), 0.2, 0.85)),
        "weight": float(np.clip(rng.normal(0.5, 0.14), 0.2, 0.85)),
        "height": float(np.clip(rng.normal(0.38 if woman else 0.44, 0.07), 0.2, 0.65)),
        "proportions": float(np.clip(rng.normal(0.55, 0.15), 0.1, 0.95)),
        "cupsize": float(rng.uniform(0.3, 0.6)),
        "firmness": float(rng.uniform(0.4, 0.7)),
        **dict(zip(("african", "asian", "caucasian"), map(float, race), strict=True)),
    }


def build_bodies() -> dict[str, np.ndarray]:
    """The arrays of `Bodies`, with rest heads (P, H, 3) of the bones that make the skeletons."""
    import anny
    import torch

    model = anny.Anny(topology="notoes", phenotypes="all", skinning_method="lbs")
    drawn = [draw_phenotype(name) for name in NAMES]
    columns = {key: torch.tensor([person[key] for person in drawn], dtype=torch.float64) for key in drawn[0]}
    with torch.no_grad():
        out = model(phenotype_kwargs=columns)
    labels = list(model.bone_labels)
    weights = np.zeros((len(model.template_vertices), len(BONES)))
    theirs = model.dense_vertex_bone_weights.numpy()
    for index, bone in enumerate(BONES):
        name, _, side = bone.partition(".")
        for column, label in enumerate(labels):
            stem, _, label_side = label.partition(".")
            for member, share in _MEMBERS[name].items():
                on_side = not side or side == label_side
                grouped = member in ("finger", "metacarpal", "toe", "tongue") and stem.startswith(member)
                if (stem == member or grouped) and on_side:
                    weights[:, index] += share * theirs[:, column]
    total = weights.sum(axis=1, keepdims=True)
    if total.min() < 0.99 or total.max() > 1.01:
        raise ValueError(f"a bone of the model is in no group, or in two: weights sum to {total.min()}..{total.max()}")
    return {
        "vertices": out["rest_vertices"].numpy().astype(np.float32),
        "faces": model.get_triangular_faces().numpy().astype(np.int32),
        "weights": (weights / total).astype(np.float32),
        "heads": np.ascontiguousarray(out["rest_bone_heads"].numpy()[:, [labels.index(name) for name in _HEADS]]),
    }
