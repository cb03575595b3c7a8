"""A page as HTML. Every text is escaped; nothing is taken from outside the file."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from html import escape
from typing import assert_never

from bench.document import (
    Badge,
    Block,
    Bullets,
    Code,
    Details,
    Emphasis,
    Grid,
    Heading,
    Line,
    Link,
    Page,
    Paragraph,
    Picture,
    Region,
    Source,
    Span,
    Strong,
    Value,
    spans,
)
from core_eval import InputError

Files = Callable[[str], bytes]
"""From a path below ``leaderboards/`` to its bytes."""
LONG = 60
"""Letters from which a cell is read as a sentence and gets the width for it."""
TAGS = {"real": "Real data", "stand-in": "Stand-in data"}
_THEME = {"#ffffff": "var(--paper)", "#000000": "var(--ink)", "#b0b0b0": "var(--rule)"}


def article(page: Page, files: Files) -> str:
    """The page as an ``<article>``; its anchors begin with its key."""
    return (
        f'<article id="{anchor(page.key)}">\n<h2>{_text(page.title)}</h2>\n'
        f"{blocks(page.blocks, page.key, files)}\n</article>"
    )


def blocks(found: Iterable[Block], page: str, files: Files) -> str:
    return "\n".join(_block(block, page, files) for block in found)


def _block(block: Block, page: str, files: Files) -> str:
    match block:
        case Heading(level, text, target):
            name = f' id="{anchor(page, target)}"' if target else ""
            return f"<h{level + 1}{name}>{_text(text)}</h{level + 1}>"
        case Paragraph(line):
            return f"<p>{_line(line)}</p>"
        case Bullets(lines):
            return f"<ul>{''.join(f'<li>{_line(line)}</li>' for line in lines)}</ul>"
        case Grid():
            return _grid(block)
        case Picture(file, about):
            return _picture(files(file), file, about)
        case Details(summary, inner):
            return f"<details><summary>{_text(summary)}</summary>\n{blocks(inner, page, files)}\n</details>"
        case Region(data, inner):
            return (
                f'<section class="{data}" aria-label="{TAGS[data]}"><p class="tag">{TAGS[data]}</p>\n'
                f"{blocks(inner, page, files)}\n</section>"
            )
    assert_never(block)


def _grid(grid: Grid) -> str:
    about = _text(grid.about)
    right = set(grid.right)
    heads = "".join(
        f'<th scope="col"{_class("right" if index in right else "")}>{_text(heading) or _hidden(index)}</th>'
        for index, heading in enumerate(grid.headings)
    )
    named = next((index for index, heading in enumerate(grid.headings) if heading), 0)
    lines = []
    for row in grid.rows:
        cells = []
        for index, line in enumerate(row):
            tag, scope = ("th", ' scope="row"') if index == named else ("td", "")
            look = _class("right" if index in right else "", "text" if _length(line) > LONG else "")
            cells.append(f"<{tag}{scope}{look}{_sort(line)}>{_line(line)}</{tag}>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{about}"><table>\n<caption>{about}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{chr(10).join(lines)}\n</tbody></table></div>"
    )


def _hidden(index: int) -> str:
    return f'<span class="hidden">{"Rank" if index == 0 else "Remark"}</span>'


def _class(*names: str) -> str:
    found = " ".join(name for name in names if name)
    return f' class="{found}"' if found else ""


def _length(line: Line) -> int:
    """Letters of the longest run of words in a cell."""
    runs = [span.text if isinstance(span, Code) else span for span in spans(line) if isinstance(span, str | Code)]
    return max(map(len, runs), default=0)


def _sort(line: Line) -> str:
    """What a cell is sorted by where its text is not enough: the number behind it."""
    for span in spans(line):
        if isinstance(span, Value):
            return f' data-sort="{float(span.number)!r}"'
    return ""


def _line(line: Line) -> str:
    return "".join(_span(span) for span in spans(line))


def _span(span: Span) -> str:
    match span:
        case str():
            return _text(span).replace("\n", "<br>")
        case Code(text):
            return f"<code>{_text(text)}</code>"
        case Strong(text):
            return f"<strong>{_text(text)}</strong>"
        case Emphasis(text):
            return f"<em>{_text(text)}</em>"
        case Link(text, page, target):
            return f'<a href="#{anchor(page, target)}">{_text(text)}</a>'
        case Source(file, line):
            return f"<code>{_text(file)}:{line}</code>"
        case Badge(word, sign):
            return f'<span class="badge {anchor(word)}">{_text(f"{sign} {word}".strip())}</span>'
        case Value(text, interval):
            edges = f' <span class="interval">{_text(interval)}</span>' if interval else ""
            return f'<span class="value">{_text(text)}</span>{edges}'
    assert_never(span)


def _picture(content: bytes, file: str, about: str) -> str:
    """SVG inline, so that it follows the theme; pixels as a data URI. Raises `InputError` for anything else."""
    if file.endswith(".svg"):
        drawing, caption = _svg(content.decode(), file, about), f"<figcaption>{_text(about)}</figcaption>"
        return f'<figure class="plot">{drawing}{caption}</figure>'
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        raise InputError("is no WebP picture", file=file)
    data = f"data:image/webp;base64,{base64.b64encode(content).decode()}"
    return f'<figure class="samples"><img src="{data}" alt="{_text(about)}" loading="lazy"></figure>'


def _svg(text: str, file: str, about: str) -> str:
    """A drawing of `bench.plots` as an element of the page: its own ids, no style sheet, colours of the theme."""
    start = text.index("<svg")
    head, _, body = text[start:].partition(">")
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", body, flags=re.DOTALL)
    prefix = anchor(file)
    body = re.sub(r'\bid="', f'id="{prefix}-', body)
    body = re.sub(r'(href="|url\()#', rf"\1#{prefix}-", body)
    for colour, variable in _THEME.items():
        body = body.replace(colour, variable)
    box = re.search(r'viewBox="[\d.]+ [\d.]+ ([\d.]+) [\d.]+"', head)
    if box is None:
        raise InputError("is no drawing with a view box", file=file)
    width = float(box[1])  # a phone may shrink it a little, and scrolls beyond that
    size = f'{box[0]} style="min-width:{0.75 * width:.0f}px;max-width:{1.8 * width:.0f}px"'
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg {spaces} role="img" aria-label="{_text(about)}" {size}>{body.strip()}'


def anchor(*parts: str) -> str:
    """The parts as one identifier."""
    return "-".join(re.sub(r"[^\w-]+", "-", part).strip("-") for part in parts if part)


def _text(text: str) -> str:
    return escape(text, quote=True)
