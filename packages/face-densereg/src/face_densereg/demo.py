"""`bench demo face IMAGE`: what DenseReg says of a photograph, as pictures; and the training of its weights.

Axis letters: H rows and W columns of the photograph, S side of a crop, P landmarks.
"""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core_eval import Dataset, InputError
from face_densereg import pictures
from face_densereg.applications.annotation import read_drawing, read_points
from face_densereg.applications.texture import correspondence, transfer_texture
from face_densereg.faces import Face, read_faces
from face_densereg.photo import Photo, read_photo
from face_densereg.readout import read_landmarks
from face_densereg.weights import QUICK, Opened, open_weights

U8 = NDArray[np.uint8]
ROWS = 4
"""Faces on the overview."""

TURN = 35.0
DRAWN = 0.8
"""Opacity of a user's drawing."""


@dataclass
class Report:
    """What `bench` prints: faces found, remarks, files with what they show, seconds by step."""

    found: int = 0
    notes: list[str] = field(default_factory=list)
    files: dict[Path, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[step] = time.perf_counter() - start


class FaceDemo:
    """Faces: template coordinates, landmarks, parts, depth, views from the side; textures and annotations."""

    datasets: ClassVar[Mapping[str, str]] = {
        "faces": "data-synth:stand-in-300w-depth",
        "parts": "data-synth:stand-in-helen",
    }
    """What `retrain` learns from."""

    def show(
        self,
        image: Path,
        out: Path,
        *,
        weights: Path | None = None,
        texture_from: Path | None = None,
        template_mask: Path | None = None,
        template_points: Path | None = None,
    ) -> Report:
        """Write what is found in a photograph into the folder `out`; nothing but `template.png` where no face is found.

        Args:
            image: the photograph, as `photo.read_photo` takes it.
            out: made if it is missing; each file appears whole.
            weights: folder of `DenseReg.save` or `retrain`; the package's own by default.
            texture_from: another photograph; the texture of its first face goes onto every face.
            template_mask: a drawing in template coordinates (`applications.annotation.read_drawing`).
            template_points: points in template coordinates (`applications.annotation.read_points`).

        Raises `InputError` for bad files, before anything is written.
        """
        report = Report()
        photo = read_photo(image)
        other = None if texture_from is None else read_photo(texture_from)
        texels = None if template_mask is None else read_drawing(template_mask)
        marks = None if template_points is None else read_points(template_points)
        with report.timed("load the weights"):
            opened = open_weights(QUICK if weights is None else weights)
        with report.timed("find and read the faces"):
            faces = read_faces(opened.method, photo.image)
        report.found = len(faces)
        report.notes += _described(photo, faces)
        made: dict[str, tuple[U8 | str, str]] = {}
        with report.timed("draw"):
            made["template.png"] = (
                pictures.template(opened.mask, opened.method.geometry.template),
                "the template, to draw a mask on: u_h to the right, u_v down; landmarks are numbered",
            )
            if faces:
                made |= _pictures(photo, faces, opened)
            if faces and texels is not None:
                drawn = pictures.drawing(pictures.whole_view(photo.image), faces, texels, DRAWN)
                made["template-mask.png"] = drawn, f"{_name(template_mask)} on every face"
            if faces and marks is not None:
                made |= _template_points(photo, faces, marks.names, marks.uv, _name(template_points))
        if faces and other is not None:
            with report.timed("transfer the texture"):
                givers = read_faces(opened.method, other.image, most=1)
                if givers:
                    made["texture.png"] = (
                        _textured(photo, faces, other, givers[0]),
                        f"the texture of the face in {_name(texture_from)}",
                    )
                else:
                    report.notes.append(f"{_name(texture_from)}: no face found, no texture taken")
        if opened.mask is None:
            report.notes.append("the weights come without a mask of parts that fits: no parts drawn")
        with report.timed("write"):
            for name, (content, what) in made.items():
                report.files[_write(out / name, content)] = what
        return report

    def retrain(
        self,
        datasets: Mapping[str, Dataset],
        folder: Path,
        *,
        budget: str,
        seed: int,
        workdir: Path,
        source: Mapping[str, str],
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Train weights as the package ships them, with mask and card, into the existing folder `folder`.

        Args:
            datasets: by the names of `FaceDemo.datasets`.
            folder: where they go.
            budget: of `budgets.PLANS`.
            seed: of the training.
            workdir: for checkpoints; a killed run goes on from them.
            source: hashes of the source code, for the card.
            say: called with what happens.
        """
        from face_densereg.weights.train import train_weights

        train_weights(datasets, folder, budget=budget, seed=seed, workdir=workdir, source=source, say=say)


def _described(photo: Photo, faces: list[Face]) -> list[str]:
    width, height = photo.size
    notes = [f"{width} x {height} px" + (f", shrunk to {_size(photo.image)}" if _shrunk(photo) else "")]
    for number, face in enumerate(faces, start=1):
        x, y = face.centre / _zoom(photo)
        notes.append(
            f"face {number}: middle ({x:.0f}, {y:.0f}), {face.size / _zoom(photo).mean():.0f} px large, "
            f"{face.found.sum()} of {len(face.found)} landmarks visible, found by the {face.finder}"
        )
    return notes


def _pictures(photo: Photo, faces: list[Face], opened: Opened) -> dict[str, tuple[U8 | str, str]]:
    view = pictures.whole_view(photo.image)
    texels = None if opened.mask is None else pictures.mask_texels(opened.mask)
    deep = any(face.depth is not None for face in faces)
    made: dict[str, tuple[U8 | str, str]] = {}
    rows = []
    for face in faces[:ROWS]:
        close = pictures.close_view(photo.image, face)
        row = [("photograph", close.picture), ("u_h, u_v", pictures.coordinates(close, [face]))]
        row.append(("landmarks", pictures.landmarks(close, [face])))
        if texels is not None:
            row.append(("parts", pictures.drawing(close, [face], texels, pictures.PART_OPACITY)))
        if deep:
            row.append(("depth", pictures.depth_map(close, [face])))
            row += [(f"turned by {turn:+.0f}", pictures.seen_from(close, face, turn)) for turn in (-TURN, TURN)]
            row.append(("relief", pictures.seen_from(close, face, TURN, textured=False)))
        rows.append(row)
    made["overview.png"] = pictures.sheet(rows), "all of it, for the first faces"
    made["coordinates.png"] = pictures.coordinates(view, faces), "lines of equal template coordinates"
    made["landmarks.png"] = pictures.landmarks(view, faces), "landmarks, yellow where they are not visible"
    if texels is not None:
        made["parts.png"] = (
            pictures.drawing(view, faces, texels, pictures.PART_OPACITY),
            "brows, eyes, lips and nose by the mask on the template",
        )
    if deep:
        made["depth.png"] = pictures.depth_map(view, faces), "depth, near is bright"
        close = pictures.close_view(photo.image, faces[0], side=pictures.LEAST)
        made["turned.png"] = (
            np.hstack([pictures.seen_from(close, faces[0], turn) for turn in (-TURN, TURN)]),
            f"the first face turned by {TURN:.0f} degrees to either side",
        )
    names = [str(number + 1) for number in range(len(faces[0].points))]
    points = [(face.points, face.found) for face in faces]
    made["landmarks.csv"] = _table(photo, names, points), "landmarks in px of the upright photograph"
    return made


def _template_points(
    photo: Photo, faces: list[Face], names: tuple[str, ...], uv: NDArray[np.float64], origin: str
) -> dict[str, tuple[U8 | str, str]]:
    view = pictures.whole_view(photo.image)
    read = []
    for face in faces:
        places, seen = read_landmarks(face.uv, uv)
        read.append((face.crop.points_to_image(places), seen))
        view = view.with_picture(pictures.points(view, *read[-1]))
    return {
        "template-points.png": (view.picture, f"the points of {origin}; yellow where they are not visible"),
        "template-points.csv": (_table(photo, names, read), "the same in px of the upright photograph"),
    }


def _textured(photo: Photo, faces: list[Face], other: Photo, giver: Face) -> U8:
    height, width = photo.image.shape[:2]
    still = pictures.View(photo.image, np.array([[1.0, 0, 0], [0, 1, 0]]))
    picture = photo.image
    for face in faces:
        uv = still.field(face.uv, face)
        places = correspondence(giver.uv, uv, source_to_image=giver.crop.to_image)
        picture = transfer_texture(other.image, picture, places)
    return picture[:height, :width]


def _table(
    photo: Photo, names: tuple[str, ...] | list[str], read: list[tuple[NDArray[np.float64], NDArray[np.bool_]]]
) -> str:
    """CSV: face and point, x and y in px of the upright photograph before it was shrunk, and whether it is visible."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["face", "point", "x", "y", "visible"])
    for number, (points, seen) in enumerate(read, start=1):
        stored = (points + 0.5) / _zoom(photo) - 0.5
        for name, (x, y), clear in zip(names, stored, seen, strict=True):
            writer.writerow([number, name, f"{x:.2f}", f"{y:.2f}", int(clear)])
    return stream.getvalue()


def _zoom(photo: Photo) -> NDArray[np.float64]:
    """(2,) px of the picture in one of the stored photograph."""
    return np.array(photo.image.shape[1::-1]) / np.array(photo.size)


def _shrunk(photo: Photo) -> bool:
    return photo.image.shape[1::-1] != photo.size


def _size(image: U8) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"


def _name(path: Path | None) -> str:
    return "" if path is None else path.name


def _write(path: Path, content: U8 | str) -> Path:
    """Write a picture as PNG, or text, whole or not at all. Raises `InputError` if it cannot be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            temporary.write_text(content, "utf-8")
        else:
            Image.fromarray(content).save(temporary, format="PNG")
        temporary.replace(path)
    except OSError as reason:
        raise InputError(f"cannot be written: {reason.strerror or reason}", file=path) from None
    finally:
        with suppress(OSError):
            temporary.unlink()
    return path


def face() -> FaceDemo:
    """Faces in a photograph: dense template coordinates, landmarks, parts, depth."""
    return FaceDemo()
