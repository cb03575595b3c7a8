"""How fast the parts of a method are, measured where its table is run and kept beside the results.

A method may offer ``speeds(inputs, **options of its prediction) -> {part: milliseconds a sample}``; it is asked once
its predictions are made. What is measured belongs to a machine, not to a cell, so it stands in the footer of a table.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from bench import registry, usage
from bench.files import read_json, write_json
from core_eval import InputError, Method, Sample

SAMPLES = 20
"""Samples that a method is timed on."""


@dataclass(frozen=True, slots=True)
class Speeds:
    """Milliseconds a sample of each part of a method, on `device` with so many threads."""

    device: str
    threads: int
    samples: int
    milliseconds: Mapping[str, float]


def measure(method: Method, split: Sequence[Sample], options: Mapping[str, Any]) -> Speeds | None:
    """Time a fitted method on the first samples of a split; None if it does not offer that.

    Raises `InputError` for a time that is not a positive number.
    """
    offered = getattr(method, "speeds", None)
    if not callable(offered):
        return None
    registry.check_options(offered, options, "the speeds of the method")
    some = [sample.inputs for sample in islice(split, SAMPLES)]
    found = {str(part): float(value) for part, value in offered(some, **options).items()}
    for part, value in found.items():
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{part} takes {value} ms", field="speeds")
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch is not None else 1
    return Speeds(usage.device(method), threads, len(some), found)


def write(file: Path, speeds: Speeds) -> None:
    """Keep it as JSON."""
    write_json(file, asdict(speeds))


def parse(record: object, file: Path) -> Speeds:
    """What `asdict` made. Raises `InputError` for anything else."""
    try:
        speeds = Speeds(**record)  # type: ignore[arg-type]  # a TypeError is what it is tried for
        times = dict(speeds.milliseconds)
        whole = isinstance(speeds.device, str) and type(speeds.threads) is int and type(speeds.samples) is int
        if not whole or not all(type(part) is str and math.isfinite(value) for part, value in times.items()):
            raise TypeError("a value of another type")
    except (TypeError, ValueError) as reason:
        raise InputError(f"not a record of speeds: {reason}", file=file) from None
    return speeds


def read(file: Path) -> Speeds | None:
    """What `write` kept; None if there is none. Raises `InputError` for a damaged file."""
    if not file.is_file():
        return None
    return parse(read_json(file), file)


def lines(found: Iterable[tuple[str, Speeds]]) -> list[str]:
    """A line for each machine: what takes how long in which row, the median over its runs (seeds).

    `found`: rows, each run's speeds once.
    """
    machines: dict[tuple[str, int, int], dict[str, dict[str, list[float]]]] = {}
    for row, one in found:
        parts = machines.setdefault((one.device, one.threads, one.samples), {}).setdefault(row, {})
        for part, value in one.milliseconds.items():
            parts.setdefault(part, []).append(value)
    made = []
    for (device, threads, count), rows in sorted(machines.items()):
        words = [
            f"{row}: " + ", ".join(f"{part} {_short(median(values))} ms" for part, values in parts.items())
            for row, parts in rows.items()
            if parts
        ]
        if words:
            used = f"{threads} thread{'s' * (threads != 1)}"
            made.append(f"Speed on {device}, {used}, median of {count} samples: {'; '.join(words)}")
    return made


def _short(value: float) -> str:
    """Two digits that count: 0.42, 2.3, 28."""
    return f"{value:.{max(0, 1 - math.floor(math.log10(value)))}f}"
