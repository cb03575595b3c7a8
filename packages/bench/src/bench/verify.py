"""Is a recorded number what its predictions give? Checked line by line: row, signature, kept values, hash, value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from bench import given, jobs, splits, submissions
from bench.cache import default_root
from bench.examine import Choice, examine
from bench.files import read_json
from bench.given import Given
from bench.jobs import Place
from bench.parts import parts_of
from bench.reproduce import kept_samples
from bench.spec import Benchmark, Table
from bench.splits import Target, Tell
from bench.store import Store
from bench.workspace import Workspace
from core_eval import InputError, Kind, Metric, Result, sha256

State = Literal["same", "differs", "outdated", "not checked"]
RELATIVE, ABSOLUTE = 1e-9, 1e-12
"""Within this, a recomputed value is the recorded one: sums may be taken in another order on another machine."""


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison; `about` says what was compared, or why it could not be."""

    state: State
    about: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A line of results and what was found: checks by name (row, signature, values, hash, data, value)."""

    result: Result
    line: int
    checks: Mapping[str, Check]

    @property
    def differs(self) -> bool:
        return any(check.state == "differs" for check in self.checks.values())

    @property
    def outdated(self) -> bool:
        return any(check.state == "outdated" for check in self.checks.values())

    @property
    def recomputed(self) -> bool:
        return self.checks["value"].state == "same"

    @property
    def finding(self) -> str:
        """``verified``, ``differs in value, hash``, ``outdated`` or ``not recomputed``."""
        if self.differs:
            return "differs in " + ", ".join(name for name, check in self.checks.items() if check.state == "differs")
        return "outdated" if self.outdated else "verified" if self.recomputed else "not recomputed"


def verify(
    workspace: Workspace,
    name: str,
    *,
    row: str | None = None,
    column: str | None = None,
    predictions: Path | None = None,
    form: str | None = None,
    root: Path | None = None,
    tell: Tell,
) -> list[Verified]:
    """Check the measured lines of a table, those of a row or column if one is named.

    Predictions are the file given, those committed with a submission, or those in the cache. Raises `InputError` for
    lines that are malformed, and if nothing is recorded.
    """
    table = workspace.catalogue.table(name)
    benchmark, store = workspace.catalogue.benchmark(table.protocol), Store(workspace.results)
    file = store.file(benchmark.key, table.id)
    lines = list(enumerate(store.read(benchmark.key, table.id), 1))
    wanted = [
        (number, result)
        for number, result in lines
        if result.value is not None and row in (None, result.row) and column in (None, result.column)
    ]
    if not wanted and (row or column or predictions):
        known = ", ".join(sorted({f"{result.row!r} in {result.column!r}" for _, result in lines})) or "nothing"
        raise InputError(f"no such value is recorded; recorded: {known}", file=file)
    metrics = {key: jobs.metric(choice) for key, choice in benchmark.metrics.items()}
    kept = kept_samples(store, benchmark, metrics)
    place = Place(default_root(), root, allow_partial=True, commit="", dirty=False)
    scorer = _Scorer(workspace, benchmark, metrics, place, [result for _, result in lines], predictions, form, tell)
    found = []
    for number, result in wanted:
        checks = {"row": _row(table, result), "signature": _signature(table, metrics, result)}
        usable = all(check.state == "same" for check in checks.values())
        if usable:
            try:
                values = kept(result)
                checks["values"] = (
                    Check("not checked", "no values per sample are kept")
                    if values is None
                    else Check("same", "reduce to the value")
                    if len(values.ids) == result.n
                    else Check("differs", f"{len(values.ids)} are kept, {result.n} recorded")
                )
            except InputError as reason:
                checks["values"] = Check("differs", reason.message)
            checks |= scorer.checks(result)
        else:
            checks["value"] = Check("not checked", "no metric of today gives it")
        found.append(Verified(result, number, checks))
    return found


def _row(table: Table, result: Result) -> Check:
    if result.table != table.id:
        return Check("differs", f"belongs to the table {result.table!r}")
    if result.budget == submissions.BUDGET:
        taken = result.row in table.rows
        return (
            Check("differs", "a submitted row has the name of the table's own") if taken else Check("same", "submitted")
        )
    if result.row not in table.rows:
        return Check("differs", f"the table has no row {result.row!r}")
    return Check("same", "of the table")


def _signature(table: Table, metrics: Mapping[str, Metric], result: Result) -> Check:
    column = table.columns.get(result.column)
    metric = metrics.get(column.metric or "") if column else None
    # Lines are never rewritten: those from before a change of the protocol stay, and are not shown any more.
    before: State = "differs" if result.budget == submissions.BUDGET else "outdated"
    if column is None or metric is None or metric.name != result.metric:
        return Check(before, f"the column {result.column!r} is not measured by {result.metric!r}")
    if metric.signature != result.signature:
        return Check(before, f"recorded {result.signature}, the protocol's is {metric.signature}")
    row = table.rows.get(result.row)
    if metric.unit != result.unit or (row.split(column) if row else column.split) != result.split:
        return Check("differs", f"recorded in {result.unit} on {result.split}")
    return Check("same", metric.signature)


class _Scorer:
    """Finds predictions and scores each file once for all the lines that came from it."""

    def __init__(
        self,
        workspace: Workspace,
        benchmark: Benchmark,
        metrics: Mapping[str, Metric],
        place: Place,
        results: Sequence[Result],
        predictions: Path | None,
        form: str | None,
        tell: Tell,
    ) -> None:
        self.workspace, self.benchmark, self.metrics, self.place = workspace, benchmark, metrics, place
        self.results, self.file, self.form, self.tell = results, predictions, form, tell
        self._given: Given | None = None
        self._targets: dict[tuple[Kind, str], Target] = {}
        self._values: dict[tuple[str, Kind, str], dict[str, tuple[float, int]]] = {}
        self._cached: dict[str, Path] | None = None

    def checks(self, result: Result) -> dict[str, Check]:
        """hash, data and value of one line."""
        sha = result.provenance.predictions
        try:
            predictions = self._find(sha)
            if predictions is None:
                absent = "the predictions are not at hand (--predictions FILE)"
                return {"hash": Check("not checked", absent), "value": Check("not checked", absent)}
            name = self.benchmark.data[result.data]
            dataset = jobs.dataset(name, self.place, result.data == "real", parts_of(self.benchmark))
            fingerprint = dataset.fingerprint(result.split)
            if fingerprint != result.provenance.fingerprint:
                about = f"the data are others: recorded {result.provenance.fingerprint[:16]}, now {fingerprint[:16]}"
                hashed = self._hash(predictions, sha, result, score=False)
                return {"hash": hashed, "data": Check("outdated", about), "value": Check("not checked", about)}
            value, n = self._scored(predictions, result)[result.metric]
            hashed = self._hash(predictions, sha, result, score=True)
        except InputError as reason:
            if self.file is not None:
                raise
            return {"value": Check("not checked", str(reason))}
        return {"hash": hashed, "data": Check("same", fingerprint[:16]), "value": _same_value(result, value, n)}

    def _find(self, sha: str) -> Given | None:
        if self.file is not None:
            self._given = self._given or given.read(self.file, self.form)
            return self._given
        path = submissions.committed(self.workspace, self.benchmark.key, sha)
        if not path.is_file():
            path = self._cache().get(sha, path)
        return given.own(path) if path.is_file() else None

    def _cache(self) -> dict[str, Path]:
        """Predictions in the cache, by the hash that their record or name says."""
        if self._cached is None:
            root = self.place.cache
            self._cached = {path.stem: path for path in root.glob("submissions/*.npz")}
            for record in root.glob("predictions/*.json"):
                known = (read_json(record) or {}).get("sha256")
                if isinstance(known, str):
                    self._cached[known] = record.with_suffix(".npz")
        return self._cached

    def _hash(self, predictions: Given, sha: str, result: Result, *, score: bool) -> Check:
        own = sha256(predictions.path) if predictions.path.is_file() else ""
        if own == sha:
            return Check("same", sha[:16])
        if score and result.budget == submissions.BUDGET:
            # What is hashed of a submission is its canonical form, whatever the file is.
            target = self._target(result)
            names = {one.metric for one in self.results if one.provenance.predictions == sha} | {result.metric}
            wanted = [Choice(name, "", self.metrics[name]) for name in self.metrics if name in names]
            form = submissions.canonical(examine(target, predictions, wanted), [one.metric.needs for one in wanted])
            if submissions.digest(form) == sha:
                return Check("same", f"{sha[:16]}, of the canonical form")
        return Check("differs", f"recorded {sha[:16]}, the file's is {own[:16] or 'none: a folder'}")

    def _target(self, result: Result) -> Target:
        key = (result.data, result.split)
        if key not in self._targets:
            self._targets[key] = splits.find(
                self.workspace,
                self.benchmark.key,
                data=result.data,
                split=result.split,
                place=self.place,
                tell=self.tell,
            )
        return self._targets[key]

    def _scored(self, predictions: Given, result: Result) -> dict[str, tuple[float, int]]:
        key = (str(predictions.path), result.data, result.split)
        if key not in self._values:
            names = {
                one.metric
                for one in self.results
                if (one.data, one.split) == (result.data, result.split) and one.metric in self.metrics
            }
            wanted = [Choice(name, "", metric) for name, metric in self.metrics.items() if name in names]
            examined = examine(self._target(result), predictions, wanted)
            examined.require(allow_partial=bool(result.provenance.partial))
            self._values[key] = {name: (one.value, one.n) for name, one in examined.scored.scores.items()}
        if result.metric not in self._values[key]:
            raise InputError(f"the predictions lack what {result.metric} reads", file=predictions.path)
        return self._values[key]


def _same_value(result: Result, value: float, n: int) -> Check:
    same = np.isclose(value, result.value or 0.0, rtol=RELATIVE, atol=ABSOLUTE) and n == result.n
    about = f"recorded {result.value!r} of {result.n}, recomputed {value!r} of {n}"
    return Check("same" if same else "differs", about)
