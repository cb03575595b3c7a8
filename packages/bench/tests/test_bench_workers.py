"""Workers do not outlive the command that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from bench.workers import beside

PARENT = """
import os, time
from joblib import Parallel, delayed
from bench.workers import end_with_parent

def work(n):
    end_with_parent(0.1)
    print(os.getpid(), flush=True)
    time.sleep(120)

Parallel(n_jobs=2)(delayed(work)(n) for n in range(2))
"""


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - a zombie waits for whoever adopted it
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_killed_command_leaves_no_training_behind() -> None:
    command = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert command.stdout is not None
    workers = [int(command.stdout.readline()) for _ in range(2)]
    assert all(alive(pid) for pid in workers)
    os.kill(command.pid, signal.SIGKILL)
    command.wait()
    command.stdout.close()
    end = time.monotonic() + 20
    while any(alive(pid) for pid in workers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in workers)


def test_large_models_are_trained_one_by_one() -> None:
    from types import SimpleNamespace

    def jobs(*budgets: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(run=SimpleNamespace(budget=budget)) for budget in budgets]

    assert beside(jobs("quick", "standard")) == 1  # type: ignore[arg-type]
    assert beside(jobs("quick", "smoke")) == len(os.sched_getaffinity(0))  # type: ignore[arg-type]
