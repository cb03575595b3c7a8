"""``bench compare``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import (
    AsJson,
    DataKind,
    Format,
    Metrics,
    Partial,
    PerSample,
    Protocol,
    Replicates,
    Root,
    Split,
    ask,
)


def compare(
    a: Annotated[Path, typer.Argument(help="Predictions A.")],
    b: Annotated[Path, typer.Argument(help="Predictions B.")],
    protocol: Protocol,
    split: Split = None,
    data: DataKind = None,
    root: Root = None,
    allow_partial: Partial = False,
    form: Format = None,
    format_b: Annotated[str | None, typer.Option("--format-b", help="Format of B, if not that of A.")] = None,
    ids: Annotated[
        Path | None, typer.Option("--ids", help="Text file with one id a line, if both files are only numbered.")
    ] = None,
    metric: Metrics = None,
    per_sample: PerSample = None,
    replicates: Replicates = 10000,
    every: Annotated[bool, typer.Option("--all", help="List every sample, not the first ten.")] = False,
    as_json: AsJson = False,
) -> None:
    """Is A better than B? Paired difference, interval and p-value, and the samples that A fixes or breaks.

    The bootstrap draws whole groups (identity, video, subject), the same ones for both; with several metrics, read
    Holm's p-value. With --allow-partial the samples that both have are compared.

    Examples:

      bench compare mine.npz theirs.npz --protocol 300w

      bench compare mine.npz theirs.csv --protocol 300w --metric nme --per-sample differences.csv --json
    """
    import json

    from bench import compare as comparing
    from bench import evaluate, persample, present
    from bench.console import output, progress
    from core_eval import InputError

    persample.check(per_sample)
    if replicates < 2:
        raise InputError("a comparison needs at least two replicates", field="--replicates")
    asked = ask(protocol, split, data, root, allow_partial, form, metric, ids=ids)
    tell = lambda text: progress().print(text, markup=False)  # noqa: E731
    target = evaluate.find(asked, tell)
    first = evaluate.look(a, asked, tell, target)
    second = evaluate.look(b, replace(asked, format=format_b or form), tell, target)
    for one in (first, second):
        one.require(allow_partial=allow_partial)
    found = comparing.compare(first, second, replicates)
    if per_sample is not None:
        persample.write(per_sample, persample.of_comparison(found))
    if as_json:
        typer.echo(json.dumps(comparing.document(found), ensure_ascii=False, indent=2))
    else:
        present.comparison(output(), found, every=every)
