"""Landmark files in the ``.pts`` format of the iBUG annotations.

Axis letters: P points.

A file is ``version: 1``, ``n_points: 68``, and between braces one line ``x y`` per point. Its coordinates are 1-based
(the top-left pixel's centre is (1, 1)); everything in memory is 0-based. The format is parsed by its braces, not by
line numbers, because the distributed files vary in blanks, line ends and empty lines.

Source: the 300-W distribution; the shift by one follows menpo (``menpo/io/input/landmark.py``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core_eval.errors import InputError

LARGEST = 64 * 1024
"""Bytes; 68 points take about 2 KiB. A larger file is refused before it is read."""

FARTHEST = 1e6
"""px; a coordinate beyond this is damage, not a place near an image (our choice)."""

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_POINT = re.compile(rf"({_NUMBER})[ \t]+({_NUMBER})", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_HEADER = re.compile(r"([a-z_]+)[ \t]*:[ \t]*(\d+(?:\.0+)?)", re.ASCII)
_LINE_END = re.compile(r"\r\n|\n|\r")


def read_pts(path: Path, points: int | None = 68) -> NDArray[np.float64]:
    """Read a file: (P, 2) px, order (x, y), 0-based pixel centres, P = `points`, or as many as its header says if None.

    Raises `InputError` naming file and line for whatever is not exactly so many finite points in the format.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as reason:
        raise InputError(f"the annotation cannot be read: {reason.strerror}", file=path) from None
    return parse_pts(data, points, file=path)


def parse_pts(data: bytes, points: int | None = 68, *, file: str | Path | None = None) -> NDArray[np.float64]:
    """Parse a file's bytes; see `read_pts`. `file` is only named in errors."""
    if len(data) > LARGEST:
        raise InputError(f"the annotation is larger than {LARGEST} bytes", file=file)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("the annotation is not text", file=file) from None
    try:
        return _parse(_lines(text), points)
    except _Malformed as reason:
        raise InputError(str(reason), file=file) from None


def format_pts(points: ArrayLike) -> str:
    """The text of a file for `points` (P, 2) px, 0-based; written 1-based with every digit that a float64 has.

    Raises `InputError` for another shape, no points, or a coordinate that `read_pts` would refuse.
    """
    values = np.asarray(points, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != 2 or len(values) == 0:
        raise InputError(f"expected (P, 2) points, got shape {values.shape}", field="points")
    stored = values + 1.0
    if not (np.abs(stored) <= FARTHEST).all():
        raise InputError("a coordinate is not finite or too large", field="points")
    rows = "".join(f"{x!r} {y!r}\n" for x, y in stored.tolist())
    return f"version: 1\nn_points: {len(values)}\n{{\n{rows}}}\n"


def write_pts(path: Path, points: ArrayLike) -> None:
    """Write `format_pts` atomically (temporary file, then rename)."""
    text = format_pts(points)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, "ascii", newline="\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


class _Malformed(Exception):
    """What is wrong, without the file's name."""


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """(line number, stripped line) of the lines that are not empty."""
    for number, line in enumerate(_LINE_END.split(text), start=1):
        if stripped := line.strip(" \t"):
            yield number, stripped


def _parse(lines: Iterator[tuple[int, str]], expected: int | None) -> NDArray[np.float64]:
    points = _count(_header(lines), expected)
    rows: list[tuple[float, float]] = []
    for number, line in lines:
        if line == "}":
            break
        rows.append(_point(number, line))
        if len(rows) > points:
            raise _Malformed(f"line {number}: more than {points} points")
    else:
        raise _Malformed(f"the annotation ends after {len(rows)} of {points} points, without a closing brace")
    if len(rows) != points:
        raise _Malformed(f"line {number}: {len(rows)} points where {points} are expected")
    for number, line in lines:
        raise _Malformed(f"line {number}: {_shown(line)} after the closing brace")
    return np.array(rows, dtype=np.float64) - 1.0


def _header(lines: Iterator[tuple[int, str]]) -> dict[str, tuple[int, float]]:
    """Key -> (line number, value) up to the opening brace."""
    found: dict[str, tuple[int, float]] = {}
    for number, line in lines:
        if line == "{":
            return found
        match = _HEADER.fullmatch(line)
        if match is None or match[1] not in ("version", "n_points"):
            raise _Malformed(f"line {number}: expected 'version: 1', 'n_points: N' or '{{', got {_shown(line)}")
        if match[1] in found:
            raise _Malformed(f"line {number}: a second {match[1]}")
        found[match[1]] = (number, float(match[2]))
    raise _Malformed("no opening brace")


def _count(header: dict[str, tuple[int, float]], points: int | None) -> int:
    """The number of points that the header declares, which must be `points` unless that is None."""
    for key, expected in (("version", 1), ("n_points", points)):
        if key not in header:
            raise _Malformed(f"no '{key}: {'N' if expected is None else expected}' before the opening brace")
        number, value = header[key]
        if expected is not None and value != expected:
            raise _Malformed(f"line {number}: {key} is {value:.15g} where {expected} is expected")
    number, value = header["n_points"]
    if not (1 <= value <= LARGEST and value.is_integer()):
        raise _Malformed(f"line {number}: n_points is {value:.15g}")
    return int(value)


def _point(number: int, line: str) -> tuple[float, float]:
    match = _POINT.fullmatch(line)
    if match is None:
        if any(_NOT_FINITE.fullmatch(word) for word in line.split()):
            raise _Malformed(f"line {number}: a coordinate is not finite: {_shown(line)}")
        raise _Malformed(f"line {number}: expected 'x y', got {_shown(line)}")
    x, y = float(match[1]), float(match[2])
    if not (abs(x) <= FARTHEST and abs(y) <= FARTHEST):
        raise _Malformed(f"line {number}: a coordinate is beyond {FARTHEST:g} px: {_shown(line)}")
    return x, y


def _shown(line: str) -> str:
    """A line quoted for a message: control characters escaped, cut when long."""
    return ascii(line if len(line) <= 40 else line[:40] + "...")
