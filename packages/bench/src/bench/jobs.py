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
from bench.naming import canonical
from bench.parts import Part, Parted, parts_of, whole
from bench.plan import Run
from bench.samples import Samples
from bench.spec import Benchmark, MetricChoice, Table
from bench.speeds import Speeds
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
    speeds: Speeds | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A run with all that is needed to carry it out in another process."""

    run: Run
    place: Place
    benchmark: Benchmark
    metrics: dict[str, str] = field(default_factory=dict)  # column -> metric
    beside: tuple[str, ...] = ()  # all metrics that score the same predictions

    @property
    def predicted(self) -> str:
        """The split that is predicted: the scored one, or what it is a part of."""
        return whole(self.benchmark, self.run.split)


@memoise
def dataset(name: str, place: Place, scored: bool, parts: tuple[Part, ...] = ()) -> Dataset:
    """The data set of that id, with the parts of its splits that a benchmark names.

    A real one that is not scored (only trained on) needs its own root, so gets none.
    """
    made: Dataset = registry.make(
        "dataset",
        name,
        {"cache": place.cache, "root": place.root if scored else None, "allow_partial": place.allow_partial},
    )
    return Parted(made, parts) if parts else made


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
    metrics = [{name: table.columns[name].metric or "" for name in run.columns} for run in runs]
    files = [canonical([run.model, run.predict, whole(benchmark, run.split)]) for run in runs]
    beside: dict[str, dict[str, None]] = {}
    for file, mine in zip(files, metrics, strict=True):
        beside.setdefault(file, {}).update(dict.fromkeys(mine.values()))
    return [
        Job(run, place, benchmark, mine, tuple(beside[file]))
        for run, mine, file in zip(runs, metrics, files, strict=True)
    ]


def data_of(job: Job) -> tuple[Dataset, Dataset]:
    """Training data set and scored data set; one object where they are the same."""
    run, place = job.run, job.place
    scored = dataset(run.dataset, place, run.data == "real", parts_of(job.benchmark))
    return (scored if run.train.dataset == run.dataset else dataset(run.train.dataset, place, False)), scored


def keys_of(job: Job) -> Keys:
    """The keys of a job's products. Raises `InputError` for ids, splits or options that do not exist."""
    run = job.run
    train, scored = data_of(job)
    metrics = metrics_of(job)
    predicted = job.predicted
    return caches.keys(
        run,
        train={split: train.fingerprint(split) for split in (run.train.split, run.train.valid)},
        predicted=predicted,
        test=scored.fingerprint(predicted),
        part=scored.fingerprint(run.split) if predicted != run.split else "",
        arrays=kept_arrays(metrics_beside(job)),
        signatures={name: metric.signature for name, metric in metrics.items()},
    )


def metrics_of(job: Job) -> dict[str, Metric]:
    """The metrics that score the job's columns, by name."""
    return {name: metric(job.benchmark.metrics[name]) for name in dict.fromkeys(job.metrics.values())}


def metrics_beside(job: Job) -> dict[str, Metric]:
    """The metrics that score the job's predictions, in whatever split."""
    names = job.beside or tuple(job.metrics.values())
    return {name: metric(job.benchmark.metrics[name]) for name in names}


def kept_arrays(metrics: dict[str, Metric]) -> tuple[str, ...]:
    """Prediction arrays that the metrics read; no other is kept."""
    return tuple(sorted({name for metric in metrics.values() for name in metric.needs}))
