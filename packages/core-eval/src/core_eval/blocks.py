"""Loops over blocks of samples: on every core, with buffers that do not grow with the data."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def in_blocks(run: Callable[[int, int], object], count: int, size: int) -> None:
    """Call ``run(start, stop)`` for consecutive ranges of at most `size` that cover ``range(count)``, in threads.

    Worth it where `run` releases the interpreter lock.
    """
    starts = range(0, count, size)
    stops = [min(start + size, count) for start in starts]
    threads = min(
        len(starts), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    if threads < 2:
        for start, stop in zip(starts, stops, strict=True):
            run(start, stop)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, starts, stops))
