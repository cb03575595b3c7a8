"""Predictions for the Leeds Sports Pose test images as ``.mat`` files.

Axis letters: N images, J = 14 joints.

One numeric array (2 or 3, 14, N), (14, 2 or 3, N) or (N, 14, 2 or 3), px, 1-based as the dataset's ``joints.mat``; one
is subtracted here. Column k is an image of the dataset: 1,000 columns are the test half, ``im1001`` to ``im2000``, and
2,000 the whole. Source: bearpaw/eval_pose, ``demo_eval_lsp.m``. Left and right must be the person's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core_eval import InputError
from core_formats.checks import checked
from core_formats.formats import Prediction
from core_formats.mat_file import read_mat, variables
from core_formats.mat_points import as_people, looks_like

JOINTS, TEST, ALL = 14, 1000, 2000


class Lsp:
    """Arrays: ``points`` (14, 2) px. Ids: ``im1001`` ...; `first` is the number of the first image, if not as above."""

    name = "lsp"
    about = "LSP predictions: one .mat array 2 x 14 x N or 3 x 14 x N, 1-based; N = 1000 is the test half"
    detections = False

    def __init__(self, *, first: int | None = None) -> None:
        self.first = first

    def recognises(self, path: Path) -> bool:
        return path.suffix.lower() == ".mat" and looks_like(variables(path), JOINTS)

    def read(self, path: Path) -> Iterator[Prediction]:
        """Raises `InputError` for a file without exactly one such array, or another number of images."""
        name, images = as_people(read_mat(path), JOINTS, path)
        first = self.first
        if first is None:
            if len(images) not in (TEST, ALL):
                raise InputError(f"expected {TEST} or {ALL} images, got {len(images)}", file=path, field=name)
            first = ALL - len(images) + 1
        for number, points in enumerate(images, start=first):
            sample = f"im{number:04d}"
            place = f"{path.name}, {name} column {number - first}"
            yield Prediction(sample, checked({"points": points - 1}, file=path, sample=sample), place)
