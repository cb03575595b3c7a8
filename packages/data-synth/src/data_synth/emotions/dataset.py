"""`multipie`: rendered faces with the structure of the part of Multi-PIE that Honari et al. 2018 use.

| split | images | subjects | shots |
|-------|-------:|---------:|------:|
| train |   1875 |    1-150 |   375 |
| valid |    579 |  151-200 |   116 |
| test  |   1054 |  201-337 |   211 |

A shot is one subject with one of six emotions, seen by five cameras at once; each picture is taken in one of twenty
lights, drawn at random, as in the paper. With `lights="all"` each is taken in all of them (37,500, 11,580 and 21,080
images). Six subjects in a row show six different emotions, and a subject who comes back shows another one; the shares
of the real emotions are not printed. A sample depends on (data set, split, index) alone.

Axis letters: `H` rows and columns of an image, `V` vertices of the head.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample
from data_synth import rendered
from data_synth.emotions.expressions import EMOTIONS, draw_expression
from data_synth.seeds import generator
from data_synth.shards import Field

if TYPE_CHECKING:
    from data_synth.emotions.studio import Shot
    from data_synth.faces.person import Person

NAME = "multipie"
SIZE = 64
CAMERAS = 5
LIGHTS = 20
COUNTS = {"train": 1875, "valid": 579, "test": 1054}
SUBJECTS = {"train": range(1, 151), "valid": range(151, 201), "test": range(201, 338)}

FIELDS = {
    "image": Field((SIZE, SIZE, 3), np.uint8),
    "points": Field((68, 2), np.float64),
    "visible": Field((68,), np.bool_),
}

Lights = Literal["one", "all"]


class Place(NamedTuple):
    """What is known of an image from its number: the shot (counted in its split), who, how often they came before,
    and the labels."""

    shot: int
    subject: int
    visit: int
    emotion: int
    camera: int
    light: int


def place_of(split: str, index: int, lights: Lights = "one") -> Place:
    """The labels of image `index` of a split."""
    image, light = divmod(index, LIGHTS) if lights == "all" else (index, _light(split, index))
    shot, camera = divmod(image, CAMERAS)
    visit, rank = divmod(shot, len(SUBJECTS[split]))
    return Place(shot, SUBJECTS[split][rank], visit, _emotion(split, rank, visit), camera, light)


@cache
def _light(split: str, image: int) -> int:
    return int(generator(NAME, split, "light", image).integers(LIGHTS))


def _emotion(split: str, rank: int, visit: int) -> int:
    """Six subjects in a row have the six emotions in a random order, which turns by one with every visit."""
    group, member = divmod(rank, len(EMOTIONS))
    order = generator(NAME, split, "emotions", group).permutation(len(EMOTIONS))
    return int(order[(member + visit) % len(EMOTIONS)])


class SplitRenderer:
    """Renders ranges of a split's samples; the callable that `Shards` wants. Safe in threads."""

    def __init__(self, split: str, lights: Lights) -> None:
        self.split, self.lights = split, lights
        self._people: OrderedDict[int, Person] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, indices: range) -> dict[str, np.ndarray]:
        from data_synth.emotions.studio import take
        from data_synth.faces.render import FaceRenderer

        with self._lock:  # the first caller loads the model, the others wait for it
            renderer = FaceRenderer.load()
        places = [place_of(self.split, index, self.lights) for index in indices]
        shots = {
            place.shot: self._shot(place) for place in dict.fromkeys(p._replace(camera=0, light=0) for p in places)
        }
        out = {name: np.empty((len(indices), *spec.shape), spec.dtype) for name, spec in FIELDS.items()}
        for row, (index, place) in enumerate(zip(indices, places, strict=True)):
            rng = generator(NAME, self.split, self.lights, "sample", index)
            photo = take(renderer, shots[place.shot], place.camera, place.light, SIZE, rng)
            for name in FIELDS:
                out[name][row] = getattr(photo, name)
        return out

    def _shot(self, place: Place) -> Shot:
        from data_synth.emotions.studio import GLASSES_SHARE, Shot, clear_glasses
        from data_synth.faces.render import FaceRenderer

        model = FaceRenderer.load().model
        person = self._person(place.subject)
        rng = generator(NAME, self.split, "shot", place.shot)
        params = person.params.with_expression(draw_expression(place.emotion, rng, model.action_labels)[None])
        known = NAME, "subject", place.subject
        wears = generator(*known, "wears glasses").random() < GLASSES_SHARE
        yaw, pitch, roll = rng.normal(0, (2.5, 3.5, 2.0))
        return Shot(
            name=f"{place.subject:03d}-{place.visit}",
            person=person,
            head=model.vertices(params)[0],
            pose=(float(yaw), float(pitch), float(roll)),
            distance=float(rng.uniform(1.1, 1.4)),
            clothes=(*known, "clothes", place.visit),
            glasses=clear_glasses(*known) if wears else None,
            place=(NAME, "room", place.visit),
        )

    def _person(self, subject: int) -> Person:
        from data_synth.faces.render import FaceRenderer

        with self._lock:
            if subject in self._people:
                self._people.move_to_end(subject)
                return self._people[subject]
        person = FaceRenderer.load().person(generator(NAME, "subject", subject))
        with self._lock:
            self._people[subject] = person
            if len(self._people) > 40:
                self._people.popitem(last=False)
        return person


