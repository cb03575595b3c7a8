"""Reproduce a table: plan, run, record, compare. The command is a thin skin over this."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

import numpy as np

from bench import jobs as work
from bench import registry, samples, speeds, splits, usage
from bench.cache import Cache, default_root
from bench.execute import execute
from bench.files import full_disk
from bench.jobs import Job, Outcome, Place
from bench.plan import plan
from bench.report import Measured, measure
from bench.samples import Samples
from bench.spec import Benchmark, Table
from bench.store import Store
from bench.verdicts import ClaimReport, judge
from bench.workers import beside, run_groups
from bench.workspace import Workspace
from core_eval import Budget, InputError, Kind, Metric, Result

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for."""

    table: str
    data: Kind = "stand-in"
    root: Path | None = None
    allow_partial: bool = False
    budget: Budget = "quick"
    seeds: int | None = None
    first_seed: int = 0
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()  # none: those that the budget fills
    jobs: int | None = None  # models trained at the same time; None: as many as pays
    record: bool = True


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request resolved against the specifications; everything that can be wrong with it has been found."""

    workspace: Workspace
    table: Table
    benchmark: Benchmark
    metrics: dict[str, Metric]
    budget: Budget
    jobs: tuple[Job, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Report:
    """What a reproduction gave."""

    measured: Measured
    claims: tuple[ClaimReport, ...]
    outcomes: tuple[Outcome, ...]
    recorded: int
    file: Path
    seconds: float

    @property
    def failed(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if any(result.error for result in outcome.results))


def prepare(workspace: Workspace, request: Request) -> Prepared:
    """Resolve names, data and keys. Raises `InputError` for anything that is wrong before a second is spent on runs."""
    catalogue = workspace.catalogue
    table = catalogue.table(request.table)
    benchmark = catalogue.benchmark(table.protocol)
    runs = plan(
        table,
        benchmark,
        data=request.data,
        budget=request.budget,
        seeds=request.seeds,
        first_seed=request.first_seed,
        rows=request.rows,
        columns=request.columns,
    )
    commit, dirty = usage.commit(workspace.root)
    for one in runs:
        registry.check_options(registry.factory("method", one.method), one.options, f"method {one.method!r}")
    place = Place(default_root(), request.root, request.allow_partial, commit, dirty)
    jobs = tuple(work.jobs(runs, table, benchmark, place))
    return Prepared(workspace, table, benchmark, metrics_of(table, benchmark), request.budget, jobs, place)


def metrics_of(table: Table, benchmark: Benchmark) -> dict[str, Metric]:
    """The metrics of the table's columns by name."""
    names = dict.fromkeys(column.metric for column in table.columns.values() if column.metric)
    return {name: work.metric(benchmark.metrics[name]) for name in names}


def run(prepared: Prepared, request: Request, tell: Tell) -> Report:
    """Carry the jobs out one after the other or side by side; each is recorded as soon as it ends."""
    start = time.monotonic()
    store = Store(prepared.workspace.results)
    store.read(prepared.benchmark.key, prepared.table.id)  # a torn file is refused before any work
    _ready(prepared, tell)
    outcomes: list[Outcome] = []
    recorded = 0
    for outcome in _outcomes(prepared.jobs, request.jobs, tell):
        outcomes.append(outcome)
        if request.record:
            recorded += record(store, outcome, prepared.place)
    kept = {result.provenance.run: outcome.samples for outcome in outcomes for result in outcome.results}
    results = [result for outcome in outcomes for result in outcome.results]
    measured = measure(
        prepared.table,
        prepared.benchmark,
        prepared.metrics,
        results,
        lambda result: kept.get(result.provenance.run),
        request.data,
        request.budget,
    )
    file = store.file(prepared.benchmark.key, prepared.table.id)
    return Report(measured, judge(measured), tuple(outcomes), recorded, file, time.monotonic() - start)


