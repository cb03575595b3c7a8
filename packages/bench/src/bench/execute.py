"""Carry out one run: train or reuse, predict or reuse, score the saved file.

Everything is keyed by what it depends on (`bench.cache`), written atomically and under a lock per key: a run that is
killed at any moment goes on from its last checkpoint, and two processes never train the same model.
"""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache as memoise
from pathlib import Path
from typing import Any

import numpy as np

from bench import cache as caches
from bench import registry, samples, usage
from bench.cache import Cache, Keys
from bench.files import full_disk, locked, new_folder, read_json, write_json
from bench.plan import Run
from bench.samples import Samples
from bench.spec import Benchmark, MetricChoice, Table
from core_eval import (
    Arrays,
    Dataset,
    InputError,
    Method,
    Metric,
    Predictions,
    Provenance,
    Result,
    Sample,
    load_predictions,
    save_predictions,
    scores,
)

Say = Callable[[str], None]


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
    metrics = _metrics(job)
    return caches.keys(
        run,
        train={split: train.fingerprint(split) for split in (run.train.split, run.train.valid)},
        test=scored.fingerprint(run.split),
        arrays=_kept(metrics),
        signatures={name: metric.signature for name, metric in metrics.items()},
    )


def execute(job: Job, say: Say = lambda _: None) -> Outcome:
    """Carry out a run. A failure becomes error results, never a number; only an interrupt is passed on."""
    with usage.measured() as cost:
        try:
            return _execute(job, say)
        except InputError as reason:
            error, bad = str(reason), True
        except Exception as reason:
            error, bad = f"{type(reason).__name__}: {reason}", False
        trace = traceback.format_exc()
    return Outcome(job.run, _errors(job, error, cost), None, False, cost.seconds, bad, trace)


def _execute(job: Job, say: Say) -> Outcome:
    run, store = job.run, Cache(job.place.cache)
    keys = keys_of(job)
    metrics = _metrics(job)
    file = store.predictions(keys)
    with usage.measured() as cost:
        with locked(store.lock(keys.predictions)):
            cached = store.has_predictions(keys)
            if not cached:
                _predict(job, keys, store, _kept(metrics), say)
        record = read_json(file.with_suffix(".json"))
        if record is None:
            raise InputError("the record of the predictions is damaged; delete it and run again", file=file)
        scored, failures = _scored(job, keys, store, metrics, record)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    results = []
    for column, name in job.metrics.items():
        value = metrics[name].reduce(scored.values[name])
        finite = bool(np.isfinite(value))
        error = None if finite else f"the value is {value}: {len(failures.get(name, {}))} samples failed"
        provenance = _provenance(job, keys, record, failures.get(name, {}))
        results.append(
            _result(job, column, metrics[name], value if finite else None, len(scored.ids), error, now, provenance)
        )
    return Outcome(run, tuple(results), scored, cached, cost.seconds)


def _train(job: Job, keys: Keys, store: Cache, say: Say) -> tuple[Method, dict[str, Any]]:
    """A trained method and the record of its training."""
    run, folder = job.run, store.model(keys)
    method: Method = registry.make("method", run.method, run.options)
    registry.check_options(method.predict, run.predict, f"the prediction of {run.method!r}")
    with locked(store.lock(keys.model)):
        record = read_json(folder / "model.json")
        if record is not None:
            say("loading the trained model")
            method.load(folder / "method")
            return method, record
        say("going on with the training" if store.has_checkpoint(keys) else "training")
        train, _ = data_of(run, job.place)
        work = store.work(keys)
        work.mkdir(parents=True, exist_ok=True)
        with usage.measured() as cost, full_disk(work):
            method.fit(
                train.split(run.train.split),
                train.split(run.train.valid),
                seed=run.seed,
                budget=run.budget,
                workdir=work,
            )
        record = {
            "seconds": cost.seconds,
            "peak_memory_mib": cost.peak_memory_mib,
            "device": usage.device(method),
            "trained_on": f"{run.train.dataset}/{run.train.split}@{train.fingerprint(run.train.split)[:16]}",
        }
        with new_folder(folder) as partial:
            method.save(partial / "method")
            write_json(partial / "model.json", record)
        shutil.rmtree(work, ignore_errors=True)
    return method, record


