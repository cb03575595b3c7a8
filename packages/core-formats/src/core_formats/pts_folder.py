"""A folder of ``.pts`` landmark files, one a sample, or a single file.

Axis letters: P points.

The format and its 1-based coordinates are those of `core_eval.pts`. A sample's id is the file's path below the folder
without ``.pts``, with ``/`` between folders: ``01_Indoor/indoor_001``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from core_eval import InputError
from core_eval.pts import LARGEST, parse_pts
from core_formats.checks import checked, files_below, read_bytes, sample_id
from core_formats.formats import Prediction

LOOKS = 10_000
"""Files that are looked at to recognise a folder."""


def one_file_a_sample(path: Path, suffix: str) -> Iterator[tuple[str, Path]]:
    """(id, file) of a folder or a single file. Raises `InputError` if there is none, or a link."""
    if not path.exists():
        raise InputError("no such file", file=path)
    if not path.is_dir():
        yield sample_id(path.stem, path, "file name"), path
        return
    empty = True
    for file in files_below(path, suffix):
        empty = False
        yield sample_id(file.relative_to(path).with_suffix("").as_posix(), file, "file name"), file
    if empty:
        raise InputError(f"holds no {suffix} file", file=path)


def holds(path: Path, suffix: str) -> bool:
    """Whether the path is a file of that suffix or a folder with one."""
    try:
        if path.is_dir():
            return any(child.suffix.lower() == suffix for child in islice(path.rglob("*"), LOOKS))
    except OSError:
        return False
    return path.suffix.lower() == suffix and path.is_file()


class PtsFolder:
    """Arrays: ``points`` (P, 2) px."""

    name = "pts"
    about = "a folder of .pts files (1-based, as in 300W); ids are paths below it without .pts"
    detections = False

    def recognises(self, path: Path) -> bool:
        return holds(path, ".pts")

    def read(self, path: Path) -> Iterator[Prediction]:
        """Raises `InputError` naming file and line of the first malformed one."""
        for sample, file in one_file_a_sample(path, ".pts"):
            points = parse_pts(read_bytes(file, LARGEST), None, file=file)
            yield Prediction(sample, checked({"points": points}, file=file, sample=sample), file.name)
