"""Landmarks and joints as comma-separated text, the CSV equivalent of our schema.

Axis letters: P points.

Two forms, told apart by the header; ids first, one comma between fields, UTF-8:

- one row a sample: ``id,x0,y0,x1,y1,...``, or ``id,x0,y0,z0,...`` for joints in mm;
- one row a point: ``id,point,x,y``, optionally with ``score``; ``point`` counts from 0, every sample has all points,
  and the rows of a sample follow one another.

Coordinates are px, 0-based, (x, y) (or mm). An empty field or ``nan`` is a coordinate that was not found.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import IO

import numpy as np

from core_eval import InputError
from core_formats.checks import checked, head, regular, sample_id, shown
from core_formats.formats import Prediction

LARGEST = 2 * 2**30
"""Bytes of a file, which is read line by line."""

LONGEST_LINE = 2**20
"""Characters."""

POINTS = 100_000
"""Points of a sample."""

Row = tuple[int, list[str]]


class LandmarkCsv:
    """Arrays: ``points`` (P, 2) px or ``joints_mm`` (P, 3); with a score column also ``confidence`` (P,)."""

    name = "csv"
    about = "landmarks as CSV: id,x0,y0,x1,y1,... (one row a sample) or id,point,x,y[,score] (one row a point)"
    detections = False

    def recognises(self, path: Path) -> bool:
        start = head(path, 256).removeprefix(b"\xef\xbb\xbf")
        return path.suffix.lower() == ".csv" and start.startswith((b"id,x0,y0", b"id,point,x,y"))

    def read(self, path: Path) -> Iterator[Prediction]:
        """Raises `InputError` naming line, sample and column."""
        try:
            if regular(path).stat().st_size > LARGEST:
                raise InputError(f"larger than the {LARGEST // 2**20} MiB that are read", file=path)
            with path.open(encoding="utf-8-sig") as stream:
                yield from _read(stream, path)
        except (OSError, ValueError, csv.Error) as reason:
            if isinstance(reason, InputError):
                raise
            problem = "is not UTF-8" if isinstance(reason, UnicodeDecodeError) else f"not readable as CSV: {reason}"
            raise InputError(problem, file=path) from None


def _read(stream: IO[str], path: Path) -> Iterator[Prediction]:
    rows = _rows(stream, path)
    _, header = next(rows, (0, []))
    if header[:4] == ["id", "point", "x", "y"] and header[4:] in ([], ["score"]):
        yield from _long(rows, path, header)
        return
    axes = 3 if "z0" in header else 2
    count = (len(header) - 1) // axes
    if count < 1 or header != ["id", *(f"{axis}{point}" for point in range(count) for axis in "xyz"[:axes])]:
        wanted = "id,x0,y0,x1,y1,... or id,x0,y0,z0,... or id,point,x,y[,score]"
        raise InputError(f"line 1: expected the header {wanted}, got {shown(','.join(header))}", file=path)
    key = "joints_mm" if axes == 3 else "points"
    for line, row in rows:
        sample = _id(row, header, line, path)
        values = [_number(text, line, path, sample, name) for text, name in zip(row[1:], header[1:], strict=True)]
        points = np.array(values).reshape(count, axes)
        where = f"line {line}"
        arrays = checked({key: points}, file=path, sample=sample, where=where)
        yield Prediction(sample, arrays, f"{path.name}, {where}")


def _long(rows: Iterator[Row], path: Path, header: list[str]) -> Iterator[Prediction]:
    identified = ((_id(row, header, line, path), line, row) for line, row in rows)
    for sample, own in groupby(identified, key=lambda row: row[0]):
        found: dict[int, list[float]] = {}
        first = 0
        for _, line, row in own:
            first = first or line
            point = _point(row[1], line, path, sample)
            if point in found:
                raise InputError(f"line {line}: point {point} is there twice", file=path, sample=sample, field="point")
            names = zip(row[2:], header[2:], strict=True)
            found[point] = [_number(text, line, path, sample, name) for text, name in names]
        if len(found) != max(found) + 1:
            absent = next(point for point in range(len(found) + 1) if point not in found)
            message = f"line {first}: point {absent} is absent (the rows of a sample must follow one another)"
            raise InputError(message, file=path, sample=sample, field="point")
        values = np.array([found[point] for point in range(len(found))])
        arrays = {"points": values[:, :2], **({"confidence": values[:, 2]} if len(header) == 5 else {})}
        where = f"line {first}"
        yield Prediction(sample, checked(arrays, file=path, sample=sample, where=where), f"{path.name}, {where}")


def _rows(stream: IO[str], path: Path) -> Iterator[Row]:
    """(line number from 1, fields) of the lines that are not empty; a quoted field ends on its line."""
    line = 0
    while text := stream.readline(LONGEST_LINE + 1):
        line += 1
        if len(text) > LONGEST_LINE:
            raise InputError(f"line {line}: longer than {LONGEST_LINE} characters", file=path)
        if "\0" in text:
            raise InputError(f"line {line}: holds a zero byte", file=path)
        if row := next(csv.reader([text], strict=True), []):
            yield line, row


def _id(row: list[str], header: list[str], line: int, path: Path) -> str:
    sample = sample_id(row[0], path, f"line {line}")
    if len(row) != len(header):
        raise InputError(f"line {line}: {len(row)} fields, the header has {len(header)}", file=path, sample=sample)
    return sample


def _number(text: str, line: int, path: Path, sample: str, field: str) -> float:
    word = text.strip()
    if word.lower() in ("", "nan"):
        return math.nan
    try:
        if not word.isascii() or "_" in word:  # which Python's float accepts
            raise ValueError
        return float(word)
    except ValueError:
        raise InputError(
            f"line {line}: expected a number, got {shown(text)}", file=path, sample=sample, field=field
        ) from None


def _point(text: str, line: int, path: Path, sample: str) -> int:
    word = text.strip()
    if not (word.isascii() and word.isdigit() and len(word) <= 6 and int(word) < POINTS):
        message = f"line {line}: expected the number of a point, got {shown(text)}"
        raise InputError(message, file=path, sample=sample, field="point")
    return int(word)
