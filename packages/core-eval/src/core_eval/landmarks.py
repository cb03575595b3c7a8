"""Landmark schemes: which index is which point."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from core_eval.errors import InputError


@dataclass(frozen=True, slots=True)
class Scheme:
    """Index tables of a landmark scheme, zero-based; see ``landmarks.toml`` for sources.

    `mirror[i]` is the point that takes the place of point i in the mirrored image; `groups` maps a name to
    (first, last), both included; `closed` names the groups whose outline closes on itself.
    """

    name: str
    points: int
    outer_eye_corners: tuple[int, int]
    inner_eye_corners: tuple[int, int]
    eyes: tuple[tuple[int, ...], tuple[int, ...]]
    mirror: tuple[int, ...]
    groups: Mapping[str, tuple[int, int]]

    @property
    def closed(self) -> tuple[str, ...]:
        return tuple(name for name in self.groups if name.startswith(("eye_", "mouth_")))


@cache
def scheme(name: str) -> Scheme:
    """The scheme of that name. Raises `InputError` if there is none."""
    tables = tomllib.loads((resources.files("core_eval") / "landmarks.toml").read_text("utf-8"))
    if name not in tables:
        raise InputError(f"unknown landmark scheme {name!r}; known: {', '.join(tables)}")
    table = tables[name]
    left, right = (tuple(eye) for eye in table["eyes"])
    return Scheme(
        name=name,
        points=table["points"],
        outer_eye_corners=tuple(table["outer_eye_corners"]),
        inner_eye_corners=tuple(table["inner_eye_corners"]),
        eyes=(left, right),
        mirror=tuple(table["mirror"]),
        groups={group: (span[0], span[1]) for group, span in table["groups"].items()},
    )
