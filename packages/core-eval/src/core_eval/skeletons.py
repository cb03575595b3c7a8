"""Skeletons: which index is which joint, and which joints a printed column means."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from core_eval.errors import InputError


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Joint tables of a skeleton, zero-based; see ``skeletons.toml`` for sources.

    Attributes:
        name: as in the file.
        joints: their names; left and right are the person's own.
        parents: the next joint towards the root, -1 at the root.
        mirror: `mirror[i]` takes the place of joint i in the mirrored image.
        segments: name -> the two joints whose distance normalises errors.
        groups: name of a printed column -> its joints; "total" is what the protocol pools.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    mirror: tuple[int, ...]
    segments: Mapping[str, tuple[int, int]]
    groups: Mapping[str, tuple[int, ...]]

    def group(self, name: str) -> tuple[int, ...]:
        """The joints of that column, or the one joint of that name. Raises `InputError` if there is neither."""
        if name in self.groups:
            return self.groups[name]
        if name in self.joints:
            return (self.joints.index(name),)
        raise InputError(f"{self.name} has no joints {name!r}; known: {', '.join(self.groups)}", field="joints")


@cache
def skeleton(name: str) -> Skeleton:
    """The skeleton of that name. Raises `InputError` if there is none."""
    tables = tomllib.loads((resources.files("core_eval") / "skeletons.toml").read_text("utf-8"))
    if name not in tables:
        raise InputError(f"unknown skeleton {name!r}; known: {', '.join(tables)}", field="skeleton")
    table = tables[name]
    return Skeleton(
        name=name,
        joints=tuple(table["joints"]),
        parents=tuple(table["parents"]),
        mirror=tuple(table["mirror"]),
        segments={segment: (first, last) for segment, (first, last) in table.get("segments", {}).items()},
        groups={group: tuple(members) for group, members in table["groups"].items()},
    )
