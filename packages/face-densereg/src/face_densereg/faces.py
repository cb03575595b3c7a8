"""Every face of a photograph, each in a crop of its own, with all that the network says of it.

Axis letters: H rows and W columns of the photograph, S side of the square crops that the network was trained on,
P landmarks.

A network trained on rendered faces knows well where a face is in a crop around it, and badly which of a photograph's
regions is one. So a classical detector proposes (the HOG-SVM detector of dlib, which `initial` uses too), and where it
sees nothing, as on profiles, the network's own foreground does (`locate`). A crop is then cut anew until the foreground
in it is as large as in training, and is a face if the answer to the mirrored crop is the mirrored answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from face_densereg.initial import ENLARGED_BELOW
from face_densereg.locate import Crop, cut, find_faces, whole
from face_densereg.method import DenseReg

MOST_FACES = 8
ROUNDS = 3
BOX_OF_FACE = 1.05
"""Size of a face, root of its foreground's area, over the side of the detector's box; where the search starts."""

TOLERANCE = 0.2
"""Of the logarithm of a face's size in the crop over its size in training."""

LEAST_OVERLAP = 0.88
LARGEST_DIFFERENCE = 0.03
"""Of the answers to a crop and to its mirror image: intersection over union of the foregrounds, and median distance of
the template coordinates. Of rendered test faces 98 % keep both; of a dozen photographs without a face none does."""


@dataclass(frozen=True, slots=True)
class Face:
    """What is known of one face.

    Attributes:
        crop: the square that the network saw.
        uv: (S, S, 2) float32 template coordinates in the crop, NaN off the face.
        depth: (S, S) float32 in units of S px of the crop, growing away from the viewer; None without a depth branch.
        points: (P, 2) px of the photograph, reconstructed with the shape model (Sec. 5.3).
        found: (P,) bool, the landmark's own template coordinate occurs.
        finder: who proposed it.
    """

    crop: Crop
    uv: NDArray[np.float32]
    depth: NDArray[np.float32] | None
    points: NDArray[np.float64]
    found: NDArray[np.bool_]
    finder: str

    @property
    def scale(self) -> float:
        """Px of the photograph in a px of the crop."""
        return float(np.sqrt(abs(np.linalg.det(self.crop.to_image[:, :2]))))

    @property
    def size(self) -> float:
        """Root of the foreground's area, px of the photograph."""
        return self.scale * float(np.sqrt(np.isfinite(self.uv[..., 0]).sum()))

    @property
    def centre(self) -> NDArray[np.float64]:
        """(2,) px of the photograph: the middle of the foreground."""
        rows, columns = np.nonzero(np.isfinite(self.uv[..., 0]))
        return self.crop.points_to_image(np.array([[columns.mean(), rows.mean()]]))[0]


def read_faces(method: DenseReg, image: NDArray[np.uint8], *, most: int = MOST_FACES) -> list[Face]:
    """The faces of a photograph, best first, at most `most`; an empty list where there is none.

    Args:
        method: trained or loaded.
        image: (H, W, 3) uint8 RGB, any size.
    """
    for finder, propose in FINDERS.items():
        kept: list[Face] = []
        for crop in propose(method, image):
            face = _settle(method, image, crop, finder)
            if face is not None and all(_apart(face, other) for other in kept):
                kept.append(face)
        if kept:
            return kept[:most]
    return []


def agrees_with_mirror(uv: NDArray[np.float32], mirrored: NDArray[np.float32]) -> bool:
    """Whether the fields (S, S, 2) of an image and of its mirror image are each other's mirror images.

    Those of a face are, for the template is symmetric in u_h; what a network sees in a texture is not.
    """
    back = mirrored[:, ::-1] * np.array([-1, 1], np.float32) + np.array([1, 0], np.float32)
    here, there = np.isfinite(uv[..., 0]), np.isfinite(back[..., 0])
    both = here & there
    if not both.any() or both.sum() < LEAST_OVERLAP * (here | there).sum():
        return False
    return bool(np.median(np.linalg.norm(uv - back, axis=-1)[both]) <= LARGEST_DIFFERENCE)


def detected(method: DenseReg, image: NDArray[np.uint8]) -> Iterator[Crop]:
    """A crop around each box of the detector, best first."""
    boxes, scores, _ = _detector().run(np.ascontiguousarray(image), int(max(image.shape[:2]) < ENLARGED_BELOW), 0.0)
    for k in np.argsort(-np.asarray(scores)):
        box = boxes[int(k)]
        centre = (box.left() + box.right()) / 2, (box.top() + box.bottom()) / 2
        yield cut(image, centre, method.geometry.face / (BOX_OF_FACE * box.width()), method.geometry.side)


def proposed(method: DenseReg, image: NDArray[np.uint8]) -> Iterator[Crop]:
    """What the network itself takes for faces; an image of the training size is a crop already."""
    side = method.geometry.side
    if image.shape[:2] == (side, side):
        yield whole(image)
    yield from find_faces(image, side, method.geometry.face, method.foreground)


FINDERS: dict[str, Callable[[DenseReg, NDArray[np.uint8]], Iterator[Crop]]] = {
    "HOG-SVM detector": detected,
    "network's own foreground": proposed,
}


def _settle(method: DenseReg, image: NDArray[np.uint8], crop: Crop, finder: str) -> Face | None:
    """Cut anew until the face is as large as in training; None if it is none."""
    for turn in range(ROUNDS + 1):
        (answer,) = method.predict([{"image": crop.image}], pca=True)
        uv = _largest(answer["uv"])
        rows, columns = np.nonzero(np.isfinite(uv[..., 0]))
        if not len(rows):
            return None
        growth = float(np.sqrt(len(rows))) / method.geometry.face
        if abs(np.log(growth)) <= TOLERANCE or turn == ROUNDS:
            break
        x, y = crop.points_to_image(np.array([[columns.mean(), rows.mean()]]))[0]
        crop = cut(image, (x, y), 1 / (crop.to_image[0, 0] * growth), method.geometry.side)
    (mirrored,) = method.predict([{"image": np.ascontiguousarray(crop.image[:, ::-1])}])
    if not np.isfinite(answer["points"]).all() or not agrees_with_mirror(uv, _largest(mirrored["uv"])):
        return None
    depth = np.where(np.isfinite(uv[..., 0]), answer["depth"], np.float32(np.nan)) if "depth" in answer else None
    return Face(crop, uv, depth, crop.points_to_image(answer["points"]), answer["found"], finder)


def _largest(uv: NDArray[np.float32]) -> NDArray[np.float32]:
    """The field on its largest connected region."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(np.isfinite(uv[..., 0]).astype(np.uint8))
    if count == 1:
        return uv
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.where((labels == largest)[..., None], uv, np.float32(np.nan))


def _apart(face: Face, other: Face) -> bool:
    return bool(np.linalg.norm(face.centre - other.centre) > max(face.size, other.size) / 2)


@cache
def _detector() -> Any:
    import dlib

    return dlib.get_frontal_face_detector()
