"""Rows that others submit: a reviewed line of results with the hash of the predictions, marked as submitted.

A submission is scored here, from the predictions; what cannot be seen in them (method, training data) is as declared.
The predictions are kept in the one schema, ids in the protocol's order, only the arrays that the metrics read, so that
the hash says what was scored whatever the file was. Small ones are committed beside the results:
``results/<benchmark>/predictions/<hash>.npz``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from bench import given, jobs, samples, splits, usage
from bench.cache import default_root
from bench.evaluate import Ask
from bench.examine import Choice, Examined, examine
from bench.execute import shortened
from bench.files import write_bytes
from bench.naming import key
from bench.spec import Column, Row, Table
from bench.splits import Tell
from bench.store import Store
from bench.workspace import Workspace
from core_eval import (
    Budget,
    InputError,
    Predictions,
    Provenance,
    Result,
    save_predictions,
)

BUDGET: Budget = "submitted"
BY = "submitted by "
UNDECLARED = "not declared"
LARGEST_KEPT = 2**20
"""Bytes of a predictions file that is committed with a submission; larger ones stay with who submits."""
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Submission:
    """What was recorded. `predictions` is where they were left, `committed` whether that is beside the results."""

    results: tuple[Result, ...]
    added: int
    file: Path
    predictions: Path
    committed: bool
    left_out: Mapping[str, str]


def submit(
    workspace: Workspace, predictions: Path, ask: Ask, *, table: str, row: str, by: str, training: str, tell: Tell
) -> Submission:
    """Score predictions and record them as a row of a table, in every column that can be measured.

    Raises `InputError` for incomplete predictions or data, a row that the table or another submitter has, and names
    that are not one printable line.
    """
    for field, text in (("row", row), ("by", by), ("training-data", training or UNDECLARED)):
        if not text.strip() or not text.isprintable() or len(text) > LONGEST or text != text.strip():
            raise InputError(f"expected one printable line of at most {LONGEST} characters, got {text!r}", field=field)
    spec = workspace.catalogue.table(table)
    store = Store(workspace.results)
    _free(spec, row, by, store.read(spec.protocol, spec.id), store.file(spec.protocol, spec.id))
    target = splits.find(
        workspace,
        spec.protocol,
        data=ask.data,
        split=ask.split,
        place=replace(ask, allow_partial=False).place(),
        tell=tell,
    )
    columns = {
        name: column
        for name, column in spec.columns.items()
        if open_to_all(column) and column.split == target.split and target.data in column.data
    }
    if not columns:
        raise InputError(
            f"no column of {spec.id} is measured on {target.data} data, split {target.split}", file=spec.file
        )
    names = list(dict.fromkeys(column.metric or "" for column in columns.values()))
    wanted = [Choice(name, "", jobs.metric(target.benchmark.metrics[name])) for name in names]
    examined = examine(target, given.read(predictions, ask.format, ask.ids), wanted)
    examined.require(allow_partial=False)
    kept = canonical(examined, [choice.metric.needs for choice in examined.choices])
    return _record(workspace, store, spec, columns, examined, kept, row, by, _training(examined, training))


def open_to_all(column: Column) -> bool:
    """Whether a column is measured on predictions alone: not one that is a training or test condition."""
    return column.metric is not None and not column.options and not column.predict


def submitted(results: Sequence[Result]) -> list[Result]:
    return [result for result in results if result.budget == BUDGET]


def table_of(table: Table, results: Sequence[Result], file: Path) -> Table:
    """The table with the submitted rows in place of its own, in the order of their first submission, without claims.

    Raises `InputError` for a submitted row that is one of the table's own.
    """
    rows: dict[str, Row] = {}
    for result in results:
        if result.row in table.rows:
            raise InputError(f"the submitted row {result.row!r} is one of the table's own", file=file, field="row")
        method = result.provenance.method
        rows[result.row] = Row(result.row, method, {}, {}, {}, None, "submitted", "", "", "", None)
    return replace(table, rows=rows, claims=(), budgets={}, figure=None)


def canonical(examined: Examined, needs: Sequence[Sequence[str]]) -> Predictions:
    """The arrays that metrics read, ids in the protocol's order. Lists of detections are padded, ``count`` says how
    many rows are real. Raises `InputError` for arrays that do not go together."""
    names = sorted({name for one in needs for name in one})
    nothing = examined.given.nothing_found()
    ids = examined.scored.samples.ids if examined.scored.samples else ()
    found = [examined.given.arrays.get(sample, nothing) for sample in ids]
    if any("count" in arrays for arrays in found):
        names.append("count")
    arrays = {name: [np.asarray(one[name]) for one in found] for name in names}
    ragged = {name for name, values in arrays.items() if len({value.shape for value in values}) > 1}
    if ragged and "count" not in arrays:
        arrays["count"] = [np.asarray(len(one[min(ragged)])) for one in found]
    return Predictions.of(ids, {name: _stack(name, values) for name, values in arrays.items()})


def digest(predictions: Predictions) -> str:
    """SHA-256 of the file that `predictions` are saved as."""
    with tempfile.TemporaryDirectory() as folder:
        return save_predictions(Path(folder, "predictions.npz"), predictions)


def committed(workspace: Workspace, benchmark: str, sha: str) -> Path:
    """Where the predictions of that hash are, if they are committed."""
    return workspace.results / benchmark / "predictions" / f"{sha}.npz"


def _stack(name: str, values: Sequence[np.ndarray]) -> np.ndarray:
    if len({value.shape[1:] for value in values}) > 1 or len({value.ndim for value in values}) > 1:
        raise InputError("the samples have arrays of different shapes", field=name)
    if not values[0].ndim or len({len(value) for value in values}) == 1:
        return np.stack(values)
    longest = max(map(len, values))
    stacked = np.zeros((len(values), longest, *values[0].shape[1:]), np.result_type(*values))
    for row, value in zip(stacked, values, strict=True):
        row[: len(value)] = value
    return stacked


def _free(table: Table, row: str, by: str, results: Sequence[Result], file: Path) -> None:
    taken = {label.casefold(): label for label in table.rows}
    if row.casefold() in taken:
        raise InputError(f"the table has a row {taken[row.casefold()]!r} of its own; choose another name", field="row")
    for result in submitted(results):
        if result.row.casefold() == row.casefold() and (result.row, result.provenance.method) != (row, BY + by):
            raise InputError(
                f"the row {result.row!r} was {result.provenance.method}; choose another name", file=file, field="row"
            )


def _training(examined: Examined, declared: str) -> str:
    """As declared; the protocol's own training split gets its fingerprint, so that it ranks with whoever used it."""
    train = examined.target.benchmark.train
    if train and declared == f"{train.dataset}/{train.split}":
        place = Ask(examined.target.benchmark.key).place()
        fingerprint = jobs.dataset(train.dataset, place, False).fingerprint(train.split)
        return f"{declared}@{fingerprint[:16]}"
    return declared or UNDECLARED


