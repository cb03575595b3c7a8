"""Result lines: round trips, and every malformed field."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_eval import InputError, Provenance, Result

TEXT = st.text(max_size=20)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
AMOUNT = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
TEXTS = st.dictionaries(TEXT, TEXT, max_size=3)
PROVENANCE = st.builds(
    Provenance,
    **dict.fromkeys(("run", "commit", "fingerprint", "trained_on", "device", "predictions", "partial"), TEXT),
    dirty=st.booleans(),
    versions=TEXTS,
    failures=TEXTS,
    seconds=AMOUNT,
    peak_memory_mib=AMOUNT,
)
RESULT = st.builds(
    Result,
    **dict.fromkeys(("table", "row", "column", "split", "metric", "signature", "unit", "time"), TEXT),
    value=FINITE,
    error=st.none(),
    n=st.integers(0, 10**9),
    seed=st.integers(0, 10**9),
    budget=st.sampled_from(["smoke", "quick", "standard", "paper"]),
    data=st.sampled_from(["real", "stand-in"]),
    provenance=PROVENANCE,
)


def example(**changes: Any) -> Result:
    provenance = Provenance(
        run="r",
        commit="c0ffee",
        dirty=False,
        versions={"numpy": "2"},
        fingerprint="f",
        trained_on="t",
        device="cpu",
        seconds=1.5,
        peak_memory_mib=10.0,
        predictions="00",
    )
    result = Result(
        table="table2-300w",
        row="DenseReg",
        column="auc",
        split="test",
        metric="ced-auc@0.10",
        signature="ced-auc|v:1",
        value=0.3605,
        unit="fraction",
        n=600,
        seed=0,
        budget="quick",
        data="stand-in",
        error=None,
        time="2026-01-01T00:00:00Z",
        provenance=provenance,
    )
    return replace(result, **changes)


@settings(max_examples=150, deadline=None)
@given(RESULT)
def test_a_line_is_one_line_and_comes_back_unchanged(result: Result) -> None:
    line = result.to_line()
    assert line.splitlines() == [line]
    assert Result.from_line(line.encode("utf-8").decode("utf-8")) == result
    assert list(json.loads(line)) == [item.name for item in fields(Result)]


def test_a_failure_comes_back_unchanged() -> None:
    failed = example(value=None, error="out of memory")
    assert Result.from_line(failed.to_line()) == failed


def test_names_stay_readable_but_separators_and_surrogates_are_escaped() -> None:
    line = example(row="Güler et al.\u2028next\x85line", column="\udcff").to_line()
    assert "Güler et al." in line
    assert "\\u2028" in line
    assert "\\u0085" in line
    line.encode("utf-8")
    assert Result.from_line(line).row == "Güler et al.\u2028next\x85line"


@pytest.mark.parametrize("name", [item.name for item in fields(Result)])
def test_each_missing_field_is_named(name: str) -> None:
    record = json.loads(example().to_line())
    del record[name]
    with pytest.raises(InputError, match="missing") as caught:
        Result.from_line(json.dumps(record))
    assert caught.value.field == name


@pytest.mark.parametrize("name", [item.name for item in fields(Provenance)])
def test_each_missing_field_of_the_provenance_is_named(name: str) -> None:
    record = json.loads(example().to_line())
    del record["provenance"][name]
    with pytest.raises(InputError, match="missing") as caught:
        Result.from_line(json.dumps(record))
    assert caught.value.field == f"provenance.{name}"


WRONG: dict[str, list[Any]] = {
    "str": [1, None, True, [], {}],
    "int": [1.5, None, True, "1", -1],
    "float": [None, True, "1", -1.0, float("nan"), float("inf")],
    "float | None": [True, "0.5", [], float("nan"), float("-inf"), 10**400],
    "str | None": [1, False, {}],
    "bool": [0, 1, None, "true"],
    "Mapping[str, str]": [None, [], {"a": 1}, {"a": None}],
    "Budget": ["huge", None, 1],
    "Kind": ["synthetic", None, 1],
    "Provenance": [None, [], "x"],
}


@pytest.mark.parametrize(
    ("place", "name", "wrong"),
    [
        (place, item.name, wrong)
        for place, cls in (("", Result), ("provenance.", Provenance))
        for item in fields(cls)
        for wrong in WRONG[str(item.type)]
    ],
)
def test_each_mistyped_field_is_named(place: str, name: str, wrong: Any) -> None:
    record = json.loads(example().to_line())
    if place:
        record["provenance"][name] = wrong
    else:
        record[name] = wrong
    with pytest.raises(InputError) as caught:
        Result.from_line(json.dumps(record))
    assert caught.value.field in {place + name, "value" if name == "error" else place + name}


def test_unknown_repeated_and_contradictory_fields() -> None:
    record = json.loads(example().to_line())
    with pytest.raises(InputError, match=r"unknown.*field rank"):
        Result.from_line(json.dumps({**record, "rank": 1}))
    with pytest.raises(InputError, match=r"twice.*field value"):
        Result.from_line(example().to_line().replace('"value":', '"value":0.9,"value":', 1))
    with pytest.raises(InputError, match="either a value or an error"):
        example(error="both")
    with pytest.raises(InputError, match="either a value or an error"):
        example(value=None)


def test_every_truncation_of_a_line_is_refused() -> None:
    line = example().to_line()
    for length in range(len(line)):
        with pytest.raises(InputError):
            Result.from_line(line[:length])


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=8,
    )
)
def test_other_json_is_refused_with_an_input_error(record: Any) -> None:
    with pytest.raises(InputError):
        Result.from_line(json.dumps(record))


@pytest.mark.parametrize("line", ["", "{", "[" * 100_000, "NaN", '{"value": ' + "9" * 5000 + "}", "\x00", "{}{}"])
def test_other_text_is_refused_with_an_input_error(line: str) -> None:
    with pytest.raises(InputError):
        Result.from_line(line)
