"""Sample ids that nearly fit: what would make a user's ids those of the protocol."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations

LOOKED_AT = 2000
"""Ids that are tried; what holds for so many holds for the others."""

Step = tuple[str, Callable[[str], str], bool]
_FOLDERS: Step = ("differ in folders", lambda text: text.rstrip("/").rpartition("/")[2], True)
_STEPS: tuple[Step, ...] = (
    ("have a file extension", lambda text: re.sub(r"\.[A-Za-z][A-Za-z0-9]{0,4}$", "", text), False),
    ("use backslashes or start with ./", lambda text: re.sub(r"^(\./)+", "", text.replace("\\", "/")), True),
    _FOLDERS,
    ("differ in capitals", str.casefold, True),
    ("differ in leading zeros", lambda text: re.sub(r"\d+", lambda digits: digits[0].lstrip("0") or "0", text), True),
    ("differ in punctuation", lambda text: re.sub(r"[\W_]+", "-", text).strip("-"), True),
)
"""(what is the matter with the user's ids, how it is undone, whether on both sides), in the order in which they are
applied; punctuation last, because folders and extensions are read from it."""


def hint(wanted: Sequence[str], unknown: Sequence[str]) -> str:
    """One sentence on why the `unknown` ids of a user are not the `wanted` ones of the protocol; empty if it is not
    seen. The fewest changes that make most of them fit, each to one id."""
    sample = list(unknown[:LOOKED_AT])
    if not wanted or not sample:
        return ""
    if all(text.isdecimal() for text in sample) and not any(text.isdecimal() for text in wanted):
        return (
            f"your ids look like positions ({sample[0]!r}); the protocol's are names like {wanted[0]!r}; "
            "--ids FILE names them in order"
        )
    for count in (1, 2, 3):
        # Dropping folders loses most: it is the last that is believed.
        tried = sorted(combinations(_STEPS, count), key=lambda steps: _FOLDERS in steps)
        best = max((_fits(wanted, sample, steps) for steps in tried), key=lambda fit: len(fit[1]))
        steps, pairs = best
        if 2 * len(pairs) >= len(sample):
            theirs, ours = pairs[0]
            matter = " and ".join(what for what, _, _ in steps)
            share = "all" if len(pairs) == len(sample) else f"{len(pairs)} of {len(sample)}"
            return f"your ids {matter} ({share}): yours is {theirs!r}, the protocol's is {ours!r}"
    return f"yours are like {sample[0]!r}, the protocol's are like {wanted[0]!r}"


def _fits(
    wanted: Sequence[str], unknown: Sequence[str], steps: tuple[Step, ...]
) -> tuple[tuple[Step, ...], list[tuple[str, str]]]:
    """The (user's, protocol's) ids that become equal after the steps, where each becomes one and no other."""
    ours = {text: _apply(text, steps, both=False) for text in wanted}
    times, back = Counter(ours.values()), {short: text for text, short in ours.items()}
    theirs = {text: _apply(text, steps, both=True) for text in unknown}
    again = Counter(theirs.values())
    return steps, [(text, back[short]) for text, short in theirs.items() if times[short] == 1 and again[short] == 1]


def _apply(text: str, steps: tuple[Step, ...], *, both: bool) -> str:
    for _, change, on_both in steps:
        text = change(text) if on_both or both else text
    return text
