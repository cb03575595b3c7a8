"""``bench submit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import AsJson, DataKind, Format, Ids, Predictions, Root, Split, ask


def submit(
    predictions: Predictions,
    table: Annotated[str, typer.Option(help="Table whose columns the row fills, as `bench list tables` shows it.")],
    row: Annotated[str, typer.Option(help="Name of the row: the method.")],
    by: Annotated[str, typer.Option(help="Who submits.")],
    training_data: Annotated[
        str,
        typer.Option(help="What it was trained on; as data-synth:stand-in-300w/train, for the protocol's own split."),
    ] = "",
    split: Split = None,
    data: DataKind = None,
    root: Root = None,
    form: Format = None,
    ids: Ids = None,
    results: Annotated[
        Path | None, typer.Option(help="Folder of the results. [default: results/ of the checkout]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score predictions and record them as a row of the leaderboards, marked as submitted, for review.

    Writes a line per column with the predictions' hash, the values per sample, and the predictions themselves if they
    are small. Then run `bench leaderboard`, commit, and propose the change; the pipeline verifies it.

    Example: bench submit predictions.npz --table table2-300w --row "My method" --by "My group"
    """
    import json

    from bench import submissions, workspace
    from bench.console import progress

    spec = workspace.find(results)
    asked = ask(spec.catalogue.table(table).protocol, split, data, root, False, form, None, ids=ids)
    done = submissions.submit(
        spec,
        predictions,
        asked,
        table=table,
        row=row,
        by=by,
        training=training_data,
        tell=lambda text: progress().print(text, markup=False),
    )
    if as_json:
        lines = [json.loads(result.to_line()) for result in done.results]
        document = {"results": lines, "added": done.added, "file": str(done.file), "predictions": str(done.predictions)}
        typer.echo(json.dumps(document | {"committed": done.committed}, ensure_ascii=False, indent=2))
        return
    for result in done.results:
        typer.echo(f"{result.column}: {result.error or f'{result.value:.6g} {result.unit}'} ({result.signature})")
    for name, why in done.left_out.items():
        typer.echo(f"{name}: not measured: {why}")
    typer.echo(f"{done.added} new lines in {done.file}" if done.added else "nothing new to record")
    typer.echo(f"predictions {done.results[0].provenance.predictions} in {done.predictions}")
    if not done.committed:
        typer.echo("they are too large to be committed: keep them, others verify the row with --predictions FILE")
    typer.echo("now run `bench leaderboard`, and commit results/ and leaderboards/ together")
