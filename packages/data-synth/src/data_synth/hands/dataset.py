"""`hgr1`: rendered hands with the structure of HGR1 as Honari et al. 2018 split it.

| split | images | subjects |
|-------|-------:|---------:|
| train |    573 |   1 to 8 |
| valid |    163 |   11, 12 |
| test  |    162 |    9, 10 |

27 gestures and 12 subjects; within a split gestures take turns, and with every round so do the subjects. With `scale` k
there are k times as many images. A sample depends on (data set, split, index) alone.

Axis letters: `H` rows and columns of an image.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample
from data_synth import faces, raster, rendered, seeds, shade
from data_synth.seeds import generator
from data_synth.shards import Field

if TYPE_CHECKING:
    from data_synth.hands.model import HandModel
    from data_synth.hands.skin import Skin

NAME = "hgr1"
SIZE = 64
COUNTS = {"train": 573, "valid": 163, "test": 162}
SUBJECTS = {"train": (1, 2, 3, 4, 5, 6, 7, 8), "valid": (11, 12), "test": (9, 10)}
GESTURES = 27

FIELDS = {
    "image": Field((SIZE, SIZE, 3), np.uint8),
    "points": Field((25, 2), np.float64),
    "visible": Field((25,), np.bool_),
}

_USED = ("backdrop", "camera", "lights", "photo", "skin", "surface")
"""Modules of `data_synth.faces` that decide what the pictures look like."""


def label_of(split: str, index: int) -> tuple[int, int]:
    """Gesture (0 to 26) and subject (1 to 12) of an image: every gesture once a round, in an order of its own."""
    turn, place = divmod(index, GESTURES)
    label = int(generator(NAME, split, "order", turn).permutation(GESTURES)[place])
    people = SUBJECTS[split]
    return label, people[(turn + label) % len(people)]


@lru_cache(maxsize=1)
def _hands() -> tuple[HandModel, list[Skin]]:
    from data_synth.hands.model import SUBJECTS as PEOPLE
    from data_synth.hands.model import HandModel
    from data_synth.hands.skin import paint

    model = HandModel.load()
    return model, [paint(model, number) for number in range(1, PEOPLE + 1)]


_LOADING = threading.Lock()


def render_range(split: str, indices: range) -> dict[str, np.ndarray]:
    """Samples of a split; what `Shards` wants. Safe in threads."""
    from data_synth.hands.gestures import draw_habit, draw_pose, draw_view
    from data_synth.hands.render import render

    with _LOADING:  # the first caller loads the model, the others wait for it
        model, skins = _hands()
    out = {name: np.empty((len(indices), *spec.shape), spec.dtype) for name, spec in FIELDS.items()}
    for row, index in enumerate(indices):
        label, person = label_of(split, index)
        rng = generator(NAME, split, "sample", index)
        pose = draw_pose(label, draw_habit(generator(NAME, "subject", person, "habit")), rng)
        picture = render(model, person, skins[person - 1], pose, draw_view(label, rng), SIZE, rng)
        for name in FIELDS:
            out[name][row] = getattr(picture, name)
    return out


def _sample(split: str, index: int, stored: Mapping[str, np.ndarray]) -> Sample:
    from data_synth.hands.gestures import NAMES

    label, person = label_of(split, index)
    return Sample(
        id=f"{split}/{NAMES[label]}_id{person:02d}_{index // GESTURES + 1}",
        inputs={"image": stored["image"]},
        target={
            "points": stored["points"],
            "visible": stored["visible"],
            "label": np.array(label, np.int64),
            "subject": np.array(person, np.int64),
        },
        group=f"subject-{person:02d}",
    )


def _source() -> str:
    here = Path(__file__).parent
    base = here.parent
    shared = [Path(str(module.__file__)) for module in (raster, seeds, shade, rendered)]
    drawn = [Path(faces.__path__[0]) / f"{name}.py" for name in _USED]
    return repr((SIZE, version("anny"), rendered.hash_files(base, [*here.glob("*.py"), *shared, *drawn])))


def _tile(sample: Sample) -> NDArray[np.uint8]:
    """The picture with the landmarks, joined along the fingers; hidden ones are hollow. The wrist's ends are joined."""
    from data_synth.hands.gestures import NAMES
    from data_synth.hands.landmarks import CHAINS

    shown, at = rendered.enlarge(sample.inputs["image"], sample.target["points"])
    inks = [(255, 220, 60), (255, 130, 60), (90, 220, 255), (120, 255, 120), (255, 90, 150)]
    cv2.line(shown, at[0].tolist(), at[-1].tolist(), (255, 255, 255), 1, cv2.LINE_AA, 4)
    for chain, ink in zip(CHAINS, inks, strict=True):
        cv2.polylines(shown, [at[list(chain)].astype(np.int32)], False, ink, 1, cv2.LINE_AA, 4)
    for point, seen in zip(at.tolist(), sample.target["visible"], strict=True):
        cv2.circle(shown, point, 26 if seen else 40, (255, 255, 255), -1 if seen else 1, cv2.LINE_AA, 4)
    text = f"{NAMES[int(sample.target['label'])]} {int(sample.target['subject'])}"
    cv2.putText(shown, text, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
    return shown


def hgr1(
    *,
    scale: int = 1,
    cache: Path | None = None,
    root: Path | None = None,
    allow_partial: bool = False,  # noqa: ARG001 - every data set factory takes it
) -> rendered.RenderedSet:
    """Make the data set, with `scale` times the paper's number of images.

    A sample has inputs {image (64, 64, 3)} and target {points (25, 2) px, visible (25,), label () in the order of
    `gestures.NAMES`, subject () 1 to 12}; points 0 and 24 are the ends of the wrist, `group` is the subject. All
    points are known; `visible` says which of them can be seen. Raises `InputError` for a scale below 1, and for a root
    folder (there is nothing to be read).
    """
    rendered.no_root(NAME, root)
    if scale < 1:
        raise InputError(f"a scale is at least 1, not {scale}", field="scale")
    recipe = rendered.Recipe(
        name=NAME,
        counts={split: scale * count for split, count in COUNTS.items()},
        fields=FIELDS,
        block=20,
        render=lambda split: partial(render_range, split),
        sample=_sample,
        source=_source,
        tile=_tile,
    )
    return rendered.RenderedSet(recipe, cache)
