"""Which joints are coupled: the graphs of thesis Sec. 3.3 and Table 3.1, as data for any skeleton."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from core_eval import InputError
from core_eval.skeletons import Skeleton, skeleton
from pose3d_structured.energy import Integers, check_edges


def topology(name: str, of: str = "mpii16", *, file: Path | None = None) -> Integers:
    """The edges of a graph: (E, 2) joints, the smaller first, sorted.

    Args:
        name: `unary` (no edges), `center-star`, `stick-figure`, `extended-stick-figure` or `2-hop`; or what `file` has.
        of: name of a skeleton in `core_eval.skeletons`.
        file: other graphs, in the form of `topologies.toml`.

    Raises:
        InputError: an unknown graph, skeleton or joint; a file that is not of this form; a disconnected graph.
    """
    tables = _read(file)
    bones = skeleton(of)
    if of not in tables:
        raise InputError(f"no graphs for skeleton {of!r}; known: {', '.join(tables)}", file=file, field="skeleton")
    found = np.array(sorted(_edges(name, bones, tables[of], file, ())), np.int64).reshape(-1, 2)
    check_edges(found, len(bones.joints))
    return found


def topologies(of: str = "mpii16") -> tuple[str, ...]:
    """Names of the graphs of a skeleton, in the order of Table 3.1."""
    return tuple(_read(None).get(of, {}))


@cache
def _built_in() -> dict[str, Any]:
    return tomllib.loads((resources.files("pose3d_structured") / "topologies.toml").read_text("utf-8"))


def _read(file: Path | None) -> dict[str, Any]:
    if file is None:
        return _built_in()
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as reason:
        raise InputError(f"not a file of graphs: {reason}", file=file) from None


def _edges(
    name: str, bones: Skeleton, tables: Mapping[str, Any], file: Path | None, within: tuple[str, ...]
) -> set[tuple[int, int]]:
    if name not in tables:
        raise InputError(f"unknown graph {name!r}; known: {', '.join(tables)}", file=file, field="topology")
    if name in within:
        raise InputError(f"{name} includes itself", file=file, field=f"{bones.name}.{name}.includes")
    table = tables[name]
    if unknown := set(table) - {"includes", "edges", "star", "bones", "two_bones"}:
        raise InputError(f"unknown key {min(unknown)!r}", file=file, field=f"{bones.name}.{name}")

    def joint(text: str) -> int:
        if text not in bones.joints:
            raise InputError(f"{bones.name} has no joint {text!r}", file=file, field=f"{bones.name}.{name}")
        return bones.joints.index(text)

    found = {tuple(map(joint, pair)) for pair in table.get("edges", [])}
    if "star" in table:
        centre = joint(table["star"])
        found |= {(centre, other) for other in range(len(bones.joints)) if other != centre}
    skeleton_bones = {(child, parent) for child, parent in enumerate(bones.parents) if parent >= 0}
    if table.get("bones"):
        found |= skeleton_bones
    if table.get("two_bones"):
        both = skeleton_bones | {(b, a) for a, b in skeleton_bones}
        found |= {(a, d) for a, b in both for c, d in both if b == c and a != d}
    for other in table.get("includes", []):
        found |= _edges(other, bones, tables, file, (*within, name))
    return {(min(pair), max(pair)) for pair in found}
