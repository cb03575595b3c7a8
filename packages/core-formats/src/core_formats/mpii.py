"""Predictions for MPII Human Pose as ``.mat`` files.

Axis letters: N people, J = 16 joints.

Two layouts, both 1-based px in the files, one subtracted here:

- ``pred``, the submission of the official toolkit: a struct list like ``RELEASE.annolist``, in which
  ``pred(i).annorect(r).annopoints.point(k)`` has x, y and the 0-based joint ``id``. The sample's id is ``i/r``, both
  from 1: the place of the image in `pred` (which the toolkit makes of the test images, in order) and of the person in
  the image. Joints that are not listed are not found. Source: the toolkit's ``evaluatePCKh.m`` and its README.
- ``preds``, one array (N, 16, 2) or (2, 16, N), what training codes save for the validation people (HRNet and its
  descendants add one before they save; bearpaw's are 1-based too). Its rows have no ids: they are numbered from 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError
from core_formats.checks import checked, shown
from core_formats.formats import Prediction
from core_formats.mat_file import Cell, Value, read_mat, variables
from core_formats.mat_points import as_people, looks_like

JOINTS = 16


class Mpii:
    """Arrays: ``points`` (16, 2) px, NaN where a joint was not found."""

    name = "mpii"
    about = "MPII pred.mat: the toolkit's struct `pred` (ids image/person from 1), or an array `preds` (N, 16, 2)"
    detections = False

    def recognises(self, path: Path) -> bool:
        if path.suffix.lower() != ".mat":
            return False
        found = variables(path)
        return ("pred" in found and found["pred"].kind == "struct") or looks_like(found, JOINTS)

    def read(self, path: Path) -> Iterator[Prediction]:
        """Raises `InputError` for a file of neither layout, and for a malformed person."""
        found = read_mat(path)
        pred = found.get("pred")
        if isinstance(pred, Cell):
            yield from _people(pred, path)
            return
        name, people = as_people(found, JOINTS, path)
        for row, points in enumerate(people):
            place = f"{path.name}, {name} row {row}"
            yield Prediction(f"{row}", checked({"points": points - 1}, file=path, sample=f"{row}"), place)


def _people(pred: Cell, path: Path) -> Iterator[Prediction]:
    images = pred.fields.get("annorect")
    if images is None:
        raise InputError("a struct without annorect", file=path, field="pred")
    some = False
    for image, rectangles in enumerate(images, start=1):
        if not isinstance(rectangles, Cell):
            continue  # an image without people
        for person, annopoints in enumerate(rectangles.fields.get("annopoints", ()), start=1):
            listed = annopoints.fields.get("point", []) if isinstance(annopoints, Cell) else []
            lists = [one for one in listed if isinstance(one, Cell) and len(one)]
            if not lists:
                continue  # a person who was not predicted
            sample, where = f"{image}/{person}", f"pred({image}).annorect({person})"
            if len(lists) != 1:
                raise InputError(f"{where}: {len(lists)} lists of points", file=path, sample=sample)
            points = _joints(lists[0], path, sample, where)
            some = True
            yield Prediction(sample, checked({"points": points}, file=path, sample=sample), f"{path.name}, {where}")
    if not some:
        raise InputError("no person has points", file=path, field="pred")


def _joints(listed: Cell, path: Path, sample: str, where: str) -> NDArray[np.float64]:
    points = np.full((JOINTS, 2), np.nan)
    seen: set[float] = set()
    columns = {}
    for field in ("id", "x", "y"):
        if field not in listed.fields:
            raise InputError(f"{where}: a point has no {field}", file=path, sample=sample, field=field)
        columns[field] = [_number(value, path, sample, where, field) for value in listed.fields[field]]
    for joint, x, y in zip(columns["id"], columns["x"], columns["y"], strict=True):
        if joint not in range(JOINTS) or joint in seen:
            problem = "twice" if joint in seen else "not in 0..15"
            raise InputError(f"{where}: joint {shown(joint)} is {problem}", file=path, sample=sample, field="id")
        seen.add(joint)
        points[int(joint)] = x - 1, y - 1
    return points


def _number(value: Value, path: Path, sample: str, where: str, field: str) -> float:
    if isinstance(value, np.ndarray) and value.size == 1:
        return float(value.item())
    raise InputError(f"{where}: expected one number for each point", file=path, sample=sample, field=field)
