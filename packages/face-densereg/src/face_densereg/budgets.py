"""What each budget trains: network, images, steps. The printed hyper-parameters are those of `paper`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core_eval import InputError


@dataclass(frozen=True, slots=True)
class Plan:
    """One training run.

    Attributes:
        trunk: name of the backbone in `network.TRUNKS`.
        width: the backbone's width parameter (channels at the finest scale); None where it has none.
        images: training images used, from the start of the split; None for all.
        steps: optimiser steps.
        batch: images a step.
        rate: peak (quick) or base (paper) learning rate.
        schedule: ``cosine`` with warm-up, or the paper's ``polynomial`` with a warm start.
        augment: random scale, rotation and shift of each image (Sec. 5.1), and colour jitter.
    """

    trunk: Literal["unet", "hourglass", "resnet101"]
    width: int | None
    images: int | None
    steps: int
    batch: int
    rate: float
    schedule: Literal["cosine", "polynomial"]
    augment: bool


PLANS = {
    "smoke": Plan("unet", 16, 200, 30, 16, 3e-3, "cosine", False),
    "quick": Plan("unet", None, None, 700, 32, 3e-3, "cosine", False),
    "standard": Plan("hourglass", None, None, 20_000, 32, 1e-3, "cosine", True),
    "paper": Plan("resnet101", None, None, 20_000, 10, 1e-3, "polynomial", True),
}


def plan(budget: str) -> Plan:
    """The plan of a budget. Raises `InputError` for an unknown one."""
    if budget not in PLANS:
        raise InputError(f"unknown budget {budget!r}; known: {', '.join(PLANS)}", field="budget")
    return PLANS[budget]