def _record(
    workspace: Workspace,
    store: Store,
    table: Table,
    columns: Mapping[str, Column],
    examined: Examined,
    kept: Predictions,
    row: str,
    by: str,
    training: str,
) -> Submission:
    target, benchmark = examined.target, examined.target.benchmark.key
    partial = default_root() / "submissions" / f".{key('submission', table.id, row)}.npz"
    sha = save_predictions(partial, kept)
    small = partial.stat().st_size <= LARGEST_KEPT
    file = committed(workspace, benchmark, sha) if small else partial.with_name(f"{sha}.npz")
    _move(partial, file)
    metrics = {choice.name: choice.metric for choice in examined.choices}
    signatures = {name: metric.signature for name, metric in metrics.items()}
    run = key("submission", table.id, row, sha, target.data, target.split, target.fingerprint, training, signatures)
    values = examined.scored.samples
    assert values is not None
    samples.save(store.samples(benchmark, run), values)
    commit, dirty = usage.commit(workspace.root)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    results = []
    for name, column in columns.items():
        metric = metrics.get(column.metric or "")
        if metric is None:
            continue
        score = examined.scored.scores[metric.name]
        finite = bool(np.isfinite(score.value))
        results.append(
            Result(
                table=table.id,
                row=row,
                column=name,
                split=target.split,
                metric=metric.name,
                signature=metric.signature,
                value=score.value if finite else None,
                unit=metric.unit,
                n=score.n,
                seed=0,
                budget=BUDGET,
                data=target.data,
                error=None if finite else f"the value is {score.value}: {len(score.failures)} samples failed",
                time=now,
                provenance=Provenance(
                    run=run,
                    commit=commit,
                    dirty=dirty,
                    versions=usage.versions("core-eval"),
                    fingerprint=target.fingerprint,
                    trained_on=training,
                    device="",
                    seconds=0,
                    peak_memory_mib=0,
                    predictions=sha,
                    method=BY + by,
                    failures=shortened(dict(score.failures)),
                ),
            )
        )
    added = store.append(benchmark, table.id, results)
    return Submission(tuple(results), len(added), store.file(benchmark, table.id), file, small, dict(examined.left_out))


def _move(source: Path, target: Path) -> None:
    """Rename across file systems, the target being whole or not there."""
    write_bytes(target, source.read_bytes())
    source.unlink()
