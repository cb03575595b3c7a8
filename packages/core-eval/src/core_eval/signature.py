"""Signatures: one line of text that pins every choice behind a number."""

from __future__ import annotations

VERSION = 1
"""Raised when a metric's arithmetic changes; part of every signature."""


def signature(metric: str, **choices: object) -> str:
    """``metric|key:value|...|v:1``, keys in the given order.

    Two values whose signatures differ are never put into one ranking. Example: ``signature("failure",
    error="nme", limit="0.10")`` is ``failure|error:nme|limit:0.10|v:1``.
    """
    for key, value in choices.items():
        if any(mark in f"{key}{value}" for mark in "|\n"):
            raise ValueError(f"a signature part must not contain '|' or a line break: {key}={value!r}")
    return "|".join([metric, *(f"{key}:{value}" for key, value in choices.items()), f"v:{VERSION}"])
