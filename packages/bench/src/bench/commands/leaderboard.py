from __future__ import annotations


def leaderboard() -> None:
    """Not written."""
