"""The specification files: what is there loads, what is wrong is named with file, key path and the nearest name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.catalogue import Catalogue, Head
from bench.reading import Keys, nearest
from core_eval import InputError

REPOSITORY = Path(__file__).parents[3] / "benchmarks"


@pytest.mark.skipif(not REPOSITORY.is_dir(), reason="the package is tested outside its repository")
def test_every_file_of_the_repository_loads() -> None:
    catalogue = Catalogue(REPOSITORY)
    assert {"table2-300w", "fig6-quantization"} <= set(catalogue.files)
    for name in catalogue.files:
        table = catalogue.table(name)
        assert table.protocol in catalogue.keys
        for claim in table.claims:
            assert claim.pairs or claim.comment, "a claim without comparisons says why"


@pytest.mark.skipif(not REPOSITORY.is_dir(), reason="the package is tested outside its repository")
def test_heads_for_the_listing_say_what_the_tables_say() -> None:
    catalogue = Catalogue(REPOSITORY)
    for name in catalogue.files:
        table = catalogue.table(name)
        able = sum(row.method is not None for row in table.rows.values())
        assert catalogue.head(name) == Head(table.title, table.paper, table.where, len(table.rows), able)


def test_head_of_an_unusual_file_is_read_in_full(checkout) -> None:
    file = next(checkout.root.glob("benchmarks/*/toy-table.toml"))
    usual = Catalogue(checkout.root / "benchmarks").head("toy-table")
    text = file.read_text("utf-8")
    file.write_text(re.sub(r'^title = "(.*)"$', r'title = """\n\1"""', text, count=1, flags=re.MULTILINE), "utf-8")
    assert file.read_text("utf-8") != text
    assert Catalogue(checkout.root / "benchmarks").head("toy-table") == usual


@pytest.mark.skipif(not REPOSITORY.is_dir(), reason="the package is tested outside its repository")
def test_rows_of_the_sweep_share_one_model_for_each_number_of_bins() -> None:
    from bench.plan import plan

    catalogue = Catalogue(REPOSITORY)
    runs = plan(catalogue.table("fig6-quantization"), catalogue.benchmark("300w"), data="stand-in", budget="quick")
    assert len(runs) == 13
    assert len({repr(run.model) for run in runs}) == 7


def test_a_table_keeps_printed_digits(checkout) -> None:
    table = Catalogue(checkout.root / "benchmarks").table("toy-table")
    assert table.rows["Good"].reported == {"auc": "0.5123", "fr": "10.0"}
    assert table.claims[0].pairs[0].columns == ("auc", "fr", "fps"), "'all' is every printed column"
    assert [len(claim.pairs) for claim in table.claims] == [1, 2, 1, 0]


WRONG = [
    ('paper = "paper"', 'paper = "papre"', "unknown paper 'papre'; did you mean 'paper'?", "paper"),
    ('protocol = "toy"', 'protocol = "yot"', "the table lies in the folder of 'toy' but names", "protocol"),
    ('where = "Table 1"', 'whre = "Table 1"', "the key 'where' is missing", "where"),
    ('notes = ["The paper', 'nots = ["The paper', "unknown key 'nots'; did you mean 'notes'?", "nots"),
    (
        'metric = "failure@0.10"',
        'metric = "failure@0.1"',
        "unknown metric 'failure@0.1'; did you mean 'failure@0.10'?",
        "columns.fr.metric",
    ),
    ('split = "test"', 'split = "tests"', "unknown value 'tests'; did you mean 'test'?", "split"),
    (
        'reported = { auc = "0.4",',
        'reported = { acu = "0.4",',
        "unknown column 'acu'; did you mean 'auc'?",
        "rows[3].reported.acu",
    ),
    ('fps = "30"', "fps = 30", "expected text, got 30", "rows[3].reported.fps"),
    ('label = "Bad"', 'label = "Good"', "two rows are labelled 'Good'", "rows[2].label"),
    ('columns = ["fr"]', 'columns = ["rf"]', "unknown column 'rf'", "rows[2].columns"),
    ('needs = "a cascade"', "needs = true", "expected text, got True", "rows[4].needs"),
    ('holds_in_paper = "yes"', 'holds_in_paper = "maybe"', "unknown value 'maybe'", "claims[0].holds_in_paper"),
    (
        'worse = ["Cited"]',
        'worse = ["Sited"]',
        "unknown row 'Sited'; did you mean 'Cited'?",
        "claims[1].pairs[1].worse",
    ),
    ('columns = ["auc", "fr"]', 'colums = ["auc", "fr"]', "unknown key 'colums'", "claims[1].pairs[1].colums"),
    (
        'columns = ["auc", "fr"]',
        'columns = ["auc", "fr"]\nagainst = ["auc"]',
        "2 columns, but 1 to compare them with",
        "claims[1].pairs[1].against",
    ),
    (
        'columns = ["auc", "fr"]',
        'columns = ["auc"]\nagainst = ["fr"]',
        "'auc' and 'fr' are measured in different ways",
        "claims[1].pairs[1].against",
    ),
    (
        'columns = ["auc", "fr"]',
        'columns = ["auc", "fr"]\nmore_than = ["auc"]',
        "2 columns, but 1 to compare them with",
        "claims[1].pairs[1].more_than",
    ),
    (
        'columns = ["auc", "fr"]',
        'columns = ["auc"]\nagainst = ["auc"]\nmore_than = ["auc"]',
        "gains have no columns of their own",
        "claims[1].pairs[1].against",
    ),
    ('better = "higher"', 'better = "bigger"', "unknown value 'bigger'", "columns.fps.better"),
    ('unit = "frames per second"', "", "the key 'unit' is missing", "columns.fps"),
    ("[columns.auc]", "[budgets.huge]\n[columns.auc]", "unknown budget 'huge'", "budgets.huge"),
    ("[columns.auc]", "[budgets.quick]\nseeds = 0\n[columns.auc]", "expected at least one seed", "budgets.quick.seeds"),
    ('title = "AUC"', 'title = "AUC', "not valid TOML", None),
]


@pytest.mark.parametrize(("old", "new", "message", "key"), WRONG, ids=[case[1] or case[0] for case in WRONG])
def test_a_wrong_table_is_named_with_file_and_key(checkout, bench, old, new, message, key) -> None:
    checkout.edit(old, new)
    ran = bench("reproduce", "toy-table", "--dry-run")
    assert ran.code == 2
    assert message in ran.err
    assert str(checkout.table) in ran.err
    assert key is None or f"field {key})" in ran.err
    assert ran.err.count("\n") == 1, "one line"


def test_a_wrong_benchmark_is_named(checkout, bench) -> None:
    file = checkout.table.with_name("benchmark.toml")
    checkout.edit('source = "choice"', 'source = "choise"', file)
    ran = bench("reproduce", "toy-table", "--dry-run")
    assert ran.code == 2
    assert "unknown value 'choise'; did you mean 'choice'?" in ran.err
    assert f"file {file}, field metrics.nme.source" in ran.err


def test_wrong_ids_are_found_before_any_run(checkout, bench) -> None:
    for old, new, message in (
        (
            "fakepack:constant",
            "fakepack:constnat",
            "unknown method 'fakepack:constnat'; did you mean 'fakepack:constant'?",
        ),
        ("fakepack:constnat", "nopack:x", "no package 'nopack' is installed"),
        ("nopack:x", "fakepack:constant", ""),
        ("noise = 2.0 }\nreported", "nois = 2.0 }\nreported", "has no option 'nois'; did you mean 'noise'?"),
    ):
        checkout.edit(old, new)
        ran = bench("reproduce", "toy-table", "--dry-run")
        assert (ran.code == 2) == bool(message), ran
        assert message in ran.err


def test_unknown_names_on_the_command_line_suggest_the_nearest(bench) -> None:
    assert "did you mean 'toy-table'?" in bench("reproduce", "toy-tabel").err
    assert "did you mean 'Good, half'?" in bench("reproduce", "toy-table", "--rows", "good half").err
    assert bench("reproduce", "toy-table", "--rows", "BAD", "--dry-run").code == 0, "case does not count"


@pytest.mark.parametrize(
    "value", [None, True, 3, 2.5, "text", [], [1], ["a"], [{}], {}, {"a": 1}, {"a": "b"}, {"a": {}}]
)
@pytest.mark.parametrize("read", ["text", "texts", "text_map", "inner", "each", "rows", "options"])
def test_any_value_in_any_place_is_accepted_or_refused_clearly(value: object, read: str) -> None:
    try:
        getattr(Keys({"key": value}, Path("file.toml")), read)("key")
    except InputError as reason:
        where = (reason.file, str(reason.field)[:3])
    else:
        where = (Path("file.toml"), "key")
    assert where == (Path("file.toml"), "key")


def test_tables_stand_in_the_order_of_the_paper(checkout) -> None:
    for name, where in (("a", "Table 10"), ("b", "Table 2.10"), ("c", "Table 2.2"), ("d", "Figure 3")):
        checkout.table.with_stem(name).write_text(checkout.table.read_text("utf-8").replace("Table 1", where), "utf-8")
    tables = Catalogue(checkout.root / "benchmarks").tables("toy")
    assert [table.where for table in tables] == ["Figure 3", "Table 1", "Table 2.2", "Table 2.10", "Table 10"]


def test_nearest() -> None:
    assert nearest("tabel", ["table", "chair"]) == "; did you mean 'table'?"
    assert nearest("zzz", ["table", "chair"]) == "; known: table, chair"
    assert nearest("zzz", []) == "; there are none"
