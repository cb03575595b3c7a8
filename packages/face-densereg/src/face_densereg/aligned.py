"""Images in the frame of a shape: the similarity that takes the shape to a reference takes the image along.

Axis letters: N images, H rows and W columns of an image, S side of the square frame, P landmarks.

The deformable models work in such a frame, so that neither size nor roll nor place of a face in its image is theirs to
find; what the alignment gets wrong, they correct.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face_densereg.locate import Crop, resize
from face_densereg.shape_model import ShapeModel, similarity


@dataclass(frozen=True, slots=True)
class Frame:
    """A square of `side` px; `reference` (P, 2) px, (x, y), is where the mean shape lies in it."""

    side: int
    reference: NDArray[np.float64]

    def crop(self, image: NDArray[np.uint8], shape: NDArray[np.float64]) -> tuple[Crop, NDArray[np.float64]]:
        """The image seen in the frame of `shape`, and the shape there.

        Args:
            image: (H, W, 3) uint8 RGB; its edge is continued outside of it.
            shape: (P, 2) px of the image, finite.

        Returns the crop (S, S, 3) and (P, 2) px of the crop. Raises `InputError` for a shape whose points coincide.
        """
        rotation, shift = similarity(shape, self.reference)
        back = np.linalg.inv(rotation)
        to_image = np.column_stack([back, -back @ shift])
        # Shrink with area averaging first: a bilinear warp that skips pixels aliases.
        small = resize(image, min(1.0, float(np.sqrt(np.linalg.det(rotation)))))
        real = np.array(small.shape[1::-1]) / np.array(image.shape[1::-1])
        to_small = to_image * real[:, None]
        to_small[:, 2] += (real - 1) / 2
        pixels = cv2.warpAffine(
            small,
            to_small,
            (self.side, self.side),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return Crop(np.asarray(pixels), to_image), shape @ rotation.T + shift


def frame_of(model: ShapeModel, side: int, fill: float) -> Frame:
    """A frame in whose middle the mean shape's larger extent takes the share `fill` of the side."""
    low, high = model.mean.min(0), model.mean.max(0)
    scale = fill * side / float((high - low).max())
    return Frame(side, (model.mean - (low + high) / 2) * scale + (side - 1) / 2)
