"""300-VW: the test videos of the 300 Videos in the Wild challenge, 68 landmarks in every frame (Shen et al. 2015).

Layout (of the iBUG distribution), below the root or one folder deeper::

    001/{vid.avi, annot/000001.pts, annot/000002.pts ...}   002/...

Frames count from 1. A decoder that yields another number of frames than there are annotations would shift all
landmarks after the gap, so numbers are compared before anything is read, and again where a video ends.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample
from core_eval.pts import read_pts
from data_real.copies import Copy, Listing, check_inside
from data_real.folders import Pair, files, inside, locate, richest, unusable

CATEGORIES: Mapping[int, tuple[str, ...]] = {
    category: tuple(text.split())
    for category, text in {
        1: "114 124 125 126 150 158 401 402 505 506 507 508 509 510 511 514 515 518 519 520 521 522 524 525 537 538 "
        "540 541 546 547 548",
        2: "203 208 211 212 213 214 218 224 403 404 405 406 407 408 409 412 550 551 553",
        3: "410 411 516 517 526 528 529 530 531 533 557 558 559 562",
    }.items()
}
"""Videos of the challenge's test set: well lit; in uneven light; unconstrained."""

SPLITS: Mapping[str, tuple[str, ...]] = {
    "test": tuple(video for videos in CATEGORIES.values() for video in videos),
    **{f"category-{category}": videos for category, videos in CATEGORIES.items()},
}
LAYOUT = "NNN/vid.avi and NNN/annot/000001.pts ... for 64 videos"

HOW_TO_GET = (
    "300VW needs your own copy: this project neither contains nor downloads it. Request it from the iBUG group at "
    "Imperial College London (research use only; the videos keep the terms of their owners), unpack it, and name its "
    f"folder as the root. Expected below it: {LAYOUT}; a split needs only its own videos"
)

_CATEGORY = {video: category for category, videos in CATEGORIES.items() for video in videos}
_FRAME = re.compile(r"(\d{6})\.pts", re.IGNORECASE)


class W300VW(Copy):
    """300-VW below `root`; every frame is a sample, its video the group.

    A sample's `inputs` are ``image``, the whole frame; its `target` is ``points`` (68, 2) px, ``category`` () 1 to 3
    and ``frame`` () from 1. There is no visibility: all points of all frames are annotated.
    """

    name = "300vw"
    splits = SPLITS
    layout = LAYOUT

    def listing(self, part: str) -> Listing:
        """One video: annotations are compared with the number of frames that its container tells."""
        folder = locate(self._base, (part,))
        if problem := unusable(self.root, part, folder):
            return Listing(part, 1, (), (str(problem),))
        assert folder is not None
        video, annotations = folder / "vid.avi", locate(folder, ("annot",))
        if (
            annotations is None
            or not video.is_file()
            or not (inside(self.root, video) and inside(self.root, annotations))
        ):
            return Listing(part, 1, (), (f"{part}: vid.avi and the folder annot are needed, and lie below the root",))
        found = {int(match[1]): file for file in files(annotations) if (match := _FRAME.fullmatch(file.name))}
        frames = frames_of(video)
        missing = []
        if len(found) != frames:
            missing.append(f"{part}: {len(found)} annotations, but {frames} frames")
        absent = [number for number in range(1, frames + 1) if number not in found]
        if absent:
            missing.append(f"{part}: no annotation of frame {absent[0]}")
        pairs = tuple(
            Pair(f"{part}/{number:06d}", video, found[number]) for number in sorted(found) if 1 <= number <= frames
        )
        return Listing(part, frames, pairs, tuple(missing))

    def read(self, pair: Pair, split: str) -> Sample:
        video, _, text = pair.id.partition("/")
        number = int(text)
        image, points = self._videos.frame(pair.image, number), read_pts(pair.annotation)
        check_inside(points, image, pair.annotation)
        numbers = {"category": _CATEGORY[video], "frame": number}
        target = {"points": points, **{key: np.array(value, np.int64) for key, value in numbers.items()}}
        return Sample(id=pair.id, inputs={"image": image}, target=target, group=video)

    @cached_property
    def _base(self) -> Path:
        """The root, or the one of its subfolders that holds more of the videos."""
        return richest(self.root, [(video,) for video in SPLITS["test"]])

    @cached_property
    def _videos(self) -> Videos:
        return Videos()


class Videos(threading.local):
    """Frames of videos, fastest in order: each thread keeps one video open where it stopped."""

    def __init__(self) -> None:
        self._open: tuple[Path, cv2.VideoCapture, int] | None = None

    def frame(self, path: Path, number: int) -> NDArray[np.uint8]:
        """Frame `number`, from 1, as (H, W, 3) uint8 RGB.

        Raises `InputError` if the video ends before it, or goes on after the last frame that its container tells.
        """
        opened = self._open
        self._open = None
        if opened is None or opened[0] != path or opened[2] >= number:
            opened = path, _capture(path), 0
        _, capture, done = opened
        # Every frame on the way is decoded: seeking lands on another frame in some containers.
        while done < number - 1 and capture.grab():
            done += 1
        good, picture = capture.read() if done == number - 1 else (False, None)
        if not good or picture is None:
            raise InputError(f"the video ends after {done} frames, before frame {number}", file=path)
        if number == _told(capture) and capture.grab():
            raise InputError(f"the video goes on after its {number} frames", file=path)
        self._open = path, capture, number
        return np.ascontiguousarray(picture[..., ::-1])


def frames_of(path: Path) -> int:
    """How many frames the container tells. Raises `InputError` for a file that is no video."""
    return _told(_capture(path))


def _told(capture: cv2.VideoCapture) -> int:
    return round(capture.get(cv2.CAP_PROP_FRAME_COUNT))


def _capture(path: Path) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise InputError("not a video that can be decoded", file=path)
    return capture


def w300vw(
    *,
    root: Path | None = None,
    allow_partial: bool = False,
    cache: Path | None = None,  # noqa: ARG001 - every dataset factory takes it; nothing is cached here
) -> W300VW:
    """300-VW below `root`. Raises `InputError`, saying how to get the data, if there is no root."""
    if root is None:
        raise InputError(HOW_TO_GET, field="root")
    return W300VW(root, allow_partial=allow_partial)
