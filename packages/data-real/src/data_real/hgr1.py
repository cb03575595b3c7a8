"""HGR1: photographs of hands that show gestures of the Polish finger alphabet (Kawulok et al. 2014), with 25 landmarks,
split as Honari et al. 2018 (Sec. 4.3) split them.

Axis letters: P = 25 landmarks.

Layout (of the distributed archives), below the root or one folder deeper, names compared without regard to case; the
first folder of each may be missing::

    hgr1_images/original_images/G_P_hgr1_idSS_N.jpg     hgr1_feature_pts/feature_points/G_P_hgr1_idSS_N.xml

G is the gesture, SS the subject (01 to 12), N a running number. The paper's counts are checked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Sample
from data_real.copies import Copy, Listing, check_inside, tight_box
from data_real.feature_points import FeaturePoints, read_feature_points
from data_real.folders import Pair, Problem, gather, locate, pair_up, richest, unusable
from data_real.images import SUFFIXES, read_image

GESTURES = (*"12345", *"ABCDEFGHIKLMNOPRSTUWYZ")
"""The label of a gesture is its place in this list, which is that of the stand-in."""

SUBJECTS: Mapping[str, tuple[int, ...]] = {"train": (1, 2, 3, 4, 5, 6, 7, 8), "valid": (11, 12), "test": (9, 10)}
COUNTS = {"train": 573, "valid": 163, "test": 162}

POINTS = 25
SEEN = (17, POINTS)
"""Landmarks that an image shows, at least and at most (the paper)."""

WRIST = "Wrist"
NAMES_FILE = "landmarks.txt"

IMAGES, ANNOTATIONS = "hgr1_images/original_images", "hgr1_feature_pts/feature_points"
LAYOUT = f"{IMAGES}, {ANNOTATIONS}"

HOW_TO_GET = (
    "HGR1 needs your own copy: this project neither contains nor downloads it. The images and the feature points are "
    "on the page of the database for hand gesture recognition of the Silesian University of Technology (free for "
    f"research); unpack both archives into one folder and name it as the root. Expected below it: {LAYOUT}"
)

_NAME = re.compile(rf"([{''.join(GESTURES)}])_P_hgr1_id(\d\d)_(\d+)", re.ASCII)
_SPLIT_OF = {subject: split for split, subjects in SUBJECTS.items() for subject in subjects}


class Labels(NamedTuple):
    """Place of the gesture in `GESTURES`, subject 1 to 12."""

    gesture: int
    subject: int

    @property
    def split(self) -> str:
        return _SPLIT_OF[self.subject]


def labels_of(stem: str) -> Labels:
    """What the name of a file says. Raises `InputError` for another name."""
    match = _NAME.fullmatch(stem)
    if match is None or int(match[2]) not in _SPLIT_OF:
        raise InputError(
            "gesture and subject cannot be read from the name: expected G_P_hgr1_idSS_N with one of the gestures "
            f"{''.join(GESTURES)} and a subject 01 to 12"
        )
    return Labels(GESTURES.index(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class _Found:
    """All that a copy holds: usable pairs and problems by split, and the categories of points 2 to 24 in order."""

    pairs: Mapping[str, list[Pair]]
    problems: Mapping[str, list[str]]
    order: tuple[str, ...]


class HGR1(Copy):
    """HGR1 below `root`.

    A sample's `inputs` are ``image`` (H, W, 3), the whole photograph, and ``box`` (4,) px, the tight box of the points;
    its `target` is ``points`` (25, 2) px, NaN where hidden, ``visible`` (25,), ``label`` () in the order of `GESTURES`,
    and ``subject`` () 1 to 12; its `group` is the subject. Points 0 and 24 are the ends of the wrist, in file order.
    The others have the order of ``landmarks.txt`` beside the two folders (25 categories, one a line, `WRIST` first and
    last) or, without it, that of the alphabet: no number depends on it, as long as it is the same in all images.

    An image whose annotation is missing or unusable belongs to no split, as long as the published number is there
    without it: 899 images are distributed, and the paper uses 898 of them. Annotations are read once for an object.
    """

    name = "hgr1"
    splits = {name: (name,) for name in SUBJECTS}  # noqa: RUF012 - never altered
    layout = LAYOUT

    def listing(self, part: str) -> Listing:
        """A split, as it was when the first was listed."""
        found = self._found
        pairs, problems = found.pairs[part], found.problems[part]
        expected, names = COUNTS[part], POINTS - 2
        missing = [] if len(pairs) == expected else [f"{part}: {len(pairs)} of {expected} annotated images", *problems]
        if pairs and len(found.order) != names:
            missing.append(f"{len(found.order)} of {names} categories of points beside {WRIST}")
        return Listing(part, expected, tuple(pairs), tuple(missing), () if missing else tuple(problems))

    def read(self, pair: Pair, split: str) -> Sample:
        known, labels, image = read_hand(pair.annotation), labels_of(pair.id), read_image(pair.image)
        height, width = image.shape[:2]
        if known.size and known.size != (width, height):
            raise InputError(
                f"made on an image of {known.size[0]} x {known.size[1]} px, not {width} x {height}",
                file=pair.annotation,
            )
        points = self._placed(known)
        check_inside(points, image, pair.annotation)
        return Sample(
            id=pair.id,
            inputs={"image": image, "box": tight_box(points)},
            target={
                "points": points,
                "visible": np.asarray(np.isfinite(points).all(axis=1)),
                "label": np.array(labels.gesture, np.int64),
                "subject": np.array(labels.subject, np.int64),
            },
            group=f"subject-{labels.subject:02d}",
        )

    def rules(self) -> str:
        return "\n".join(self._found.order)

    def _placed(self, known: FeaturePoints) -> NDArray[np.float64]:
        """(25, 2): the points at their places, NaN where there is none."""
        points = np.full((POINTS, 2), np.nan)
        places = {category: place for place, category in enumerate(self._found.order, start=1)}
        wrist = iter((0, POINTS - 1))
        for category, point in zip(known.categories, known.points, strict=True):
            points[next(wrist) if category == WRIST else places[category]] = point
        return points

    @cached_property
    def _found(self) -> _Found:
        places = {one: (one, one.split("/")[1]) for one in (IMAGES, ANNOTATIONS)}
        base = richest(self.root, list(places.values()))
        folders = {one: locate(base, names) for one, names in places.items()}
        problems: dict[str, list[str]] = {split: [] for split in SUBJECTS}
        if absent := [text for one, folder in folders.items() if (text := unusable(self.root, one, folder))]:
            return _Found({split: [] for split in SUBJECTS}, {split: list(map(str, absent)) for split in SUBJECTS}, ())
        images = gather(self.root, IMAGES, folders[IMAGES], SUFFIXES)
        annotations = gather(self.root, ANNOTATIONS, folders[ANNOTATIONS], (".xml",))

        def label(file: Path) -> str:
            return f"{ANNOTATIONS if file.suffix.lower() == '.xml' else IMAGES}/{file.name}"

        paired, unpaired = pair_up(images, annotations, label)
        for problem in unpaired:
            self._note(problems, Path(problem.file).stem, str(problem))
        pairs: dict[str, list[Pair]] = {split: [] for split in SUBJECTS}
        categories: dict[str, str] = {}
        for pair in paired:
            try:
                known = read_hand(pair.annotation)
                pairs[labels_of(pair.id).split].append(pair)
            except InputError as reason:
                self._note(problems, pair.id, str(Problem(label(pair.annotation), reason.message)))
            else:
                categories.update(dict.fromkeys(known.categories, pair.id))
        categories.pop(WRIST, None)
        return _Found(pairs, problems, _order(base / NAMES_FILE, categories))

    @staticmethod
    def _note(problems: Mapping[str, list[str]], stem: str, text: str) -> None:
        """Add a problem to the split of a file, or to all if the name does not tell."""
        try:
            problems[labels_of(stem).split].append(text)
        except InputError as reason:
            for texts in problems.values():
                texts.append(text if reason.message in text else f"{text}; {reason.message}")


def read_hand(path: Path) -> FeaturePoints:
    """The points of an annotation. Raises `InputError` if they are not 17 to 25 of different categories with the wrist
    twice."""
    known = read_feature_points(path)
    least, most = SEEN
    if not least <= len(known.categories) <= most:
        raise InputError(f"{len(known.categories)} points where {least} to {most} are expected", file=path)
    counts = Counter(known.categories)
    if counts[WRIST] != 2:
        raise InputError(f"{counts[WRIST]} points of the category {WRIST} where two are expected", file=path)
    if twice := [category for category, count in counts.items() if count > 1 and category != WRIST]:
        raise InputError(f"the category {twice[0]!r} is there {counts[twice[0]]} times", file=path)
    return known


def _order(file: Path, categories: Mapping[str, str]) -> tuple[str, ...]:
    """The categories of points 2 to 24: of the file if there is one, else those that are there (category -> an image
    that has it), in the order of the alphabet. Raises `InputError` for a list that cannot be one, or does not fit."""
    names = _names(file)
    if names is None:
        if len(categories) > POINTS - 2:
            raise InputError(
                f"the annotations have {len(categories)} categories beside {WRIST} where {POINTS - 2} are expected: "
                f"{', '.join(sorted(categories))}",
                file=file.parent,
            )
        return tuple(sorted(categories))
    for category, image in categories.items():
        if category not in names:
            raise InputError(f"the category {category!r} is not in the list", file=file, sample=image)
    return names


def _names(file: Path) -> tuple[str, ...] | None:
    try:
        with file.open("rb") as stream:
            text = stream.read(4096).decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise InputError("the list of landmarks cannot be read", file=file) from None
    names = [name for line in text.splitlines() if (name := " ".join(line.split()))]
    inner = names[1:-1]
    if len(names) != POINTS or {names[0], names[-1]} != {WRIST} or len({WRIST, *inner}) != POINTS - 1:
        raise InputError(
            f"expected {POINTS} categories, one a line, {WRIST} first and last, the others different", file=file
        )
    return tuple(inner)


def hgr1(
    *,
    root: Path | None = None,
    allow_partial: bool = False,
    cache: Path | None = None,  # noqa: ARG001 - every dataset factory takes it; nothing is cached here
) -> HGR1:
    """HGR1 below `root`. Raises `InputError`, saying how to get the data, if there is no root."""
    if root is None:
        raise InputError(HOW_TO_GET, field="root")
    return HGR1(root, allow_partial=allow_partial)
