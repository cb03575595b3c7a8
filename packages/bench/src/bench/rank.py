"""Rankings: which results may stand in one list, and in which order.

Two results share a list only if they agree in kind of data, split, fingerprint and completeness of the samples, source
of boxes, declaration of training data, and training condition; a column holds one signature. Training conditions are
the options that columns give to methods, such as the share of the training samples that are annotated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from bench.naming import canonical
from bench.plan import options_of
from bench.report import Measured
from bench.spec import Benchmark
from core_eval import Metric

GROUP = ["data", "split", "fingerprint", "partial", "box", "trained_on", "training"]
ENTRY = ["table", "row", "condition", "budget", "seeds", "n"]


@dataclass(frozen=True, slots=True)
class Ranking:
    """One list. `entries` has a row per system: ``rank``, the columns of ENTRY, ``value X``, ``low X``, ``high X``.

    `training` is the training condition as JSON, ``{}`` for systems that are trained in their own way.
    """

    data: str
    split: str
    fingerprint: str
    partial: str
    box: str
    trained_on: str
    training: str
    by: str
    metrics: tuple[str, ...]
    entries: pd.DataFrame


def frame(measured: Iterable[Measured]) -> pd.DataFrame:
    """One row per measured cell."""
    tables = list(measured)
    conditions = {name for one in tables for column in one.table.columns.values() for name in column.options}
    records = []
    for one in tables:
        for (row, column), cell in one.cells.items():
            if cell.status != "measured":
                continue
            spec, first = one.table.columns[column], cell.results[0]
            options, _ = options_of(one.table, one.table.rows[row], spec, one.budget)
            records.append(
                {
                    "data": one.data,
                    "split": first.split,
                    "fingerprint": first.provenance.fingerprint,
                    "partial": first.provenance.partial,
                    "box": one.benchmark.splits[first.split].box,
                    "trained_on": first.provenance.trained_on,
                    "training": canonical({name: options[name] for name in conditions & options.keys()}),
                    "table": one.table.id,
                    "row": row,
                    "condition": spec.title if spec.predict else "",
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
