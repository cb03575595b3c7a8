"""Timing one sample at a time, as a user waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, TypeVar

T = TypeVar("T")


def median_ms(work: Callable[[T], Any], items: Sequence[T]) -> float:
    """The median time of `work(item)` in milliseconds, after one round that does not count (compilers, memory).

    Raises ValueError for no items.
    """
    if not items:
        raise ValueError("nothing to time")
    work(items[0])
    times = []
    for item in items:
        start = time.perf_counter()
        work(item)
        times.append(time.perf_counter() - start)
    return 1e3 * median(times)
