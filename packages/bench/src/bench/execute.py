"""Carry out one run: train or reuse, predict or reuse, score the saved file.

Everything is keyed by what it depends on (`bench.cache`), written atomically and under a lock per key: a run that is
killed at any moment goes on from its last checkpoint, and two processes never train the same model.
"""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bench import registry, samples, speeds, usage
from bench.cache import Cache, Keys
from bench.files import full_disk, locked, new_folder, read_json, write_json
from bench.jobs import Job, Outcome, data_of, kept_arrays, keys_of, metrics_beside, metrics_of, split_of
from bench.samples import Samples
from bench.scoring import score_split
from core_eval import (
    Arrays,
    InputError,
    Method,
    Metric,
    Predictions,
    Provenance,
    Result,
    load_predictions,
    save_predictions,
)

Say = Callable[[str], None]
LISTED = 50
"""Failed samples that a line of results names."""


def execute(job: Job, say: Say = lambda _: None) -> Outcome:
    """Carry out a run. A failure becomes error results, never a number; only an interrupt is passed on."""
    with usage.measured() as cost:
        try:
            return _execute(job, say)
        except InputError as reason:
            error, bad, trace = str(reason), True, traceback.format_exc()
        except Exception as reason:
            error, bad, trace = f"{type(reason).__name__}: {reason}", False, traceback.format_exc()
    return Outcome(job.run, _errors(job, error, cost), None, False, cost.seconds, bad, trace)


def _execute(job: Job, say: Say) -> Outcome:
    run, store = job.run, Cache(job.place.cache)
    keys = keys_of(job)
    metrics = metrics_of(job)
    file = store.predictions(keys)
    with usage.measured() as cost:
        with locked(store.lock(keys.predictions)):
            cached = store.has_predictions(keys)
            if not cached:
                _predict(job, keys, store, say)
        record = read_json(file.with_suffix(".json"))
        if record is None:
            raise InputError("the record of the predictions is damaged; delete it and run again", file=file)
        scored, failures = _scored(job, keys, store, metrics, record)
        timed = speeds.parse(record["speeds"], file) if record.get("speeds") else None
    now = datetime.now(UTC).isoformat(timespec="seconds")
    results = []
    for column, name in job.metrics.items():
        value = metrics[name].reduce(scored.values[name]) if name in scored.values else float("nan")
        finite = bool(np.isfinite(value))
        error = None if finite else f"the value is {value}: {len(failures.get(name, {}))} samples failed"
        if name not in scored.values:
            error = f"not measurable: needs {metrics[name].external}"
        provenance = _provenance(job, keys, record, failures.get(name, {}))
        results.append(
            _result(job, column, metrics[name], value if finite else None, len(scored.ids), error, now, provenance)
        )
    return Outcome(run, tuple(results), scored, cached, cost.seconds, speeds=timed)


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
        train, _ = data_of(job)
        work = store.work(keys)
        work.mkdir(parents=True, exist_ok=True)
        with usage.measured() as cost, full_disk(work):
            method.fit(
                split_of(train, run.train.split),
                split_of(train, run.train.valid),
                seed=run.seed,
                budget=run.budget,
                workdir=work,
                # Equal for all rows, as the seed is not: what systems that are compared must share is drawn from it.
                **({"repetition": run.repetition} if registry.takes(method.fit, "repetition") else {}),
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


def _predict(job: Job, keys: Keys, store: Cache, say: Say) -> None:
    """Predict the split and write the file, then its record: the record says that the file is whole."""
    run, file = job.run, store.predictions(keys)
    method, model = _train(job, keys, store, say)
    _, scored = data_of(job)
    split, metrics = scored.split(job.predicted), metrics_beside(job)
    say(f"predicting {len(split)} samples")
    ids: list[str] = []
    needed = {name for metric in metrics.values() if not metric.external for name in metric.needs}

    def inputs() -> Iterator[Arrays]:
        for sample in split:
            ids.append(sample.id)
            yield sample.inputs

    with usage.measured() as cost, full_disk(file):
        columns: dict[str, list[np.ndarray]] = {name: [] for name in kept_arrays(metrics)}
        count = 0
        for prediction in method.predict(inputs(), **run.predict):
            for name, values in columns.items():
                if name in prediction:
                    values.append(np.asarray(prediction[name]))
                elif name in needed:
                    raise InputError(f"{run.method} predicts no {name!r}, which a metric needs", sample=ids[count])
            count += 1
        if count != len(split) or len(ids) != len(split):
            raise InputError(f"{run.method} answered {count} of {len(split)} samples")
        stacked = {name: _stack(name, values, ids) for name, values in columns.items() if values}
        sha = save_predictions(file, Predictions.of(ids, stacked))
    timed = speeds.measure(method, split, run.predict)
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
            "speeds": asdict(timed) if timed else None,
        },
    )


def _scored(
    job: Job, keys: Keys, store: Cache, metrics: dict[str, Metric], record: dict[str, Any]
) -> tuple[Samples, dict[str, dict[str, str]]]:
    """Per-sample values of the saved predictions, and the failures by metric, from the cache if they are there."""
    file = store.samples(keys)
    known = read_json(file.with_suffix(".json"))
    if known is not None and known.get("predictions") == record["sha256"] and file.is_file():
        shapes = {name: np.shape(metrics[name].failed) for name in known["failures"]}
        return samples.load(file, shapes), known["failures"]
    predictions = load_predictions(store.predictions(keys))
    # What an external network has to supply may be missing: those metrics are not measurable, the others are.
    metrics = {
        name: one for name, one in metrics.items() if not one.external or set(one.needs) <= {*predictions.arrays}
    }
    _, dataset = data_of(job)
    found = score_split(list(metrics.values()), dataset.split(job.run.split), predictions)
    for sample in found.missing:
        raise InputError("no prediction for the sample", file=store.predictions(keys), sample=sample)
    for reason in found.malformed.values():
        raise reason
    if found.samples is None:
        raise InputError("there is nothing to score", file=store.predictions(keys))
    values, failures = found.samples, found.failures
    with full_disk(file):
        samples.save(file, values)
    write_json(file.with_suffix(".json"), {"predictions": record["sha256"], "failures": failures})
    return values, failures


def _stack(name: str, values: list[np.ndarray], ids: list[str]) -> np.ndarray:
    for sample, value in zip(ids, values, strict=True):
        if value.shape != values[0].shape:
            raise InputError(f"shape {value.shape}, but {values[0].shape} before", sample=sample, field=name)
    return np.stack(values)


def _provenance(job: Job, keys: Keys, record: dict[str, Any], failures: dict[str, str]) -> Provenance:
    _, scored = data_of(job)
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
        failures=shortened(failures),
    )


def shortened(failures: dict[str, str]) -> dict[str, str]:
    """The first failures; a line of results stays readable when a method fails on everything."""
    more = len(failures) - LISTED
    return failures if more <= 0 else {**dict(list(failures.items())[:LISTED]), "...": f"and {more} more samples"}


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
    metrics = metrics_of(job)
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
