"""One row per sample, as CSV or parquet."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.compare import Comparison, alone_values, failing
from bench.evaluate import Measurement
from bench.examine import Examined
from bench.files import write_bytes
from core_eval import InputError

SUFFIXES = (".csv", ".parquet")


def check(path: Path | None) -> None:
    """Raise `InputError` for a file that could not be written, before anything is computed."""
    if path is None:
        return
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"per-sample tables are written as {' or '.join(SUFFIXES)}", file=path)
    if path.suffix.lower() == ".parquet":
        from importlib.util import find_spec

        if find_spec("pyarrow") is None:
            raise InputError('parquet needs pyarrow (`pip install "bench[parquet]"`); write .csv instead', file=path)


def of_evaluation(examined: Examined, measurements: tuple[Measurement, ...]) -> dict[str, Any]:
    """Columns ``id``, ``group``, then per metric its value on this sample alone, in its unit, the error that curves are
    drawn of where there is one, and last why the sample counts as failed."""
    samples = examined.scored.samples
    assert samples is not None
    columns: dict[str, Any] = {"id": samples.ids, "group": samples.groups}
    errors: dict[int, str] = {}
    for one in measurements:
        metric = one.metric
        contributions = samples.values[metric.name]
        columns[metric.name] = alone_values(metric, contributions)
        if failing(metric) is not None and id(contributions) not in errors:
            errors[id(contributions)] = name = "error" if not errors else f"error {len(errors) + 1}"
            columns[name] = contributions
    reasons: dict[str, dict[str, None]] = {}
    for one in measurements:
        for sample, reason in one.failures.items():
            reasons.setdefault(sample, {})[reason] = None
    columns["failed"] = ["; ".join(reasons.get(sample, ())) for sample in samples.ids]
    return columns


def of_comparison(comparison: Comparison) -> dict[str, Any]:
    """Columns ``id``, ``group``, then per metric its value on this sample alone for A and B, and what A gains."""
    columns: dict[str, Any] = {"id": comparison.ids, "group": comparison.groups}
    for one in comparison.differences:
        metric = one.choice.metric
        a, b = comparison.alone[metric.name]
        with np.errstate(invalid="ignore"):
            gain = a - b if metric.better == "higher" else b - a
        columns |= {f"{metric.name} A": a, f"{metric.name} B": b, f"{metric.name} gain of A": gain}
    return columns


def write(path: Path, columns: Mapping[str, Any]) -> None:
    """Write atomically, by suffix; numbers with all their digits. Raises `InputError` as `check`."""
    check(path)
    import pandas as pd

    frame = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
    if path.suffix.lower() == ".parquet":
        stream = io.BytesIO()
        frame.to_parquet(stream, index=False)
        write_bytes(path, stream.getvalue())
    else:
        write_bytes(path, frame.to_csv(index=False, lineterminator="\n").encode())
