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
        batch: images a step from the annotated ones.
        others: images a step from the others (with cost T, each is seen transformed too).
        normalise: each map of a large convolution is normalised over the image and all maps before its ReLU; so are the
            hidden layers that read whole maps.
        beta: inverse temperature in place of the task's, which belongs to maps of another scale; None: the task's.
        rate: peak learning rate of Adam.
        kernel_rate: peak learning rate of Muon for the kernels of the convolutions; None: Adam for all.
        ramp: share of the steps over which the weights of costs C and T beside L grow, as a square, to their values.
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
    others: int
    normalise: bool
    beta: float | None
    rate: float
    kernel_rate: float | None
    ramp: float
    schedule: Literal["cosine", "constant"]
    check: int
    valid: int | None
    patience: int | None


_PRINTED = Plan(
    fold=1,
    kernel=None,
    maps=None,
    steps=100_000,
    batch=32,
    others=32,
    normalise=False,
    beta=None,
    rate=1e-3,
    kernel_rate=None,
    ramp=0.0,
    schedule="constant",
    check=400,
    valid=None,
    patience=25,
)
_QUICK = Plan(
    fold=4,
    kernel=3,
    maps=24,
    steps=1000,
    batch=16,
    others=8,
    normalise=True,
    beta=1.0,
    rate=3e-3,
    kernel_rate=0.03,
    ramp=0.5,
    schedule="cosine",
    check=100,
    valid=320,
    patience=None,
)

PLANS = {
    "smoke": replace(_QUICK, steps=10, check=10, valid=64),
    "quick": _QUICK,
    "standard": replace(_QUICK, steps=6000, check=200, valid=800, patience=15),
    "paper": _PRINTED,
}


CHANGES: dict[tuple[str, str], dict[str, Any]] = {
    ("shapes", "quick"): {"steps": 4000, "check": 250},
    ("hgr1", "quick"): {"steps": 800, "check": 100},
    ("multipie", "quick"): {"steps": 600, "batch": 8, "ramp": 1.0, "valid": 160},
    ("300w", "quick"): {"steps": 600, "batch": 8, "others": 4, "ramp": 1.0, "valid": 160},
}
"""What a task changes in the plan of a budget: reading 25 or 68 maps costs more than making the 5 of Blocks, and Shapes
is one small network that has to find its landmarks by itself. On faces the weight of T is up to seven times that of L,
and full weight from the middle of so few steps on would hold the landmarks together to the end."""


def plan(budget: str, task: str) -> Plan:
    """The plan of a budget for a task. Raises `InputError` for an unknown budget."""
    if budget not in PLANS:
        raise InputError(f"unknown budget {budget!r}; known: {', '.join(PLANS)}", field="budget")
    return replace(PLANS[budget], **CHANGES.get((task, budget), {}))
