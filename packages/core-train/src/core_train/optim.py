"""Optimisers with the settings all packages share."""

from __future__ import annotations

import torch
from torch import nn


def adamw(module: nn.Module, lr: float, *, weight_decay: float = 1e-4) -> torch.optim.AdamW:
    """AdamW (fused kernels) whose weight decay leaves out biases and normalisation parameters: those with one axis."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=lr, fused=True)
