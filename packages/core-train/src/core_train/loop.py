"""`fit_module`: one training run, on Lightning's Trainer, that survives being killed.

Everything random is a function of seed and step (see `batches`), so a run that was killed and resumed ends, on a CPU
in float32, with the very weights of a run that was not.
"""

from __future__ import annotations

import contextlib
import logging
import math
import pickle
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging

from core_eval import InputError
from core_train.batches import Batches, prefetch
from core_train.hardware import Plan, plan_precision, prepare_process
from core_train.progress import TrainingProgress
from core_train.schedules import Schedule
from core_train.seeds import seed_torch

CHECKPOINT = "last.ckpt"


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to train: a number of steps or of epochs, and, as an additional limit, seconds of training time.

    Only the first two give the same result on every machine. Raises ValueError when not exactly one of them is given,
    or a number is not positive.
    """

    steps: int | None = None
    epochs: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("a budget has either steps or epochs")
        if any(value is not None and value <= 0 for value in (self.steps, self.epochs, self.seconds)):
            raise ValueError(f"a budget is positive: {self}")

    def total_steps(self, epoch: int) -> int:
        """The number of steps, when an epoch has `epoch` of them."""
        return self.steps if self.steps is not None else max(1, round(self.epochs * epoch))  # type: ignore[operator]


@dataclass(frozen=True, slots=True)
class FitReport:
    """What happened.

    Attributes:
        steps: done in all.
        resumed_from: the step a killed run was resumed from; 0 for none.
        seconds: of training in all.
        loss: averaged over the last steps; NaN when no step was left to do.
    """

    steps: int
    resumed_from: int
    seconds: float
    loss: float


class DivergedError(ArithmeticError):
    """The training loss is no longer a finite number."""


def fit_module(
    module: LightningModule,
    batches: Batches,
    *,
    budget: Budget,
    seed: int,
    workdir: Path,
    plan: Plan | None = None,
    schedule: Schedule | None = None,
    averaging: float | None = None,
    clip: float | None = None,
    run: str = "",
    title: str = "training",
    checkpoint_seconds: float = 30.0,
) -> FitReport:
    """Train `module` in place.

    The module gives `training_step(batch, batch_idx) -> loss` and `configure_optimizers`; its initial weights are the
    caller's (see `seed_torch`). It ends on the CPU, in evaluation mode, holding the averaged weights when `averaging`
    is set.

    Args:
        batches: the training stream; made ahead of time in a background thread.
        budget: when to stop.
        seed: for what the module itself draws (dropout).
        workdir: holds `last.ckpt`, the state of a killed run, from which training goes on; a finished run's costs no
            further step.
        plan: device, precision, layout; by default `plan_precision()`.
        schedule: factor of the optimiser's learning rates over the progress of the run, in place of a scheduler of the
            module.
        averaging: decay of an exponential moving average of the weights (and batch-norm statistics), for example 0.999.
            Early on the decay is (1 + n) / (10 + n), so that a short run forgets its initial weights.
        clip: norm to which gradients are clipped.
        run: names what is trained (method, options, data); a checkpoint of another run is refused.
        title: for the progress line.
        checkpoint_seconds: time between two checkpoints.

    Raises:
        InputError: the checkpoint is damaged, or of another run, or cannot be written.
        DivergedError: the loss is not finite.
    """
    plan = plan_precision() if plan is None else plan
    prepare_process(plan)
    total = budget.total_steps(len(batches))
    path = workdir / CHECKPOINT
    workdir.mkdir(parents=True, exist_ok=True)
    identity = (
        f"{run}|seed={seed}|steps={total}|seconds={budget.seconds}|averaging={averaging}|precision={plan.precision}"
    )
    begin, spent = _peek(path, identity)
    if plan.channels_last:
        for parameter in module.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    state = _RunState(budget, total, seed, identity, begin, spent, schedule)
    if begin >= total or state.progress(begin) >= 1.0:
        module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["state_dict"])
        module.eval()
        return FitReport(begin, begin, spent, float("nan"))
    with TrainingProgress(title, total) as line, _quiet(), contextlib.closing(_Stream(batches, begin, total)) as stream:
        callbacks: list[Callback] = [_Steps(state, line)]
        if averaging is not None:
            callbacks.append(WeightAveraging(multi_avg_fn=_ema(averaging)))
        callbacks.append(_LastCheckpoint(state, path, checkpoint_seconds))
        trainer = Trainer(
            accelerator="gpu" if plan.device == "cuda" else plan.device,
            devices=1,
            precision=plan.precision,
            max_steps=total,
            max_epochs=-1,
            gradient_clip_val=clip,
            callbacks=callbacks,
            default_root_dir=workdir,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
        )
        trainer.fit(module, stream, ckpt_path=path if begin else None, weights_only=True)
    module.cpu().eval()
    return FitReport(trainer.global_step, begin, state.seconds(), state.loss)


class _RunState:
    """Time, progress and loss of a run; what the checkpoint says besides Lightning's own state."""

    def __init__(
        self, budget: Budget, total: int, seed: int, identity: str, begin: int, spent: float, schedule: Schedule | None
    ) -> None:
        self.budget, self.total, self.seed, self.identity = budget, total, seed, identity
        self.begin, self.spent, self.schedule = begin, spent, schedule
        self.started = time.monotonic()
        self.loss = float("nan")

    def seconds(self) -> float:
        return self.spent + time.monotonic() - self.started

    def progress(self, step: int) -> float:
        """How much of the budget is used up before step `step`, in [0, 1]."""
        fraction = step / self.total
        if self.budget.seconds is not None:
            fraction = max(fraction, self.seconds() / self.budget.seconds)
        return min(fraction, 1.0)


