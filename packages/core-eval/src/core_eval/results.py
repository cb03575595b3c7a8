"""One measured cell and where it came from, as one line of JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from core_eval.contracts import Kind
from core_eval.errors import InputError

Budget = Literal["smoke", "quick", "standard", "paper", "submitted"]
"""What a method was given to train with; predictions that somebody submits were made elsewhere."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What it takes to doubt a number: code, data, machine, cost, and the hash of the predictions that were scored."""

    run: str  # key of the run; also names the file of its per-sample values
    commit: str
    dirty: bool
    versions: Mapping[str, str]
    fingerprint: str  # of the scored split
    trained_on: str  # data set and split the method was trained on, with its fingerprint
    device: str
    seconds: float  # training and prediction
    peak_memory_mib: float
    predictions: str  # SHA-256 of the predictions file
    method: str = ""  # id and options of the method that was run, in one line
    partial: str = ""  # for an incomplete real copy: what is missing
    failures: Mapping[str, str] = field(default_factory=dict)  # sample id -> why it counts as failed


@dataclass(frozen=True, slots=True)
class Result:
    """One measured cell of one table, or the error that kept it from being measured: never both, never neither.

    `row` and `column` are written as in the table file; `seed` is the index of the repetition; `time` is ISO 8601 UTC.
    """

    table: str
    row: str
    column: str
    split: str
    metric: str
    signature: str
    value: float | None
    unit: str
    n: int
    seed: int
    budget: Budget
    data: Kind
    error: str | None
    time: str
    provenance: Provenance

    def __post_init__(self) -> None:
        if (self.value is None) == (self.error is None):
            raise InputError("a result has either a value or an error", field="value")
        if self.value is not None and not _finite(self.value):
            raise InputError(f"a value must be finite, got {self.value}", field="value")
        for name, number in (
            ("seconds", self.provenance.seconds),
            ("peak_memory_mib", self.provenance.peak_memory_mib),
        ):
            if not _finite(number) or number < 0:
                raise InputError(f"expected a finite number, not negative, got {number}", field=f"provenance.{name}")
        for name, count in (("n", self.n), ("seed", self.seed)):
            if count < 0:
                raise InputError(f"must not be negative, got {count}", field=name)
        if self.budget not in get_args(Budget):
            raise InputError(f"unknown budget {self.budget!r}", field="budget")
        if self.data not in get_args(Kind):
            raise InputError(f"unknown kind of data {self.data!r}", field="data")

    def to_line(self) -> str:
        """One line of JSON without its line break; keys in the order of the fields.

        Text stays readable, except for what would break the line or could not be written as UTF-8.
        """
        line = json.dumps(asdict(self), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", line)

    @classmethod
    def from_line(cls, line: str) -> Result:
        """Parse what `to_line` wrote. Raises `InputError` naming the field that is missing, unknown or mistyped."""
        try:
            record = json.loads(line, object_pairs_hook=_unique)
        except InputError:
            raise
        except (ValueError, RecursionError):
            raise InputError("not a complete line of JSON") from None
        values = _record(cls, record, "")
        values["provenance"] = Provenance(**_record(Provenance, values["provenance"], "provenance."))
        return cls(**values)


_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Line separators besides the line feed (JSON escapes those below U+0020 itself) and surrogates."""


def _finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an integer beyond the largest float
        return False


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        names = [name for name, _ in pairs]
        raise InputError("there twice", field=next(name for name in names if names.count(name) > 1))
    return record


_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
    "float | None": (float, int, type(None)),
    "str | None": (str, type(None)),
    "Mapping[str, str]": (dict,),
    "Provenance": (dict,),
    "Budget": (str,),
    "Kind": (str,),
}


def _record(cls: type[Result] | type[Provenance], record: object, prefix: str) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise InputError("expected a JSON object", field=prefix.rstrip(".") or None)
    known = {item.name: str(item.type) for item in fields(cls)}
    for name in known.keys() - record.keys():
        raise InputError("missing", field=prefix + name)
    for name, value in record.items():
        if name not in known:
            raise InputError("unknown", field=prefix + name)
        allowed = _TYPES[known[name]]
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            raise InputError(f"expected {known[name]}, got {value!r:.80}", field=prefix + name)
        if (
            isinstance(value, dict)
            and known[name] != "Provenance"
            and not all(isinstance(v, str) for v in value.values())
        ):
            raise InputError("expected an object of texts", field=prefix + name)
    return dict(record)
