"""A contact sheet of bodies with their joints."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample
from data_synth.bodies.skeleton import JOINT_PARENTS, JOINTS

U8 = NDArray[np.uint8]
_ZOOM = 2
_LEFT, _RIGHT, _MIDDLE = (255, 150, 60), (80, 200, 255), (150, 255, 120)


def contact_sheet(samples: Sequence[Sample], columns: int = 15, *, zoom: int = _ZOOM, bones: bool = True) -> U8:
    """(rows, columns, 3) uint8 RGB: the pictures, with the skeleton drawn on them if `bones`."""
    if not len(samples):
        raise InputError("nothing to show: the split is empty")
    cells = []
    for sample in samples:
        image, target = sample.inputs["image"], sample.target
        if bones:
            cells.append(draw_skeleton(image, target["points"], target["visible"], zoom))
        else:
            cells.append(cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC))
    cells += [np.zeros_like(cells[0])] * (-len(cells) % columns)
    return np.vstack([np.hstack(cells[k : k + columns]) for k in range(0, len(cells), columns)])


def draw_skeleton(image: U8, points: NDArray[np.floating], visible: NDArray[np.bool_], zoom: int = _ZOOM) -> U8:
    """The image enlarged, with bones and joints; joints that are not visible are hollow. points (17, 2) px, pixel
    centres of the small image."""
    shown = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    at = np.rint((points + 0.5) * zoom * 16 - 8).astype(int)  # sixteenths of a large pixel
    for joint, above in enumerate(JOINT_PARENTS):
        colour = {"l_": _LEFT, "r_": _RIGHT}.get(JOINTS[joint][:2], _MIDDLE)
        if above >= 0:
            cv2.line(shown, at[above].tolist(), at[joint].tolist(), colour, 1, cv2.LINE_AA, 4)
        filled = -1 if visible[joint] else 1
        cv2.circle(shown, at[joint].tolist(), 28, colour, filled, cv2.LINE_AA, 4)
    return shown


def preview(samples: Sequence[Sample], path: Path, columns: int = 6) -> None:
    """Write a contact sheet (PNG). Raises `InputError` if it cannot be written."""
    _, code = cv2.imencode(".png", contact_sheet(samples, columns)[..., ::-1])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".png")
        with os.fdopen(handle, "wb") as stream:
            stream.write(code.tobytes())
        Path(temporary).replace(path)
    except OSError as error:
        raise InputError(f"cannot write the preview: {error.strerror}", file=path) from error
