"""Areas under curves of the share of errors that a threshold reaches.

Axis letters: T thresholds.

Such a curve is a mean of steps, one for each error, so the area under it is the mean of the areas under the steps,
whatever the quadrature: an error that stays below the last T - k thresholds has the sum of their weights. That makes
each sample's contribution a number, and any resampling exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rule = Callable[[float], tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True)
class Quadrature:
    """How an evaluator integrates from 0 to its limit.

    `rule` maps the limit to (T,) rising thresholds and (T,) weights of the curve's values there, in the limit's unit;
    None stands for the exact integral. `strict` says whether an error equal to a threshold misses it. `source` is where
    the rule was published.
    """

    rule: Rule | None
    strict: bool
    source: str

    def areas(self, errors: Floats, limit: float) -> Floats:
        """Areas under the steps of `errors` (any shape, no NaN) on [0, limit], divided by the limit: in [0, 1]."""
        if self.rule is None:
            return np.clip(1.0 - errors / limit, 0.0, 1.0)
        grid, weights = self.rule(limit)
        tails = np.append(np.cumsum(weights[::-1])[::-1], 0.0) / limit
        return np.asarray(tails[np.searchsorted(grid, errors, side="right" if self.strict else "left")])


def trapezoid(thresholds: Callable[[float], Floats]) -> Rule:
    """The trapezoidal rule on the thresholds that a limit leads to."""

    def rule(limit: float) -> tuple[Floats, Floats]:
        grid = thresholds(limit)
        steps = np.diff(grid)
        return grid, (np.append(steps, 0.0) + np.append(0.0, steps)) / 2

    return rule


def plain_mean(thresholds: Callable[[float], Floats]) -> Rule:
    """The plain mean of the curve's values at the thresholds that a limit leads to."""

    def rule(limit: float) -> tuple[Floats, Floats]:
        grid = thresholds(limit)
        return grid, np.full(len(grid), limit / len(grid))

    return rule
