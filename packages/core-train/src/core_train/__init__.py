"""Training for the paper packages: hardware plan, batches, the loop, schedules, weights, and shared backbones.

The loop is imported on first use: Lightning takes seconds to import, and prediction does not need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core_train.augment import Augment
from core_train.batches import ArrayBatches, Batches, BatchSource, EpochSampler, gather, prefetch
from core_train.hardware import Hardware, Plan, hardware, plan_precision, prepare_process
from core_train.images import to_input
from core_train.inference import chunks, fold_batch_norm, predict_batches
from core_train.memory import keep_freed_memory
from core_train.optim import Muon, adamw
from core_train.schedules import Schedule, constant, cosine, polynomial
from core_train.seeds import numpy_generator, seed_from_name, seed_torch, torch_generator
from core_train.weights import load_weights, save_weights

if TYPE_CHECKING:
    from core_train.loop import Budget, DivergedError, FitReport, fit_module

__all__ = [
    "ArrayBatches",
    "Augment",
    "BatchSource",
    "Batches",
    "Budget",
    "DivergedError",
    "EpochSampler",
    "FitReport",
    "Hardware",
    "Muon",
    "Plan",
    "Schedule",
    "adamw",
    "chunks",
    "constant",
    "cosine",
    "fit_module",
    "fold_batch_norm",
    "gather",
    "hardware",
    "keep_freed_memory",
    "load_weights",
    "numpy_generator",
    "plan_precision",
    "polynomial",
    "predict_batches",
    "prefetch",
    "prepare_process",
    "save_weights",
    "seed_from_name",
    "seed_torch",
    "to_input",
    "torch_generator",
]


def __getattr__(name: str) -> Any:
    if name not in ("Budget", "DivergedError", "FitReport", "fit_module"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from core_train import loop

    value = globals()[name] = getattr(loop, name)
    return value
