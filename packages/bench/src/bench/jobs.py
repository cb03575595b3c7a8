"""A run with all that is needed to carry it out, and what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache as memoise
from pathlib import Path
from weakref import WeakKeyDictionary

from bench import cache as caches
from bench import registry
from bench.cache import Keys
from bench.plan import Run
from bench.samples import Samples
from bench.spec import Benchmark, MetricChoice, Table
from core_eval import Dataset, Metric, Result, Sample


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run finds and leaves things; picklable, so that it travels to a worker process."""

    cache: Path
    root: Path | None
    allow_partial: bool
    commit: str
    dirty: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run gave: one result per column (all values, or all errors), and the values they reduce."""

    run: Run
    results: tuple[Result, ...]
    samples: Samples | None
    cached: bool
    seconds: float
    bad_input: bool = False
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A run with all that is needed to carry it out in another process."""

    run: Run
    place: Place
    benchmark: Benchmark
    metrics: dict[str, str] = field(default_factory=dict)  # column -> metric


@memoise
def dataset(name: str, place: Place, scored: bool) -> Dataset:
    """The data set of that id. A real one that is not scored (only trained on) needs its own root, so gets none."""
    made: Dataset = registry.make(
        "dataset",
        name,
        {"cache": place.cache, "root": place.root if scored else None, "allow_partial": place.allow_partial},
    )
    return made


def split_of(data: Dataset, name: str) -> Sequence[Sample]:
    """A split, the same object every time: what a method keeps of it serves the next run of this process."""
    known = _SPLITS.setdefault(data, {})
    if name not in known:
        known[name] = data.split(name)
    return known[name]


_SPLITS: WeakKeyDictionary[Dataset, dict[str, Sequence[Sample]]] = WeakKeyDictionary()


def metric(choice: MetricChoice) -> Metric:
    """The metric with the protocol's choices."""
    made: Metric = registry.make("metric", choice.metric, {"name": choice.name, **choice.options})
    return made


def jobs(runs: Sequence[Run], table: Table, benchmark: Benchmark, place: Place) -> list[Job]:
    """One job per run."""
    return [
        Job(run, place, benchmark, {name: table.columns[name].metric or "" for name in run.columns}) for run in runs
    ]


def data_of(run: Run, place: Place) -> tuple[Dataset, Dataset]:
    """Training data set and scored data set; one object where they are the same."""
    scored = dataset(run.dataset, place, run.data == "real")
    return (scored if run.train.dataset == run.dataset else dataset(run.train.dataset, place, False)), scored


def keys_of(job: Job) -> Keys:
    """The keys of a job's products. Raises `InputError` for ids, splits or options that do not exist."""
    run = job.run
    train, scored = data_of(run, job.place)
    metrics = metrics_of(job)
    return caches.keys(
        run,
        train={split: train.fingerprint(split) for split in (run.train.split, run.train.valid)},
        test=scored.fingerprint(run.split),
        arrays=kept_arrays(metrics),
        signatures={name: metric.signature for name, metric in metrics.items()},
    )


def metrics_of(job: Job) -> dict[str, Metric]:
    """The metrics that score the job's columns, by name."""
    return {name: metric(job.benchmark.metrics[name]) for name in dict.fromkeys(job.metrics.values())}


def kept_arrays(metrics: dict[str, Metric]) -> tuple[str, ...]:
    """Prediction arrays that the metrics read; no other is kept."""
    return tuple(sorted({name for metric in metrics.values() for name in metric.needs}))
