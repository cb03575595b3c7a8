"""Optimisers with the settings all packages share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic of Jordan et al. (2024); five rounds bring singular values above 0.01 into [0.7, 1.2]."""


def adamw(module: nn.Module, lr: float, *, weight_decay: float = 1e-4) -> torch.optim.AdamW:
    """AdamW (fused kernels) whose weight decay leaves out biases and normalisation parameters: those with one axis."""
    return torch.optim.AdamW(_groups(module.parameters(), weight_decay), lr=lr, fused=True)


class Muon(torch.optim.AdamW):
    """Muon (Jordan et al. 2024): each kernel moves along its momentum with all singular values made about equal.

    A convolution's kernel counts as a matrix, outputs x (inputs x window). Only the kernels of `trunk` are trained so,
    as the authors advise; the rest of `module` (norms, biases, heads) gets AdamW with its own learning rate. One
    optimiser with the state of both, so a checkpoint holds all of it. torch.optim.Muon takes no convolutions.

    Args:
        module: all that is trained.
        trunk: the part whose kernels are orthogonalised.
        lr: of the kernels; a step changes a square kernel by about `lr` in every direction.
        adam_lr: of the rest.
        momentum: of the kernels (Nesterov's).
        weight_decay: of the kernels and, times `adam_lr`, of the rest's matrices.
    """

    def __init__(
        self,
        module: nn.Module,
        trunk: nn.Module,
        lr: float,
        *,
        adam_lr: float,
        momentum: float = 0.95,
        weight_decay: float = 1e-2,
    ) -> None:
        kernels = [p for p in trunk.parameters() if p.requires_grad and p.ndim > 1]
        own = {id(p) for p in kernels}
        rest = _groups((p for p in module.parameters() if id(p) not in own), weight_decay)
        for group in rest:
            group["lr"] = adam_lr
        kernel_group = {"params": kernels, "lr": lr, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__([kernel_group, *rest], lr=lr, fused=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; see `torch.optim.Optimizer.step`."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        gradients: list[tuple[Tensor, Tensor]] = []
        for group in self.param_groups:
            if "momentum" not in group:
                continue
            for kernel in group["params"]:
                if kernel.grad is None:
                    continue
                gradient, kernel.grad = kernel.grad, None  # AdamW passes over parameters without a gradient
                gradients.append((kernel, gradient))
                state = self.state[kernel]
                if not state:
                    state.update(step=torch.zeros(()), momentum=torch.zeros_like(kernel))
                state["step"] += 1
                state["momentum"].lerp_(gradient, 1 - group["momentum"])
                ahead = gradient.lerp(state["momentum"], group["momentum"])
                rows, columns = len(kernel), kernel[0].numel()
                update = orthogonalise(ahead.reshape(rows, columns)).reshape(kernel.shape)
                kernel.mul_(1 - group["lr"] * group["weight_decay"])
                kernel.add_(update, alpha=-group["lr"] * math.sqrt(max(1.0, rows / columns)))
        super().step()
        for kernel, gradient in gradients:
            kernel.grad = gradient
        return loss


def orthogonalise(matrix: Tensor, rounds: int = 5) -> Tensor:
    """Near U V^T of the matrix U S V^T, by Newton-Schulz iteration: the same shape, singular values about 1.

    A round is X <- (a + b X X^T + c (X X^T)^2) X. All rounds' factors are polynomials of the first X X^T, so they are
    multiplied up as small square matrices and meet the long X once: 40 % less work at the shapes of our networks.
    """
    a, b, c = NEWTON_SCHULZ
    x: Tensor = matrix if len(matrix) <= len(matrix.T) else matrix.T
    x = x / (x.norm() + 1e-7)
    gram = x @ x.T
    product = torch.eye(len(gram), dtype=x.dtype, device=x.device)
    one = product
    for _ in range(rounds):
        factor = a * one + b * gram + c * (gram @ gram)
        product = factor @ product
        gram = factor @ gram @ factor
    x = product @ x
    return x if x.shape == matrix.shape else x.T


def _groups(parameters: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Parameters that decay, and those with one axis, which do not."""
    trained = [p for p in parameters if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
