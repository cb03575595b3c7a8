"""``bench verify-result``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands.options import AsJson, Format, Root

if TYPE_CHECKING:
    from bench.verify import Verified


def verify_result(
    table: Annotated[str | None, typer.Argument(help="Table id, as `bench list tables` shows it.")] = None,
    row: Annotated[str | None, typer.Option(help="Only this row.")] = None,
    column: Annotated[str | None, typer.Option(help="Only this column.")] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="The predictions. [default: those committed or in the cache]")
    ] = None,
    form: Format = None,
    root: Root = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every table; what has no predictions at hand is checked without them.")
    ] = False,
    results: Annotated[
        Path | None, typer.Option(help="Folder of the results. [default: results/ of the checkout]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute recorded values from their predictions, and check row, signature, hash and kept values.

    Exit code 0 if all is as recorded; 1 if something differs or (without --all) could not be recomputed; 2 for bad
    input.

    Examples:

      bench verify-result table2-300w --row DenseReg --column auc

      bench verify-result table2-300w --row "My method" --predictions mine.npz

      bench verify-result --all
    """
    import json

    from bench import verify, workspace
    from bench.console import progress
    from bench.store import Store
    from core_eval import InputError

    place = workspace.find(results)
    if everything == (table is not None):
        raise InputError("name a table, or give --all")
    if everything and (row or column or predictions):
        raise InputError("--all goes with neither row, column nor predictions")
    names = [table] if table else [file.stem for file in Store(place.results).files()]
    found = [
        one
        for name in names
        for one in verify.verify(
            place,
            name,
            row=row,
            column=column,
            predictions=predictions,
            form=form,
            root=root,
            tell=lambda text: progress().print(text, markup=False),
        )
    ]
    if as_json:
        typer.echo(json.dumps([_document(one) for one in found], ensure_ascii=False, indent=2))
    else:
        for one in found:
            _show(one, brief=everything)
        findings = [one.finding.partition(" in ")[0] for one in found]
        counts = ", ".join(f"{findings.count(word)} {word}" for word in dict.fromkeys(findings))
        typer.echo(f"{len(found)} values: {counts}" if found else "no values are recorded")
    if any(one.differs for one in found) or not (everything or all(one.recomputed for one in found)):
        raise typer.Exit(1)


def _show(one: Verified, *, brief: bool) -> None:
    result = one.result
    name = f"{result.table} line {one.line}: {result.row} · {result.column}, seed {result.seed}, {result.data} data"
    if brief and not one.differs:
        return
    typer.echo(f"{name}: {one.finding}")
    for what, check in one.checks.items():
        typer.echo(f"  {what}: {check.state}: {check.about}")


def _document(one: Verified) -> dict[str, object]:
    from dataclasses import asdict

    result = one.result
    return {
        "table": result.table,
        "line": one.line,
        "row": result.row,
        "column": result.column,
        "seed": result.seed,
        "data": result.data,
        "finding": one.finding,
        "checks": {name: asdict(check) for name, check in one.checks.items()},
    }