class _Steps(Callback):
    """Before each step: seed and learning rate. After it: loss, progress line, end of the time."""

    def __init__(self, state: _RunState, line: TrainingProgress) -> None:
        self._state, self._line = state, line

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._state.started = time.monotonic()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        state, step = self._state, trainer.global_step
        seed_torch(state.seed, "step", step)
        if state.schedule is not None:
            factor = state.schedule(state.progress(step))
            for optimizer in trainer.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = factor * group.setdefault("initial_lr", group["lr"])

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        state, step = self._state, trainer.global_step
        last = step >= state.total or state.progress(step) >= 1.0
        # Reading the loss makes a GPU wait for its queue: not in every step.
        if pl_module.device.type == "cpu" or last or step % 50 == 0:
            loss = float(outputs["loss"].detach())
            if not math.isfinite(loss):
                raise DivergedError(f"the loss is {loss} in step {step} of {state.total}")
            state.loss = loss if math.isnan(state.loss) else state.loss + 0.1 * (loss - state.loss)
            done = state.progress(step)
            self._line.update(step, state.loss, total=step if last else max(round(step / done), step + 1))
        trainer.should_stop = last


class _LastCheckpoint(Callback):
    """Write the state of the run every so often, and at its end: to a temporary file, which then replaces the old."""

    def __init__(self, state: _RunState, path: Path, every: float) -> None:
        self._state, self._path, self._every = state, path, every
        self._last = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if time.monotonic() - self._last < self._every and not trainer.should_stop:
            return
        temporary = self._path.with_suffix(".tmp")
        try:
            trainer.save_checkpoint(temporary)
            temporary.replace(self._path)
        except OSError as error:  # a full disk
            temporary.unlink(missing_ok=True)
            raise InputError(f"cannot write the checkpoint: {error.strerror or error}", file=self._path) from None
        self._last = time.monotonic()

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["run"] = {"identity": self._state.identity, "seconds": self._state.seconds()}


class _Stream:
    """The batches from step `begin` on, as Lightning wants them: an iterable without length, hence one endless
    epoch."""

    def __init__(self, batches: Batches, begin: int, end: int) -> None:
        self._make, self._begin, self._end = batches.batch, begin, end
        self._iterator: Iterator[Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        self.close()
        self._iterator = prefetch(self._make, self._begin, self._end)
        return self._iterator

    def close(self) -> None:
        if self._iterator is not None:
            self._iterator.close()  # type: ignore[attr-defined]


def _ema(decay: float) -> Any:
    def update(averaged: list[torch.Tensor], current: list[torch.Tensor], count: torch.Tensor | int) -> None:
        n = int(count)
        share = 1.0 - min(decay, (1 + n) / (10 + n))
        if averaged[0].is_floating_point():
            torch._foreach_lerp_(averaged, current, share)
        else:  # the number of batches seen by batch norm
            torch._foreach_copy_(averaged, current)

    return update


def _peek(path: Path, identity: str) -> tuple[int, float]:
    """Return the step and the seconds of a checkpoint; zeros when there is none."""
    if not path.exists():
        return 0, 0.0
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        step, run = int(checkpoint["global_step"]), checkpoint["run"]
        found, seconds = str(run["identity"]), float(run["seconds"])
    except (RuntimeError, ValueError, KeyError, TypeError, EOFError, OSError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"not a checkpoint of a training run ({reason}); delete it to start afresh", file=path
        ) from None
    if found != identity:
        raise InputError(
            f"the checkpoint is of another run: {found!r}, not {identity!r}; delete it to start afresh", file=path
        )
    return step, seconds


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence what Lightning says about itself, and give Ctrl-C back its usual meaning afterwards."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [logger.level for logger in loggers]
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if main else None
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # The plan chose the device. And Lightning uses a class that torch has since renamed.
            warnings.filterwarnings("ignore", message="GPU available but not used")
            warnings.filterwarnings(
                "ignore", message=r"`isinstance\(treespec, LeafSpec\)` is deprecated", category=FutureWarning
            )
            yield
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):  # Lightning exits on Ctrl-C; our callers decide themselves
            raise KeyboardInterrupt from None
        raise
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if main and handler is not None:
            signal.signal(signal.SIGINT, handler)
