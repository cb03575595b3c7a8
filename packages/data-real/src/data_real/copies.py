"""What the readers share: a user's copy of a data set, its splits, and what it lacks of the published one.

A copy consists of parts (folders, or splits where the files of all splits lie together), and a split is made of parts.
The published number of samples of a part is checked, since a number measured on other images is another number.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, overload

import numpy as np
from numpy.typing import NDArray

from core_eval import InputError, Kind, Sample
from data_real.folders import Pair

if TYPE_CHECKING:
    from data_real.report import Report

SHOWN = 8
"""Problems that a message lists before it says how many more there are."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A part as it was found.

    Attributes:
        name: of the part.
        expected: samples it is published with.
        pairs: what there is.
        missing: what keeps it from being complete, in words.
        notes: files that were left out though the part is complete without them.
    """

    name: str
    expected: int
    pairs: tuple[Pair, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...] = ()


class Copy(ABC):
    """A user's copy below `root` as a `core_eval.Dataset` of kind ``real``.

    `split` only lists files (and reads small annotations where they decide what belongs to a split); an image is read
    when its sample is.

    Unless `allow_partial`, a split whose parts are not exactly as published raises `InputError` saying what is missing.
    With it the split is what is there, and `partial` says what is not. A file that is listed but broken is an error
    either way: dropping it silently would change the number.
    """

    kind: Kind = "real"
    name: ClassVar[str]
    splits: ClassVar[Mapping[str, Sequence[str]]]
    """Names of the parts of each split."""
    layout: ClassVar[str]

    def __init__(self, root: Path, *, allow_partial: bool = False) -> None:
        root = Path(root)
        if not root.is_dir():
            raise InputError("no such folder", file=root)
        self.root = root.resolve()
        self.allow_partial = allow_partial

    @abstractmethod
    def listing(self, part: str) -> Listing:
        """A part, as it is there."""

    @abstractmethod
    def read(self, pair: Pair, split: str) -> Sample:
        """Read image and annotation. Raises `InputError` if either is broken or they cannot belong together."""

    def rules(self) -> str:
        """What of the copy decides how annotations are read beside the annotations; part of fingerprints."""
        return ""

    def split(self, name: str) -> Photographs:
        """The samples of a split. Raises `InputError` for an unknown or (unless allowed) incomplete split."""
        listings = self._listings(name)
        pairs = [pair for listing in listings for pair in listing.pairs]
        found = _joined(listings)
        if found and not (self.allow_partial and pairs):
            hint = "a partial copy must be allowed (--allow-partial)" if pairs else f"expected below it: {self.layout}"
            raise InputError(f"split '{name}' of {self.name} is incomplete: {found}; {hint}", file=self.root)
        return Photographs(pairs, partial(self.sample, split=name))

    def sample(self, pair: Pair, split: str) -> Sample:
        """`read`; an `InputError` names the sample."""
        try:
            return self.read(pair, split)
        except InputError as reason:
            raise InputError(reason.message, file=reason.file, sample=pair.id, field=reason.field) from None

    def fingerprint(self, name: str) -> str:
        """Hash over ids, image sizes in bytes, and annotation bytes of the split: 16 hexadecimal digits."""
        digest = hashlib.sha256(self.rules().encode())
        for pair in self.split(name).pairs:
            try:
                annotation, size = pair.annotation.read_bytes(), pair.image.stat().st_size
            except OSError as reason:
                raise InputError(f"cannot be read: {reason.strerror}", file=reason.filename, sample=pair.id) from None
            digest.update(f"{pair.id}\n{size}\n{len(annotation)}\n".encode())
            digest.update(annotation)
        return digest.hexdigest()[:16]

    def partial(self, name: str) -> str:
        """What is missing from the split, in words; empty if it is complete."""
        return _joined(self._listings(name))

    def verify(self, *, progress: Callable[[int, int], None] | None = None) -> Report:
        """Open every file; see `data_real.report.verify`."""
        from data_real.report import verify

        return verify(self, progress=progress)

    def _listings(self, split: str) -> list[Listing]:
        if split not in self.splits:
            raise InputError(f"unknown split '{split}' of {self.name}; known: {', '.join(self.splits)}", field="split")
        return [self.listing(part) for part in self.splits[split]]


class Photographs(Sequence[Sample]):
    """Annotated photographs, read from disk one by one as they are indexed; a slice reads nothing."""

    def __init__(self, pairs: Sequence[Pair], read: Callable[[Pair], Sample]) -> None:
        self.pairs = tuple(pairs)
        self._read = read

    def __len__(self) -> int:
        return len(self.pairs)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> Photographs: ...

    def __getitem__(self, index: int | slice) -> Sample | Photographs:
        if isinstance(index, slice):
            return Photographs(self.pairs[index], self._read)
        return self._read(self.pairs[index])


def tight_box(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4,) px, (x1, y1, x2, y2): the tight box of the annotated (finite) points of (P, 2)."""
    known = points[np.isfinite(points).all(axis=1)]
    return np.concatenate([known.min(axis=0), known.max(axis=0)])


def check_inside(points: NDArray[np.float64], image: NDArray[np.uint8], annotation: Path) -> None:
    """Raise `InputError` unless a point of (P, 2) px lies in the image (H, W, 3): else they do not belong together."""
    height, width = image.shape[:2]
    if not ((points > -0.5) & (points < [width - 0.5, height - 0.5])).all(axis=1).any():
        raise InputError(f"no annotated point lies inside the {width} x {height} image", file=annotation)


def _joined(listings: Iterable[Listing]) -> str:
    """What keeps the parts from being complete, in one line; empty if nothing does."""
    found = list(dict.fromkeys(text for listing in listings for text in listing.missing))
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(found[:SHOWN]) + more
