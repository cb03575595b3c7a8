"""A small training run with everything that has a state, for `test_train_loop`: as a program, it runs until it is
killed."""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import nn

from core_train import ArrayBatches, Budget, Plan, adamw, cosine, fit_module, seed_torch

STEPS = 120


class Source:
    """500 rows: y is a function of x. Each batch takes a little time when `delay` is set."""

    def __init__(self, delay=0.0):
        generator = np.random.default_rng(0)
        self.x = generator.normal(size=(500, 8)).astype(np.float32)
        self.y = np.abs(self.x[:, :1])
        self.delay = delay

    def __len__(self):
        return len(self.x)

    def fetch(self, indices):
        time.sleep(self.delay)
        return {"x": self.x[indices], "y": self.y[indices]}


class Net(LightningModule):
    """Batch norm, dropout, AdamW."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 1))
        self.rates = []

    def training_step(self, batch, batch_idx):
        self.rates.append(self.optimizers().param_groups[0]["lr"])
        return (self.net(batch["x"]) - batch["y"]).square().mean()

    def configure_optimizers(self):
        return adamw(self, 1e-2)


def noise(arrays, generator):
    return {**arrays, "x": arrays["x"] + 0.1 * generator.normal(size=arrays["x"].shape).astype(np.float32)}


def train(workdir, *, delay=0.0, init="init", source=None, steps=STEPS, **options):
    """Train and return (module, report)."""
    seed_torch(init)
    module = Net()
    batches = ArrayBatches(source or Source(delay), 32, "data", transform=noise)
    plan = Plan("cpu", "32-true", channels_last=True, threads=1)
    settings = {"averaging": 0.9, "schedule": cosine(), "budget": Budget(steps=steps), "seed": 1, "plan": plan}
    report = fit_module(module, batches, workdir=workdir, **{**settings, **options})
    return module, report


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(Path(sys.argv[1]), delay=0.05, checkpoint_seconds=0.2)
