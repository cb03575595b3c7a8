"""What a copy of a data set holds, found by opening every file."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from core_eval import InputError
from data_real.copies import Copy, Listing
from data_real.folders import Pair, Problem


@dataclass(frozen=True, slots=True)
class Count:
    """Samples of a split or part: how many are published, readable, absent, and there but broken."""

    name: str
    expected: int
    found: int
    missing: int
    broken: int

    @property
    def complete(self) -> bool:
        """Exactly the published samples, all of them readable."""
        return self.found == self.expected and not self.broken


@dataclass(frozen=True, slots=True)
class Report:
    """Per split and per part what is there; `problems` names every file and folder that is not as it should be, `notes`
    the files that a complete copy does without."""

    dataset: str
    root: Path
    splits: tuple[Count, ...]
    parts: tuple[Count, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

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
        """Plain text: a line per split, then a line per problem and note."""
        lines = [f"{self.dataset} in {self.root}"]
        form = "{split:13} {status:10}  expected {expected:4}  found {found:4}  missing {missing:4}  broken {broken:4}"
        lines += [form.format(**row) for row in self.rows()]
        return "\n".join(lines + [f"  {text}" for text in (*self.problems, *self.notes)])


def verify(dataset: Copy, *, progress: Callable[[int, int], None] | None = None) -> Report:
    """Open every image and annotation of every part.

    `progress` is called with (pairs done, pairs in all) after each pair. Raises `InputError` only for folders that
    cannot be listed or told apart, and for what makes all annotations unreadable; the rest is in the report.
    """
    split_of = {part: split for split, parts in dataset.splits.items() for part in parts}
    listings = {part: dataset.listing(part) for part in split_of}
    pairs = [(pair, part) for part, listing in listings.items() for pair in listing.pairs]
    broken: dict[str, list[Problem]] = {part: [] for part in listings}

    def reason(found: tuple[Pair, str]) -> str:
        try:
            dataset.sample(found[0], split_of[found[1]])
        except InputError as error:
            return error.message
        return ""

    # Threads serve: the decoders release the interpreter lock, and only a reason comes back, no pixels.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, ((pair, part), text) in enumerate(zip(pairs, pool.map(reason, pairs), strict=True), start=1):
            if text:
                broken[part].append(Problem(pair.id, text))
            if progress:
                progress(done, len(pairs))
    counts = {part: _count(listing, len(broken[part])) for part, listing in listings.items()}
    missing = {part: [*listing.missing, *map(str, broken[part])] for part, listing in listings.items()}
    return Report(
        dataset=dataset.name,
        root=dataset.root,
        splits=tuple(_pooled(split, [counts[part] for part in parts]) for split, parts in dataset.splits.items()),
        parts=tuple(counts.values()),
        problems=tuple(dict.fromkeys(text for texts in missing.values() for text in texts)),
        notes=tuple(dict.fromkeys(note for listing in listings.values() for note in listing.notes)),
    )


def _count(listing: Listing, broken: int) -> Count:
    there = len(listing.pairs)
    return Count(listing.name, listing.expected, there - broken, max(0, listing.expected - there), broken)


def _pooled(split: str, counts: list[Count]) -> Count:
    return Count(
        split,
        sum(count.expected for count in counts),
        sum(count.found for count in counts),
        sum(count.missing for count in counts),
        sum(count.broken for count in counts),
    )
