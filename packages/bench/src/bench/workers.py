"""Models trained side by side, each in a process of its own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence

from bench.execute import execute
from bench.jobs import Job, Outcome


def beside(jobs: Sequence[Job]) -> int:
    """One model a core while models are small: two trainings on a core each beat two cores on each in turn."""
    if not all(job.run.budget in ("smoke", "quick") for job in jobs):
        return 1
    return os.process_cpu_count() if hasattr(os, "process_cpu_count") else len(os.sched_getaffinity(0))


def run_groups(groups: Sequence[Sequence[Job]], workers: int) -> Iterator[list[Outcome]]:
    """Outcomes of each group, in the order in which groups end."""
    from joblib import Parallel, delayed

    outcomes: Iterator[list[Outcome]] = Parallel(n_jobs=workers, return_as="generator_unordered")(
        delayed(_group)(group) for group in groups
    )
    return outcomes


def _group(jobs: Sequence[Job]) -> list[Outcome]:
    """In a worker: its progress must be plain lines, since several share the terminal."""
    os.environ["TTY_COMPATIBLE"] = "0"
    end_with_parent()
    return [execute(job) for job in jobs]


def end_with_parent(every: float = 1.0) -> None:
    """End this process soon after its parent has, however that was killed: nobody waits for the result.

    A training left alone would go on for its whole budget, beside the one that a rerun resumes from the checkpoint.
    """
    if any(thread.name == _WATCH for thread in threading.enumerate()):
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(every)
        os._exit(1)

    threading.Thread(target=watch, name=_WATCH, daemon=True).start()


_WATCH = "end-with-parent"
