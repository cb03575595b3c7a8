"""A page as a tree of blocks: what `bench.markdown` and `bench.html` are both written from.

A line is text, or a tuple of spans of which plain text is one kind. Text is never markup: the renderers escape it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core_eval import Kind


@dataclass(frozen=True, slots=True)
class Code:
    """Text to be read letter by letter: a signature, a hash."""

    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    text: str


@dataclass(frozen=True, slots=True)
class Emphasis:
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """To an anchor of a page; the page's key alone leads to its top."""

    text: str
    page: str
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A line (counted from 1) of a file of the repository, by its path from the root."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Badge:
    """A verdict: its word, and the sign that stands before it."""

    word: str
    sign: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """A number as shown, its interval as shown (or empty), and the number itself, to sort by."""

    text: str
    interval: str
    number: float


Span = str | Code | Strong | Emphasis | Link | Source | Badge | Value
Line = str | tuple[Span, ...]


def spans(line: Line) -> tuple[Span, ...]:
    return (line,) if isinstance(line, str) else line


def join(parts: Iterable[Line], between: str) -> Line:
    """The lines in one, without the empty ones."""
    found: list[Span] = []
    for part in parts:
        if part:
            found += [between, *spans(part)] if found else spans(part)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Heading:
    """`anchor` is unique in its page; empty for a heading that nothing links to."""

    level: int
    text: str
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    line: Line


@dataclass(frozen=True, slots=True)
class Bullets:
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. `right` are the columns to be aligned right, `about` says what it is to who cannot see it."""

    about: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Line]]
    right: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A file below ``leaderboards/``, and what it shows in words."""

    file: str
    about: str


@dataclass(frozen=True, slots=True)
class Details:
    """Blocks that are folded away."""

    summary: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Region:
    """Blocks that speak of one kind of data only."""

    data: Kind
    blocks: Sequence[Block]


Block = Heading | Paragraph | Bullets | Grid | Picture | Details | Region


@dataclass(frozen=True, slots=True)
class Page:
    """`key` names the file: ``300w``, ``claims``, ``README``."""

    key: str
    title: str
    blocks: Sequence[Block]


def pictures(blocks: Iterable[Block]) -> list[Picture]:
    """All pictures below the blocks, in order."""
    found: list[Picture] = []
    for block in blocks:
        if isinstance(block, Picture):
            found.append(block)
        elif isinstance(block, Details | Region):
            found += pictures(block.blocks)
    return found
