"""Claims: is the better row really better? Paired, clustered bootstrap over test units and seeds, Holm in the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench import resampled
from bench.naming import training
from bench.report import Cell, Contributions, Measured, better, contributions, scale
from bench.spec import Claim
from core_eval import Metric, Paired, holm

Finding = Literal["holds", "fails", "undecided", "not run", "not testable"]
LEVEL = 0.05
SMALLEST_REPLICATES = 2000


class Key(NamedTuple):
    """What is compared: two rows, each in its column; or (`growth`) their difference in `column` and in `against`."""

    better: str
    worse: str
    column: str
    against: str
    growth: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """One pair of rows in one column; `gain`, in the column's unit, is positive where `better` really is better.

    `against` is the column of the worse row, mostly the same. With `growth`, `gain` is by how much `better` gains more
    over `worse` in `column` than in `against`.
    """

    better: str
    worse: str
    column: str
    against: str
    growth: bool
    finding: Finding
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None  # Holm-adjusted over all comparisons of the table
    n: int = 0
    groups: int = 0
    seeds: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class ClaimReport:
    """A claim with its comparisons; `finding` speaks of those that could be tested.

    `inside` and `left_out` are titles of columns, where the budget leaves some of the claim's out: those of the tested
    comparisons, and those without results.
    """

    claim: Claim
    finding: Finding
    comparisons: tuple[Comparison, ...]
    inside: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def tested(self) -> tuple[Comparison, ...]:
        return tuple(comparison for comparison in self.comparisons if comparison.p_value is not None)

    @property
    def coverage(self) -> str:
        """``"3 of 14 comparisons tested"``, and in which columns where the budget leaves some out; empty for a claim
        without comparisons."""
        total = len(self.comparisons)
        text = f"{len(self.tested)} of {total} comparison{'s' * (total != 1)} tested" if total else ""
        if self.inside:
            text += f", in {', '.join(self.inside)}"
        return f"{text} (the budget leaves out {', '.join(self.left_out)})" if self.left_out else text

    @property
    def weakest(self) -> Comparison | None:
        """The tested comparison that speaks least for the claim."""
        order = {"fails": 0, "undecided": 1, "holds": 2}
        return min(self.tested, key=lambda one: (order[one.finding], -(one.p_value or 0.0)), default=None)


def judge(measured: Measured) -> tuple[ClaimReport, ...]:
    """Verdicts on all claims of a table."""
    wanted = [list(_comparisons(measured, claim)) for claim in measured.table.claims]
    keys = list(dict.fromkeys(key for keys in wanted for key in keys))
    # Holm multiplies the smallest p-value by the number of comparisons: it must be able to survive that.
    replicates = max(SMALLEST_REPLICATES, 200 * len(keys))
    tests = {key: test for key in keys if (test := _test(measured, key, replicates)) is not None}
    adjusted = dict(zip(tests, holm([test.p_value for test in tests.values()]) if tests else [], strict=True))
    reports = []
    for claim, keys in zip(measured.table.claims, wanted, strict=True):
        found = tuple(_comparison(measured, key, tests.get(key), adjusted.get(key)) for key in keys)
        reports.append(ClaimReport(claim, _finding(found), found, *_scope(measured, found)))
    return tuple(reports)


def _scope(measured: Measured, found: Sequence[Comparison]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(columns of the tested comparisons, columns of others that the budget leaves out); empty if it leaves none."""
    columns = measured.table.columns
    named = {key for one in found for key in (one.column, one.against)}
    inside = {key for one in found if one.p_value is not None for key in (one.column, one.against)}
    out = tuple(column.title for column in measured.left_out if column.key in named)
    return tuple(columns[key].title for key in columns if out and key in inside), out


def _comparisons(measured: Measured, claim: Claim) -> Iterator[Key]:
    """What could have a value on both sides; blanks on either side are skipped."""
    table, seen = measured.table, set()
    for pair in claim.pairs:
        for column, against in pair.places:
            for first in pair.better:
                for second in pair.worse:
                    key = Key(first, second, column, against, bool(pair.more_than))
                    sides = {(first, column), (second, against)}
                    if key.growth:
                        sides |= {(first, against), (second, column)}
                    fills = all(table.fills(table.rows[row], table.columns[place]) for row, place in sides)
                    if len(sides) > 1 and fills and key not in seen:
                        seen.add(key)
                        yield key


def _test(measured: Measured, key: Key, replicates: int) -> Paired | None:
    """Test one comparison; None unless both cells were measured alike and their values are kept.

    The samples are the same, or (a row on other test subjects) none is: then nothing is paired.
    """
    if key.growth:
        return _growth(measured, key, replicates)
    first, second = measured.cell(key.better, key.column), measured.cell(key.worse, key.against)
    metric = measured.metric(key.column)
    if metric is None or not _same_way(first, second):
        return None
    a, b = (contributions(cell, metric.name, measured.load) for cell in (first, second))
    if a is None or b is None:
        return None
    named = key[:3] if key.column == key.against else key[:4]
    names = ("claim", measured.table.id, *named, measured.data, measured.budget)
    code = resampled.code_of(metric, measured.benchmark)
    if a.ids != b.ids:
        return _unpaired(a, b, metric, names, code, replicates)
    same = _trainings(first) == _trainings(second)
    return resampled.paired(
        a.values, b.values, a.groups, metric.reduce, metric.terms, names, code, replicates, same_seeds=same
    )


