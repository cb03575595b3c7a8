"""What this machine is, and which device, precision and memory layout to train with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import joblib
import torch

from core_train.memory import keep_freed_memory

Precision = Literal["32-true", "bf16-mixed"]


@dataclass(frozen=True, slots=True)
class Hardware:
    """The machine.

    Attributes:
        device: "cuda", "mps" or "cpu", the first that is present.
        cores: processor cores which this process may use (affinity and container limits counted).
        bf16: the device has bfloat16 arithmetic in hardware. Emulated bfloat16 is many times slower than float32.
    """

    device: str
    cores: int
    bf16: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run a network: device, Lightning precision, layout of images, number of CPU threads."""

    device: str
    precision: Precision
    channels_last: bool
    threads: int


def hardware(device: str | None = None) -> Hardware:
    """Look at the machine; `device` overrules the choice. Raises ValueError for a device that is not there."""
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device is None:
        device = next(name for name, there in present.items() if there)
    elif not present.get(device, False):
        raise ValueError(
            f"no device {device!r} on this machine; there is {', '.join(k for k, v in present.items() if v)}"
        )
    bf16 = (device == "cuda" and _cuda_bf16()) or (device == "cpu" and _cpu_bf16())
    return Hardware(device, joblib.cpu_count(), bf16)


def plan_precision(device: str | None = None) -> Plan:
    """Choose precision and layout for `device` (default: the best one present).

    bfloat16 mixed precision where the hardware has it, float32 elsewhere; channels-last images on CPU and CUDA, where
    convolutions are fastest that way. The choice depends on the machine alone, not on a measurement, so that reruns
    agree.
    """
    machine = hardware(device)
    threads = int(os.environ["OMP_NUM_THREADS"]) if os.environ.get("OMP_NUM_THREADS", "").isdigit() else machine.cores
    return Plan(
        device=machine.device,
        precision="bf16-mixed" if machine.bf16 else "32-true",
        channels_last=machine.device != "mps",
        threads=max(threads, 1),
    )


def prepare_process(plan: Plan) -> None:
    """Set the number of threads, and keep freed memory for the next batch; call once, before the first large tensor."""
    torch.set_num_threads(plan.threads)
    if plan.device == "cpu":
        keep_freed_memory()


def _cuda_bf16() -> bool:
    return torch.cuda.get_device_capability() >= (8, 0)


def _cpu_bf16() -> bool:
    # torch has no public name for these yet; where they are missing, float32 is always right.
    checks = [getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return any(bool(check()) for check in checks if check is not None)
