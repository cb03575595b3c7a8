"""DenseReg as a method: train, predict dense coordinates and landmarks, save, load.

Axis letters: N images, H rows, W columns, S side of the training images, P landmarks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar, get_args

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import nn

from core_eval import Arrays, InputError, Sample
from core_quantreg import QuantOutput
from core_train import (
    ArrayBatches,
    Augment,
    Budget,
    Schedule,
    chunks,
    cosine,
    fit_module,
    load_weights,
    polynomial,
    save_weights,
    seed_torch,
)
from core_train.batches import Transform
from face_densereg import budgets
from face_densereg.decoding import Decode, decoded, forward
from face_densereg.geometry import STATISTICS, Geometry, learn_geometry, training_part
from face_densereg.images import rgb
from face_densereg.locate import MOST_FACES, Crop, find_face, find_faces, territories, whole
from face_densereg.masking import Masked, ignore_boxes, moving_masks
from face_densereg.network import DenseRegNet, DenseRegTraining
from face_densereg.readout import read_landmarks
from face_densereg.shape_model import ShapeModel
from face_densereg.speed import median_ms

BATCH = 32

LEAST_FOUND = 0.25
"""Of the landmarks of one of several faces; a profile shows half of them."""


class DenseReg:
    """Dense template coordinates by quantised regression (Güler et al.), landmarks as a by-product.

    Args:
        bins: K per coordinate; 10 is the paper's, 1 is plain regression.
        steps: optimiser steps in place of the budget's, where a table trains many networks.

    A system with more branches overrides `_network`, `_training`, `_maps` and `_answers`, and names the arrays of a
    training sample that it learns from, and whether its loss leaves out regions of them. One that learns more from the
    samples than a network overrides `_learn`, `_stored` and `_restore`.
    """

    name: ClassVar[str] = "densereg"
    title: ClassVar[str] = "DenseReg"
    arrays: ClassVar[tuple[str, ...]] = ("image", "uv")
    masks: ClassVar[bool] = True

    def __init__(self, *, bins: int = 10, steps: int | None = None) -> None:
        for name, value in (("bins", bins), ("steps", steps)):
            if value is not None and value < 1:
                raise InputError(f"the number of {name} must be at least 1, got {value}", field=name)
        self.bins, self._steps = bins, steps
        self._net: nn.Module | None = None
        self._state: dict[str, object] = {}
        self._geometry: Geometry | None = None
        self._masked = False

    def fit(self, train: Sequence[Sample], valid: Sequence[Sample], *, seed: int, budget: str, workdir: Path) -> None:
        """Train on square images with `uv` and `points`; goes on from a checkpoint in `workdir`.

        Where samples have `ignore` (B, 4) boxes, what is in them does not contribute to the loss (`masking`).

        Raises `InputError` for an unknown budget, no samples, or samples that are not square.
        """
        plan = self._plan(budget)
        train, side = training_part(train, plan)
        self._learn(train, side)
        seed_torch(seed, "weights")
        net = self._network(plan)
        schedule: Schedule = cosine() if plan.schedule == "cosine" else polynomial(warmup=0.02)
        augment = self._augment(Augment()) if plan.augment else None
        source, keys = (Masked(train), (*self.arrays, "ignored")) if self._masked else (train, self.arrays)
        fit_module(
            self._training(net, plan),
            ArrayBatches(source, plan.batch, seed, "batches", keys=keys, transform=augment),
            budget=Budget(steps=plan.steps),
            seed=seed,
            workdir=workdir,
            schedule=schedule,
            averaging=0.99 if plan.schedule == "cosine" else None,
            run=f"{self.name} bins={self.bins} {asdict(plan)}",
            title=f"{self.title} K={self.bins}",
        )
        self._net, self._state = net, {"bins": self.bins, "plan": asdict(plan)}

    def predict(
        self, inputs: Iterable[Arrays], *, decode: Decode = "hard", pca: bool = False, refine: bool = True
    ) -> Iterator[Arrays]:
        """Yield `uv` (H, W, 2) float32, NaN on the background; `points` (P, 2) px; `found` (P,) bool.

        An image of the training size is taken as a face crop; in any other the face is found first (`locate`). Where no
        face is found, `uv` and `points` are NaN and `found` is false.

        Args:
            decode: ``hard`` (eq. 3), ``soft`` (eq. 5) or ``bins`` (the quantised branch alone, Fig. 6).
            pca: reconstruct the landmarks with the PCA shape model (Sec. 5.3).
            refine: sub-pixel landmarks.
        """
        net = self._checked(decode)
        for chunk in chunks(inputs, BATCH):
            images = [rgb(arrays) for arrays in chunk]
            crops = [self._crop(image) for image in images]
            seen = [crop.image for crop in crops if crop is not None]
            answers = iter(self._answers(net, np.stack(seen), decode) if seen else ())
            for image, crop in zip(images, crops, strict=True):
                yield self._read(image, crop, next(answers) if crop is not None else None, pca=pca, refine=refine)

    def predict_faces(
        self,
        image: np.ndarray,
        *,
        decode: Decode = "hard",
        pca: bool = False,
        refine: bool = True,
        most: int = MOST_FACES,
    ) -> list[Arrays]:
        """Every face of an image (H, W, 3) uint8 RGB of any size, best first, each as `predict` answers for one.

        Each is found by the network's own foreground (`locate.find_faces`), read in a crop of its own, and only where
        no other face is nearer. Where fewer than `LEAST_FOUND` of the landmarks are found it was none: an empty list
        is an image without a face.
        """
        net, image = self._checked(decode), rgb({"image": image})
        crops = find_faces(image, self.geometry.side, self.geometry.face, self.foreground, most=most)
        faces = []
        for some in chunks(zip(crops, territories(crops), strict=True), BATCH):
            answers = self._answers(net, np.stack([crop.image for crop, _ in some]), decode)
            for (crop, own), answer in zip(some, answers, strict=True):
                answer["uv"][~own] = np.nan
                faces.append(self._read(image, crop, answer, pca=pca, refine=refine))
        return [face for face in faces if face["found"].mean() >= LEAST_FOUND]

    def speeds(
        self, inputs: Sequence[Arrays], *, decode: Decode = "hard", pca: bool = False, refine: bool = True
    ) -> dict[str, float]:
        """Milliseconds an image, one by one: its dense field (of a crop, if it is larger) and the landmarks from that.

        Options as of `predict`. Nothing for images in which no face is found.
        """
        net = self._ready()
        crops = [crop.image[None] for crop in (self._crop(rgb(arrays)) for arrays in inputs) if crop is not None]
        if not crops:
            return {}
        answers = [self._answers(net, crop, decode)[0] for crop in crops]

        def read(answer: Arrays) -> None:
            points, _ = self._landmarks(answer, refine=refine)
            if pca:
                self.shapes.reconstruct(points)

        return {
            "dense field": median_ms(lambda crop: self._answers(net, crop, decode), crops),
            "landmarks": median_ms(read, answers),
        }

    def save(self, path: Path) -> None:
        """Write weights, template landmarks and shape model into the folder `path`."""
        net = self._ready()
        geometry = {f"geometry.{name}": torch.from_numpy(value) for name, value in self._stored().items()}
        meta = {**self._state, "side": self.geometry.side, "face": self.geometry.face}
        save_weights(path, dict(net.state_dict()) | geometry, meta)

    def load(self, path: Path) -> None:
        """Read what `save` wrote. Raises `InputError` for anything else, or for another number of bins."""
        tensors, meta = load_weights(path)
        try:
            if meta["bins"] != self.bins:
                raise InputError(f"the weights have {meta['bins']} bins, not {self.bins}", file=path, field="bins")
            stored = [name for name in tensors if name.startswith("geometry.")]
            arrays = {name.removeprefix("geometry."): tensors.pop(name).numpy() for name in stored}
            self._restore(arrays, int(meta["side"]), float(meta["face"]))
            net = self._network(budgets.Plan(**meta["plan"]))
            net.load_state_dict(tensors)
        except (KeyError, TypeError, RuntimeError) as reason:
            raise InputError(f"not weights of this network: {reason}", file=path) from None
        self._net, self._state = net.eval(), {"bins": self.bins, "plan": meta["plan"]}

    @property
    def geometry(self) -> Geometry:
        """What was learnt beside the network. Raises `InputError` before `fit` or `load`."""
        if self._geometry is None:
            raise InputError("the method is neither fitted nor loaded")
        return self._geometry

    @property
    def shapes(self) -> ShapeModel:
        """The PCA shape model of the landmarks. Raises `InputError` before `fit` or `load`."""
        return self.geometry.shapes

    def foreground(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB -> (H, W) probability of face. Raises `InputError` before `fit` or `load`."""
        part = self._maps(self._ready(), image[None]).upsample(image.shape[:2]).part
        assert part is not None
        return part.float().softmax(1)[0, 1].cpu().numpy()

    def _stored(self) -> dict[str, np.ndarray]:
        """Arrays that are kept with the weights."""
        return dict(self.geometry.arrays())

    def _restore(self, arrays: dict[str, np.ndarray], side: int, face: float) -> None:
        self._geometry = Geometry.of(arrays, side, face)

    def _plan(self, budget: str) -> budgets.Plan:
        return budgets.plan(budget, self._steps)

    def _network(self, plan: budgets.Plan) -> nn.Module:
        return DenseRegNet(plan, self.bins)

    def _training(self, net: nn.Module, plan: budgets.Plan) -> LightningModule:
        assert isinstance(net, DenseRegNet)
        return DenseRegTraining(net, rate=plan.rate, kernel_rate=plan.kernel_rate, positions=plan.positions)

    def _augment(self, augment: Transform) -> Transform:
        return moving_masks(augment)

    def _learn(self, train: Sequence[Sample], side: int) -> None:
        """All that is learnt before the network, and whether there are regions to leave out."""
        samples = [train[index] for index in range(min(len(train), STATISTICS))]
        self._masked = any(ignore_boxes(sample) is not None for sample in samples)
        if self._masked and not self.masks:
            raise InputError(f"{self.title} does not leave regions out of its loss", field="ignore")
        self._geometry = learn_geometry(samples, side)

    def _ready(self) -> nn.Module:
        if self._net is None:
            raise InputError("the method is neither fitted nor loaded")
        return self._net

    def _checked(self, decode: Decode) -> nn.Module:
        """The network, if it can be decoded so."""
        if decode not in get_args(Decode):
            raise InputError(f"unknown decoding {decode!r}; known: {', '.join(get_args(Decode))}", field="decode")
        if decode == "bins" and self.bins == 1:
            raise InputError("plain regression (K = 1) has no bins to decode", field="decode")
        return self._ready()

    def _crop(self, image: np.ndarray) -> Crop | None:
        side = self.geometry.side
        if image.shape[:2] == (side, side):
            return whole(image)
        return find_face(image, side, self.geometry.face, self.foreground)

    def _answers(self, net: nn.Module, images: np.ndarray, decode: Decode) -> list[dict[str, np.ndarray]]:
        """(N, S, S, 3) uint8 -> for each image what the network says: `uv` (S, S, 2) float32, NaN on the background."""
        return [{"uv": field} for field in decoded(self._maps(net, images), images.shape[1:3], decode)]

    def _maps(self, net: nn.Module, images: np.ndarray) -> QuantOutput:
        """(N, H, W, 3) uint8 -> the head's maps at the trunk's stride, on the device."""
        return forward(net, images)

    def _landmarks(self, answer: Arrays, *, refine: bool) -> tuple[np.ndarray, np.ndarray]:
        """`points` (P, 2) px of the crop and `found` (P,) of an answer."""
        return read_landmarks(answer["uv"], self.geometry.template, refine=refine)

    def _read(
        self, image: np.ndarray, crop: Crop | None, answer: Arrays | None, *, pca: bool, refine: bool
    ) -> dict[str, np.ndarray]:
        height, width = image.shape[:2]
        count = len(self.geometry.template)
        if crop is None or answer is None:
            return {
                "uv": np.full((height, width, 2), np.nan, np.float32),
                "points": np.full((count, 2), np.nan),
                "found": np.zeros(count, np.bool_),
            }
        field = answer["uv"]
        points, found = self._landmarks(answer, refine=refine)
        if pca:
            points = self.shapes.reconstruct(points)
        if crop.image is not image:
            field, points = crop.field_to_image(field, height, width), crop.points_to_image(points)
        return {"uv": field, "points": points, "found": found}
