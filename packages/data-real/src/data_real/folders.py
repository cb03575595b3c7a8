"""Finding annotated images: an image and a file of the same stem, beside it or in another folder.

What is found is listed, never opened, so that indexing thousands of files takes a moment.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core_eval import InputError
from data_real.images import SUFFIXES


@dataclass(frozen=True, slots=True)
class Pair:
    """An image and its annotation; `id` does not depend on where the copy lies."""

    id: str
    image: Path
    annotation: Path


@dataclass(frozen=True, slots=True)
class Problem:
    """A file or folder, relative to the root, that cannot be used, and why."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Folder:
    """What one folder of the layout holds: usable pairs in the order of their stems, and the files that are not."""

    name: str
    pairs: tuple[Pair, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Files:
    """Files by stem, and the stems of those that are not to be opened, which are problems."""

    found: Mapping[str, Sequence[Path]]
    refused: frozenset[str]
    problems: tuple[Problem, ...]


def locate(root: Path, places: Sequence[str]) -> Path | None:
    """The first of `places` (relative, ``a/b``) that is a folder below `root`, names compared without regard to case.

    Raises `InputError` if two folders differ from a place only by case.
    """
    for place in places:
        folder: Path | None = root
        for name in place.split("/"):
            folder = folder and _child(folder, name)
        if folder is not None:
            return folder
    return None


def richest(root: Path, layout: Sequence[Sequence[str]]) -> Path:
    """`root`, or the one of its subfolders that holds more of the `layout`: for each folder, the places it may have."""

    def count(folder: Path) -> int:
        try:
            return sum(locate(folder, places) is not None for places in layout)
        except InputError:  # a neighbour that cannot be listed is no candidate; the root's own error comes up later
            return 0

    return max([root, *children(root)], key=count)


def scan(root: Path, name: str, folder: Path | None) -> Folder:
    """List `folder` (resolved below the resolved `root`), images with a ``.pts`` file beside each.

    `name` is the folder's in the canonical layout; ids are ``name/stem``. A symbolic link that leads out of `root` is a
    problem, not an image. Raises `InputError` if the folder cannot be listed.
    """
    if problem := unusable(root, name, folder):
        return Folder(name, (), (problem,))
    images, annotations = (gather(root, name, folder, suffixes) for suffixes in (SUFFIXES, (".pts",)))
    pairs, problems = pair_up(images, annotations, lambda file: f"{name}/{file.name}")
    named = tuple(Pair(f"{name}/{pair.id}", pair.image, pair.annotation) for pair in pairs)
    return Folder(name, named, tuple(problems))


def unusable(root: Path, name: str, folder: Path | None) -> Problem | None:
    """Why `folder` cannot be the folder `name` of the layout, if it cannot: it is missing, or not below `root`."""
    if folder is None:
        return Problem(name, "no such folder")
    return None if inside(root, folder) else Problem(name, "leads out of the root folder")


def gather(root: Path, name: str, folder: Path | None, suffixes: Sequence[str]) -> Files:
    """The files of those suffixes in `folder` (None has none), hidden ones left out, suffixes compared without case."""
    found: dict[str, list[Path]] = defaultdict(list)
    problems: list[Problem] = []
    refused: set[str] = set()
    for file in files(folder) if folder else []:
        if file.suffix.lower() not in suffixes or file.name.startswith("."):
            continue
        found[file.stem].append(file)
        if (file.is_symlink() or not file.is_file()) and (reason := refusal(root, file)):  # else it lies in the folder
            problems.append(Problem(f"{name}/{file.name}", reason))
            refused.add(file.stem)
    return Files(found, frozenset(refused), tuple(problems))


def pair_up(images: Files, annotations: Files, label: Callable[[Path], str]) -> tuple[list[Pair], list[Problem]]:
    """Images and annotations of the same stem, in the order of the stems, with the stem as id.

    What has no partner or several is a problem, under the name that `label` gives it; so is what is refused.
    """
    pairs: list[Pair] = []
    problems = [*images.problems, *annotations.problems]
    for stem in sorted((images.found.keys() | annotations.found.keys()) - images.refused - annotations.refused):
        image, annotation = images.found.get(stem, ()), annotations.found.get(stem, ())
        if reason := _mismatch(image, annotation):
            problems.append(Problem(label((*image, *annotation)[0]), reason))
        else:
            pairs.append(Pair(stem, image[0], annotation[0]))
    return pairs, problems


def children(folder: Path) -> list[Path]:
    """The subfolders, in the order of their names. Raises `InputError` if the folder cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry) for entry in entries if entry.is_dir())
    except OSError as reason:
        raise InputError(f"the folder cannot be listed: {reason.strerror}", file=folder) from None


def files(folder: Path) -> list[Path]:
    """All entries, in the order of their names. Raises `InputError` if the folder cannot be listed."""
    try:
        return sorted(folder.iterdir())
    except OSError as reason:
        raise InputError(f"the folder cannot be listed: {reason.strerror}", file=folder) from None


def refusal(root: Path, file: Path) -> str:
    """Why a file is not to be opened; empty if it may be. A pipe could be read for ever."""
    if not inside(root, file):
        return "leads out of the root folder"
    return "" if file.is_file() else "not a regular file"


def inside(root: Path, path: Path) -> bool:
    """Whether `path`, its symbolic links followed, lies below the resolved `root`."""
    return Path(os.path.realpath(path)).is_relative_to(root)


def _mismatch(images: Sequence[Path], annotations: Sequence[Path]) -> str:
    if not annotations:
        return "the image has no annotation"
    if not images:
        return "the annotation has no image"
    for kind, several in (("images for one annotation", images), ("annotations for one image", annotations)):
        if len(several) > 1:
            return f"{len(several)} {kind}: {', '.join(sorted(file.name for file in several))}"
    return ""


def _child(folder: Path, name: str) -> Path | None:
    """The subfolder of that name; the exact name wins over one that differs by case."""
    similar = [entry for entry in children(folder) if entry.name.casefold() == name.casefold()]
    exact = [entry for entry in similar if entry.name == name]
    if len(similar) > 1 and not exact:
        raise InputError(f"folders that differ only by case: {', '.join(entry.name for entry in similar)}", file=folder)
    return next(iter(exact or similar), None)
