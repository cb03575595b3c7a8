"""One progress line: a bar with the time left on a terminal, and plain lines, at most one in ten seconds, elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class TrainingProgress:
    """Show how far a training run is; a context manager.

    Args:
        title: what is trained.
        total: steps in all; `update` may give a fraction instead.
        console: where to write; standard error by default.
        every: seconds between plain lines.
    """

    def __init__(self, title: str, total: int, *, console: Console | None = None, every: float = 10.0) -> None:
        self._title, self._total, self._every = title, total, every
        self._console = Console(stderr=True) if console is None else console
        self._bar: Progress | None = None
        self._begin = self._last = time.monotonic()
        self._first_step: int | None = None

    def __enter__(self) -> TrainingProgress:
        self._begin = self._last = time.monotonic()
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("loss {task.fields[loss]:.4g}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=self._total, loss=float("nan"))
        return self

    def update(self, step: int, loss: float, *, total: int | None = None) -> None:
        """Say that `step` steps are done; `total` corrects the number of steps (a run limited by time)."""
        self._total = self._total if total is None else total
        if self._bar is not None:
            self._bar.update(self._task, completed=step, total=self._total, loss=loss)
            return
        now = time.monotonic()
        if self._first_step is None:
            self._first_step = step
        if now - self._last < self._every and step < self._total:
            return
        done = step - self._first_step
        left = (
            f", {_clock((self._total - step) * (now - self._begin) / done)} left"
            if done > 0 and step < self._total
            else ""
        )
        line = f"{self._title}: step {step}/{self._total}, loss {loss:.4g}, {_clock(now - self._begin)}{left}"
        self._console.print(line, highlight=False, soft_wrap=True, markup=False)
        self._last = now

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
