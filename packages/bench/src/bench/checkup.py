"""The state of the installation: versions, machine, cache, results."""

from __future__ import annotations

import contextlib
import platform
import shutil
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from bench import cache, files, registry, store, workspace
from bench.usage import cores
from core_eval import InputError

SHOWN = (
    "numpy",
    "scipy",
    "torch",
    "torchvision",
    "lightning",
    "numba",
    "anny",
    "pandas",
    "matplotlib",
    "typer",
    "rich",
)


@dataclass
class Found:
    """Facts by name, what was repaired, and what is wrong."""

    facts: dict[str, str] = field(default_factory=dict)
    repaired: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def look(results: Path | None = None, *, repair: bool = False) -> Found:
    """Look at everything; change nothing unless `repair`, and then only cut last lines of results."""
    found = Found()
    found.facts["python"] = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    versions = []
    for name in SHOWN:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions.append(f"{name} {metadata.version(name)}")
    found.facts["packages"] = ", ".join(versions)
    for plugin in registry.plugins().values():
        if plugin.module is None:
            found.problems.append(f"the package {plugin.package} cannot be imported: {plugin.error}")
    found.facts["plugins"] = ", ".join(registry.plugins())
    found.facts["processor"] = f"{cores()} cores, bfloat16 {_bfloat16()}"
    found.facts["memory"] = _memory()
    root = cache.default_root()
    used = files.size(root) if root.is_dir() else 0
    existing = next(folder for folder in [root, *root.parents] if folder.is_dir())
    free = shutil.disk_usage(existing).free
    found.facts["cache"] = f"{root}, {used / 2**20:.0f} MiB used, {free / 2**30:.1f} GiB free"
    leftovers = sorted(root.glob("*/.*.partial")) if root.is_dir() else []
    if leftovers:
        found.facts["leftovers"] = f"{len(leftovers)} unfinished files of killed runs in the cache; safe to delete"
    try:
        place = workspace.find(results)
    except InputError as reason:
        found.facts["results"] = str(reason)
        return found
    _results(store.Store(place.results), found, repair=repair)
    return found


def _results(kept: store.Store, found: Found, *, repair: bool) -> None:
    lines = 0
    for file in kept.files():
        if repair and (torn := store.repair(file)) is not None:
            found.repaired.append(f"{file}: the cut last line is now in {torn.name}")
        problem = store.check(file)
        if problem:
            found.problems.append(problem)
            continue
        content = store.parse(file, file.read_bytes())
        lines += len(content)
        benchmark = file.parent.name
        lost = {one.provenance.run for one in content if one.value is not None}
        absent = sum(not kept.samples(benchmark, run).exists() for run in lost)
        if absent:
            found.problems.append(f"{file}: the per-sample values of {absent} runs are missing")
    found.facts["results"] = f"{kept.root}, {len(kept.files())} files, {lines} lines"


def _bfloat16() -> str:
    """Whether the processor computes with bfloat16 natively."""
    with contextlib.suppress(OSError):
        flags = Path("/proc/cpuinfo").read_text()
        native = [name for name in ("amx_bf16", "avx512_bf16") if name in flags]
        return f"native ({', '.join(native)})" if native else "emulated"
    return "unknown"


def _memory() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemTotal:"):
                return f"{int(line.split()[1]) / 2**20:.1f} GiB"
    return "unknown"
