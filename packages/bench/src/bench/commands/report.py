"""``bench report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    out: Annotated[Path, typer.Argument(help="The file to write.")] = Path("report.html"),
    results: Annotated[
        Path | None, typer.Option(help="Folder of the results. [default: results/ of the checkout]")
    ] = None,
) -> None:
    """Write all leaderboards as one HTML file that needs no server and no network.

    Examples:

      bench report

      bench report leaderboards.html
    """
    from bench import leaderboard, workspace
    from bench.files import write_text
    from core_eval import InputError

    place = workspace.find(results)
    if out.is_dir():
        raise InputError("is a folder; name a file, for example report.html", file=out)
    text = leaderboard.report(place)
    write_text(out, text)
    typer.echo(f"wrote {out} ({len(text.encode()) / 1e6:.1f} MB)")
