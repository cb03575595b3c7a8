"""Bootstrap intervals and paired tests, remembered: each is computed once, however often pages are rendered.

They are pure functions of what they are given, seeds included, so they stay in the cache under a key of all of it:
another value, group, metric, name, number of replicates, or version of the code behind them is another key.

Axis letters: S training seeds, N samples.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.cache import default_root
from bench.files import read_json, write_json
from bench.naming import key, seed, sources
from bench.spec import Benchmark
from core_eval import Interval, Metric, Paired, bootstrap, paired_bootstrap
from core_eval.statistics import REPLICATES, Reduce, Terms

T = TypeVar("T", Interval, Paired)
Floats = NDArray[np.float64]


def interval(
    values: Floats, groups: Sequence[str], reduce: Reduce, terms: Terms | None, names: Sequence[str], code: str
) -> Interval:
    """`core_eval.bootstrap` of (S, N, ...) contributions.

    Args:
        names: what it is an interval of; the seed of the draws.
        code: what `reduce` and `terms` do: the signature of their metric and the package that computes it, see
            `code_of`.

    Raises `InputError` as `bootstrap`.
    """

    def compute() -> Interval:
        return bootstrap(values, groups, reduce, np.random.default_rng(seed(*names)), terms=terms)

    return _remembered(Interval, compute, [values], groups, [*names], REPLICATES, code)


def paired(
    a: Floats,
    b: Floats,
    groups: Sequence[str],
    reduce: Reduce,
    terms: Terms | None,
    names: Sequence[str],
    code: str,
    replicates: int,
    *,
    same_seeds: bool = False,
) -> Paired:
    """`core_eval.paired_bootstrap` of two systems; `names` and `code` are as in `interval`."""

    def compute() -> Paired:
        rng = np.random.default_rng(seed(*names))
        return paired_bootstrap(a, b, groups, reduce, rng, replicates=replicates, terms=terms, same_seeds=same_seeds)

    return _remembered(Paired, compute, [a, b], groups, [*names], replicates, same_seeds, code)


def code_of(metric: Metric, benchmark: Benchmark) -> str:
    """Signature of a metric, with the hashes of the package that computes it and of the local ones behind that."""
    package = benchmark.metrics[metric.name].metric.partition(":")[0]
    return f"{metric.signature} {dict(sources(package))}"


def _remembered(
    kind: type[T],
    compute: Callable[[], T],
    arrays: Sequence[Floats],
    groups: Sequence[str],
    *parts: Any,
) -> T:
    values = [[list(one.shape), hashlib.sha256(np.ascontiguousarray(one).tobytes()).hexdigest()] for one in arrays]
    statistic = dict(sources("core-eval"))
    name = key("resampled", kind.__name__, values, list(groups), statistic, np.__version__, *parts)
    file = _folder() / f"{name}.json"
    found = read_json(file)
    if found is not None and found.keys() == {field.name for field in fields(kind)}:
        stored: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in found.items()}
        return kind(**stored)
    made = compute()
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, and nothing else
        write_json(file, asdict(made))
    return made


def _folder() -> Path:
    return default_root() / "resampled"
