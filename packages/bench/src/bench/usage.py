"""What a run cost and where it ran: time, memory, device, versions, commit."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from bench.naming import sources, third_party

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass
class Usage:
    """Filled when the block ends: wall seconds, and peak resident memory of this process and its children in MiB."""

    seconds: float = 0.0
    peak_memory_mib: float = 0.0


@contextlib.contextmanager
def measured() -> Iterator[Usage]:
    """Measure a block. Where the system lets us reset it (Linux), the peak is the block's own, else the process's."""
    usage, start, children = Usage(), time.perf_counter(), _children()
    with contextlib.suppress(OSError):
        _RESET.write_text("5")
    try:
        yield usage
    finally:
        usage.seconds = time.perf_counter() - start
        # Linux keeps one peak over all children that have ended: it says something only if it rose in the block.
        raised = _children()
        usage.peak_memory_mib = _peak() + (raised if raised > children else 0.0)


def _peak() -> float:
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return _mib(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _children() -> float:
    return _mib(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def _mib(maximum: int) -> float:
    return maximum / 2**20 if sys.platform == "darwin" else maximum / 2**10


def device(method: object) -> str:
    """Where the method ran: what it says in its attribute `device`, with the name and number of processors."""
    named = str(getattr(method, "device", "cpu"))
    torch = sys.modules.get("torch")
    if named.startswith("cuda") and torch is not None:
        return f"{named}: {torch.cuda.get_device_name(named)}"
    return f"{named}: {_processor()}, {cores()} cores" if named.startswith("cpu") else named


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def versions(package: str) -> dict[str, str]:
    """Versions behind a method's package: Python, its own and local ones with source hash, declared third parties."""
    found = {"python": platform.python_version()}
    for name, source in sources(package).items():
        found[name] = f"{metadata.version(name)}+{source}"
    for name in third_party(package):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def commit(root: Path) -> tuple[str, bool]:
    """Commit of the checkout and whether code or benchmarks differ from it; ``("unknown", False)`` without one."""
    try:
        head = _git(root, "rev-parse", "HEAD").strip()
        changed = _git(root, "status", "--porcelain", "--", "packages", "benchmarks")
    except (OSError, subprocess.CalledProcessError):
        return "unknown", False
    return head, bool(changed.strip())


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=30
    ).stdout
