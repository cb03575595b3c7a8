"""`stand-in-helen`: the faces of `stand-in-300w` with a mask of eight parts drawn on their template.

| split | images | target |
|-------|-------:|--------|
| train |   6000 | points, visible, uv, landmark_uv, template_part |
| valid |    300 | the same |
| test  |    330 | points, visible, part |

The pictures are those of `stand-in-300w` (of its test split the first 330, as Helen's test images are among those of
300W). As in the paper a mask is drawn once, on the template, and the labels of an image are that mask, transferred by
its true template coordinates: `part` (H, H) uint8, an index into `CLASSES`, where 0 is everything else, the rest of the
image included. Training samples carry the mask itself, `template_part` (T, T) uint8: the texel in row r and column c
covers u_v in [r, r + 1) / T and u_h in [c, c + 1) / T.

Axis letters: H rows and columns of an image, T rows and columns of the mask, F triangles.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, overload

import cv2
import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample
from data_synth.faces.dataset import FaceSplit, StandIn300W
from data_synth.faces.model import FaceModel
from data_synth.faces.model_build import PARTS
from data_synth.faces.model_regions import PART_NAMES
from data_synth.raster import rasterise
from data_synth.shards import Progress

NAME = "stand-in-helen"
VERSION = 1
TEST_IMAGES = 330
TEXELS = 512

CLASSES = ("other", *PART_NAMES[1:8])
"""Left and right are the subject's."""

TRAINING_KEYS = ("points", "visible", "uv", "landmark_uv")


@cache
def template_part() -> NDArray[np.uint8]:
    """(T, T) the mask: parts of the mean face in the UV plane, read-only; where the template has no surface, 0.

    Eyeballs lie behind the lids in front of them, so the mask's eyes are the openings between the lids.
    """
    model = FaceModel.load()
    shown = model.face_region
    corners = np.zeros((len(model.uv), 3))
    corners[:, :2] = np.nan_to_num(model.uv) * TEXELS - 0.5
    used = np.zeros(len(corners), bool)
    used[model.faces[shown]] = True
    corners[~used] = 0.0
    corners[:, 2] = 1.0
    behind = np.unique(model.faces[model.component == PARTS.index("eye")])
    corners[behind, 2] = 2.0
    seen = rasterise(corners, model.faces[shown], TEXELS, TEXELS, perspective=False).tri
    mask = np.where(seen < 0, 0, model.part[shown][seen] % len(CLASSES)).astype(np.uint8)
    # Slits, as between the lips, take the label of the nearest texel with a surface.
    hole = cv2.morphologyEx((seen >= 0).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)) - (seen >= 0)
    _, nearest = cv2.distanceTransformWithLabels(
        (seen < 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    label_of = np.zeros(nearest.max() + 1, np.uint8)
    label_of[nearest[seen >= 0]] = mask[seen >= 0]
    mask = np.where(hole > 0, label_of[nearest], mask)
    mask.setflags(write=False)
    return mask


def transferred(mask: NDArray[np.uint8], uv: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The mask (T, T) at template coordinates (H, W, 2): (H, W) uint8, 0 where they are NaN."""
    known = np.isfinite(uv).all(axis=-1)
    texel = np.minimum(np.where(known[..., None], uv, 0) * len(mask), len(mask) - 1).astype(np.intp)
    return np.where(known, mask[texel[..., 1], texel[..., 0]], 0).astype(np.uint8)


class StandInHelen:
    """The data set (`core_eval.Dataset`). `cache`: where the pictures are kept, together with `stand-in-300w`'s."""

    name = NAME
    kind: Literal["stand-in"] = "stand-in"

    def __init__(self, cache: Path | None = None) -> None:
        self.faces = StandIn300W(cache)

    def split(self, name: str) -> HelenSplit:
        """A split, rendered as it is read. Raises `InputError` for an unknown name."""
        faces = self.faces.split(name)
        return HelenSplit(faces[:TEST_IMAGES] if name == "test" else faces)

    def fingerprint(self, name: str) -> str:
        """SHA-256 over the pictures' fingerprint, the size of the mask, and this module."""
        digest = hashlib.sha256(repr((NAME, VERSION, TEXELS, self.faces.fingerprint(name))).encode())
        digest.update(Path(__file__).read_bytes())
        return digest.hexdigest()

    def missing(self, name: str) -> int:
        """How many samples are still to be rendered before a split can be read."""
        return self.faces.missing(name)

    def preview(self, split: str, path: Path, *, n: int = 24, progress: Progress | None = None) -> None:
        """Write a contact sheet (PNG) of the pictures, as of `stand-in-300w`."""
        self.faces.preview(split, path, n=n, progress=progress)


class HelenSplit(Sequence[Sample]):
    """Samples of a split or of a slice of it; `group` is the person."""

    def __init__(self, faces: FaceSplit) -> None:
        self.faces = faces

    def __len__(self) -> int:
        return len(self.faces)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> HelenSplit: ...
    def __getitem__(self, index: int | slice) -> Sample | HelenSplit:
        if isinstance(index, slice):
            return HelenSplit(self.faces[index])
        sample = self.faces[index]
        if self.faces.name == "test":
            target = {key: sample.target[key] for key in ("points", "visible")}
            target["part"] = transferred(template_part(), sample.target["uv"])
        else:
            target = {key: sample.target[key] for key in TRAINING_KEYS}
            target["template_part"] = template_part()
        return Sample(sample.id, sample.inputs, target, sample.group)

    def prepare(self, progress: Progress | None = None, workers: int | None = None) -> None:
        """Render whatever is missing, on all cores."""
        self.faces.prepare(progress, workers)


def stand_in_helen(
    *,
    cache: Path | None = None,
    root: Path | None = None,
    allow_partial: bool = False,  # noqa: ARG001 - every data set factory takes it
) -> StandInHelen:
    """Make the data set. `root` must be None (there is nothing to be read); `allow_partial` has no effect."""
    if root is not None:
        raise InputError(f"{NAME} is rendered and takes no root folder", file=root, field="root")
    return StandInHelen(cache)