def _predict(job: Job, keys: Keys, store: Cache, arrays: tuple[str, ...], say: Say) -> None:
    """Predict the split and write the file, then its record: the record says that the file is whole."""
    run, file = job.run, store.predictions(keys)
    method, model = _train(job, keys, store, say)
    _, scored = data_of(run, job.place)
    split = scored.split(run.split)
    say(f"predicting {len(split)} samples")
    ids: list[str] = []

    def inputs() -> Iterator[Arrays]:
        for sample in split:
            ids.append(sample.id)
            yield sample.inputs

    with usage.measured() as cost, full_disk(file):
        columns: dict[str, list[np.ndarray]] = {name: [] for name in arrays}
        count = 0
        for prediction in method.predict(inputs(), **run.predict):
            for name in arrays:
                if name not in prediction:
                    raise InputError(f"{run.method} predicts no {name!r}, which a metric needs", sample=ids[count])
                columns[name].append(np.asarray(prediction[name]))
            count += 1
        if count != len(split) or len(ids) != len(split):
            raise InputError(f"{run.method} answered {count} of {len(split)} samples")
        stacked = {name: _stack(name, values, ids) for name, values in columns.items()}
        sha = save_predictions(file, Predictions.of(ids, stacked))
    write_json(
        file.with_suffix(".json"),
        {
            "sha256": sha,
            "bytes": file.stat().st_size,
            "seconds": model["seconds"] + cost.seconds,
            "peak_memory_mib": max(model["peak_memory_mib"], cost.peak_memory_mib),
            "device": usage.device(method),
            "trained_on": model["trained_on"],
            "commit": job.place.commit,
            "dirty": job.place.dirty,
            "versions": usage.versions(run.package),
        },
    )


def _scored(
    job: Job, keys: Keys, store: Cache, metrics: dict[str, Metric], record: dict[str, Any]
) -> tuple[Samples, dict[str, dict[str, str]]]:
    """Per-sample values of the saved predictions and the failures by metric, from the cache if they are there."""
    file = store.samples(keys)
    shapes = {name: np.shape(metric.failed) for name, metric in metrics.items()}
    known = read_json(file.with_suffix(".json"))
    if known is not None and known.get("predictions") == record["sha256"] and file.is_file():
        return samples.load(file, shapes), known["failures"]
    predictions = load_predictions(store.predictions(keys))
    _, scored = data_of(job.run, job.place)
    groups: list[str] = []

    def items() -> Iterator[tuple[str, Arrays, Arrays]]:
        sample: Sample
        for sample in scored.split(job.run.split):
            if sample.id not in predictions:
                raise InputError("no prediction for the sample", file=store.predictions(keys), sample=sample.id)
            groups.append(sample.group)
            yield sample.id, predictions[sample.id], sample.target

    found = scores(list(metrics.values()), items())
    ids = next(iter(found.values())).ids
    values = Samples(ids, tuple(groups), {name: score.per_sample for name, score in found.items()})
    failures = {name: dict(score.failures) for name, score in found.items()}
    with full_disk(file):
        samples.save(file, values)
    write_json(file.with_suffix(".json"), {"predictions": record["sha256"], "failures": failures})
    return values, failures


def _stack(name: str, values: list[np.ndarray], ids: list[str]) -> np.ndarray:
    for sample, value in zip(ids, values, strict=True):
        if value.shape != values[0].shape:
            raise InputError(f"shape {value.shape}, but {values[0].shape} before", sample=sample, field=name)
    return np.stack(values)


def _metrics(job: Job) -> dict[str, Metric]:
    return {name: metric(job.benchmark.metrics[name]) for name in dict.fromkeys(job.metrics.values())}


def _kept(metrics: dict[str, Metric]) -> tuple[str, ...]:
    return tuple(sorted({name for metric in metrics.values() for name in metric.needs}))


def _provenance(job: Job, keys: Keys, record: dict[str, Any], failures: dict[str, str]) -> Provenance:
    _, scored = data_of(job.run, job.place)
    partial = getattr(scored, "partial", None)
    return Provenance(
        run=keys.run,
        commit=record["commit"],
        dirty=record["dirty"],
        versions=record["versions"],
        fingerprint=scored.fingerprint(job.run.split),
        trained_on=record["trained_on"],
        device=record["device"],
        seconds=round(record["seconds"], 1),
        peak_memory_mib=round(record["peak_memory_mib"]),
        predictions=record["sha256"],
        method=job.run.recipe,
        partial=str(partial(job.run.split)) if callable(partial) else "",
        failures=failures,
    )


def _errors(job: Job, error: str, cost: usage.Usage) -> tuple[Result, ...]:
    """One error per column; what could not be found out stays empty."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    provenance = Provenance(
        run="",
        commit=job.place.commit,
        dirty=job.place.dirty,
        versions={},
        fingerprint="",
        trained_on="",
        device="",
        seconds=round(cost.seconds, 1),
        peak_memory_mib=0,
        predictions="",
        method=job.run.recipe,
    )
    metrics = _metrics(job)
    text = " ".join(error.split())
    return tuple(
        _result(job, column, metrics[name], None, 0, text, now, provenance) for column, name in job.metrics.items()
    )


def _result(
    job: Job,
    column: str,
    metric: Metric,
    value: float | None,
    n: int,
    error: str | None,
    time: str,
    provenance: Provenance,
) -> Result:
    run = job.run
    return Result(
        table=run.table,
        row=run.row,
        column=column,
        split=run.split,
        metric=metric.name,
        signature=metric.signature,
        value=value,
        unit=metric.unit,
        n=n,
        seed=run.repetition,
        budget=run.budget,
        data=run.data,
        error=error,
        time=time,
        provenance=provenance,
    )
