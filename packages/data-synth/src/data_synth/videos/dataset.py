"""`stand-in-300vw`: rendered videos with the structure of the 300VW test set.

Axis letters: N frames of a split, T frames of a video, H rows and columns of a frame.

| category | videos | light | pose | in front of the face |
|----------|-------:|-------|------|----------------------|
| 1 | 31 | good | yaw up to 45 degrees | |
| 2 | 19 | dark, too bright or changing | up to 50 | |
| 3 | 14 | as in 2 | up to 65 | something passes |

Each video has 20 frames, spread over some seconds. In every tenth video something is held before the face all the
time, as in `stand-in-300w`. Frames are samples of their own (the papers detect frame by frame); the video is the group
that is resampled. Nobody is in another data set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Literal, overload

import numpy as np

from core_eval import InputError, Sample
from data_synth.faces.dataset import landmark_uv, source_hash
from data_synth.shards import Field, Progress, Shards, cache_root

NAME = "stand-in-300vw"
VERSION = 1
SIZE = 128
FRAMES = 20
VIDEOS: Mapping[int, int] = {1: 31, 2: 19, 3: 14}
"""Category -> videos, as in 300VW's test set."""

FIELDS = {
    "image": Field((SIZE, SIZE, 3), np.uint8),
    "uv": Field((SIZE, SIZE, 2), np.uint16),
    "part": Field((SIZE, SIZE), np.uint8),
    "points": Field((68, 2), np.float64),
    "visible": Field((68,), np.bool_),
    "pose": Field((3,), np.float32),
}


def category_of(video: int) -> int:
    """1, 2 or 3; videos are numbered from 0, by category. Raises IndexError beyond the last."""
    for category, count in VIDEOS.items():
        if video < count:
            return category
        video -= count
    raise IndexError(f"there are {sum(VIDEOS.values())} videos")


class StandIn300VW:
    """The data set (`core_eval.Dataset`). `cache`: where shards are kept, by default `shards.cache_root()`."""

    name = NAME
    kind: Literal["stand-in"] = "stand-in"

    def __init__(self, cache: Path | None = None) -> None:
        self._cache = cache
        self._test: VideoSplit | None = None

    def split(self, name: str) -> VideoSplit:
        """The split ``test``, rendered as it is read. Raises `InputError` for another name: 300VW's training videos
        are not used by the papers."""
        if self._test is None:
            folder = (self._cache or cache_root()) / NAME / f"{name}-{self.fingerprint(name)[:16]}"
            count = FRAMES * sum(VIDEOS.values())
            shards = Shards(folder, count, FIELDS, _render, shard_size=10 * FRAMES, block=FRAMES)
            self._test = VideoSplit(shards, range(count))
        _known(name)
        return self._test

    def fingerprint(self, name: str) -> str:
        """SHA-256 over version, configuration, and the code and data files that make the pictures."""
        _known(name)
        text = repr((NAME, VERSION, SIZE, FRAMES, dict(VIDEOS), version("anny"), source_hash()))
        digest = hashlib.sha256(text.encode())
        for module in ("dataset", "motion", "render"):
            digest.update(Path(__file__).with_name(f"{module}.py").read_bytes())
        return digest.hexdigest()

    def missing(self, name: str) -> int:
        """How many frames are still to be rendered."""
        shards = self.split(name).shards
        return sum(len(shards.span(k)) for k in shards.missing())

    def preview(self, split: str, path: Path, *, n: int = 24, progress: Progress | None = None) -> None:
        """Write a contact sheet (PNG) of `n` frames spread over the split, with landmarks and UV drawn."""
        from data_synth.faces.preview import preview

        samples = self.split(split)
        samples.prepare(progress)
        preview(samples, path, n)


class VideoSplit(Sequence[Sample]):
    """Frames, video by video and in order.

    A sample has inputs {image} and target {points, visible, uv, part, landmark_uv, yaw () degrees, category () 1 to 3,
    frame () from 1}; `group` is the video.
    """

    def __init__(self, shards: Shards, indices: range) -> None:
        self.shards, self.indices = shards, indices

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> VideoSplit: ...
    def __getitem__(self, index: int | slice) -> Sample | VideoSplit:
        if isinstance(index, slice):
            return VideoSplit(self.shards, self.indices[index])
        from data_synth.faces.labels import decode_uv

        video, place = divmod(self.indices[index], FRAMES)
        stored = self.shards.sample(self.indices[index])
        name = f"video-{video + 1:02d}"
        return Sample(
            id=f"test/{name}/{place + 1:06d}",
            inputs={"image": stored["image"]},
            target={
                "points": stored["points"],
                "visible": stored["visible"],
                "uv": decode_uv(stored["uv"]),
                "part": stored["part"],
                "yaw": stored["pose"][0],
                "landmark_uv": landmark_uv(),
                "category": np.int64(category_of(video)),
                "frame": np.int64(place + 1),
            },
            group=name,
        )

    def prepare(self, progress: Progress | None = None, workers: int | None = None) -> None:
        """Render whatever is missing of this slice, on all cores."""
        if self.indices:
            self.shards.prepare(max(self.indices[0], self.indices[-1]) + 1, progress, workers)


def _known(name: str) -> None:
    if name != "test":
        raise InputError(f"unknown split {name!r} of {NAME}; there is test", field="split")


def _render(indices: range) -> dict[str, np.ndarray]:
    """The frames of one video; the callable that `Shards` wants."""
    from data_synth.videos.render import render_video

    video = indices.start // FRAMES
    out = {name: np.empty((len(indices), *spec.shape), spec.dtype) for name, spec in FIELDS.items()}
    for row, picture in enumerate(render_video(NAME, video, category_of(video), FRAMES, SIZE)):
        for name in ("image", "uv", "part", "points", "visible"):
            out[name][row] = getattr(picture, name)
        out["pose"][row] = picture.view.yaw, picture.view.pitch, picture.view.roll
    return out


def stand_in_300vw(
    *,
    cache: Path | None = None,
    root: Path | None = None,
    allow_partial: bool = False,  # noqa: ARG001 - every data set factory takes it
) -> StandIn300VW:
    """Make the data set. `root` must be None (there is nothing to be read); `allow_partial` has no effect."""
    if root is not None:
        raise InputError(f"{NAME} is rendered and takes no root folder", file=root, field="root")
    return StandIn300VW(cache)
