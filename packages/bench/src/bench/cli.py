"""The command line ``bench``. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from bench.commands import (
    compare,
    data,
    demo,
    describe,
    doctor,
    evaluate,
    leaderboard,
    listing,
    report,
    reproduce,
    submit,
    verify,
)
from bench.commands.group import Group

app = typer.Typer(
    name="bench",
    cls=Group,
    help="Reproduce printed tables of landmark, pose and correspondence papers, compare with statistics, "
    "and publish leaderboards.\n\nStart with `bench list`, then `bench reproduce table2-300w`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"bench {version('bench')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    pass


app.command("reproduce")(reproduce.reproduce)
app.command("evaluate")(evaluate.evaluate)
app.command("validate")(evaluate.validate)
app.command("compare")(compare.compare)
app.command("submit")(submit.submit)
app.command("verify-result")(verify.verify_result)
app.add_typer(listing.app, name="list")
app.command("describe")(describe.describe)
app.command("leaderboard")(leaderboard.leaderboard)
app.command("report")(report.report)
app.command("demo")(demo.demo)
app.add_typer(data.app, name="data")
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Entry point of the script."""
    if hasattr(sys.stdout, "reconfigure"):  # names of authors and rows are not ASCII, whatever the locale says
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(encoding="utf-8", errors="replace")
    app()
