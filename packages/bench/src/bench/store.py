"""Results: one JSON line per measured cell, appended under a lock and never rewritten."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.files import full_disk
from bench.naming import KEY_LENGTH
from bench.reading import nearest
from core_eval import InputError, Result

REPAIR = "`bench doctor --repair` moves it aside"


@dataclass(frozen=True, slots=True)
class Store:
    """The folder ``results/``: ``<benchmark>/<table>.jsonl`` and ``<benchmark>/samples/<run>.npz``, of a method that
    tells how fast it is also ``<benchmark>/speeds/<predictions>.json``.

    Predictions that were submitted are in ``<benchmark>/predictions/<hash>.npz``.
    """

    root: Path

    def file(self, benchmark: str, table: str) -> Path:
        return self.root / benchmark / f"{table}.jsonl"

    def samples(self, benchmark: str, run: str) -> Path:
        return self.root / benchmark / "samples" / f"{run}.npz"

    def speeds(self, benchmark: str, predictions: str) -> Path:
        """Of the method that made the predictions of this SHA-256, while it made them."""
        return self.root / benchmark / "speeds" / f"{predictions[:KEY_LENGTH]}.json"

    def files(self) -> list[Path]:
        return sorted(self.root.glob("*/*.jsonl"))

    def read(self, benchmark: str, table: str) -> list[Result]:
        """All results of a table in file order; none if there is no file. Raises `InputError` for a broken line."""
        file = self.file(benchmark, table)
        if not file.exists():
            return []
        return parse(file, file.read_bytes())

    def append(self, benchmark: str, table: str, results: Sequence[Result]) -> list[Result]:
        """Add the results that are not there yet, all or none; returns those added.

        A result is there already if a line agrees in cell, seed, budget, data, signature, value and predictions.
        Raises `InputError`, changing nothing, for a file that is torn and for a full disk.
        """
        file = self.file(benchmark, table)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab+") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.seek(0)
            known = {identity(result) for result in parse(file, stream.read())}
            new = []
            for result in results:
                if identity(result) not in known:
                    known.add(identity(result))
                    new.append(result)
            if new:
                _append(file, stream.fileno(), "".join(f"{result.to_line()}\n" for result in new).encode())
        return new


def identity(result: Result) -> tuple[object, ...]:
    """What makes a line a repetition of another: everything measured, nothing of the circumstances."""
    return (
        result.table,
        result.row,
        result.column,
        result.split,
        result.signature,
        result.seed,
        result.budget,
        result.data,
        result.value,
        result.error,
        result.provenance.method,
        result.provenance.run,
        result.provenance.predictions,
    )


def parse(file: Path, content: bytes) -> list[Result]:
    """The results in a file's bytes. Raises `InputError` naming file and line, for a cut last line with the remedy."""
    lines = content.split(b"\n")
    if lines.pop():  # what follows the last line break: nothing, unless a write was cut
        raise InputError(f"line {len(lines) + 1} is cut off (a write was interrupted); {REPAIR}", file=file)
    results = []
    for number, line in enumerate(lines, 1):
        try:
            results.append(Result.from_line(line.decode("utf-8")))
        except UnicodeDecodeError:
            raise InputError(f"line {number} is not UTF-8 text", file=file) from None
        except InputError as reason:
            raise InputError(f"line {number}: {reason.message}", file=file, field=reason.field) from None
    return results


def check(file: Path) -> str:
    """What is wrong with a results file; empty if nothing is."""
    try:
        parse(file, file.read_bytes())
    except InputError as reason:
        return str(reason)
    return ""


def repair(file: Path) -> Path | None:
    """Move a cut last line to ``<file>.torn`` and end the file at its last whole line; None if nothing was cut."""
    with file.open("rb+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        content = stream.read()
        end = content.rfind(b"\n") + 1
        if end == len(content):
            return None
        torn = file.with_name(f"{file.name}.torn")
        with full_disk(torn), torn.open("ab") as kept:
            kept.write(content[end:] + b"\n")
            kept.flush()
            os.fsync(kept.fileno())
        stream.truncate(end)
        os.fsync(stream.fileno())
    return torn


def _append(file: Path, descriptor: int, content: bytes) -> None:
    """Write all bytes at the end and force them to disk, or leave the file as it was."""
    before = os.fstat(descriptor).st_size
    try:
        with full_disk(file):
            written = 0
            while written < len(content):
                written += os.write(descriptor, content[written:])
            os.fsync(descriptor)
    except BaseException:  # an interrupt half-way through is no better than a full disk
        os.ftruncate(descriptor, before)
        raise


def table_of(results: Sequence[Result], table: str, rows: Sequence[str], file: Path) -> None:
    """Raise `InputError` for a result that names another table, or a row the table does not have (any more)."""
    for result in results:
        if result.table != table:
            raise InputError(f"a line belongs to the table {result.table!r}", file=file, field="table")
        if result.row not in rows:
            raise InputError(f"unknown row {result.row!r}{nearest(result.row, rows)}", file=file, field="row")
