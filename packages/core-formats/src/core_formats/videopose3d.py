"""3D poses as VideoPose3D keeps them, in ``.npz`` files of plain arrays.

Axis letters: T frames of a sequence, J joints.

Every array is one sequence (T, J, 3) in metres and becomes ``joints_mm``, in mm, of T samples with the ids
``array/frame``, frames from 0: the array ``S9/Directions 1`` gives ``S9/Directions 1/0`` ... (a single array called
``positions_3d`` gives ``0`` ...). The project's own files hold one pickled dictionary, which is never unpickled.
Source: facebookresearch/VideoPose3D, ``data/prepare_data_h36m.py`` and ``common/h36m_dataset.py``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core_eval import InputError
from core_eval.predictions import read_arrays
from core_formats.checks import checked, fault, regular, sample_id
from core_formats.formats import Prediction

FARTHEST = 100.0
"""Metres from the origin; a pose beyond is in other units."""

SINGLE = "positions_3d"

RESAVE = (
    "this file holds pickled Python objects, which could run code and are never read. Save plain arrays instead: "
    "np.savez_compressed('plain.npz', **{f'{s}/{a}': p for s, d in positions.items() for a, p in d.items()}) "
    "where positions = np.load(FILE, allow_pickle=True)['positions_3d'].item(), of a file that you trust"
)


class VideoPose3d:
    """Arrays: ``joints_mm`` (J, 3)."""

    name = "videopose3d"
    about = "3D poses in metres, .npz of plain arrays (T, J, 3), one a sequence; ids are array/frame"
    detections = False

    def recognises(self, path: Path) -> bool:
        return names_of(path).isdisjoint({"ids"}) and any("/" in name or name == SINGLE for name in names_of(path))

    def read(self, path: Path) -> Iterator[Prediction]:
        """Raises `InputError` for pickled objects, other shapes, or coordinates that cannot be metres."""
        try:
            arrays = read_arrays(regular(path))
        except InputError as reason:
            if "Python objects" in reason.message:
                raise InputError(RESAVE, file=path, field=reason.field) from None
            raise
        if not arrays:
            raise InputError("holds no array", file=path)
        for key, array in arrays.items():
            if array.ndim != 3 or array.shape[2] != 3 or array.dtype.kind not in "iuf" or not array.shape[1]:
                found = f"{array.dtype} {array.shape}"
                raise InputError(f"expected (T, J, 3) numbers in metres, got {found}", file=path, field=ascii(key))
            yield from _frames(key, array, path)


def _frames(key: str, array: np.ndarray, path: Path) -> Iterator[Prediction]:
    metres = array.astype(np.float64)
    suspect = bool(fault("joints_mm", metres)) or bool((np.abs(metres) > FARTHEST).any())
    for frame, pose in enumerate(1000 * metres):
        sample = sample_id(f"{frame}" if key == SINGLE else f"{key}/{frame}", path, f"array {key!a}")
        if suspect:
            checked({"joints_mm": pose}, file=path, sample=sample)
            if (np.abs(pose) > 1000 * FARTHEST).any():
                message = (
                    f"beyond {FARTHEST:g} m: this format is in metres; for mm write an .npz with ids and joints_mm"
                )
                raise InputError(message, file=path, sample=sample, field=ascii(key))
        yield Prediction(sample, {"joints_mm": pose}, f"{path.name}, {key} frame {frame}")


def names_of(path: Path) -> set[str]:
    """Names of the arrays of an ``.npz``; none of any other file."""
    if path.suffix.lower() != ".npz" or not path.is_file():
        return set()
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except Exception:  # zipfile raises a dozen kinds for hostile bytes
        return set()
