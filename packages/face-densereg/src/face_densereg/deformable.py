"""DenseReg with the deformable models that the papers put behind it, and the detectors that it is compared with.

Axis letters: H rows, W columns, P landmarks.

A table's rows that combine one network with several models share everything that is trained: the network of `DenseReg`
is the very one that is trained alone, since the models are trained after it, from starts of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import tee
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from core_eval import Arrays, InputError, Sample
from core_train import chunks, load_weights, save_weights
from face_densereg import budgets
from face_densereg.aam import method as aam
from face_densereg.aam.method import ActiveAppearance
from face_densereg.decoding import Decode
from face_densereg.images import rgb
from face_densereg.initial import DETECTORS, learn_placement, place
from face_densereg.mdm import plans
from face_densereg.mdm import training as mdm
from face_densereg.mdm.network import MnemonicDescent
from face_densereg.method import BATCH, DenseReg
from face_densereg.speed import median_ms

Init = Literal["densereg", "box", "hog-svm", "lbp-cascade"]
Model = Literal["mdm", "aam"]
DETECTED = {"smoke": 20, "quick": 200, "standard": 1000, "paper": 1000}
"""Training images that the detectors' boxes are related to landmarks on."""


class Deformable:
    """DenseReg, MDM and AAM, each trained once, in any combination of start and model.

    Args:
        bins: K per coordinate of DenseReg.
    """

    def __init__(self, *, bins: int = 10) -> None:
        self.bins = bins
        self.densereg = DenseReg(bins=bins)
        self._descent: MnemonicDescent | None = None
        self._appearance: ActiveAppearance | None = None
        self._placements: dict[str, np.ndarray] = {}

    def fit(self, train: Sequence[Sample], valid: Sequence[Sample], *, seed: int, budget: str, workdir: Path) -> None:
        """Train the network as `DenseReg.fit` does, then the models; goes on from checkpoints in `workdir`.

        Raises `InputError` as `DenseReg.fit`.
        """
        self.densereg.fit(train, valid, seed=seed, budget=budget, workdir=workdir)
        train = train[: budgets.plan(budget).images]
        shapes = self.densereg.shapes
        self._appearance = aam.train(train, shapes, budget)
        some = train[: DETECTED[budget]]
        self._placements = {name: learn_placement(name, some, len(shapes.mean)) for name in DETECTORS}
        self._descent = mdm.train(train, shapes, plans.plan(budget), seed=seed, workdir=workdir / "mdm")

    def predict(
        self,
        inputs: Iterable[Arrays],
        *,
        init: Init = "densereg",
        model: Model | None = None,
        decode: Decode = "hard",
        pca: bool = False,
        refine: bool = True,
    ) -> Iterator[Arrays]:
        """Yield `points` (P, 2) px and `found` (P,) bool; from DenseReg also `uv` (H, W, 2), see `DenseReg.predict`.

        Where nothing is found to start from, `points` are NaN and `found` is false.

        Args:
            init: start of the model: DenseReg's landmarks, reconstructed with the PCA shape model, or the mean shape in
                the box of a detector (`initial.DETECTORS`).
            model: ``mdm``, ``aam``, or None for the start itself.
            decode, pca, refine: of DenseReg; `pca` is on with a model.
        """
        for name, value, known in (("init", init, get_args(Init)), ("model", model, (None, *get_args(Model)))):
            if value not in known:
                raise InputError(f"unknown {name} {value!r}; known: {', '.join(map(str, known))}", field=name)
        self._ready()
        ours, theirs = tee(inputs)
        if init == "densereg":
            pca = pca or model is not None
            starts = self.densereg.predict(theirs, decode=decode, pca=pca, refine=refine)
        else:
            starts = (self._detected(init, arrays) for arrays in theirs)
        for chunk in chunks(zip(ours, starts, strict=True), BATCH):
            images = [rgb(arrays) for arrays, _ in chunk]
            begun = [start["points"] for _, start in chunk]
            fitted = begun if model is None else self._fitted(model, images, begun)
            for (_, start), points in zip(chunk, fitted, strict=True):
                yield {**start, "points": points}

    def speeds(
        self,
        inputs: Sequence[Arrays],
        *,
        init: Init = "densereg",
        model: Model | None = None,
        decode: Decode = "hard",
        pca: bool = False,
        refine: bool = True,
    ) -> dict[str, float]:
        """Milliseconds an image, one by one: of the model if there is one, else of what it would start from.

        Options as of `predict`. Nothing for images in which no face is found.
        """
        if model is None and init == "densereg":
            return self.densereg.speeds(inputs, decode=decode, pca=pca, refine=refine)
        if model is None:
            return {"detector": median_ms(lambda arrays: self._detected(init, arrays), inputs)}
        starts = self.predict(inputs, init=init, decode=decode, pca=True, refine=refine)
        pairs = [(rgb(arrays), start["points"]) for arrays, start in zip(inputs, starts, strict=True)]
        found = [pair for pair in pairs if np.isfinite(pair[1]).all()]
        if not found:
            return {}
        return {model.upper(): median_ms(lambda pair: list(self._fitted(model, [pair[0]], [pair[1]])), found)}

    def save(self, path: Path) -> None:
        """Write everything that was trained into the folder `path`."""
        descent, appearance = self._ready()
        self.densereg.save(path)
        arrays = {f"aam.{name}": value for name, value in appearance.arrays().items()}
        arrays |= {f"placement.{name}": value for name, value in self._placements.items()}
        tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}
        tensors |= {f"mdm.{name}": value for name, value in descent.state_dict().items()}
        save_weights(path / "models", tensors, {"mdm": asdict(descent.plan)})

    def load(self, path: Path) -> None:
        """Read what `save` wrote. Raises `InputError` for anything else, or for another number of bins."""
        self.densereg.load(path)
        tensors, meta = load_weights(path / "models")

        def part(word: str) -> dict[str, torch.Tensor]:
            return {name.removeprefix(word): value for name, value in tensors.items() if name.startswith(word)}

        def arrays(word: str) -> dict[str, np.ndarray]:
            return {name: value.numpy() for name, value in part(word).items()}

        try:
            shapes = self.densereg.shapes
            descent = MnemonicDescent(len(shapes.mean), plans.Plan(**meta["mdm"]))
            descent.load_state_dict(part("mdm."))
            appearance = aam.from_arrays(arrays("aam."), shapes)
            placements = arrays("placement.")
            self._placements = {name: placements[name] for name in DETECTORS}
        except (KeyError, TypeError, RuntimeError) as reason:
            raise InputError(f"not weights of these models: {reason}", file=path / "models") from None
        self._descent, self._appearance = descent.eval(), appearance

    def _ready(self) -> tuple[MnemonicDescent, ActiveAppearance]:
        if self._descent is None or self._appearance is None:
            raise InputError("the method is neither fitted nor loaded")
        return self._descent, self._appearance

    def _detected(self, init: str, arrays: Arrays) -> Arrays:
        points = place(init, self._placements[init], {**arrays, "image": rgb(arrays)})
        return {"points": points, "found": np.isfinite(points).all(1)}

    def _fitted(self, model: Model, images: Sequence[np.ndarray], starts: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
        descent, appearance = self._ready()
        if model == "mdm":
            return mdm.fit(descent, self.densereg.shapes, images, starts)
        return (appearance.fit(image, start) for image, start in zip(images, starts, strict=True))
