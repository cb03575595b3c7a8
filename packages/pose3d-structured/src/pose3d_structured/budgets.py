"""What each budget trains: network, images, steps of both phases. What the thesis prints is that of `paper`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core_eval import InputError


@dataclass(frozen=True, slots=True)
class Plan:
    """One model: a network under deep supervision, then one copy of it for each topology.

    Attributes:
        trunk: "unet" (small) or "resnet" (the paper's).
        width: channels of the U-Net at its first stage; the ResNet's are fixed.
        stride: of the volume's rows and columns, in px of the network's image.
        depth: D, voxels along z.
        side: the square images are resized to this many px; None: as they are.
        images: training images used, from the start of the split; None for all.
        steps: optimiser steps of the first phase.
        batch: images a step of the first phase.
        rate: peak learning rate of AdamW.
        kernel_rate: peak learning rate of Muon for the kernels of the trunk; None: AdamW for all.
        refine_steps, refine_batch: of the second phase, each topology.
        refine_rate: peak learning rate of AdamW in the second phase.
        violations: K of Sec. 3.2.5.
        augment: random mirror, scale, rotation, shift and colour.
    """

    trunk: Literal["unet", "resnet"]
    width: int
    stride: Literal[8, 16]
    depth: int
    side: int | None
    images: int | None
    steps: int
    batch: int
    rate: float
    kernel_rate: float | None
    refine_steps: int
    refine_batch: int
    refine_rate: float
    violations: int
    augment: bool


PLANS = {
    "smoke": Plan("unet", 8, 16, 8, None, 300, 40, 16, 1e-3, 0.02, 3, 4, 1e-5, 5, False),
    "quick": Plan("unet", 16, 8, 16, None, None, 1800, 16, 1e-3, 0.02, 100, 8, 1e-5, 20, True),
    "standard": Plan("unet", 48, 8, 16, None, None, 20_000, 32, 1e-3, 0.02, 1000, 16, 1e-5, 20, True),
    "paper": Plan("resnet", 2048, 16, 20, 320, None, 100_000, 16, 1e-4, None, 10_000, 16, 1e-5, 20, True),
}


def plan(budget: str) -> Plan:
    """The plan of a budget. Raises `InputError` for an unknown one."""
    if budget not in PLANS:
        raise InputError(f"unknown budget {budget!r}; known: {', '.join(PLANS)}", field="budget")
    return PLANS[budget]
