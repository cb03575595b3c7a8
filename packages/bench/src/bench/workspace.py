"""Where the specifications and results live: a checkout, or the folder that ``BENCH_HOME`` names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bench.catalogue import Catalogue
from core_eval import InputError

MARK = Path("benchmarks", "papers.toml")


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with ``benchmarks/``, ``results/`` and ``leaderboards/``; `results` may lie elsewhere."""

    root: Path
    results: Path

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.root / "benchmarks")

    @property
    def leaderboards(self) -> Path:
        return self.root / "leaderboards"


def find(results: Path | None = None) -> Workspace:
    """``$BENCH_HOME``, or the nearest folder above the current one that has the mark. Raises `InputError` if none."""
    named = os.environ.get("BENCH_HOME")
    here = Path.cwd()
    for folder in [Path(named).expanduser()] if named else [here, *here.parents]:
        if (folder / MARK).is_file():
            return Workspace(folder, results or folder / "results")
    if named:
        raise InputError(f"BENCH_HOME names a folder without {MARK}", file=named)
    raise InputError(f"no {MARK} here or above {here}; go to a checkout of the repository, or set BENCH_HOME to one")
