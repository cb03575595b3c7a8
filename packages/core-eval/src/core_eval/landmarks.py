"""Landmark schemes: which index is which point."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from core_eval.errors import InputError


@dataclass(frozen=True, slots=True)
class Scheme:
    """Index tables of a landmark scheme, zero-based; see ``landmarks.toml`` for sources.

    Attributes:
        name: as in the file.
        points: how many there are.
        mirror: `mirror[i]` is the point that takes the place of point i in the mirrored image; empty where mirroring
            does not map the scheme onto itself.
        groups: name -> (first, last), both included.
        segments: name -> the two points whose distance normalises errors.
        eyes: the outlines of the two eyes, image left first; empty for anything but faces.
        eyelids: the same without the corners.
        subsets: name -> the points that some protocols score.
    """

    name: str
    points: int
    mirror: tuple[int, ...]
    groups: Mapping[str, tuple[int, int]]
    segments: Mapping[str, tuple[int, int]]
    eyes: tuple[tuple[int, ...], ...]
    eyelids: tuple[tuple[int, ...], ...]
    subsets: Mapping[str, tuple[int, ...]]

    @property
    def closed(self) -> tuple[str, ...]:
        """Names of the groups whose outline closes on itself."""
        return tuple(name for name in self.groups if name.startswith(("eye_", "mouth_")))

    @property
    def outer_eye_corners(self) -> tuple[int, int]:
        return self.segment("outer-eye-corners")

    @property
    def inner_eye_corners(self) -> tuple[int, int]:
        return self.segment("inner-eye-corners")

    def segment(self, name: str) -> tuple[int, int]:
        """The two points of that segment. Raises `InputError` if the scheme has none."""
        if name not in self.segments:
            raise InputError(f"the landmark scheme {self.name} has no {name}")
        return self.segments[name]

    def subset(self, name: str | None) -> tuple[int, ...]:
        """The points of that subset, all of them for None. Raises `InputError` if the scheme has none of that name."""
        if name is None:
            return tuple(range(self.points))
        if name not in self.subsets:
            known = ", ".join(self.subsets) or "none"
            raise InputError(f"the landmark scheme {self.name} has no subset {name!r}; it has {known}", field="subset")
        return self.subsets[name]


@cache
def scheme(name: str) -> Scheme:
    """The scheme of that name. Raises `InputError` if there is none."""
    tables = tomllib.loads((resources.files("core_eval") / "landmarks.toml").read_text("utf-8"))
    if name not in tables:
        raise InputError(f"unknown landmark scheme {name!r}; known: {', '.join(tables)}")
    table: dict[str, Any] = tables[name]
    return Scheme(
        name=name,
        points=table["points"],
        mirror=tuple(table.get("mirror", ())),
        groups={group: (first, last) for group, (first, last) in table.get("groups", {}).items()},
        segments={segment: (first, last) for segment, (first, last) in table.get("segments", {}).items()},
        eyes=tuple(map(tuple, table.get("eyes", ()))),
        eyelids=tuple(map(tuple, table.get("eyelids", ()))),
        subsets={subset: _expand(**spans) for subset, spans in table.get("subsets", {}).items()},
    )


def _expand(first: int, last: int, drop: list[int]) -> tuple[int, ...]:
    return tuple(index for index in range(first, last + 1) if index not in drop)