def _ready(prepared: Prepared, tell: Tell) -> None:
    """Check the scored splits, and render what is missing, before runs ask for it bit by bit."""
    place, done = prepared.place, set()
    for job in prepared.jobs:
        name = (job.run.dataset, job.run.split)
        if name in done or Cache(place.cache).has_predictions(work.keys_of(job)):
            continue
        done.add(name)
        _, scored = work.data_of(job)
        splits.ready(
            prepared.benchmark, job.run.data, scored, job.run.split, allow_partial=place.allow_partial, tell=tell
        )


def record(store: Store, outcome: Outcome, place: Place) -> int:
    """Keep an outcome, its per-sample values first, so that no line ever lacks them; the number of new lines."""
    run = outcome.run
    names = {result.provenance.run for result in outcome.results} - {""}
    if outcome.speeds is not None:
        for predictions in {result.provenance.predictions for result in outcome.results}:
            target = store.speeds(run.benchmark, predictions)
            if not target.exists():
                speeds.write(target, outcome.speeds)
    for name in names:
        target = store.samples(run.benchmark, name)
        if outcome.samples is not None and not target.exists():
            _copy(Cache(place.cache).root / "samples" / f"{name}.npz", target)
    return len(store.append(run.benchmark, run.table, outcome.results))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    try:
        with full_disk(target):
            shutil.copyfile(source, partial)
            partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _outcomes(jobs: Sequence[Job], side_by_side: int | None, tell: Tell) -> Iterator[Outcome]:
    """Outcomes as they come. Jobs that share a model stay together: side by side they would wait for each other."""
    start, spent, done = time.monotonic(), 0, 0
    groups = [list(group) for _, group in groupby(jobs, key=lambda job: job.run.model)]
    waiting = [group for group in groups if not all(_predicted(job) for job in group)]
    workers = min(side_by_side or beside(jobs), len(waiting))

    def one_by_one() -> Iterator[list[Outcome]]:
        for at, job in enumerate(jobs, 1):
            yield [execute(job, lambda text, at=at, job=job: tell(f"[{at}/{len(jobs)}] {job.run.label}: {text}"))]  # type: ignore[misc]

    if workers > 1:
        tell(f"{len(jobs)} runs of {len(groups)} models, {workers} models at a time")
        source = run_groups(groups, workers)
    else:
        source = one_by_one()
    for outcomes in source:
        for outcome in outcomes:
            done += 1
            spent += not outcome.cached
            yield outcome
            error = next((result.error for result in outcome.results if result.error), None)
            state = f"failed: {error}" if error else "from the cache" if outcome.cached else f"{outcome.seconds:.0f} s"
            left = (time.monotonic() - start) / done * (len(jobs) - done)
            ahead = f", about {duration(left)} left" if spent and done < len(jobs) else ""
            tell(f"[{done}/{len(jobs)}] {outcome.run.label}: {state}{ahead}")


def _predicted(job: Job) -> bool:
    return Cache(job.place.cache).has_predictions(work.keys_of(job))


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def kept_samples(store: Store, benchmark: Benchmark, metrics: dict[str, Metric]) -> Callable[[Result], Samples | None]:
    """A loader of the committed per-sample values; None for a run without any.

    It raises `InputError` for a damaged file, and for values that do not reduce to the recorded number.
    """

    @cache
    def load(run: str, metric: str) -> Samples | None:
        file = store.samples(benchmark.key, run)
        return samples.load(file, {metric: np.shape(metrics[metric].failed)}) if file.exists() else None

    def checked(result: Result) -> Samples | None:
        found = load(result.provenance.run, result.metric)
        if found is not None and result.value is not None:
            value = metrics[result.metric].reduce(found.values[result.metric])
            if not np.isclose(value, result.value, rtol=1e-9, atol=1e-12):
                raise InputError(
                    f"the values reduce to {value}, but {result.value} is recorded for {result.row!r}",
                    file=store.samples(benchmark.key, result.provenance.run),
                    field=result.metric,
                )
        return found

    return checked
