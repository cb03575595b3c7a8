"""Everything that is fixed about a thing, as text."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

from bench import jobs, registry, workspace
from bench.naming import canonical
from bench.reading import nearest
from bench.reproduce import metrics_of
from bench.spec import Benchmark, Options, Paper, Row, Table, Train
from core_eval import InputError, Metric


def text(name: str) -> str:
    """Describe what has that name: a table, a benchmark, or an installed method, data set or metric.

    A name may be several things (a benchmark and a data set are both called 300w); all are described. Raises
    `InputError` for an unknown name.
    """
    catalogue = workspace.find().catalogue
    parts: list[str] = []
    if name in catalogue.files:
        table = catalogue.table(name)
        parts += _table(table, catalogue.benchmark(table.protocol), catalogue.papers[table.paper])
    if name in catalogue.keys:
        parts += _benchmark(catalogue.benchmark(name))
        parts.append("tables: " + ", ".join(table.id for table in catalogue.tables(name)))
    for key in catalogue.keys if not parts else ():
        choices = catalogue.benchmark(key).metrics
        if name in choices:
            parts += [f"metric {name} of the benchmark {key}", *_metric(name, catalogue.benchmark(key))]
    for what in registry.KINDS:
        for known, factory in registry.ids(what).items():
            if name in (known, known.partition(":")[2]):
                parts += ["", *_factory(f"{what} {known}", factory)]
    if not parts:
        known_names = [
            *catalogue.files,
            *catalogue.keys,
            *(one for what in registry.KINDS for one in registry.ids(what)),
        ]
        raise InputError(f"nothing is called {name!r}{nearest(name, known_names)}")
    return "\n".join(parts).strip("\n")


def _table(table: Table, benchmark: Benchmark, paper: Paper) -> Iterator[str]:
    metrics = metrics_of(table, benchmark)
    yield f"table {table.id}: {table.title}"
    yield f"  {table.where} of: {', '.join(paper.authors)}. {paper.title}. {paper.venue}, {paper.year}"
    yield f"  benchmark {benchmark.key}; file {table.file}"
    train = table.train or benchmark.train
    if train:
        yield f"  methods learn from {_sources(train)}, split {train.split}, validated on {train.valid}"
    yield "columns"
    for column in table.columns.values():
        metric = metrics.get(column.metric or "")
        measure = metric.signature if metric else f"not measured ({column.unit}, {column.better} is better)"
        options = _options({**column.options, **column.predict})
        yield f"  {column.key}: {column.title}, split {column.split or '-'}{options}"
        yield f"    {measure}"
        if column.data == ("stand-in",) or column.data == ("real",):
            yield f"    on {column.data[0]} data only"
        if column.note:
            yield f"    {column.note}"
    yield "rows"
    for row in table.rows.values():
        yield from _row(row)
    yield "claims"
    for claim in table.claims:
        count = sum(len(pair.columns) * len(pair.better) * len(pair.worse) for pair in claim.pairs)
        by = "paper" if claim.claimed_by_paper else "us"
        yield f"  {claim.text} (by {by}; in the paper: {claim.holds_in_paper}; {count} comparisons)"
    for budget, change in table.budgets.items():
        filled = f", columns {', '.join(change.columns)}" if change.columns else ""
        yield f"budget {budget}: {change.seeds} seed{'s' * (change.seeds != 1)}{_options(change.options)}{filled}"
    yield from (f"note: {note}" for note in table.notes)


def _sources(train: Train) -> str:
    return train.dataset + (f" (for scores on real data {train.real})" if train.real else "")


def _row(row: Row) -> Iterator[str]:
    reported = ", ".join(f"{column} {value}" for column, value in row.reported.items())
    how = f"{row.method}{_options(row.options)}{_options(row.predict)}" if row.method else row.role or "no method"
    if row.needs and not row.method:
        how += f", not run yet: needs {row.needs}"
    yield f"  {row.label}: {how}{f'; reported {reported}' if reported else ''}"


def _benchmark(benchmark: Benchmark) -> Iterator[str]:
    yield f"benchmark {benchmark.key}: {benchmark.title}"
    yield f"  {benchmark.description}"
    for kind, dataset in benchmark.data.items():
        yield f"  {kind} data: {dataset}"
    if benchmark.train:
        yield f"  methods learn from {_sources(benchmark.train)}, split {benchmark.train.split}"
    yield "splits"
    for split in benchmark.splits.values():
        counts = ", ".join(f"{count} {kind}" for kind, count in split.counts.items())
        yield f"  {split.name}: " + "; ".join(part for part in (split.description, counts, f"box: {split.box}") if part)
        if split.note:
            yield f"    {split.note}"
    yield "metrics"
    for name in benchmark.metrics:
        yield from (f"  {line}" for line in _metric(name, benchmark))
    yield from (f"note: {note}" for note in benchmark.notes)


def _metric(name: str, benchmark: Benchmark) -> Iterator[str]:
    choice = benchmark.metrics[name]
    metric: Metric = jobs.metric(choice)
    yield f"{name}: {choice.metric}{_options(choice.options)}, {metric.unit}, {metric.better} is better"
    yield f"  {metric.signature}"
    yield f"  choices by {'the paper' if choice.source == 'paper' else 'us'}{'; ' + choice.note if choice.note else ''}"


def _factory(title: str, factory: Callable[..., object]) -> Iterator[str]:
    yield title
    real = inspect.unwrap(factory)
    for parameter in inspect.signature(real).parameters.values():
        default = "needed" if parameter.default is parameter.empty else f"default {parameter.default!r}"
        yield f"  option {parameter.name}: {default}"
    yield from (f"  {line}".rstrip() for line in (inspect.getdoc(real) or "").splitlines())


def _options(options: Options) -> str:
    return "".join(f" {name}={canonical(value)}" for name, value in options.items())
