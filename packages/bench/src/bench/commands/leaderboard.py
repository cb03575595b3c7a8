"""``bench leaderboard``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def leaderboard(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; print differences and exit with 1 if any.")
    ] = False,
    results: Annotated[
        Path | None, typer.Option(help="Folder of the results. [default: results/ of the checkout]")
    ] = None,
) -> None:
    """Render the leaderboards from the committed results.

    Examples:

      bench leaderboard

      bench leaderboard --check
    """
    from bench import leaderboard as boards
    from bench import workspace

    place = workspace.find(results)
    if not check:
        done = boards.build(place)
        typer.echo(", ".join(f"{count} {word}" for word, count in done.items()) + f" in {place.leaderboards}")
        return
    difference = boards.check(place)
    if difference:
        typer.echo(difference)
        typer.secho("the leaderboards differ from the results: run `bench leaderboard`", fg="red", err=True)
        raise typer.Exit(1)
    typer.echo("the leaderboards are up to date")
