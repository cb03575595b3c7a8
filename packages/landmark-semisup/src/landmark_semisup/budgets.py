"""What each budget trains. The printed hyper-parameters are `paper`'s."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from core_eval import InputError


@dataclass(frozen=True, slots=True)
class Plan:
    """One training run.

    Attributes:
        fold: squares of this many px become one position with as many times the channels before the convolutions, and
            the other way round after them: maps keep the image's size.
        kernel, maps: in place of the task's, if not None.
        steps: optimiser steps at most.
        batch: images a step from the annotated ones, and as many from the others if a cost uses them.
        rate: peak learning rate of Adam.
        schedule: of the learning rate.
        check: steps between two looks at the validation images.
        valid: validation images used, from the start of the split; None for all.
        patience: checks without a better validation error after which training stops; None: never.
    """

    fold: int
    kernel: int | None
    maps: int | None
    steps: int
    batch: int
    rate: float
    schedule: Literal["cosine", "constant"]
    check: int
    valid: int | None
    patience: int | None


PLANS = {
    "smoke": Plan(4, 3, None, 10, 16, 3e-3, "cosine", 10, 64, None),
    "quick": Plan(2, 5, 16, 400, 32, 3e-3, "cosine", 50, 320, None),
    "standard": Plan(1, None, None, 10_000, 32, 1e-3, "cosine", 200, 800, 25),
    "paper": Plan(1, None, None, 100_000, 32, 1e-3, "constant", 400, None, 25),
}


CHANGES: dict[tuple[str, str], dict[str, Any]] = {}
"""What a task changes in the plan of a budget."""


def plan(budget: str, task: str) -> Plan:
    """The plan of a budget for a task. Raises `InputError` for an unknown budget."""
    if budget not in PLANS:
        raise InputError(f"unknown budget {budget!r}; known: {', '.join(PLANS)}", field="budget")
    return replace(PLANS[budget], **CHANGES.get((task, budget), {}))
