from __future__ import annotations


def describe() -> None:
    """Not written."""
