"""`stand-in-300vw`: rendered videos with the structure of the 300VW test set.

Axis letters: H rows and columns of a frame.

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

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core_eval import Sample
from data_synth import rendered
from data_synth.faces.dataset import landmark_uv, source_hash
from data_synth.shards import Field, Progress

NAME = "stand-in-300vw"
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


class StandIn300VW(rendered.RenderedSet):
    """The data set; frames come video by video and in order."""

    def preview(self, split: str, path: Path, *, n: int = 24, progress: Progress | None = None) -> None:
        """Write a contact sheet (PNG) of `n` frames spread over all videos, so that each category is there, with
        landmarks and UV drawn."""
        samples = self.split(split)
        samples.prepare(progress)
        chosen = np.unique(np.linspace(0, len(samples) - 1, min(n, len(samples))).astype(int))
        rendered.write_sheet(path, [self.recipe.tile(samples[int(index)]) for index in chosen], columns=4)


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


def _sample(split: str, index: int, stored: Mapping[str, np.ndarray]) -> Sample:
    from data_synth.faces.labels import decode_uv

    video, place = divmod(index, FRAMES)
    name = f"video-{video + 1:02d}"
    return Sample(
        id=f"{split}/{name}/{place + 1:06d}",
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


def _source() -> str:
    here = Path(__file__).parent
    own = rendered.hash_files(here.parent, [*here.glob("*.py"), Path(rendered.__file__)])
    return repr((dict(VIDEOS), version("anny"), source_hash(), own))


def _tile(sample: Sample) -> NDArray[np.uint8]:
    """The picture, its landmarks and its UV, side by side."""
    from data_synth.faces.preview import contact_sheet

    return contact_sheet([sample], columns=1)


def stand_in_300vw(
    *,
    cache: Path | None = None,
    root: Path | None = None,
    allow_partial: bool = False,  # noqa: ARG001 - every data set factory takes it
) -> StandIn300VW:
    """Make the data set. It has the split ``test`` alone: the papers do not use 300VW's training videos.

    A sample has inputs {image (H, H, 3)} and target {points (68, 2) px, visible (68,), uv (H, H, 2), part (H, H),
    landmark_uv (68, 2), yaw () degrees, category () 1 to 3, frame () from 1}; `group` is the video. Raises
    `InputError` for a root folder (there is nothing to be read).
    """
    rendered.no_root(NAME, root)
    recipe = rendered.Recipe(
        name=NAME,
        counts={"test": FRAMES * sum(VIDEOS.values())},
        fields=FIELDS,
        block=FRAMES,
        render=lambda _: _render,
        sample=_sample,
        source=_source,
        tile=_tile,
    )
    return StandIn300VW(recipe, cache)
