"""Training for the paper packages: hardware plan, batches, the loop, schedules, weights, and shared backbones."""

from core_train.batches import ArrayBatches, Batches, BatchSource, EpochSampler, gather, prefetch
from core_train.hardware import Hardware, Plan, hardware, keep_freed_memory, plan_precision, prepare_process
from core_train.loop import Budget, DivergedError, FitReport, fit_module
from core_train.optim import adamw
from core_train.schedules import Schedule, constant, cosine, polynomial
from core_train.seeds import numpy_generator, seed_from_name, seed_torch, torch_generator
from core_train.weights import load_weights, save_weights

__all__ = [
    "ArrayBatches",
    "BatchSource",
    "Batches",
    "Budget",
    "DivergedError",
    "EpochSampler",
    "FitReport",
    "Hardware",
    "Plan",
    "Schedule",
    "adamw",
    "constant",
    "cosine",
    "fit_module",
    "gather",
    "hardware",
    "keep_freed_memory",
    "load_weights",
    "numpy_generator",
    "plan_precision",
    "polynomial",
    "prefetch",
    "prepare_process",
    "save_weights",
    "seed_from_name",
    "seed_torch",
    "torch_generator",
]
