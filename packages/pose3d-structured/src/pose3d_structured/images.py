"""Batches of images with poses in volume coordinates, and the random changes that move both.

Axis letters: N images, S side of a square image, J joints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from core_eval import InputError, Sample
from core_eval.skeletons import skeleton
from core_train.augment import move_points, random_affines, recolour, warp_images
from pose3d_structured.joints import target_pose

Batch = dict[str, np.ndarray]


def square(image: np.ndarray, side: int | None, multiple: int, *, sample: str | None = None) -> np.ndarray:
    """The image (S, S, 3) uint8, resized to `side` px unless that is None.

    Raises `InputError` for anything but a square uint8 RGB image whose (new) side is a multiple of `multiple`.
    """
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.shape[0] != pixels.shape[1]:
        raise InputError(
            f"expected a square image (S, S, 3) uint8, got {pixels.shape} {pixels.dtype}", sample=sample, field="image"
        )
    if side is not None and side != len(pixels):
        method = cv2.INTER_AREA if side < len(pixels) else cv2.INTER_LINEAR
        pixels = np.asarray(cv2.resize(pixels, (side, side), interpolation=method), np.uint8)
    if len(pixels) % multiple or not len(pixels):
        raise InputError(
            f"the side of the image is {len(pixels)} px, no multiple of {multiple}", sample=sample, field="image"
        )
    return pixels


class PoseSource:
    """Samples as `core_train.ArrayBatches` fetches them: `image` (N, S, S, 3) uint8, `pose` (N, J, 3) float32.

    Args:
        samples: see `joints.target_pose` for their targets.
        of: "mpii16" or "h36m17".
        side, multiple: see `square`.
    """

    def __init__(self, samples: Sequence[Sample], of: str, side: int | None, multiple: int) -> None:
        self._samples, self._of, self._side, self._multiple = samples, of, side, multiple

    def __len__(self) -> int:
        return len(self._samples)

    def fetch(self, indices: np.ndarray) -> Mapping[str, np.ndarray]:
        """The samples of those indices (N,). Raises `InputError` for a bad sample, which it names."""
        images, poses = [], []
        for index in indices:
            sample = self._samples[int(index)]
            if "image" not in sample.inputs:
                raise InputError("the sample has no image", sample=sample.id, field="image")
            image = sample.inputs["image"]
            images.append(square(image, self._side, self._multiple, sample=sample.id))
            poses.append(target_pose(sample.target, len(np.asarray(image)), self._of, sample=sample.id))
            if images[0].shape != images[-1].shape:
                raise InputError(
                    f"images of {len(images[0])} and {len(images[-1])} px in one set", sample=sample.id, field="image"
                )
        return {"image": np.stack(images), "pose": np.stack(poses).astype(np.float32)}


@dataclass(frozen=True, slots=True)
class PoseAugment:
    """Random similarities of image and pose, and colours; a transform for `ArrayBatches`.

    A similarity of the image is one of the volume: depth is scaled about 1/2 as x and y are. Ranges as in
    `core_train.Augment`; the thesis prints none.
    """

    of: str
    scale: tuple[float, float] = (0.85, 1.15)
    rotation: float = 20.0
    shift: float = 0.05
    brightness: float = 0.1
    contrast: float = 0.2

    def __call__(self, arrays: Batch, generator: np.random.Generator) -> Batch:
        """`image` (N, S, S, 3) and `pose` (N, J, 3) in volume coordinates -> the same, changed."""
        images, poses = arrays["image"], arrays["pose"]
        count, side = images.shape[:2]
        images, poses = mirrored(images, poses, generator.random(count) < 0.5, self.of)
        matrices = random_affines(
            generator, count, (side, side), (side, side), scale=self.scale, rotation=self.rotation, shift=self.shift
        )
        gain = 1 + self.contrast * generator.uniform(-1, 1, (count, 1, 1, 3))
        level = 255 * self.brightness * generator.uniform(-1, 1, (count, 1, 1, 1))
        images = recolour(warp_images(images, matrices, (side, side)), gain, level)
        return {"image": images, "pose": moved(poses, matrices, side)}


def moved(poses: np.ndarray, matrices: np.ndarray, side: int) -> np.ndarray:
    """(N, J, 3) in volume coordinates under similarities (N, 2, 3) of the pixels of images of `side` px."""
    flat = (move_points(poses[..., :2] * side - 0.5, matrices) + 0.5) / side
    factor = np.sqrt(np.linalg.det(matrices[:, :, :2]))
    depth = 0.5 + factor[:, None] * (poses[..., 2] - 0.5)
    return np.concatenate([flat, depth[..., None]], axis=-1).astype(poses.dtype)


def mirrored(images: np.ndarray, poses: np.ndarray, chosen: np.ndarray, of: str) -> tuple[np.ndarray, np.ndarray]:
    """The batch with the chosen (N,) bool images flipped left to right, and left and right joints exchanged."""
    images, poses = images.copy(), poses.copy()
    images[chosen] = images[chosen][:, :, ::-1]
    flipped = poses[chosen][:, list(skeleton(of).mirror)]
    flipped[..., 0] = 1 - flipped[..., 0]
    poses[chosen] = flipped
    return images, poses
