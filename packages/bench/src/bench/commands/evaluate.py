"""``bench evaluate`` and ``bench validate``."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.commands.options import (
    AsJson,
    DataKind,
    Format,
    Ids,
    Metrics,
    Partial,
    PerSample,
    Predictions,
    Protocol,
    Replicates,
    Root,
    Split,
    ask,
)


def evaluate(
    predictions: Predictions,
    protocol: Protocol,
    split: Split = None,
    data: DataKind = None,
    root: Root = None,
    allow_partial: Partial = False,
    form: Format = None,
    ids: Ids = None,
    metric: Metrics = None,
    convention: Annotated[
        str | None, typer.Option(help="Compute as a published evaluator does; `--all-conventions` shows the names.")
    ] = None,
    all_conventions: Annotated[
        bool, typer.Option("--all-conventions", help="Every published convention side by side, with its gap to ours.")
    ] = False,
    per_sample: PerSample = None,
    replicates: Replicates = 2000,
    as_json: AsJson = False,
) -> None:
    """Score your own predictions by a protocol: value, 95 % bootstrap interval, n, signature.

    Ids decide which prediction belongs to which sample; their order does not matter. Exit code 2 for bad input, which
    an incomplete file is, 1 if no metric has a value.

    Examples:

      bench evaluate predictions.npz --protocol 300w

      bench evaluate points.csv --protocol 300w --root ~/300w --split common --metric nme --all-conventions

      bench evaluate predictions.npz --protocol 300w --per-sample errors.csv --json
    """
    import json

    from bench import evaluate as evaluation
    from bench import persample, present
    from bench.console import output, progress
    from core_eval import InputError

    if convention and all_conventions:
        raise InputError("--convention and --all-conventions exclude each other")
    persample.check(per_sample)
    asked = ask(
        protocol,
        split,
        data,
        root,
        allow_partial,
        form,
        metric,
        ids=ids,
        convention=convention,
        all_conventions=all_conventions,
    )
    examined = evaluation.look(predictions, asked, lambda text: progress().print(text, markup=False))
    examined.require(allow_partial=allow_partial)
    found = evaluation.measure(examined, replicates)
    if per_sample is not None:
        persample.write(per_sample, persample.of_evaluation(examined, found))
    if as_json:
        typer.echo(json.dumps(evaluation.document(examined, found), ensure_ascii=False, indent=2))
    else:
        present.evaluation(output(), examined, found, side=all_conventions)
    if all(one.value is None for one in found):
        raise typer.Exit(1)


def validate(
    predictions: Predictions,
    protocol: Protocol,
    split: Split = None,
    data: DataKind = None,
    root: Root = None,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Accept an incomplete copy of the data.")
    ] = False,
    form: Format = None,
    ids: Ids = None,
    metric: Metrics = None,
    every: Annotated[bool, typer.Option("--all", help="List every id, not the first ten of a kind.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the ids and arrays of predictions with what a protocol asks for; no number is shown.

    Lists missing, extra, duplicate and malformed samples. Exit code 0 if complete, 1 if not, 2 if the file cannot be
    read at all.

    Examples:

      bench validate predictions.npz --protocol 300w

      bench validate points.csv --protocol 300w --root ~/300w --split full --all
    """
    import json

    from bench import evaluate as evaluation
    from bench import present
    from bench.console import output, progress

    asked = ask(protocol, split, data, root, allow_partial, form, metric, ids=ids)
    examined = evaluation.look(predictions, asked, lambda text: progress().print(text, markup=False))
    if as_json:
        document = {
            **evaluation.about(examined),
            "complete": examined.complete,
            **{
                kind: dict(samples) if any(samples.values()) else list(samples)
                for kind, samples in examined.problems.items()
            },
            "failures": examined.scored.failures,
            "hint": examined.hint or None,
        }
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        present.check(output(), examined, every=every)
    if not examined.complete:
        raise typer.Exit(1)
