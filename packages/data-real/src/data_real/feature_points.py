"""The feature points of a hand in an XML file of HGR1.

Axis letters: M points of a hand.

A file is an element ``IMAGE`` (attributes ``WIDTH``, ``HEIGHT``) with elements ``hand``, in which elements
``FeaturePoint`` have the attributes ``category``, ``x`` and ``y``; only points that can be seen are listed, and the
category ``Wrist`` is there twice. Source: public readers of the files; the database prints no description of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError
from core_eval.pts import FARTHEST

LARGEST = 64 * 1024
"""Bytes; 25 points take about 2 KiB. A larger file is refused."""

_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{0,15})?", re.ASCII)
_SIDE = re.compile(r"\d{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class FeaturePoints:
    """`categories` of M points in file order, `points` (M, 2) px as stored, `size` (width, height) of the image or None
    where the file does not say it."""

    categories: tuple[str, ...]
    points: NDArray[np.float64]
    size: tuple[int, int] | None


def read_feature_points(path: Path) -> FeaturePoints:
    """Read a file. Raises `InputError` naming file and line; see `parse_feature_points`."""
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as reason:
        raise InputError(f"the annotation cannot be read: {reason.strerror}", file=path) from None
    return parse_feature_points(data, file=path)


def parse_feature_points(data: bytes, *, file: str | Path | None = None) -> FeaturePoints:
    """Parse a file's bytes: the points of the first ``hand`` that has any, or all where there is no ``hand``.

    Raises `InputError` for whatever is not well-formed, declares a document type (the only place where entities could
    be declared), has no point, or a point without a category or finite coordinates. `file` is only named in errors.
    """
    if len(data) > LARGEST:
        raise InputError(f"the annotation is larger than {LARGEST} bytes", file=file)
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as reason:
        text = expat.ErrorString(reason.code)
        raise InputError(f"line {reason.lineno}: not well-formed XML: {text}", file=file) from None
    except _Malformed as reason:
        raise InputError(f"line {reader.parser.CurrentLineNumber}: {reason}", file=file) from None
    except (LookupError, ValueError) as reason:  # an encoding that Python does not have
        raise InputError(f"not readable XML: {reason}", file=file) from None
    hands = {hand for _, _, hand in reader.found if hand is not None}
    chosen = min(hands) if hands else None
    rows = [(category, point) for category, point, hand in reader.found if hand == chosen]
    if not rows:
        raise InputError("the annotation has no FeaturePoint", file=file)
    return FeaturePoints(
        tuple(category for category, _ in rows), np.array([point for _, point in rows], np.float64), reader.size
    )


class _Malformed(Exception):
    """What is wrong, without the file's name and the line."""


class _Reader:
    """Collects (category, (x, y), number of its hand) of the points, in file order."""

    def __init__(self) -> None:
        self.found: list[tuple[str, tuple[float, float], int | None]] = []
        self.size: tuple[int, int] | None = None
        self.hands = 0
        self._within = 0  # hands that are open
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end

    def _doctype(self, *_: object) -> None:
        raise _Malformed("the annotation declares a document type, which is not read")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match name:
            case "IMAGE":
                self.size = _size(attributes)
            case "hand":
                self.hands += 1
                self._within += 1
            case "FeaturePoint":
                hand = self.hands if self._within else None
                self.found.append((_category(attributes), (_number(attributes, "x"), _number(attributes, "y")), hand))

    def _end(self, name: str) -> None:
        self._within -= name == "hand"


def _size(attributes: dict[str, str]) -> tuple[int, int] | None:
    if not {"WIDTH", "HEIGHT"} <= attributes.keys():
        return None
    sides = [attributes["WIDTH"].strip(), attributes["HEIGHT"].strip()]
    if not all(_SIDE.fullmatch(side) for side in sides):
        raise _Malformed(f"the image's size is {_shown(' x '.join(sides))}")
    return int(sides[0]), int(sides[1])


def _category(attributes: dict[str, str]) -> str:
    category = " ".join(attributes.get("category", "").split())
    if not category or len(category) > 64 or not category.isprintable():
        raise _Malformed(f"a FeaturePoint has the category {_shown(category)}")
    return category


def _number(attributes: dict[str, str], key: str) -> float:
    text = attributes.get(key, "").strip()
    if not _NUMBER.fullmatch(text) or abs(float(text)) > FARTHEST:
        raise _Malformed(f"a FeaturePoint has the coordinate {key} = {_shown(text)}")
    return float(text)


def _shown(text: str) -> str:
    """Text quoted for a message: control characters escaped, cut when long."""
    return ascii(text if len(text) <= 40 else text[:40] + "...")