def _sample(lights: Lights, split: str, index: int, stored: Mapping[str, np.ndarray]) -> Sample:
    place = place_of(split, index, lights)
    labels = {
        "emotion": np.array(place.emotion, np.int64),
        "camera": np.array(place.camera, np.int64),
        "light": np.array(place.light, np.int64),
        "subject": np.array(place.subject, np.int64),
    }
    return Sample(
        id=f"{split}/{place.subject:03d}_{place.visit + 1}_{EMOTIONS[place.emotion]}_{place.camera}_{place.light:02d}",
        inputs={"image": stored["image"]},
        target={"points": stored["points"], "visible": stored["visible"], **labels},
        group=f"subject-{place.subject:03d}",
    )


def _source(lights: Lights) -> str:
    from data_synth.faces.dataset import source_hash

    here = Path(__file__).parent
    own = rendered.hash_files(here.parent, [*here.glob("*.py"), Path(rendered.__file__)])
    return repr((SIZE, lights, version("anny"), source_hash(), own))


def _tile(sample: Sample) -> NDArray[np.uint8]:
    """The picture, with the landmarks and what it is."""
    from data_synth.faces.preview import draw_points

    shown = draw_points(sample.inputs["image"], sample.target["points"], sample.target["visible"], rendered.ZOOM)
    text = f"{EMOTIONS[int(sample.target['emotion'])]} {int(sample.target['light'])}"
    cv2.putText(shown, text, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (255, 255, 255), 1, cv2.LINE_AA)
    return shown


def multipie(
    *,
    lights: Lights = "one",
    cache: Path | None = None,
    root: Path | None = None,
    allow_partial: bool = False,  # noqa: ARG001 - every data set factory takes it
) -> rendered.RenderedSet:
    """Make the data set, with each picture in `one` light or in `all` twenty.

    A sample has inputs {image (64, 64, 3)} and target {points (68, 2) px, visible (68,), emotion () in the order of
    `EMOTIONS`, camera (), light (), subject () 1 to 337}; `group` is the subject. The distance of the eye centres,
    which normalises errors, follows from the points, all of which are known. Raises `InputError` for another value of
    `lights`, and for a root folder (there is nothing to be read).
    """
    rendered.no_root(NAME, root)
    if lights not in ("one", "all"):
        raise InputError(f"lights is one or all, not {lights!r}", field="lights")
    recipe = rendered.Recipe(
        name=NAME,
        counts={split: count * (LIGHTS if lights == "all" else 1) for split, count in COUNTS.items()},
        fields=FIELDS,
        block=20,
        render=partial(_renderer, lights),
        sample=partial(_sample, lights),
        source=partial(_source, lights),
        tile=_tile,
    )
    return rendered.RenderedSet(recipe, cache)


def _renderer(lights: Lights, split: str) -> Any:
    return SplitRenderer(split, lights)
