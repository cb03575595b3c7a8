"""Cells and claims: pooling, printed digits, Holm, and what may not be compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.catalogue import Catalogue
from bench.jobs import metric as make_metric
from bench.naming import recipe
from bench.report import Measured, compare, measure, scale
from bench.samples import Samples, array_name, load, save
from bench.spec import Claim, Pair
from bench.texts import evidence
from bench.verdicts import judge
from core_eval import InputError, Provenance, Result, holm


class Laboratory:
    """Makes results with known contributions for the toy table."""

    def __init__(self, checkout) -> None:
        catalogue = Catalogue(checkout.root / "benchmarks")
        self.table, self.benchmark = catalogue.table("toy-table"), catalogue.benchmark("toy")
        self.metrics = {name: make_metric(choice) for name, choice in self.benchmark.metrics.items()}
        self.results: list[Result] = []
        self.kept: dict[str, Samples] = {}

    def add(self, row: str, errors: np.ndarray, seed: int = 0, *, groups: int = 20, **changes: object) -> None:
        """A run of a row whose normalised errors are known."""
        spec = self.table.rows[row]
        run = f"{row}/{seed}/{len(self.results)}"
        ids = tuple(f"s{i}" for i in range(len(errors)))
        names = [f"g{i % groups}" for i in range(len(errors))]
        self.kept[run] = Samples(ids, tuple(names), dict.fromkeys(self.metrics, errors))
        origin = {
            "run": run,
            "commit": "c",
            "dirty": False,
            "versions": {"fakepack": "1.0+0123456789ab", "torch": "2.0+cpu"},
            "fingerprint": "f",
            "trained_on": "t",
            "device": "cpu",
            "seconds": 1.0,
            "peak_memory_mib": 1.0,
            "predictions": run,
            "method": recipe(spec.method, spec.options, spec.predict),
        }
        origin |= {key: value for key, value in changes.items() if key in origin}
        for key, column in self.table.columns.items():
            if not self.table.measurable(spec, column):
                continue
            metric = self.metrics[column.metric]
            self.results.append(
                Result(
                    table="toy-table",
                    row=row,
                    column=key,
                    split="test",
                    metric=metric.name,
                    signature=str(changes.get("signature", metric.signature)),
                    value=metric.reduce(errors),
                    unit=metric.unit,
                    n=len(errors),
                    seed=seed,
                    budget="quick",
                    data=changes.get("data", "stand-in"),
                    error=None,
                    time="",
                    provenance=Provenance(**origin),
                )
            )

    def measure(self, **changes) -> Measured:
        table = replace(self.table, **changes)
        load_run = lambda result: self.kept.get(result.provenance.run)  # noqa: E731
        return measure(table, self.benchmark, self.metrics, self.results, load_run, "stand-in", "quick")


@pytest.fixture
def laboratory(checkout) -> Laboratory:
    return Laboratory(checkout)


def errors(seed: int, mean: float = 0.05, n: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).gamma(4.0, mean / 4.0, n)


def claim(better: list[str], worse: list[str], columns: tuple[str, ...] = ("auc",)) -> Claim:
    return Claim("text", (Pair(columns, tuple(better), tuple(worse)),), True, "yes", "", ())


@pytest.mark.parametrize(
    ("printed", "value", "low", "high", "verdict"),
    [
        ("0.3605", 0.36054, 0.3, 0.4, "match"),
        ("0.3605", 0.36055, 0.3, 0.4, "match"),
        ("0.3605", 0.36056, 0.3, 0.4, "close"),
        ("0.3605", 0.37, 0.365, 0.375, "off"),
        ("0.3605", 0.37, None, None, "off"),
        ("16.0", 16.04, 1, 2, "match"),
        ("16.0", 16.06, 1, 2, "off"),
        ("10", 10.4, 1, 2, "match"),
        ("Yes", 1.0, 0, 2, ""),
        ("", 1.0, 0, 2, ""),
    ],
)
def test_a_value_is_compared_with_printed_digits(printed, value, low, high, verdict) -> None:
    assert compare(printed, value, low, high) == verdict


def test_the_interval_holds_the_mean_over_seeds(laboratory) -> None:
    for seed in range(3):
        laboratory.add("Good", errors(seed), seed)
    cell = laboratory.measure().cell("Good", "auc")
    values = [result.value for result in laboratory.results if result.column == "auc"]
    assert cell.value == pytest.approx(np.mean(values))
    assert cell.low < cell.value < cell.high
    assert (cell.seeds, cell.n) == (3, 200)


def test_only_the_newest_edition_is_pooled(laboratory) -> None:
    laboratory.add("Good", errors(0), 0, versions={"fakepack": "1.0+ba9876543210", "torch": "2.0+cpu"})
    laboratory.add("Good", errors(1), 1, versions={"fakepack": "1.0+ba9876543210", "torch": "2.0+cpu"})
    laboratory.add("Good", errors(2), 0)
    assert [result.provenance.run for result in laboratory.measure().cell("Good", "auc").results] == ["Good/0/4"]
    laboratory.add("Good", errors(3), 0)
    laboratory.add("Good", errors(4), 2, versions={"fakepack": "1.0+0123456789ab", "torch": "2.1+cpu"})
    newest = laboratory.measure().cell("Good", "auc").results
    assert [result.provenance.run for result in newest] == ["Good/0/6", "Good/2/8"], "the last of each seed"


@pytest.mark.parametrize(
    "change",
    [{"signature": "ced-auc|another"}, {"method": "fakepack:noisy noise=3.0"}, {"data": "real"}],
    ids=["signature", "options", "data"],
)
def test_results_of_another_protocol_are_not_shown(laboratory, change) -> None:
    laboratory.add("Good", errors(0), **change)
    assert laboratory.measure().cell("Good", "auc").status == "not run"


def test_a_clear_difference_holds_and_its_opposite_fails(laboratory) -> None:
    laboratory.add("Good", errors(0))
    laboratory.add("Good, half", 0.5 * errors(0))
    forth, back = judge(laboratory.measure(claims=(claim(["Good, half"], ["Good"]), claim(["Good"], ["Good, half"]))))
    assert (forth.finding, back.finding) == ("holds", "fails")
    assert forth.comparisons[0].gain == pytest.approx(-back.comparisons[0].gain)
    assert forth.comparisons[0].low > 0 > back.comparisons[0].high


def test_two_columns_of_one_metric_can_be_compared(laboratory) -> None:
    """A model trained with few labels against another with many: the two stand in different columns."""
    table = laboratory.table
    laboratory.table = replace(table, columns={**table.columns, "more": replace(table.columns["auc"], key="more")})
    for column, values in (("auc", errors(0)), ("more", 0.5 * errors(0))):
        known = len(laboratory.results)
        laboratory.add("Good", values)
        laboratory.results[known:] = [one for one in laboratory.results[known:] if one.column == column]
    found = {one.column: one.value for one in laboratory.results}
    assert found["more"] > found["auc"]
    forth = Claim("text", (Pair(("more",), ("Good",), ("Good",), ("auc",)),), True, "yes", "", ())
    back = Claim("text", (Pair(("auc",), ("Good",), ("Good",), ("more",)),), True, "yes", "", ())
    same = Claim("text", (Pair(("auc",), ("Good",), ("Good",)),), True, "yes", "", ())
    measured = laboratory.measure(claims=(forth, back, same))
    reports = judge(measured)
    assert [report.finding for report in reports] == ["holds", "fails", "not testable"]
    assert reports[0].comparisons[0].gain == pytest.approx(found["more"] - found["auc"])
    titles = [measured.table.columns[key].title for key in ("more", "auc")]
    assert evidence(reports[0], measured).startswith(" vs ".join(dict.fromkeys(titles)))


def test_gains_in_two_columns_can_be_compared(laboratory) -> None:
    """`Good, half` gains over `Good` in both columns, and more in the second; rows of lower is better alike."""
    table = laboratory.table
    names = ("auc1", "auc2", "fr1", "fr2")
    columns = {name: replace(table.columns[name[:-1]], key=name, title=name) for name in names}
    laboratory.table = replace(table, columns=columns)
    base = errors(0, 0.08)
    for row, shares in {"Good": (1.0, 1.0), "Good, half": (0.9, 0.5)}.items():
        for column, share in zip((("auc1", "fr1"), ("auc2", "fr2")), shares, strict=True):
            known = len(laboratory.results)
            laboratory.add(row, share * base)
            laboratory.results[known:] = [one for one in laboratory.results[known:] if one.column in column]
    found = {(one.row, one.column): one.value for one in laboratory.results}

    def more(name: str, first: str, second: str) -> Claim:
        pair = Pair((name + first,), ("Good, half",), ("Good",), more_than=(name + second,))
        return Claim("text", (pair,), True, "yes", "", ())

    claims = [more(name, *order) for name in ("auc", "fr") for order in (("2", "1"), ("1", "2"))]
    measured = laboratory.measure(claims=tuple(claims))
    reports = judge(measured)
    assert [report.finding for report in reports] == ["holds", "fails", "holds", "fails"]
    by_hand = [found["Good, half", f"auc{k}"] - found["Good", f"auc{k}"] for k in (1, 2)]
    assert reports[0].comparisons[0].gain == pytest.approx(by_hand[1] - by_hand[0])
    assert reports[0].comparisons[0].low > 0
    assert evidence(reports[0], measured).startswith("auc2, more than auc1: ")


def test_gain_is_positive_for_the_better_row_also_where_lower_is_better(laboratory) -> None:
    laboratory.add("Good", errors(0, 0.08))
    laboratory.add("Good, half", 0.5 * errors(0, 0.08))
    (report,) = judge(laboratory.measure(claims=(claim(["Good, half"], ["Good"], ("fr",)),)))
    assert report.finding == "holds"
    assert report.comparisons[0].gain > 0


def test_noise_is_undecided(laboratory) -> None:
    laboratory.add("Good", errors(0))
    laboratory.add("Good, half", errors(1))
    (report,) = judge(laboratory.measure(claims=(claim(["Good, half"], ["Good"]),)))
    assert report.finding == "undecided"
    assert report.comparisons[0].low < 0 < report.comparisons[0].high


@pytest.mark.parametrize(("code", "finding"), [("0123456789ab", "holds"), ("ba9876543210", "undecided")])
def test_what_one_training_gives_two_rows_is_no_difference(laboratory, code, finding) -> None:
    """Both rows read the same three networks, which differ much; or the second row has trained its own."""
    for seed, mean in enumerate((0.03, 0.05, 0.07)):
        values = errors(seed, mean)
        laboratory.add("Good", values, seed)
        versions = {"fakepack": f"1.0+{code}", "torch": "2.0+cpu"}
        laboratory.add("Good, half", 0.9 * values, seed, versions=versions)
    (report,) = judge(laboratory.measure(claims=(claim(["Good, half"], ["Good"]),)))
    assert report.finding == finding
    assert report.comparisons[0].gain > 0


def test_clusters_widen_the_interval(laboratory) -> None:
    shift = np.repeat(np.random.default_rng(7).normal(0, 0.01, 20), 10)  # 20 people, 10 images each
    person = np.tile(np.arange(20), 10)
    for groups in (20, 200):
        laboratory.results.clear()
        laboratory.add("Good", errors(0), groups=groups)
        laboratory.add(
            "Good, half", np.abs(errors(0) + shift[np.argsort(person, kind="stable").argsort()]), groups=groups
        )
        (report,) = judge(laboratory.measure(claims=(claim(["Good, half"], ["Good"]),)))
        width = report.comparisons[0].high - report.comparisons[0].low
        assert report.comparisons[0].groups == groups
        if groups == 20:
            clustered = width
    assert clustered > 1.5 * width


def test_p_values_are_corrected_over_the_whole_table(laboratory) -> None:
    laboratory.add("Good", errors(0))
    laboratory.add("Good, half", errors(0) * 0.97 + 0.03 * errors(1))
    one = judge(laboratory.measure(claims=(claim(["Good, half"], ["Good"]),)))[0].comparisons[0].p_value
    both = judge(laboratory.measure(claims=(claim(["Good, half"], ["Good"], ("auc", "fr")),)))[0].comparisons
    assert both[0].p_value >= one
    # Holm by hand: the smaller of two raw p-values counts twice.
    raw = [0.01, 0.03]
    assert holm(raw).tolist() == [0.02, 0.03]
    twice = judge(laboratory.measure(claims=(claim(["Good, half"], ["Good"]),) * 2))
    assert twice[0].comparisons[0].p_value == one, "a comparison that two claims share counts once"


def test_a_comparison_with_a_row_that_never_ran_is_not_run(laboratory) -> None:
    laboratory.add("Good", errors(0))
    reports = judge(
        laboratory.measure(claims=(claim(["Good"], ["Cited", "Later", "Good, half"], ("auc", "fr")), claim([], [])))
    )
    assert reports[0].finding == "not run"
    # (Cited, Good half) in two columns, Later in the one it has: blanks are skipped.
    assert reports[0].coverage == "0 of 5 comparisons tested"
    assert reports[1].finding == "not testable"


@pytest.mark.parametrize("change", [{"fingerprint": "other"}, {"trained_on": "other"}])
def test_rows_measured_in_another_way_are_not_compared(laboratory, change) -> None:
    laboratory.add("Good", errors(0))
    laboratory.add("Good, half", 0.5 * errors(0), **change)
    assert judge(laboratory.measure(claims=(claim(["Good, half"], ["Good"]),)))[0].finding == "not run"


def test_without_per_sample_values_there_is_a_value_but_no_interval_and_no_test(laboratory) -> None:
    laboratory.add("Good", errors(0))
    laboratory.add("Good, half", 0.5 * errors(0))
    laboratory.kept.clear()
    measured = laboratory.measure(claims=(claim(["Good, half"], ["Good"]),))
    assert measured.cell("Good", "auc").value is not None
    assert measured.cell("Good", "auc").low is None
    assert judge(measured)[0].finding == "not run"


def test_verdicts_are_the_same_every_time(laboratory) -> None:
    for seed in range(2):
        laboratory.add("Good", errors(seed), seed)
        laboratory.add("Good, half", errors(seed + 10), seed)
    assert judge(laboratory.measure()) == judge(laboratory.measure())


def test_units_are_converted_or_refused(laboratory) -> None:
    column = laboratory.table.columns["auc"]
    metric = laboratory.metrics["ced-auc@0.10"]
    assert scale(replace(column, unit="percent"), metric) == 100.0
    assert scale(column, metric) == 1.0
    with pytest.raises(InputError, match="fraction cannot be shown in mm"):
        scale(replace(column, unit="mm"), metric)


def test_samples_round_trip_and_say_what_they_lack(tmp_path) -> None:
    rng = np.random.default_rng(0)
    pairs = rng.random((4, 2))
    kept = Samples(
        ("a", "b", "c", "d"), ("g", "g", "h", "h"), {"x@1": pairs[:, 0].copy(), "y": pairs[:, 0].copy(), "z-z": pairs}
    )
    save(tmp_path / "s.npz", kept)
    again = load(tmp_path / "s.npz", {"x@1": (), "y": (), "z-z": (2,)})
    assert (again.ids, again.groups) == (kept.ids, kept.groups)
    for name, values in kept.values.items():
        assert np.array_equal(again.values[name], values)
    for wanted, message in (({"w": ()}, "no values of the metric 'w'"), ({"y": (2,)}, "shape")):
        with pytest.raises(InputError, match=message):
            load(tmp_path / "s.npz", wanted)
    with pytest.raises(InputError, match="nearly the same name"):
        save(tmp_path / "t.npz", Samples(("a",), ("g",), {"x@1": pairs[:1, 0], "x 1": pairs[:1, 0]}))
    assert array_name("ced-auc@0.10") == "ced_auc_0_10"
