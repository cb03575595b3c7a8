"""What every reader checks: files, sample ids, and the numbers of an array.

Numbers that are no numbers: an infinite one is always an error. NaN stands for "not found" in points and joints, where
it must be all coordinates of one or none; confidences, boxes and labels cannot be NaN; elsewhere NaN is the reader's to
allow (`core_eval.contracts` has it in ``uv``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core_eval import InputError
from core_eval.contracts import Arrays

LONGEST_ID = 1024
"""Characters of a sample id."""

DTYPES: Mapping[str, type[np.generic]] = {
    "points": np.float64,
    "joints_mm": np.float64,
    "landmark_uv": np.float64,
    "scores": np.float64,
    "boxes": np.float64,
    "confidence": np.float64,
    "visible": np.bool_,
    "part": np.uint8,
    "iuv": np.uint8,
    "uv": np.float32,
    "label": np.int64,
}
"""Types of the arrays that have one, for formats whose numbers have none."""

LAST_AXIS: Mapping[str, int] = {"points": 2, "joints_mm": 3, "landmark_uv": 2, "boxes": 4, "iuv": 3, "uv": 2}
"""Coordinates of one point, joint or box."""

_WHOLE = ("points", "joints_mm", "landmark_uv")
_FINITE = ("scores", "boxes", "confidence", "label")


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit`. Raises `InputError`."""
    try:
        with regular(path).open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size  # reading up to a limit would allocate the limit
            data = stream.read(size) if size <= limit else b""
    except OSError as reason:
        raise InputError(f"cannot be read: {reason.strerror}", file=path) from None
    if size > limit:
        raise InputError(f"larger than the {limit / 2**20:g} MiB that are read", file=path)
    return data


def regular(path: Path) -> Path:
    """`path` if it is a file; a pipe or a device could be read for ever. Raises `InputError`."""
    try:
        if path.is_file():
            return path
        there = path.exists()
    except (OSError, ValueError):
        there = False
    raise InputError("not a file" if there else "no such file", file=path)


def head(path: Path, size: int = 65536) -> bytes:
    """The first bytes of a regular file; nothing of anything else."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as stream:
            return stream.read(size)
    except (OSError, ValueError):
        return b""


def files_below(path: Path, suffix: str, limit: int = 1_000_000) -> Iterator[Path]:
    """The files of one suffix in a folder and its folders, in order of their names; symbolic links are not followed."""
    stack = [path]
    seen = 0
    while stack:
        folder = stack.pop()
        try:
            children = sorted(folder.iterdir())
            folders = [child for child in reversed(children) if child.is_dir() and not child.is_symlink()]
        except OSError as reason:
            raise InputError(f"the folder cannot be listed: {reason.strerror}", file=folder) from None
        seen += len(children)
        if seen > limit:
            raise InputError(f"holds more than {limit} files", file=path)
        for child in children:
            if child.suffix.lower() == suffix and not child.name.startswith("."):
                if child.is_symlink():
                    raise InputError("a symbolic link, which is not followed", file=child)
                yield child
        stack += folders


def sample_id(value: Any, file: Path, where: str, field: str = "id") -> str:
    """`value` if it can be a sample id. Raises `InputError`."""
    if isinstance(value, str) and value and value.isprintable() and len(value) <= LONGEST_ID:
        return value
    raise InputError(f"{where}: expected printable text, got {shown(value)}", file=file, field=field)


def shown(value: Any) -> str:
    """A stranger's value for a message: escaped, cut when long."""
    if isinstance(value, (list, tuple, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, int) and abs(value) >= 10**18:
        return "a very large number"
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def numbers(value: Any) -> np.ndarray:
    """Nested lists of numbers and None (NaN) as an array. Raises `ValueError` for anything else, and ragged lists."""
    try:
        array = np.array(value)
    except ValueError:
        raise ValueError("the lists differ in length") from None
    if array.dtype.kind in "biuf":
        return array
    if array.dtype.kind != "O":
        raise ValueError("expected numbers, got text")
    for element in array.flat:
        if element is not None and type(element) not in (int, float):
            raise ValueError(f"expected numbers, got {shown(element)}")
    try:
        return array.astype(np.float64)
    except OverflowError:
        raise ValueError("a number is too large") from None


def typed(key: str, array: np.ndarray) -> np.ndarray:
    """`array` in the type that its name has. Raises `ValueError` where that would change a value."""
    wanted = DTYPES.get(key)
    if wanted is None:
        return array
    if array.dtype.kind == "b" and wanted is not np.bool_:
        raise ValueError("expected numbers, got true or false")
    with np.errstate(invalid="ignore", over="ignore"):
        converted = array.astype(wanted)
    if converted.dtype.kind != "f" and not np.array_equal(converted, array):
        raise ValueError(f"a value is no {converted.dtype}")
    return converted


def fault(key: str, array: np.ndarray) -> str:
    """What is wrong with the shape or the numbers of an array called `key`, with any leading axes; empty if nothing."""
    wanted = LAST_AXIS.get(key)
    if wanted is not None and (array.ndim < 1 or array.shape[-1] != wanted):
        return f"expected {wanted} numbers in the last axis, got shape {array.shape}"
    if array.dtype.kind not in "fc":
        return ""
    if np.isinf(array).any():
        return "a number is infinite"
    missing = np.isnan(array)
    if not missing.any():
        return ""
    if key in _FINITE:
        return "a number is NaN"
    if key in _WHOLE and (missing.any(axis=-1) != missing.all(axis=-1)).any():
        return "a point has NaN for one coordinate and a number for another"
    return ""


def checked(arrays: Arrays, *, file: Path, sample: str, where: str = "") -> Arrays:
    """`arrays`, every one without a `fault`. Raises `InputError` naming file, sample and field."""
    for key, array in arrays.items():
        if problem := fault(key, array):
            raise InputError(f"{where}: {problem}" if where else problem, file=file, sample=sample, field=key)
    return arrays
