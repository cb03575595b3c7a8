"""300-W: the training sets, the public test subsets, and the 600 images of the competition.

Layout (of the iBUG distribution), below the root or one folder deeper, names compared without regard to case::

    lfpw/{trainset,testset}  helen/{trainset,testset}  afw  ibug  300W/{01_Indoor,02_Outdoor}

Each folder holds images with a ``.pts`` file of the same stem beside each. The counts are those of the distribution;
they are checked, since a number measured on other images is another number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

from core_eval import InputError, Sample
from core_eval.pts import read_pts
from data_real.copies import Copy, Listing, check_inside, tight_box
from data_real.folders import Folder, Pair, locate, richest, scan
from data_real.images import read_image

LAYOUT = "lfpw/{trainset,testset}, helen/{trainset,testset}, afw, ibug, 300W/{01_Indoor,02_Outdoor}"

HOW_TO_GET = (
    "300W needs your own copy: this project neither contains nor downloads it. Request it from the iBUG group at "
    "Imperial College London (research use only; the images keep the terms of their owners), unpack it, and name its "
    f"folder as the root. Expected below it: {LAYOUT}, each with images and a .pts file beside every image; "
    "a split needs only its own folders"
)


@dataclass(frozen=True, slots=True)
class Part:
    """One folder of the layout: its number of faces and, where names are systematic, the prefix of ``prefix_001``."""

    name: str
    faces: int
    prefix: str = ""

    @property
    def places(self) -> tuple[str, ...]:
        """Where the folder may lie; the competition set is also found when the root is its own folder."""
        return (self.name, self.name.removeprefix("300W/")) if self.prefix else (self.name,)


PARTS = {
    part.name: part
    for part in (
        Part("lfpw/trainset", 811),
        Part("lfpw/testset", 224),
        Part("helen/trainset", 2000),
        Part("helen/testset", 330),
        Part("afw", 337),
        Part("ibug", 135),
        Part("300W/01_Indoor", 300, "indoor"),
        Part("300W/02_Outdoor", 300, "outdoor"),
    )
}

SPLITS: Mapping[str, tuple[str, ...]] = {
    "train": ("lfpw/trainset", "helen/trainset", "afw"),
    "common": ("lfpw/testset", "helen/testset"),
    "challenging": ("ibug",),
    "full": ("lfpw/testset", "helen/testset", "ibug"),
    "test": ("300W/01_Indoor", "300W/02_Outdoor"),
    "test-indoor": ("300W/01_Indoor",),
    "test-outdoor": ("300W/02_Outdoor",),
}

BOXED = ("common", "challenging", "full")
"""Splits whose samples come with a box: papers on the public test set cut faces out about their annotated points, those
on the competition's set do not."""

# The photograph of a face: afw and helen number the faces (or crops) of one photograph name_1, name_2; ibug does it for
# some numbered photographs (one with a stray blank). Elsewhere a trailing number belongs to the name.
_PHOTOGRAPH = {
    "afw": re.compile(r"(.+)_\d+"),
    "helen": re.compile(r"(.+)_\d+"),
    "ibug": re.compile(r"(.*\d) ?_\d+"),
}


def group(sample: str) -> str:
    """The photograph that a sample id shows; faces of one photograph are not independent."""
    folder, stem = sample.rsplit("/", 1)
    pattern = _PHOTOGRAPH.get(folder.split("/")[0])
    match = pattern.fullmatch(stem) if pattern else None
    return f"{folder}/{match[1]}" if match else sample


def shortfall(folder: Folder) -> list[str]:
    """The count if it is wrong, then the problems, then the runs of faces known by name that are absent."""
    part = PARTS[folder.name]
    texts = [str(problem) for problem in folder.problems]
    if any(problem.file == part.name for problem in folder.problems):  # the folder itself
        return texts
    if len(folder.pairs) != part.faces:
        texts.insert(0, f"{part.name}: {len(folder.pairs)} of {part.faces} annotated images")
    if part.prefix and folder.pairs:
        there = {pair.id for pair in folder.pairs}
        names = [f"{part.name}/{part.prefix}_{number:03d}" for number in range(1, part.faces + 1)]
        for absent, run in groupby(names, key=lambda name: name not in there):
            if absent:
                first, *others = run
                texts.append(f"{first}{f' to {others[-1]}' if others else ''}: absent")
    return texts


class W300(Copy):
    """300-W below `root`.

    A sample's `inputs` are ``image`` and, in the splits of the public test set (`BOXED`), ``box`` (4,) px, the tight
    box of its points; its `target` is ``points`` (68, 2) px. Whole images, no rescaling. There is no visibility: all
    points of all faces are annotated.
    """

    name = "300w"
    splits = SPLITS
    layout = LAYOUT

    def listing(self, part: str) -> Listing:
        """One folder of `PARTS`, listed now."""
        folder = scan(self.root, part, locate(self._base, PARTS[part].places))
        return Listing(part, PARTS[part].faces, folder.pairs, tuple(shortfall(folder)))

    def read(self, pair: Pair, split: str) -> Sample:
        image, points = read_image(pair.image), read_pts(pair.annotation)
        check_inside(points, image, pair.annotation)
        box = {"box": tight_box(points)} if split in BOXED else {}
        return Sample(id=pair.id, inputs={"image": image, **box}, target={"points": points}, group=group(pair.id))

    @cached_property
    def _base(self) -> Path:
        """The root, or the one of its subfolders that holds more of the layout."""
        return richest(self.root, [part.places for part in PARTS.values()])


def w300(
    *,
    root: Path | None = None,
    allow_partial: bool = False,
    cache: Path | None = None,  # noqa: ARG001 - every dataset factory takes it; nothing is cached here
) -> W300:
    """300-W below `root`. Raises `InputError`, saying how to get the data, if there is no root."""
    if root is None:
        raise InputError(HOW_TO_GET, field="root")
    return W300(root, allow_partial=allow_partial)
