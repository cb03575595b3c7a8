"""Multi-PIE: faces in a laboratory (Gross et al. 2010), as Honari et al. 2018 (Sec. 4.4) use them: 68 landmarks, six
emotions, five cameras, one light a view.

Layout, below the root or one folder deeper, names compared without regard to case; ``data`` may also lie in a folder
``Multi-Pie`` beside the labels, and ``MPie_Labels`` may be missing::

    data/session0S/multiview/III/RR/CC_D/III_SS_RR_CCD_LL.png        MPie_Labels/labels/CCD/III_SS_RR_CCD_LL_lm.mat

An annotation lies in ``labels`` or any of its folders, as ``STEM_lm.mat`` (variable ``pts``) or ``STEM.pts``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample
from core_eval.pts import FARTHEST, read_pts
from core_formats.mat_file import read_mat, variables
from data_real.copies import Copy, Listing, check_inside, tight_box
from data_real.folders import Pair, Problem, children, files, locate, refusal, richest, unusable
from data_real.images import SUFFIXES, read_image
from data_real.multipie_names import CAMERAS, SUBJECTS, View, view_of

COUNTS = {"train": 1875, "valid": 579, "test": 1054}
POINTS = 68

OTHER_SCHEMES = ((39, 2), (66, 2))
"""Shapes of annotations in other schemes, which are left out: profiles, and faces without two of the 68 points."""

LARGEST = 64 * 1024
"""Bytes of a ``.mat`` file; 68 points take about 1 KiB. A larger one is refused."""

PICTURES, LABELS = "data", "MPie_Labels/labels"
LAYOUT = f"{PICTURES}/session01 to session04, {LABELS}"

HOW_TO_GET = (
    "Multi-PIE needs your own copy: this project neither contains nor downloads it. It is sold by Carnegie Mellon "
    "University under a licence for research; the landmarks (MPie_Labels) come on request. Name its folder as the "
    f"root. Expected below it: {LAYOUT}"
)


@dataclass(frozen=True, slots=True)
class _Found:
    """Pairs and problems by split, and how many views are not shown in the light that was drawn."""

    pairs: Mapping[str, list[Pair]]
    problems: Mapping[str, list[str]]
    redrawn: Mapping[str, int]


class MultiPIE(Copy):
    """Multi-PIE below `root`.

    A sample is a view that has 68 landmarks, in one of the twenty lights, drawn for it (`View.lights`). Its `inputs`
    are ``image`` (H, W, 3), the whole photograph, and ``box`` (4,) px, the tight box of the points; its `target` is
    ``points`` (68, 2) px, ``visible`` (68,), ``emotion`` () in the order of `EMOTIONS`, ``camera`` () in that of
    `CAMERAS`, ``light`` () 0 to 19, and ``subject`` (); its `group` is the subject. All points are visible: faces on
    which some are not are annotated in another scheme, and left out.

    Annotations belong to a view: the pictures of its lights are taken within a second. Where several lights of a view
    are annotated, that of the picture goes first. Folders are listed once for an object.
    """

    name = "multipie"
    splits = {name: (name,) for name in SUBJECTS}  # noqa: RUF012 - never altered
    layout = LAYOUT

    def listing(self, part: str) -> Listing:
        """A split, as it was when the first was listed."""
        found = self._found
        pairs, problems, redrawn = found.pairs[part], found.problems[part], found.redrawn[part]
        expected = COUNTS[part]
        missing = [] if len(pairs) == expected else [f"{part}: {len(pairs)} of {expected} annotated views", *problems]
        if redrawn:
            missing.append(f"{part}: {redrawn} views without the picture in the light that was drawn for them")
        return Listing(part, expected, tuple(pairs), tuple(missing), () if missing else tuple(problems))

    def read(self, pair: Pair, split: str) -> Sample:
        points, image = read_points(pair.annotation), read_image(pair.image)
        check_inside(points, image, pair.annotation)
        view, light = view_of(pair.id)
        labels = {"emotion": view.emotion, "camera": CAMERAS.index(view.camera), "light": light}
        return Sample(
            id=pair.id,
            inputs={"image": image, "box": tight_box(points)},
            target={
                "points": points,
                "visible": np.ones(POINTS, np.bool_),
                **{key: np.array(value, np.int64) for key, value in {**labels, "subject": view.subject}.items()},
            },
            group=f"subject-{view.subject:03d}",
        )

    @cached_property
    def _found(self) -> _Found:
        pairs: dict[str, list[Pair]] = {split: [] for split in SUBJECTS}
        problems: dict[str, list[str]] = {split: [] for split in SUBJECTS}
        redrawn = dict.fromkeys(SUBJECTS, 0)
        places = {PICTURES: (PICTURES, f"Multi-Pie/{PICTURES}"), LABELS: (LABELS, "labels")}
        base = richest(self.root, list(places.values()))
        pictures, annotations = (locate(base, names) for names in places.values())
        absent = [unusable(self.root, PICTURES, pictures), unusable(self.root, LABELS, annotations)]
        if pictures is None or annotations is None or any(absent):
            texts = [str(problem) for problem in absent if problem]
            return _Found(pairs, dict.fromkeys(SUBJECTS, texts), redrawn)
        for view, by_light in sorted(self._annotated(annotations, problems).items()):
            first = next(iter(by_light.values()))
            stem, found = self._picture(pictures, view)
            light = int(stem[-2:] or -1)
            if not found:
                reason = f"the annotation has no image in {PICTURES}/{view.folder}"
            elif len(found) > 1:
                reason = f"{len(found)} images for one annotation: {', '.join(file.name for file in found)}"
            elif refused := refusal(self.root, found[0]):
                reason = f"its image {found[0].name}: {refused}"
            else:
                pairs[view.split].append(Pair(stem, found[0], by_light.get(light, first)))
                redrawn[view.split] += light != view.lights()[0]
                continue
            problems[view.split].append(str(Problem(first.name, reason)))
        return _Found(pairs, problems, redrawn)

    def _annotated(self, folder: Path, problems: Mapping[str, list[str]]) -> dict[View, dict[int, Path]]:
        """The views of the five cameras and the splits' subjects with 68 landmarks: light -> annotation, in the order
        of the lights. What is wrong is added to `problems`."""
        found: dict[View, dict[int, list[Path]]] = defaultdict(lambda: defaultdict(list))
        for file in _annotations(folder):
            label = f"{LABELS}/{file.relative_to(folder).as_posix()}"
            try:
                view, light = view_of(_stem(file))
            except InputError as reason:
                for texts in problems.values():
                    texts.append(str(Problem(label, reason.message)))
                continue
            if view.camera not in CAMERAS or not view.split:
                continue
            if text := refusal(self.root, file):
                problems[view.split].append(str(Problem(label, text)))
            elif not _other_scheme(file):
                found[view][light].append(file)
        chosen: dict[View, dict[int, Path]] = {}
        for view, by_light in found.items():
            for light, several in sorted(by_light.items()):
                if len(several) > 1:
                    names = ", ".join(file.relative_to(folder).as_posix() for file in several)
                    text = f"{len(several)} annotations for one image: {names}"
                    problems[view.split].append(str(Problem(view.stem(light), text)))
                else:
                    chosen.setdefault(view, {})[light] = several[0]
        return chosen

    @staticmethod
    def _picture(pictures: Path, view: View) -> tuple[str, list[Path]]:
        """Stem and files (one, normally) of the picture of a view in the first of its lights that there is."""
        folder = pictures / view.folder
        there: dict[str, list[Path]] = defaultdict(list)
        for file in files(folder) if folder.is_dir() else []:
            if file.suffix.lower() in SUFFIXES:
                there[file.stem].append(file)
        return next(((stem, there[stem]) for light in view.lights() if (stem := view.stem(light)) in there), ("", []))


def read_points(path: Path) -> NDArray[np.float64]:
    """The points (68, 2) px of a ``.mat`` (variable ``pts``) or ``.pts`` file, both 1-based, as 0-based pixel centres.

    Raises `InputError` for anything else than so many finite points.
    """
    if path.suffix.lower() == ".pts":
        return read_pts(path, POINTS)
    if not path.is_file() or path.stat().st_size > LARGEST:
        raise InputError(f"not a file of at most {LARGEST} bytes", file=path)
    points = read_mat(path).get("pts")
    if not isinstance(points, np.ndarray) or points.shape != (POINTS, 2):
        shape = points.shape if isinstance(points, np.ndarray) else "none"
        raise InputError(f"expected the numbers pts of shape ({POINTS}, 2), got {shape}", file=path, field="pts")
    points = points.astype(np.float64)
    if not (np.abs(points) <= FARTHEST).all():
        raise InputError(f"a coordinate is not finite or beyond {FARTHEST:g} px", file=path, field="pts")
    return points - 1.0


def _annotations(folder: Path) -> Iterator[Path]:
    for place in (folder, *children(folder)):
        for file in files(place):
            if not file.name.startswith(".") and file.suffix.lower() in (".mat", ".pts"):
                yield file


def _stem(file: Path) -> str:
    return file.stem.removesuffix("_lm") if file.suffix.lower() == ".mat" else file.stem


def _other_scheme(file: Path) -> bool:
    """Whether the head of a ``.mat`` file announces another scheme. A damaged one does not: reading it is an error."""
    if file.suffix.lower() != ".mat":
        return False
    pts = variables(file).get("pts")
    return pts is not None and pts.shape in OTHER_SCHEMES


def multipie(
    *,
    root: Path | None = None,
    allow_partial: bool = False,
    cache: Path | None = None,  # noqa: ARG001 - every dataset factory takes it; nothing is cached here
) -> MultiPIE:
    """Multi-PIE below `root`. Raises `InputError`, saying how to get the data, if there is no root."""
    if root is None:
        raise InputError(HOW_TO_GET, field="root")
    return MultiPIE(root, allow_partial=allow_partial)
