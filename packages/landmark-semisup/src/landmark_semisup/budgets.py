"""What each budget trains, and the printed constants of each experiment. The printed hyper-parameters are `paper`'s."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core_eval import InputError


@dataclass(frozen=True, slots=True)
class Task:
    """What the paper prints for an experiment.

    The greek letters are lost in the paper's text; which value belongs to which is presumed from place and size.

    Attributes:
        kernel: side of the large convolutions, px.
        layers: number of large convolutions; two of side 1 follow.
        maps: feature maps of each.
        hidden: widths of the fully connected layers before the last.
        dropout: share of the hidden units.
        beta: inverse temperature of the soft-argmax.
        landmark: weight of cost L (lambda).
        transformation: weight of cost T (alpha).
        decay: weight of the squared norm of the parameters (gamma).
        white: value of a white pixel at the input. Not printed: scaling the input scales the maps, hence beta.
        rotation, scale, shift: range of T: degrees either way, factor, share of the image either way.
    """

    kernel: int
    layers: int
    maps: int
    hidden: tuple[int, ...]
    dropout: float
    beta: float
    landmark: float
    transformation: float
    decay: float
    white: float
    rotation: float
    scale: tuple[float, float]
    shift: float


TASKS = {
    "shapes": Task(7, 6, 16, (40,), 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 180.0, (0.8, 1.25), 0.1),
    "blocks": Task(9, 6, 8, (256, 256), 0.25, 0.01, 1.0, 1.0, 1e-5, 255.0, 180.0, (0.8, 1.25), 0.1),
}


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


def plan(budget: str) -> Plan:
    """The plan of a budget. Raises `InputError` for an unknown one."""
    if budget not in PLANS:
        raise InputError(f"unknown budget {budget!r}; known: {', '.join(PLANS)}", field="budget")
    return PLANS[budget]


def task(name: str) -> Task:
    """The constants of an experiment. Raises `InputError` for an unknown one."""
    if name not in TASKS:
        raise InputError(f"unknown task {name!r}; known: {', '.join(TASKS)}", field="task")
    return TASKS[name]
