"""Evaluations, checks and comparisons as the terminal shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from bench import texts
from bench.compare import Changes, Comparison, Difference
from bench.console import grid
from bench.evaluate import Measurement
from bench.examine import Choice, Examined

LISTED = 10
ARROWS = {"higher": "↑", "lower": "↓"}


def evaluation(console: Console, examined: Examined, measurements: Sequence[Measurement], *, side: bool) -> None:
    """Value, interval, n, unit, direction and signature of every metric; `side` by side with the protocol's own."""
    shown = grid("Metric", title=_title(examined))
    for heading in ("Value", "95 %", *(["Gap to ours"] if side else []), "n"):
        shown.add_column(heading, justify="right")
    for heading in ("Unit", "Better", "Failed"):
        shown.add_column(heading)
    own = {one.choice.name: one.value for one in measurements if not one.choice.convention}
    for one in measurements:
        value, interval = _value(one)
        gap = [_gap(one, own.get(one.choice.name))] if side else []
        failed = str(len(one.failures)) if one.failures else ""
        n = f"partial: {examined.partial}" if examined.partial else str(one.n)
        unit, better = one.metric.unit, f"{one.metric.better} {ARROWS.get(one.metric.better, '')}"
        shown.add_row(*map(escape, (_name(one.choice), value, interval, *gap, n, unit, better, failed)))
    console.print(shown)
    _lines(console, (f"{_name(one.choice)}: {one.error}" for one in measurements if one.error), "red")
    _lines(console, (f"{name}: not measured: {why}" for name, why in examined.left_out.items()))
    _lines(console, (f"{_name(one.choice)}: {one.metric.signature}" for one in measurements))
    _lines(console, _remarks(examined))
    failed_samples = dict(item for one in measurements for item in one.failures.items())
    if failed_samples:
        _listed(console, "count as failures", failed_samples, every=False)


def check(console: Console, examined: Examined, *, every: bool) -> None:
    """What is missing, extra, twice or malformed; the first of each kind, or every one."""
    console.print(Text(_title(examined)))
    found = examined.problems
    counts = ", ".join(f"{len(found[kind])} {kind}" for kind in found)
    console.print(Text(f"{examined.expected} samples expected, {examined.present} can be scored: {counts}"))
    for kind, samples in found.items():
        if samples:
            _listed(console, kind, samples, every=every)
    if examined.hint:
        _lines(console, [f"hint: {examined.hint}"])
    failures = {sample: why for one in examined.scored.failures.values() for sample, why in one.items()}
    if failures:
        _listed(console, "readable, and will count as failures", failures, every=every)
    _lines(console, (f"{name}: cannot be measured: {why}" for name, why in examined.left_out.items()))
    _lines(console, _remarks(examined))
    console.print(Text("complete" if examined.complete else "not complete"))


def comparison(console: Console, found: Comparison, *, every: bool) -> None:
    """Difference, interval and p-value of every metric, then the samples that changed."""
    shown = grid("Metric", title=_title(found.a, sides=found))
    for heading in ("A", "B", "A - B", "95 %", "p", "p (Holm)", "n in groups"):
        shown.add_column(heading, justify="right")
    for heading in ("Unit", "Better", "Finding"):
        shown.add_column(heading)
    size = f"partial: {found.partial}" if found.partial else str(len(found.ids))
    for one in found.differences:
        metric = one.choice.metric
        cells = (*_difference(one), f"{size} in {len(set(found.groups))}", metric.unit)
        shown.add_row(
            *map(escape, (_name(one.choice), *cells, f"{metric.better} {ARROWS.get(metric.better, '')}")), one.finding
        )
    console.print(shown)
    _lines(console, (f"{_name(one.choice)}: {one.error}" for one in found.differences if one.error), "red")
    _lines(console, (f"{_name(one.choice)}: {one.choice.metric.signature}" for one in found.differences))
    _lines(console, (f"{side}: {one.given.path}" for side, one in (("A", found.a), ("B", found.b))))
    _lines(console, (line for one in (found.a, found.b) for line in _remarks(one)))
    for change in found.changes:
        _changes(console, change, every=every)


def _changes(console: Console, change: Changes, *, every: bool) -> None:
    names = ", ".join(change.metrics)
    sides: tuple[tuple[str, Mapping[str, tuple[float, float]]], ...]
    if change.threshold is not None:
        limit = f"error above {change.threshold:g}"
        sides = (
            (f"A fixes (only B has an {limit})", change.better),
            (f"A breaks (only A has an {limit})", change.worse),
        )
    else:
        sides = (("largest gains of A", change.better), ("largest losses of A", change.worse))
    for title, samples in sides:
        pairs = {sample: f"{a:.4g} vs {b:.4g}" for sample, (a, b) in samples.items()}
        _listed(console, f"{title}, by {names}", pairs, every=every)


def _difference(one: Difference) -> tuple[str, ...]:
    places = texts.places(one.choice.metric.unit)
    sides = (texts.number(one.a, places), texts.number(one.b, places))
    if one.test is None:
        return (*sides, "", "", "", "")
    test = one.test
    interval = f"[{test.low:+.{places}f}, {test.high:+.{places}f}]"
    return (*sides, f"{test.difference:+.{places}f}", interval, _p(test.p_value), _p(one.adjusted or 0.0))


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _value(one: Measurement) -> tuple[str, str]:
    if one.value is None:
        return "none", ""
    places = texts.places(one.metric.unit)
    if one.low is None or one.high is None:
        return texts.number(one.value, places), ""
    return texts.number(one.value, places), f"[{texts.number(one.low, places)}, {texts.number(one.high, places)}]"


def _gap(one: Measurement, own: float | None) -> str:
    if not one.choice.convention or own is None or one.value is None:
        return ""
    return f"{one.value - own:+.{texts.places(one.metric.unit)}f}"


def _name(choice: Choice) -> str:
    return f"{choice.name} ({choice.convention})" if choice.convention else choice.name


def _title(examined: Examined, sides: Comparison | None = None) -> str:
    target, partial = examined.target, sides.partial if sides else examined.partial
    words = "real data" if target.data == "real" else "stand-in data: not comparable with printed numbers"
    about = f"{target.benchmark.key}/{target.split} · {words}"
    return about + (f" · partial: {partial}" if partial else "")


def _remarks(examined: Examined) -> Iterable[str]:
    if examined.target.partial:
        yield f"incomplete copy: {examined.target.partial}"
    if examined.extra and examined.scored.samples is not None:
        yield f"{len(examined.extra)} extra ids in {examined.given.path.name} are not in this split and are not scored"
    if examined.given.detections:
        named = sum(sample in examined.given.arrays for sample in examined.scored.ids)
        if named < len(examined.scored.ids):
            yield f"{len(examined.scored.ids) - named} samples are not named in the file: they have no detections"


def _listed(console: Console, title: str, samples: Mapping[str, str], *, every: bool) -> None:
    console.print(Text(f"{title}: {len(samples)}"))
    names = list(samples) if every else list(samples)[:LISTED]
    _lines(console, (f"  {_shown(name)}{f': {samples[name]}' if samples[name] else ''}" for name in names))
    if len(samples) > len(names):
        _lines(console, [f"  ... and {len(samples) - len(names)} more (--all shows them)"])


def _shown(name: str) -> str:
    return name if name and name.isprintable() else repr(name)


def _lines(console: Console, lines: Iterable[str], style: str = "") -> None:
    """One line each, however long: for a pipe."""
    for line in lines:
        console.print(Text(line, style=style), soft_wrap=True)
