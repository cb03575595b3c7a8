"""Finding annotated images: one folder of images with a ``.pts`` file of the same stem beside each.

What is found is listed, never opened, so that indexing thousands of files takes a moment.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core_eval import InputError
from data_real.images import SUFFIXES


@dataclass(frozen=True, slots=True)
class Pair:
    """An image and its annotation; `id` is ``folder/stem`` below the root of the canonical layout."""

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


def scan(root: Path, name: str, folder: Path | None) -> Folder:
    """List `folder` (resolved below the resolved `root`) as the folder `name` of the canonical layout.

    A symbolic link that leads out of `root` is a problem, not an image. Raises `InputError` if it cannot be listed.
    """
    if folder is None:
        return Folder(name, (), (Problem(name, "no such folder"),))
    if not _inside(root, folder):
        return Folder(name, (), (Problem(name, "leads out of the root folder"),))
    problems: list[Problem] = []
    images: dict[str, list[Path]] = defaultdict(list)
    annotations: dict[str, list[Path]] = defaultdict(list)
    outside: set[str] = set()
    for file in _files(folder):
        kind = images if file.suffix.lower() in SUFFIXES else annotations if file.suffix.lower() == ".pts" else None
        if kind is None or file.name.startswith("."):
            continue
        kind[file.stem].append(file)
        if file.is_symlink() and not _inside(root, file):
            problems.append(Problem(f"{name}/{file.name}", "leads out of the root folder"))
            outside.add(file.stem)
    pairs: list[Pair] = []
    for stem in sorted((images.keys() | annotations.keys()) - outside):
        image, annotation = images.get(stem, []), annotations.get(stem, [])
        if reason := _mismatch(image, annotation):
            problems.append(Problem(f"{name}/{(image or annotation)[0].name}", reason))
        else:
            pairs.append(Pair(f"{name}/{stem}", image[0], annotation[0]))
    return Folder(name, tuple(pairs), tuple(problems))


def children(folder: Path) -> list[Path]:
    """The subfolders, in the order of their names. Raises `InputError` if the folder cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry) for entry in entries if entry.is_dir())
    except OSError as reason:
        raise InputError(f"the folder cannot be listed: {reason.strerror}", file=folder) from None


def _mismatch(images: list[Path], annotations: list[Path]) -> str:
    if not annotations:
        return "the image has no annotation"
    if not images:
        return "the annotation has no image"
    for kind, files in (("images for one annotation", images), ("annotations for one image", annotations)):
        if len(files) > 1:
            return f"{len(files)} {kind}: {', '.join(sorted(file.name for file in files))}"
    return ""


def _child(folder: Path, name: str) -> Path | None:
    """The subfolder of that name; the exact name wins over one that differs by case."""
    similar = [entry for entry in children(folder) if entry.name.casefold() == name.casefold()]
    exact = [entry for entry in similar if entry.name == name]
    if len(similar) > 1 and not exact:
        raise InputError(f"folders that differ only by case: {', '.join(entry.name for entry in similar)}", file=folder)
    return next(iter(exact or similar), None)


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as reason:
        raise InputError(f"the folder cannot be listed: {reason.strerror}", file=folder) from None


def _inside(root: Path, path: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(root)
