"""Landmark files of menpo, ``.ljson``, versions 1 to 3: a folder of them, or a single one.

Axis letters: P points.

menpo stores (y, x), 0-based pixel centres; here it becomes (x, y). ``null`` is a coordinate that was not found. The
points of version 1 are those of its groups in order; version 3 holds named groups, of which a prediction must have one
(or name it with the option `group`). Source: menpo, ``menpo/io/input/landmark.py``. Ids are paths as for ``.pts``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError
from core_formats.checks import checked, numbers, shown
from core_formats.formats import Prediction
from core_formats.json_text import document
from core_formats.pts_folder import holds, one_file_a_sample

LARGEST = 2**20
"""Bytes; 68 points with their labels take about 10 KiB."""


class Ljson:
    """Arrays: ``points`` (P, 2) px."""

    name = "ljson"
    about = "a folder of menpo .ljson files, versions 1 to 3 (stored as y, x)"
    detections = False

    def __init__(self, *, group: str | None = None) -> None:
        self.group = group

    def recognises(self, path: Path) -> bool:
        return holds(path, ".ljson")

    def read(self, path: Path) -> Iterator[Prediction]:
        """Raises `InputError` naming the first malformed file, its sample and field."""
        for sample, file in one_file_a_sample(path, ".ljson"):
            points = self._points(document(file, LARGEST), file, sample)
            yield Prediction(sample, checked({"points": points}, file=file, sample=sample), file.name)

    def _points(self, content: Any, file: Path, sample: str) -> NDArray[np.float64]:
        """(P, 2) px, (x, y)."""
        version = content.get("version") if isinstance(content, dict) else None
        if type(version) is not int or version not in (1, 2, 3):
            message = f"expected version 1, 2 or 3, got {shown(version)}"
            raise InputError(message, file=file, sample=sample, field="version")
        try:
            if version == 1:
                listed = [mark["point"] for group in content["groups"] for mark in group["landmarks"]]
            else:
                holder = content if version == 2 else self._group(content["groups"], file, sample)
                listed = holder["landmarks"]["points"]
            points = numbers(listed).astype(np.float64)
        except (KeyError, TypeError, AttributeError):
            raise InputError(f"no points where version {version} has them", file=file, sample=sample) from None
        except ValueError as reason:
            if isinstance(reason, InputError):
                raise
            raise InputError(str(reason), file=file, sample=sample, field="points") from None
        if points.ndim != 2 or points.shape[1] != 2 or not len(points):
            message = f"expected (P, 2) points of an image, got shape {points.shape}"
            raise InputError(message, file=file, sample=sample, field="points")
        return points[:, ::-1].copy()

    def _group(self, groups: dict[str, Any], file: Path, sample: str) -> Any:
        names = sorted(groups.keys())
        wanted = self.group if self.group is not None else names[0] if len(names) == 1 else None
        if wanted not in names:
            problem = f"expected the group {shown(self.group)}" if self.group is not None else "expected one group"
            listed = ", ".join(shown(name) for name in names[:8])
            raise InputError(f"{problem}, there are {len(names)}: {listed}", file=file, sample=sample, field="groups")
        return groups[wanted]
