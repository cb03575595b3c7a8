"""Points of many people in one numeric array of a ``.mat`` file, whose axes come in any of three orders.

Axis letters: N people, J joints, C = 2 or 3 numbers a joint (x, y and, in some files, a flag or a confidence).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError
from core_formats.mat_file import Value, Variable

LAYOUTS = ((2, 1, 0), (2, 0, 1), (0, 1, 2))
"""Transpositions that make (N, J, C) of (C, J, N), (J, C, N) and (N, J, C)."""


def _fitting(shape: tuple[int, ...], joints: int) -> list[tuple[int, int, int]]:
    if len(shape) == 2:
        shape = (*shape, 1)  # MATLAB drops a last axis of one person
    if len(shape) != 3:
        return []
    return [axes for axes in LAYOUTS if shape[axes[1]] == joints and shape[axes[2]] in (2, 3) and shape[axes[0]] > 0]


def looks_like(found: Mapping[str, Variable], joints: int) -> bool:
    """Whether one variable has the dimensions of people with so many joints."""
    return (
        sum(variable.kind == "numbers" and bool(_fitting(variable.shape, joints)) for variable in found.values()) == 1
    )


def as_people(found: Mapping[str, Value], joints: int, path: Path) -> tuple[str, NDArray[np.float64]]:
    """Name and (N, J, 2) of the one variable that fits, as stored. Raises `InputError` for none, several, or doubt.

    The third number of a joint is not read: it is a flag in some files and a confidence in others.
    """
    arrays = {name: value for name, value in found.items() if isinstance(value, np.ndarray)}
    fitting = {name: axes for name, value in arrays.items() if (axes := _fitting(value.shape, joints))}
    if len(fitting) != 1:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in sorted(arrays.items())[:8]) or "none"
        problem = "more than one array" if fitting else "no array"
        raise InputError(f"{problem} is people x {joints} joints x 2 or 3; arrays: {shapes}", file=path)
    name, layouts = next(iter(fitting.items()))
    if len(layouts) > 1:
        raise InputError(f"the axes of {arrays[name].shape} can be read in two ways", file=path, field=name)
    array = arrays[name].astype(np.float64)
    people = (array[..., None] if array.ndim == 2 else array).transpose(layouts[0])
    return name, people[:, :, :2]
