"""What each budget trains of the Mnemonic Descent Method. Those of `paper` are the defaults of the authors' code."""

from __future__ import annotations

from dataclasses import dataclass

from core_eval import InputError


@dataclass(frozen=True, slots=True)
class Plan:
    """One training run.

    Attributes:
        side: S of the frame, px.
        fill: share of the side that the mean shape takes.
        patch: side of a patch, px of the frame.
        channels: of both convolutions.
        hidden: size of the memory.
        steps: unrolled steps T.
        updates: optimiser steps.
        batch: images a step.
        rate: peak learning rate of AdamW.
        kernel_rate: peak learning rate of Muon for the weights of the memory, by far the most; None: AdamW for all.
    """

    side: int
    fill: float
    patch: int
    channels: int
    hidden: int
    steps: int
    updates: int
    batch: int
    rate: float
    kernel_rate: float | None


PLANS = {
    "smoke": Plan(56, 0.6, 10, 8, 64, 4, 30, 16, 3e-3, 0.02),
    "quick": Plan(96, 0.6, 13, 16, 256, 4, 600, 32, 3e-3, 0.02),
    "standard": Plan(96, 0.6, 14, 32, 512, 4, 20_000, 32, 1e-3, None),
    "paper": Plan(240, 0.6, 24, 32, 512, 4, 50_000, 40, 7e-4, None),
}


def plan(budget: str) -> Plan:
    """The plan of a budget. Raises `InputError` for an unknown one."""
    if budget not in PLANS:
        raise InputError(f"unknown budget {budget!r}; known: {', '.join(PLANS)}", field="budget")
    return PLANS[budget]
