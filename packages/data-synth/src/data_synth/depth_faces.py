"""`stand-in-300w-depth`: the faces of `stand-in-300w` with their depth.

| split | images | target |
|-------|-------:|--------|
| train |   6000 | points, visible, uv, part, landmark_uv, yaw, depth |
| valid |    300 | the same |
| test  |    600 | the same |

The pictures and all other labels are those of `stand-in-300w`. The thesis takes depth from the template fitted to an
image by a z-buffer, as it takes the coordinates, and scales it to [0, 1] without printing how. Such fits (3DDFA) are in
scaled orthographic projection, so that their depth is in px of the image plane, like x and y. Here too:

    depth = 0.5 + (d - d0) (f / d0) / H

d is the distance of the surface from the camera's plane and d0 that of the head's origin, m; f is the focal length, px.
So depth grows away from the viewer, 0.5 is the head's middle, and H px are one unit: (x, y, H depth) is the surface, up
to the perspective. `depth` (H, H) float32 is NaN where `uv` is: off the face.

Axis letters: H rows and columns of an image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, overload

import cv2
import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample
from data_synth import rendered
from data_synth.faces.dataset import BLOCK, SIZE, SPLITS, FaceSplit, SplitRenderer, StandIn300W, person_of, yaw_of
from data_synth.faces.dataset import NAME as PICTURES
from data_synth.seeds import generator
from data_synth.shards import Field, Progress, Shards, cache_root

NAME = "stand-in-300w-depth"
VERSION = 1
FIELDS = {"depth": Field((SIZE, SIZE), np.uint16)}
"""Fixed point, as the UV of `stand-in-300w`."""


class DepthRenderer(SplitRenderer):
    """The depth of ranges of a split's faces: their heads and cameras drawn again, and nothing painted."""

    def __call__(self, indices: range) -> dict[str, np.ndarray]:
        from data_synth.faces.labels import encode_uv
        from data_synth.faces.render import FaceRenderer

        with self._lock:  # the first caller loads the model, the others wait for it
            renderer = FaceRenderer.load()
        neutral = renderer.neutral([self._person(person_of(self.split, index)) for index in indices])
        heads = renderer.express(neutral, generator(PICTURES, self.split, "expressions", indices.start))
        out = np.empty((len(indices), *FIELDS["depth"].shape), np.uint16)
        for row, (index, head) in enumerate(zip(indices, heads, strict=True)):
            rng = generator(PICTURES, self.split, "sample", index)
            view = renderer.view(head, yaw_of(self.split, index), SIZE, rng)
            distance = face_distance(renderer.model, view.project(view.turn(head)), SIZE)
            out[row] = encode_uv(0.5 + (distance - view.distance) * (view.focal / view.distance / SIZE))
        return {"depth": out}


def face_distance(model, projected: NDArray[np.floating], size: int) -> NDArray[np.float32]:  # type: ignore[no-untyped-def]
    """(size, size) distance from the camera's plane, m, where the head's own z-buffer shows the face, else NaN.

    model: `FaceModel`; projected: its vertices (V, 3): x px, y px, distance m.
    """
    from data_synth.raster import rasterise

    seen = rasterise(projected, model.faces, size, size, cull_back=True)
    on_face = (seen.tri >= 0) & (model.part[np.maximum(seen.tri, 0)] > 0)
    return np.where(on_face, seen.depth, np.float32(np.nan))


