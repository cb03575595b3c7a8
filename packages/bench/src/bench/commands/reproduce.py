"""``bench reproduce``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Data(StrEnum):
    """Kinds of data."""

    real = "real"
    stand_in = "stand-in"


class Size(StrEnum):
    """Budgets."""

    smoke = "smoke"
    quick = "quick"
    standard = "standard"
    paper = "paper"


def reproduce(
    ctx: typer.Context,
    table: Annotated[str, typer.Argument(help="Table id, as `bench list tables` shows it.")],
    data: Annotated[
        Data, typer.Option(help="Score on the user's own copy of the data, or on rendered stand-ins.")
    ] = Data.stand_in,
    root: Annotated[Path | None, typer.Option(help="Folder of the real data.")] = None,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Accept an incomplete copy; the result says so.")
    ] = False,
    budget: Annotated[
        Size, typer.Option(help="smoke: a minute; quick: minutes; standard: hours; paper: its own settings.")
    ] = Size.quick,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Trainings per row. [default: the table's, mostly 1]")
    ] = None,
    first_seed: Annotated[
        int, typer.Option(min=0, help="Number of the first training: to add to those there are, or to share them out.")
    ] = 0,
    rows: Annotated[list[str] | None, typer.Option("--rows", help="Only this row; may be given several times.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--columns", help="Only this column; may be given several times; `all`: whatever the budget."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be run, what is cached, and how long it takes.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Models trained at the same time. [default: one a core for small budgets]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    no_record: Annotated[bool, typer.Option("--no-record", help="Do not add to the results.")] = False,
    results: Annotated[
        Path | None, typer.Option(help="Folder of the results. [default: results/ of the checkout]")
    ] = None,
) -> None:
    """Train, predict, score and compare the rows of a printed table.

    What is cached is not computed again; after an interruption the same command goes on. Exit code 1 if a run failed, 2
    for bad input.

    Examples:

      bench reproduce table2-300w

      bench reproduce table2-300w --seeds 3 --rows DenseReg --rows "Mean shape"

      bench reproduce blocks --seeds 2 --first-seed 3

      bench reproduce table2-300w --data real --root ~/300w --allow-partial --dry-run
    """
    import json

    from bench import workspace
    from bench.console import output, progress
    from bench.plan import budget_of
    from bench.reproduce import Request, prepare, run
    from bench.show import document, show

    request = Request(
        table=table,
        data="real" if data is Data.real else "stand-in",
        root=root,
        allow_partial=allow_partial,
        budget=budget_of(budget.value),
        seeds=seeds,
        first_seed=first_seed,
        rows=tuple(rows or ()),
        columns=tuple(columns or ()),
        jobs=jobs,
        record=not no_record,
    )
    console, aside = output(), progress()
    prepared = prepare(workspace.find(results), request)
    if dry_run:
        from bench import dryrun
        from bench import show as shown

        found = dryrun.preview(prepared)
        if as_json:
            typer.echo(json.dumps(dryrun.document(found), ensure_ascii=False, indent=2))
        else:
            for part in shown.plan(found):
                console.print(part)
        return
    report = run(prepared, request, lambda text: aside.print(text, markup=False))
    if as_json:
        typer.echo(json.dumps(document(report), ensure_ascii=False, indent=2))
    else:
        show(console, report)
    for outcome in report.failed:
        aside.print(f"failed: {outcome.run.label}: {outcome.results[0].error}", style="red", markup=False)
        if ctx.parent is not None and ctx.parent.params.get("debug"):
            aside.print(outcome.traceback, markup=False)
    if report.failed:
        raise typer.Exit(2 if any(outcome.bad_input for outcome in report.failed) else 1)
