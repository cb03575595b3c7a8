"""What a copy of 300-W holds, found by opening every file."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from core_eval import InputError
from data_real.folders import Pair, Problem
from data_real.w300 import PARTS, SPLITS, W300, read_face, shortfall


@dataclass(frozen=True, slots=True)
class Count:
    """Faces of a split or folder: how many are published, readable, absent, and there but broken."""

    name: str
    expected: int
    found: int
    missing: int
    broken: int

    @property
    def complete(self) -> bool:
        """Exactly the published faces, all of them readable."""
        return self.found == self.expected and not self.broken


@dataclass(frozen=True, slots=True)
class Report:
    """Per split and per folder what is there; `problems` names every file and folder that is not as it should be."""

    dataset: str
    root: Path
    splits: tuple[Count, ...]
    folders: tuple[Count, ...]
    problems: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Every split is complete and nothing is wrong."""
        return not self.problems and all(count.complete for count in self.splits)

    def rows(self) -> list[dict[str, str | int]]:
        """One record per split: split, expected, found, missing, broken, status."""
        return [
            {
                "split": count.name,
                "expected": count.expected,
                "found": count.found,
                "missing": count.missing,
                "broken": count.broken,
                "status": "complete" if count.complete else "absent" if not count.found else "incomplete",
            }
            for count in self.splits
        ]

    def __str__(self) -> str:
        """Plain text: a line per split, then a line per problem."""
        lines = [f"{self.dataset} in {self.root}"]
        form = "{split:13} {status:10}  expected {expected:4}  found {found:4}  missing {missing:4}  broken {broken:4}"
        lines += [form.format(**row) for row in self.rows()]
        return "\n".join(lines + [f"  {problem}" for problem in self.problems])


def verify(dataset: W300, *, progress: Callable[[int, int], None] | None = None) -> Report:
    """Open every image and annotation of every folder.

    `progress` is called with (pairs done, pairs in all) after each pair. Raises `InputError` only for folders that
    cannot be listed or told apart; everything else is in the report.
    """
    folders = {part: dataset.folder(part) for part in PARTS}
    pairs = [pair for folder in folders.values() for pair in folder.pairs]
    broken: dict[str, list[Problem]] = {part: [] for part in PARTS}
    # Threads serve: the decoders release the interpreter lock, and only a reason comes back, no pixels.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, (pair, reason) in enumerate(zip(pairs, pool.map(_reason, pairs), strict=True), start=1):
            if reason:
                broken[pair.id.rsplit("/", 1)[0]].append(Problem(pair.id, reason))
            if progress:
                progress(done, len(pairs))
    counts = {part: _count(part, len(folders[part].pairs), len(broken[part])) for part in PARTS}
    return Report(
        dataset=dataset.name,
        root=dataset.root,
        splits=tuple(_pooled(split, [counts[part] for part in parts]) for split, parts in SPLITS.items()),
        folders=tuple(counts.values()),
        problems=tuple(
            text for part in PARTS for text in [*shortfall(folders[part]), *(str(problem) for problem in broken[part])]
        ),
    )


def _reason(pair: Pair) -> str:
    try:
        read_face(pair)
    except InputError as reason:
        return reason.message
    return ""


def _count(part: str, pairs: int, broken: int) -> Count:
    expected = PARTS[part].faces
    return Count(part, expected, pairs - broken, max(0, expected - pairs), broken)


def _pooled(split: str, counts: list[Count]) -> Count:
    return Count(
        split,
        sum(count.expected for count in counts),
        sum(count.found for count in counts),
        sum(count.missing for count in counts),
        sum(count.broken for count in counts),
    )