class StandInDepth:
    """The data set (`core_eval.Dataset`). `cache`: where depths are kept, beside the pictures of `stand-in-300w`."""

    name = NAME
    kind: Literal["stand-in"] = "stand-in"

    def __init__(self, cache: Path | None = None) -> None:
        self.faces, self._cache = StandIn300W(cache), cache
        self._splits: dict[str, DepthSplit] = {}

    def split(self, name: str) -> DepthSplit:
        """A split, rendered as it is read. Raises `InputError` for an unknown name."""
        if name not in self._splits:
            faces = self.faces.split(name)
            folder = (self._cache or cache_root()) / NAME / f"{name}-{self.fingerprint(name)[:16]}"
            shards = Shards(folder, SPLITS[name].images, FIELDS, DepthRenderer(name), block=BLOCK)
            self._splits[name] = DepthSplit(faces, shards)
        return self._splits[name]

    def fingerprint(self, name: str) -> str:
        """SHA-256 over the pictures' fingerprint and this module. Raises `InputError` for an unknown split."""
        digest = hashlib.sha256(repr((NAME, VERSION, self.faces.fingerprint(name))).encode())
        digest.update(Path(__file__).read_bytes())
        return digest.hexdigest()

    def missing(self, name: str) -> int:
        """How many samples are still to be rendered before a split can be read."""
        shards = self.split(name).shards
        return max(self.faces.missing(name), sum(len(shards.span(k)) for k in shards.missing()))

    def preview(self, split: str, path: Path, *, n: int = 24, progress: Progress | None = None) -> None:
        """Write a contact sheet (PNG) of the first `n` samples: each picture, its depth (near is bright, with a contour
        line every 1/40) and the relief that the depth describes, lit from the top left."""
        samples = self.split(split)[:n]
        samples.prepare(progress)
        rendered.write_sheet(path, [tile(sample) for sample in samples], columns=4)


class DepthSplit(Sequence[Sample]):
    """Samples of a split or of a slice of it; `group` is the person."""

    def __init__(self, faces: FaceSplit, shards: Shards) -> None:
        self.faces, self.shards = faces, shards

    def __len__(self) -> int:
        return len(self.faces)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> DepthSplit: ...
    def __getitem__(self, index: int | slice) -> Sample | DepthSplit:
        if isinstance(index, slice):
            return DepthSplit(self.faces[index], self.shards)
        from data_synth.faces.labels import decode_uv

        sample = self.faces[index]
        depth = decode_uv(self.shards.sample(self.faces.indices[index])["depth"])
        return Sample(sample.id, sample.inputs, {**sample.target, "depth": depth}, sample.group)

    def prepare(self, progress: Progress | None = None, workers: int | None = None) -> None:
        """Render whatever is missing of pictures and depths, on all cores."""
        self.faces.prepare(progress, workers)
        indices = self.faces.indices
        if indices:
            self.shards.prepare(max(indices[0], indices[-1]) + 1, progress, workers)


def tile(sample: Sample, zoom: int = 2) -> NDArray[np.uint8]:
    """The picture, its depth and its relief, side by side: (zoom H, 3 zoom H, 3) uint8 RGB."""
    depth = sample.target["depth"]
    known = np.isfinite(depth)
    filled = np.where(known, depth, 0.5)
    near = 255 * np.clip(1.25 - 1.5 * filled, 0, 1) * (0.6 + 0.4 * ((filled * 40) % 1 > 0.15)) * known
    slope_y, slope_x = np.gradient(np.where(known, depth * len(depth), np.nan))
    towards = np.stack([slope_x, slope_y, -np.ones_like(depth)], -1)
    lit = (towards @ np.array([-0.5, -0.5, -0.7])) / np.linalg.norm(towards, axis=-1)
    relief = np.nan_to_num(255 * np.clip(lit, 0, 1))
    maps = [np.repeat(layer.astype(np.uint8)[..., None], 3, -1) for layer in (near, relief)]
    strip = np.hstack([sample.inputs["image"], *maps])
    return np.asarray(cv2.resize(strip, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST), np.uint8)


def stand_in_300w_depth(
    *,
    cache: Path | None = None,
    root: Path | None = None,
    allow_partial: bool = False,  # noqa: ARG001 - every data set factory takes it
) -> StandInDepth:
    """Make the data set. `root` must be None (there is nothing to be read); `allow_partial` has no effect."""
    if root is not None:
        raise InputError(f"{NAME} is rendered and takes no root folder", file=root, field="root")
    return StandInDepth(cache)
