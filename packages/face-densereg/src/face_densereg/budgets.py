"""What each budget trains: network, images, steps. The printed hyper-parameters are those of `paper`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from core_eval import InputError


@dataclass(frozen=True, slots=True)
class Plan:
    """One training run.

    Attributes:
        trunk: name of the backbone in `network.TRUNKS`.
        width: channels at the finest scale; the ResNet's are fixed.
        fold: squares of this many px become one position with as many times the channels before the trunk (space to
            depth); losses stay at image scale.
        images: training images used, from the start of the split; None for all.
        steps: optimiser steps.
        batch: images a step.
        rate: peak (quick) or base (paper) learning rate of AdamW.
        kernel_rate: peak learning rate of Muon for the kernels of the trunk; None: AdamW for all.
        schedule: ``cosine`` with warm-up, or the paper's ``polynomial`` with a warm start.
        positions: pixels an image, drawn at random, at which the coordinate losses are estimated; None: all.
        augment: random scale, rotation and shift of each image (Sec. 5.1), and colour jitter.
    """

    trunk: Literal["unet", "hourglass", "resnet101"]
    width: int
    fold: int
    images: int | None
    steps: int
    batch: int
    rate: float
    kernel_rate: float | None
    schedule: Literal["cosine", "polynomial"]
    positions: int | None
    augment: bool


PLANS = {
    "smoke": Plan("unet", 16, 2, 400, 150, 16, 3e-3, 0.05, "cosine", 500, False),
    "quick": Plan("unet", 16, 2, None, 2400, 16, 3e-3, 0.05, "cosine", 500, False),
    "standard": Plan("hourglass", 128, 1, None, 20_000, 32, 1e-3, None, "cosine", None, True),
    "paper": Plan("resnet101", 2048, 1, None, 20_000, 10, 1e-3, None, "polynomial", None, True),
}


def plan(budget: str, steps: int | None = None) -> Plan:
    """The plan of a budget, with another number of steps if one is given. Raises `InputError` for an unknown budget."""
    if budget not in PLANS:
        raise InputError(f"unknown budget {budget!r}; known: {', '.join(PLANS)}", field="budget")
    return PLANS[budget] if steps is None else replace(PLANS[budget], steps=steps)


CASCADE_STEPS = {"quick": 1500}
"""Where the cascade, whose steps take twice as long, trains for fewer."""


def cascade_plan(budget: str, steps: int | None = None) -> Plan:
    """The plan of the cascade's two networks: two hourglasses where the budget's trunk is not a U-Net (Sec. 5.1)."""
    chosen = plan(budget, CASCADE_STEPS.get(budget) if steps is None else steps)
    return replace(chosen, trunk="hourglass", width=256) if chosen.trunk == "resnet101" else chosen
