"""How values, verdicts and signatures read; shared by the terminal and the pages."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from bench.document import Badge, Emphasis, Line, Value
from bench.report import Cell, Measured, unit
from bench.spec import Claim, Column, Options, Row
from bench.verdicts import ClaimReport, Comparison
from core_eval import Metric

_DECIMALS = {"fraction": 4, "percent": 2, "px": 2, "mm": 2, "template units": 4}
SIGNS = {"holds": "✓", "fails": "✗", "undecided": "?", "match": "=", "close": "≈", "off": "≠"}
UNIT_SIGNS = {"percent": "%", "fraction": "fraction"}


def decimals(measured: Measured, column: Column) -> int:
    """As many as the paper prints in the column, else by unit."""
    printed = [row.reported[column.key] for row in measured.table.rows.values() if column.key in row.reported]
    counts = []
    for text in printed:
        try:
            exponent = Decimal(text).as_tuple().exponent
        except InvalidOperation:
            continue
        counts.append(-exponent if isinstance(exponent, int) else 0)
    return max(counts) if counts else places(unit(column, measured.metric(column.key)))


def places(unit: str) -> int:
    """Decimals that are shown of a value in that unit."""
    return _DECIMALS.get(unit, 3)


def number(value: float, places: int) -> str:
    text = f"{value:.{places}f}"
    return text.lstrip("-") if float(text) == 0 else text


def value(cell: Cell, places: int) -> str:
    """``0.7012``; the sign for what is not there."""
    if cell.value is not None:
        return number(cell.value, places)
    return {"not applicable": "–", "no data": "no data", "failed": "failed"}.get(cell.status, "")


def interval(cell: Cell, places: int) -> str:
    """``[0.6890, 0.7130]``; empty without one."""
    if cell.low is None or cell.high is None:
        return ""
    return f"[{number(cell.low, places)}, {number(cell.high, places)}]"


def heading(column: Column, metric: Metric | None) -> str:
    """Title with unit."""
    shown = unit(column, metric)
    sign = UNIT_SIGNS.get(shown, shown)
    return f"{column.title} ({sign})" if sign and sign not in ("fraction", "category") else column.title


def state(measured: Measured, row: Row) -> str:
    """Why a row has no measured value, in a few words; empty if it has one."""
    cells = [measured.cell(row.label, key) for key in measured.table.columns]
    if any(cell.status == "measured" for cell in cells):
        return ""
    if any(cell.status == "failed" for cell in cells):
        return "failed"
    if row.needs and row.method is None:
        return "not run yet"
    if row.method is None:
        return "as reported"
    return "not run"


def gain(comparison: Comparison, places: int) -> str:
    """``+0.0312 [+0.0210, +0.0410]``, positive where the claim is right."""
    if comparison.gain is None or comparison.low is None or comparison.high is None:
        return ""
    low, high = (f"{edge:+.{places}f}" for edge in (comparison.low, comparison.high))
    return f"{comparison.gain:+.{places}f} [{low}, {high}]"


def p_value(comparison: Comparison) -> str:
    if comparison.p_value is None:
        return ""
    return "p < 0.001" if comparison.p_value < 0.001 else f"p = {comparison.p_value:.3f}"


def place(comparison: Comparison, measured: Measured) -> str:
    """The column of a comparison; both where the sides stand in different ones, or gains are compared."""
    titles = (measured.table.columns[key].title for key in (comparison.column, comparison.against))
    return (", more than " if comparison.growth else " vs ").join(dict.fromkeys(titles))


def evidence(report: ClaimReport, measured: Measured) -> str:
    """The weakest tested comparison of a claim in one line; empty if none was tested."""
    weakest = report.weakest
    if weakest is None:
        return ""
    column = measured.table.columns[weakest.column]
    places = decimals(measured, column)
    seeds = weakest.seeds
    number_of_seeds = str(seeds[0]) if seeds[0] == seeds[1] else f"{seeds[0]} and {seeds[1]}"
    return (
        f"{place(weakest, measured)}: {weakest.better} vs {weakest.worse} {gain(weakest, places)}, {p_value(weakest)}, "
        f"n = {weakest.n}, seeds {number_of_seeds}"
    )


def columns(measured: Measured) -> str:
    """``Columns 5%, 20%; left out at quick: 10%``; empty where the budget leaves no column out."""
    missing = measured.left_out
    if not missing:
        return ""
    filled = [one for one in measured.table.columns.values() if one.metric is not None and one not in missing]
    return f"Columns {titles(filled)}; left out at {measured.budget}: {titles(missing)}"


def conditions(options: Options) -> list[str]:
    """Training conditions in words: ``5% annotated``, as columns with an option ``fraction`` mean it; ``bins = 10``."""
    return [
        f"{100 * value:g}% annotated" if name == "fraction" else f"{name} = {value}"
        for name, value in sorted(options.items())
    ]


def titles(columns: Iterable[Column]) -> str:
    return ", ".join(column.title for column in columns)


def signatures(measured: Measured) -> list[str]:
    """One line per column that is measured."""
    lines = []
    for column in measured.table.columns.values():
        metric = measured.metric(column.key)
        if metric is not None:
            lines.append(f"{column.title}: {metric.signature}")
    return lines


def claim(stated: Claim) -> Line:
    """The claim, with its author if that is us."""
    return stated.text if stated.claimed_by_paper else (f"{stated.text} ", Emphasis("(our claim)"))


def in_paper(stated: Claim) -> str:
    """What the paper's own numbers say of a claim: a word, why, and at most three of the comparisons against it."""
    against = [f"against: {one}" for one in stated.counterexamples[:3]]
    more = len(stated.counterexamples) - len(against)
    lines = [stated.holds_in_paper, stated.comment, *against, f"and {more} more" if more else ""]
    return "\n".join(line for line in lines if line)


def untested(stated: Claim) -> Badge:
    """The verdict on a claim of a table that has not been run."""
    return badge("not run" if stated.pairs else "not testable")


def verdict(report: ClaimReport) -> Badge:
    return badge(report.finding)


def badge(word: str) -> Badge:
    """A verdict with its sign."""
    return Badge(word, SIGNS.get(word, ""))


def measurement(value: float, low: float | None, high: float | None, places: int) -> Value:
    """A value with its interval; NaN, as pandas marks what is not there, makes none."""
    missing = low is None or high is None or low != low
    edges = "" if missing else f"[{number(low or 0.0, places)}, {number(high or 0.0, places)}]"
    return Value(number(value, places), edges, value)
