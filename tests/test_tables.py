"""Every printed table, cell by cell, against the record of what is printed (``benchmarks/reported/``)."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from bench import jobs
from bench.catalogue import Catalogue
from bench.report import better, unit
from bench.spec import Claim, Table
from core_eval import Metric

FOLDER = Path(__file__).parents[1] / "benchmarks"
CATALOGUE = Catalogue(FOLDER)
UNITS = {"pixels": {"px"}, "unitless": {"similarity", "score"}}
"""Words of the record for what a measured column calls otherwise; all other units are the same word."""


def record(name: str) -> list[dict[str, str]]:
    with (FOLDER / "reported" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


PRINTED = {row["table"]: row for row in record("tables.csv")}
CLAIMS = record("claims.csv")


@cache
def table_of(name: str) -> Table:
    return CATALOGUE.table(name)


@cache
def metrics_of(benchmark: str) -> dict[str, Metric]:
    return {name: jobs.metric(choice) for name, choice in CATALOGUE.benchmark(benchmark).metrics.items()}


def test_record_is_complete():
    assert len(PRINTED) == 44
    assert len(CLAIMS) == 131
    files = {row["file"] for row in PRINTED.values()}
    others = {"tables.csv", "claims.csv", "inconsistencies.csv"}
    assert {file.name for file in (FOLDER / "reported").iterdir()} == files | others
    assert {row["paper"] for row in PRINTED.values()} == {paper.code for paper in CATALOGUE.papers.values()}
    assert PRINTED.keys() | {"fig6-quantization", "fig10-initialisation"} == CATALOGUE.files.keys()


@pytest.mark.parametrize("name", PRINTED)
def test_cells_are_as_printed(name):
    table, cells = table_of(name), record(PRINTED[name]["file"])
    assert len(cells) == int(PRINTED[name]["cells"])
    titles = {key: column.title for key, column in table.columns.items()}
    assert len(set(titles.values())) == len(titles)
    told = [(row.label, titles[key], text) for row in table.rows.values() for key, text in row.reported.items()]
    assert Counter(told) == Counter((cell["method"], cell["column"], cell["value"]) for cell in cells)
    rows = list(dict.fromkeys(cell["method"] for cell in cells))
    assert [label for label, row in table.rows.items() if row.reported] == rows, "rows in the printed order"


@pytest.mark.parametrize("name", PRINTED)
def test_place_units_and_directions_are_as_printed(name):
    table, printed = table_of(name), PRINTED[name]
    assert CATALOGUE.papers[table.paper].code == printed["paper"]
    assert table.where.lower() == printed["where"].lower()
    units = {cell["column"]: cell["unit"] for cell in record(printed["file"])}
    single = None if ":" in printed["better"] else printed["better"]
    directions = {} if single else dict(entry.rsplit(": ", 1) for entry in printed["better"].split("; "))
    metrics = metrics_of(table.protocol)
    for column in table.columns.values():
        if column.title in units:
            metric = metrics[column.metric] if column.metric else None
            word = units[column.title]
            assert unit(column, metric) in UNITS.get(word, set()) | {word}, column.title
            assert better(column, metric) == (single or directions[column.title]), column.title


@pytest.mark.parametrize("name", PRINTED)
def test_claims_are_as_recorded(name):
    claims = {claim.text: claim for claim in table_of(name).claims}
    assert len(claims) == len(table_of(name).claims)
    for row in (row for row in CLAIMS if row["table"] == name):
        claim = claims.pop(row["claim"])
        assert claim.claimed_by_paper == (row["claimed_by_paper"] == "yes")
        assert claim.holds_in_paper == row["holds_in_paper"]
        assert len(list(comparisons(table_of(name), claim))) == int(row["comparisons"])
    assert name == "table2-300w" or not claims, "a claim that is on no record"


def comparisons(table: Table, claim: Claim) -> Iterator[tuple[str, bool]]:
    """Every comparison of printed numbers (blanks skipped): what it says, and whether it favours the claim."""
    metrics = metrics_of(table.protocol)
    for pair in claim.pairs:
        for key, against in pair.places:
            column, other = table.columns[key], table.columns[against]
            direction = better(column, metrics[column.metric] if column.metric else None)
            assert direction in ("higher", "lower")
            for first in pair.better:
                for second in pair.worse:
                    texts = [table.rows[first].reported.get(key), table.rows[second].reported.get(against)]
                    if None not in texts:
                        a, b = (Decimal(str(text)) for text in texts)
                        title = " vs ".join(dict.fromkeys((column.title, other.title)))
                        says = f"{title}: {first} {float(a):g} vs {second} {float(b):g}"
                        yield says, a > b if direction == "higher" else a < b


TESTED = [
    pytest.param(name, claim, id=f"{name}-{number}")
    for name in PRINTED
    for number, claim in enumerate(table_of(name).claims)
    if claim.holds_in_paper in ("yes", "no", "partly") and any(comparisons(table_of(name), claim))
]


@pytest.mark.parametrize(("name", "claim"), TESTED)
def test_printed_numbers_say_whether_a_claim_holds(name, claim):
    found = dict(comparisons(table_of(name), claim))
    share = sum(found.values()) / len(found)
    assert claim.holds_in_paper == ("yes" if share == 1 else "no" if share == 0 else "partly")
    assert Counter(claim.counterexamples) == Counter(says for says, favours in found.items() if not favours)


def test_most_claims_are_recomputed():
    decided = [row for row in CLAIMS if row["holds_in_paper"] in ("yes", "no", "partly")]
    assert len(TESTED) == sum(row["comparisons"] != "0" for row in decided) == 107


@pytest.mark.parametrize("key", CATALOGUE.keys)
def test_benchmark_is_whole(key):
    benchmark, tables = CATALOGUE.benchmark(key), CATALOGUE.tables(key)
    assert tables
    assert benchmark.splits
    metrics = metrics_of(key)
    assert len({metric.signature for metric in metrics.values()}) == len(metrics), "two names for one measure"
    for choice in benchmark.metrics.values():
        siblings = [one for one in benchmark.metrics.values() if one.metric == choice.metric and one.note]
        assert choice.source == "paper" or siblings, f"{choice.name}: a choice of ours says why"
    for table in tables:
        assert all(column.metric or column.better for column in table.columns.values())
        for row in table.rows.values():
            assert row.role or table.figure, row.label
            cited = "cited" in row.role or row.role == "reference"
            words = all(column.unit == "category" for column in table.columns.values())
            assert cited or words or row.method or row.needs, f"{row.label}: a system that is not run says why"


def test_every_inconsistency_of_the_papers_is_told():
    inconsistencies = record("inconsistencies.csv")
    assert len({row["id"] for row in inconsistencies}) == 68
    tables = [CATALOGUE.table(name) for name in CATALOGUE.files]
    notes = {key: [*paper.notes] for key, paper in CATALOGUE.papers.items()}
    for table in tables:
        notes[table.paper] += table.notes
    codes = {paper.code: key for key, paper in CATALOGUE.papers.items()}
    told = {code: "\n".join(notes[key]) for code, key in codes.items()}
    assert [row["id"] for row in inconsistencies if row["text"].rstrip(".") not in told[row["paper"]]] == []
