"""300-W: the training sets, the public test subsets, and the 600 images of the competition.

Layout (of the iBUG distribution), below the root or one folder deeper, names compared without regard to case::

    lfpw/{trainset,testset}  helen/{trainset,testset}  afw  ibug  300W/{01_Indoor,02_Outdoor}

Each folder holds images with a ``.pts`` file of the same stem beside each. The counts are those of the distribution;
they are checked, since a number measured on other images is another number.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, overload

from core_eval import InputError, Kind, Sample
from core_eval.pts import read_pts
from data_real.folders import Folder, Pair, children, locate, scan
from data_real.images import read_image

if TYPE_CHECKING:
    from data_real.report import Report

SHOWN = 8
"""Problems that a message lists before it says how many more there are."""

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


def missing(folders: Sequence[Folder]) -> str:
    """What keeps the folders from being complete, in one line; empty if nothing does."""
    found = [text for folder in folders for text in shortfall(folder)]
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(found[:SHOWN]) + more


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


class W300:
    """300-W below `root` as a `core_eval.Dataset` of kind ``real``.

    A sample's `inputs` are ``image``, its `target` is ``points`` (68, 2) px; whole images, no box, no rescaling. There
    is no visibility: all points of all faces are annotated. `split` only lists files; an image is read when its sample
    is.

    Unless `allow_partial`, a split whose folders do not hold exactly the published faces raises `InputError` saying
    what is missing. With it the split is what is there, and `partial` says what is not. A file that is there but broken
    is an error either way: dropping it silently would change the number.
    """

    name = "300w"
    kind: Kind = "real"

    def __init__(self, root: Path, *, allow_partial: bool = False) -> None:
        root = Path(root)
        if not root.is_dir():
            raise InputError("no such folder", file=root)
        self.root = root.resolve()
        self.allow_partial = allow_partial

    def split(self, name: str) -> Faces:
        """The faces of one of `SPLITS`. Raises `InputError` for an unknown or (unless allowed) incomplete split."""
        folders = self.folders(name)
        pairs = [pair for folder in folders for pair in folder.pairs]
        found = missing(folders)
        if found and not (self.allow_partial and pairs):
            hint = "a partial copy must be allowed (--allow-partial)" if pairs else f"expected below it: {LAYOUT}"
            raise InputError(f"split '{name}' of {self.name} is incomplete: {found}; {hint}", file=self.root)
        return Faces(pairs)

    def fingerprint(self, name: str) -> str:
        """Hash over ids, image sizes in bytes, and annotation bytes of the split: 16 hexadecimal digits."""
        digest = hashlib.sha256()
        for pair in self.split(name).pairs:
            try:
                annotation, size = pair.annotation.read_bytes(), pair.image.stat().st_size
            except OSError as reason:
                raise InputError(f"cannot be read: {reason.strerror}", file=reason.filename, sample=pair.id) from None
            digest.update(f"{pair.id}\n{size}\n{len(annotation)}\n".encode())
            digest.update(annotation)
        return digest.hexdigest()[:16]

    def partial(self, name: str) -> str:
        """What is missing from the split, in words; empty if it is complete."""
        return missing(self.folders(name))

    def folders(self, name: str) -> list[Folder]:
        """The folders of a split, listed now. Raises `InputError` for an unknown split."""
        if name not in SPLITS:
            raise InputError(f"unknown split '{name}' of {self.name}; known: {', '.join(SPLITS)}", field="split")
        return [self.folder(part) for part in SPLITS[name]]

    def folder(self, part: str) -> Folder:
        """One folder of `PARTS`, listed now."""
        return scan(self.root, part, locate(self._base, PARTS[part].places))

    def verify(self, *, progress: Callable[[int, int], None] | None = None) -> Report:
        """Open every file; see `data_real.report.verify`."""
        from data_real.report import verify

        return verify(self, progress=progress)

    @cached_property
    def _base(self) -> Path:
        """The root, or the one of its subfolders that holds more of the layout."""

        def parts(folder: Path) -> int:
            try:
                return sum(locate(folder, part.places) is not None for part in PARTS.values())
            except InputError:  # a neighbour that cannot be listed is no candidate; the root's own error comes up later
                return 0

        return max([self.root, *children(self.root)], key=parts)


class Faces(Sequence[Sample]):
    """Annotated faces, read from disk one by one as they are indexed; a slice reads nothing."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = tuple(pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> Faces: ...

    def __getitem__(self, index: int | slice) -> Sample | Faces:
        if isinstance(index, slice):
            return Faces(self.pairs[index])
        return read_face(self.pairs[index])


def read_face(pair: Pair) -> Sample:
    """Read image and annotation. Raises `InputError` if either is broken or they cannot belong together."""
    image, points = read_image(pair.image), read_pts(pair.annotation)
    height, width = image.shape[:2]
    if not ((points > -0.5) & (points < [width - 0.5, height - 0.5])).all(axis=1).any():
        raise InputError(
            f"no annotated point lies inside the {width} x {height} image", file=pair.annotation, sample=pair.id
        )
    return Sample(id=pair.id, inputs={"image": image}, target={"points": points}, group=group(pair.id))


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
