"""Rankings: which results may stand in one list, and in which order.

Two results share a list only if they agree in kind of data, split, fingerprint and completeness of the samples, source
of boxes, and declaration of training data; a column holds one signature.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from bench.report import Measured
from bench.spec import Benchmark
from core_eval import Metric

GROUP = ["data", "split", "fingerprint", "partial", "box", "trained_on"]
ENTRY = ["table", "row", "condition", "budget", "seeds", "n"]


@dataclass(frozen=True, slots=True)
class Ranking:
    """One list. `entries` has a row per system: ``rank``, the columns of ENTRY, ``value X``, ``low X``, ``high X``."""

    data: str
    split: str
    fingerprint: str
    partial: str
    box: str
    trained_on: str
    by: str
    metrics: tuple[str, ...]
    entries: pd.DataFrame


def frame(measured: Iterable[Measured]) -> pd.DataFrame:
    """One row per measured cell."""
    records = []
    for one in measured:
        for (row, column), cell in one.cells.items():
            if cell.status != "measured":
                continue
            spec, first = one.table.columns[column], cell.results[0]
            records.append(
                {
                    "data": one.data,
                    "split": first.split,
                    "fingerprint": first.provenance.fingerprint,
                    "partial": first.provenance.partial,
                    "box": one.benchmark.splits[first.split].box,
                    "trained_on": first.provenance.trained_on,
                    "table": one.table.id,
                    "row": row,
                    "condition": spec.title if spec.options or spec.predict else "",
                    "budget": one.budget,
                    "seeds": cell.seeds,
                    "n": cell.n,
                    "metric": spec.metric,
                    "value": cell.value,
                    "low": cell.low,
                    "high": cell.high,
                }
            )
    columns = [*GROUP, *ENTRY, "metric", "value", "low", "high"]
    return pd.DataFrame.from_records(records, columns=columns)


def rankings(measured: Iterable[Measured], benchmark: Benchmark, metrics: dict[str, Metric]) -> Iterator[Ranking]:
    """The lists of a benchmark, real data first. The first ranked metric of the protocol that is there decides."""
    cells = frame(measured)
    order = [name for name in benchmark.metrics if name in set(cells["metric"])]
    for keys, group in cells.groupby(GROUP, sort=True):
        present = [name for name in order if name in set(group["metric"])]
        ranked = [name for name in present if benchmark.metrics[name].ranked]
        if not ranked:
            continue
        wide = group.pivot(index=ENTRY, columns="metric", values=["value", "low", "high"])
        wide.columns = pd.Index([" ".join(pair) for pair in wide.columns])
        ascending = metrics[ranked[0]].better == "lower"
        wide["rank"] = wide[f"value {ranked[0]}"].rank(method="min", ascending=ascending)
        wide = wide.reset_index().sort_values(["rank", *ENTRY], kind="stable", na_position="last")
        named = {name: str(key) for name, key in zip(GROUP, keys, strict=True)}
        yield Ranking(**named, by=ranked[0], metrics=tuple(present), entries=wide)
