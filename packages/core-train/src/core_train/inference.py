"""Trained networks at their fastest: folded batch norm, the plan's layout and precision, batches read ahead.

Axes: N images, H rows, W columns, C channels.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

from core_train.hardware import Plan, plan_precision

T = TypeVar("T")


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Return a copy, in evaluation mode, whose batch norms have gone into the convolutions before them; the outputs
    agree.

    The network must be traceable by torch.fx (the backbones here are).
    """
    training = network.training
    folded: nn.Module = fuse(network.eval())
    network.train(training)
    return folded


def predict_batches(
    network: Callable[[Tensor], Any], batches: Iterable[Tensor | np.ndarray], *, plan: Plan | None = None
) -> Iterator[Any]:
    """Yield `network(batch)` for each batch, in order, without gradients, in the plan's precision and on its device.

    Args:
        network: a module in evaluation mode (it is moved to the device and layout of the plan), or any function of a
            tensor.
        batches: tensors or arrays, `(N, ...)`.
        plan: by default `plan_precision()`.

    Raises ValueError for a module in training mode, whose batch norm would mix the samples of a batch.
    """
    plan = plan_precision() if plan is None else plan
    if isinstance(network, nn.Module):
        if network.training:
            raise ValueError("the network is in training mode; call eval() first")
        network.to(plan.device)
        if plan.channels_last:
            for parameter in network.parameters():
                if parameter.ndim == 4:
                    parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    half = plan.precision == "bf16-mixed"
    for batch in batches:
        tensor = torch.from_numpy(batch) if isinstance(batch, np.ndarray) else batch
        precision = torch.autocast(plan.device, torch.bfloat16) if half else contextlib.nullcontext()
        with torch.inference_mode(), precision:
            result = network(tensor.to(plan.device))
        yield result


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut a stream into lists of `size` items; the last may be shorter."""
    iterator = iter(items)
    while piece := list(islice(iterator, size)):
        yield piece
