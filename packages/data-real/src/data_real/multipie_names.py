"""What the names of Multi-PIE's files say.

A stem is ``III_SS_RR_CCD_LL``: subject (001 to 346), session, recording, camera (folder ``CC_D``), light (00 to 19).
Sources: public readers of the files; cameras and lights as in Gross et al. 2010; subjects of the splits and the six
emotions, Honari et al. 2018 (Sec. 4.4).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from core_eval import InputError

CAMERAS = ("04_1", "05_0", "05_1", "14_0", "13_0")
"""Seen from 30, 15, 0, -15, -30 degrees; the label of a camera is its place in this list, which is the stand-in's."""

EMOTIONS = ("neutral", "surprise", "smile", "squint", "disgust", "scream")
"""In the order of the paper; the label is the place in this list, which is the stand-in's."""

EMOTION_OF: Mapping[tuple[int, int], str] = {
    (1, 1): "neutral", (1, 2): "smile",
    (2, 1): "neutral", (2, 2): "surprise", (2, 3): "squint",
    (3, 1): "neutral", (3, 2): "smile", (3, 3): "disgust",
    (4, 1): "neutral", (4, 2): "neutral", (4, 3): "scream",
}  # fmt: skip
"""(session, recording) -> emotion."""

SUBJECTS: Mapping[str, range] = {"train": range(1, 151), "valid": range(151, 201), "test": range(201, 338)}
LIGHTS = 20

_NAME = re.compile(r"(\d{3})_(\d\d)_(\d\d)_(\d\d)(\d)_(\d\d)", re.ASCII)


class View(NamedTuple):
    """A subject in a recording of a session, seen by a camera (``CC_D``), in whatever light."""

    subject: int
    session: int
    recording: int
    camera: str

    @property
    def split(self) -> str:
        """The split of the subject; empty if it is in none."""
        return next((split for split, subjects in SUBJECTS.items() if self.subject in subjects), "")

    @property
    def emotion(self) -> int:
        """Place in `EMOTIONS`."""
        return EMOTIONS.index(EMOTION_OF[self.session, self.recording])

    @property
    def folder(self) -> str:
        """Where its pictures lie, below the folder ``data``."""
        return f"session{self.session:02d}/multiview/{self.subject:03d}/{self.recording:02d}/{self.camera}"

    def stem(self, light: int) -> str:
        camera = self.camera.replace("_", "")
        return f"{self.subject:03d}_{self.session:02d}_{self.recording:02d}_{camera}_{light:02d}"

    def lights(self) -> list[int]:
        """All lights in an order drawn at random for this view; the first is the one it is shown in.

        The paper's draw is not recorded. The numbers are sorted by their SHA-256 hashes with the view's name, so that
        no view's draw depends on another's.
        """

        def drawn(light: int) -> bytes:
            return hashlib.sha256(f"multipie light {self.stem(light)}".encode()).digest()

        return sorted(range(LIGHTS), key=drawn)


def view_of(stem: str) -> tuple[View, int]:
    """View and light of a picture. Raises `InputError` for a name that does not say them."""
    match = _NAME.fullmatch(stem)
    if match is None:
        raise InputError("the name is not of the form III_SS_RR_CCD_LL (subject, session, recording, camera, light)")
    view, light = View(int(match[1]), int(match[2]), int(match[3]), f"{match[4]}_{match[5]}"), int(match[6])
    if (view.session, view.recording) not in EMOTION_OF:
        raise InputError(
            f"the name says session {view.session}, recording {view.recording}, of which no emotion is known"
        )
    if light >= LIGHTS:
        raise InputError(f"the name says light {light}, of 00 to {LIGHTS - 1}")
    return view, light
