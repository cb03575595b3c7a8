"""``bench doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Move cut last lines of results to <file>.torn.")] = False,
    results: Annotated[
        Path | None, typer.Option(help="Folder of the results. [default: results/ of the checkout]")
    ] = None,
) -> None:
    """Look at versions, machine, cache and results; exit code 1 if something is wrong.

    Examples:

      bench doctor

      bench doctor --repair
    """
    from bench import checkup
    from bench.console import output

    found = checkup.look(results, repair=repair)
    console = output()
    for name, state in found.facts.items():
        console.print(f"{name:10} {state}", markup=False)
    for line in found.repaired:
        console.print(line, style="green", markup=False)
    for line in found.problems:
        console.print(line, style="red", markup=False)
    if found.problems:
        raise typer.Exit(1)