def _trainings(cell: Cell) -> list[tuple[str, int, str, Mapping[str, str]]]:
    """What was trained for each result of a cell: two cells with the same list read the same networks."""
    origins = [(one.seed, one.provenance) for one in cell.results]
    return [(training(origin.method), seed, origin.trained_on, origin.versions) for seed, origin in origins]


FEWEST_GROUPS = 10
"""Samples that are laid out beside others have at least as many groups: practically every replicate draws some."""


def _unpaired(
    a: Contributions, b: Contributions, metric: Metric, names: Sequence[str], code: str, replicates: int
) -> Paired | None:
    """Compare a metric that is a ratio of sums on samples of which the two sides share none, not even a group.

    Both sides are laid out over all samples together, with nothing where the samples are the other side's.
    """
    sides, terms = [set(side.groups) for side in (a, b)], metric.terms
    if terms is None or sides[0] & sides[1] or min(map(len, sides)) < FEWEST_GROUPS:
        return None
    count = len(a.ids) + len(b.ids)

    def laid_out(side: Contributions, start: int) -> NDArray[np.float64]:
        values = np.zeros((len(side.values), count, 2))
        values[:, start : start + len(side.ids)] = [terms(row) for row in side.values]
        return values

    first, second = laid_out(a, 0), laid_out(b, len(a.ids))
    groups = (*a.groups, *b.groups)
    return resampled.paired(first, second, groups, _ratio, lambda pairs: pairs, names, f"ratio of {code}", replicates)


def _growth(measured: Measured, key: Key, replicates: int) -> Paired | None:
    """Compare the gain in one column with that in the other, of a metric that is a mean over samples.

    Rows that read the same networks are subtracted training by training. Samples are laid out side by side and groups
    drawn from all of them: what stands in both columns, a person or an image, is drawn for both.
    """
    metric, columns = measured.metric(key.column), (key.column, key.against)
    cells = [[measured.cell(row, column) for row in (key.better, key.worse)] for column in columns]
    if metric is None or metric.terms is None or not _same_way(*cells[0], *cells[1]):
        return None
    sides, groups = [], []
    for pair in cells:
        a, b = (contributions(cell, metric.name, measured.load) for cell in pair)
        if a is None or b is None or a.ids != b.ids or len(a.values) != len(b.values):
            return None
        tops = [[metric.terms(row) for row in side.values] for side in (a, b)]
        if any((one[:, 1] != 1).any() for rows in tops for one in rows):
            return None
        sides.append(np.array([one[:, 0] - other[:, 0] for one, other in zip(*tops, strict=True)]))
        groups.append(a.groups)
    if len(sides[0]) != len(sides[1]) or min(len(set(one)) for one in groups) < FEWEST_GROUPS:
        return None
    same = len({tuple(map(repr, _trainings(cell))) for pair in cells for cell in pair}) == 1
    blank = [np.zeros((*one.shape, 2)) for one in sides]
    laid = [np.concatenate(parts, axis=1) for parts in ((_unit(sides[0]), blank[1]), (blank[0], _unit(sides[1])))]
    names = ("claim", measured.table.id, "more than", *key[:4], measured.data, measured.budget)
    code = f"gain of {resampled.code_of(metric, measured.benchmark)}"
    every = (*groups[0], *groups[1])
    return resampled.paired(
        laid[0], laid[1], every, _ratio, lambda pairs: pairs, names, code, replicates, same_seeds=same
    )


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(S, N) -> (S, N, 2) with denominators 1."""
    return np.stack([values, np.ones_like(values)], axis=-1)


def _ratio(terms: NDArray[np.float64]) -> float:
    """(N, 2) numerators and denominators -> ratio of their sums."""
    top, bottom = terms.sum(axis=0)
    return float(top / bottom)


def _same_way(*cells: Cell) -> bool:
    """All cells measured in one way, on one edition of their split or splits."""
    ways = {
        (one.signature, one.provenance.trained_on, one.provenance.partial) for cell in cells for one in cell.results
    }
    places = {(one.split, one.provenance.fingerprint) for cell in cells for one in cell.results}
    known = len(places) == len({split for split, _ in places})  # one edition of each split
    return all(cell.status == "measured" for cell in cells) and len(ways) == 1 and known


def _comparison(measured: Measured, key: Key, test: Paired | None, adjusted: float | None) -> Comparison:
    if test is None or adjusted is None:
        return Comparison(*key, finding="not run")
    column, metric = measured.table.columns[key.column], measured.metric(key.column)
    assert metric is not None
    factor = scale(column, metric) * (1 if better(column, metric) == "higher" else -1)
    low, high = sorted((factor * test.low + 0.0, factor * test.high + 0.0))  # no negative zeros
    gain = factor * test.difference + 0.0
    finding: Finding = "undecided" if adjusted >= LEVEL else "holds" if gain > 0 else "fails"
    return Comparison(*key, finding, gain, low, high, float(adjusted), test.n, test.groups, test.seeds)


def _finding(comparisons: Sequence[Comparison]) -> Finding:
    found = {comparison.finding for comparison in comparisons} - {"not run"}
    if not comparisons:
        return "not testable"
    if not found:
        return "not run"
    if "fails" in found:
        return "fails"
    return "undecided" if "undecided" in found else "holds"
