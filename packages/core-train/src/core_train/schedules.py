"""Learning-rate schedules: functions of the training's progress t in [0, 1], giving a factor of the base learning rate.

As functions of progress they need no state: a resumed run, or one limited by time, computes the same factor.
"""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[float], float]


def constant() -> Schedule:
    """The base learning rate throughout."""
    return lambda _: 1.0


def polynomial(power: float = 0.9, *, warmup: float = 0.0, start: float = 0.1) -> Schedule:
    """(1 - t)^power, after a linear warm-up from `start` over the first `warmup` of the run.

    DenseReg Sec. 5.1: "a base learning rate of 0.001 with a polynomial decay policy", after "a warm start for a few
    iterations". The power 0.9 is DeepLab's, which the paper's network extends; the paper prints none.
    """
    return _warmed(lambda t: max(1.0 - t, 0.0) ** power, warmup, start)


def cosine(*, warmup: float = 0.05, start: float = 0.05, end: float = 0.0) -> Schedule:
    """Half a cosine from 1 to `end` (Loshchilov and Hutter 2017), after a linear warm-up from `start`."""
    return _warmed(lambda t: end + (1.0 - end) * 0.5 * (1.0 + math.cos(math.pi * min(t, 1.0))), warmup, start)


def _warmed(decay: Schedule, warmup: float, start: float) -> Schedule:
    if not 0.0 <= warmup < 1.0:
        raise ValueError(f"the warm-up is a fraction of the run in [0, 1), not {warmup}")

    def factor(t: float) -> float:
        if t < warmup:
            return start + (decay(0.0) - start) * t / warmup
        return decay((t - warmup) / (1.0 - warmup))

    return factor
