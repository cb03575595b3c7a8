"""``bench list``. A group without parameters: to convert one, typer would import pydantic, and double the time."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

import typer

from bench.commands.group import Command, Group

app = typer.Typer(
    cls=Group,
    help="""List tables, methods, data sets, metrics, formats of prediction files and demonstrations.

    Examples:

      bench list

      bench list tables
    """,
    invoke_without_command=True,
)


@app.callback()
def _everything(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        tables()
        methods()
        datasets()
        metrics()
        formats()
        demos()
        _warnings()


@app.command(cls=Command)
def tables() -> None:
    """Printed tables that can be reproduced, or wait for it. Example: bench list tables"""
    from bench import workspace

    catalogue = workspace.find().catalogue
    rows = [("table", "benchmark", "paper", "rows with a method", "where: title")]
    for name in catalogue.files:
        head, benchmark = catalogue.head(name), catalogue.files[name].parent.name
        rows.append((name, benchmark, head.paper, f"{head.able} of {head.rows}", f"{head.where}: {head.title}"))
    _print("Tables", rows)


@app.command(cls=Command)
def methods() -> None:
    """Methods that are installed. Example: bench list methods"""
    _ids("method", "Methods")


@app.command(cls=Command)
def datasets() -> None:
    """Data sets that are installed, rendered and real. Example: bench list datasets"""
    _ids("dataset", "Data sets")


@app.command(cls=Command)
def metrics() -> None:
    """Metrics that are installed. Example: bench list metrics"""
    _ids("metric", "Metrics")


@app.command(cls=Command)
def formats() -> None:
    """Formats of prediction files that can be read. Example: bench list formats"""
    _ids("format", "Formats of prediction files")


@app.command(cls=Command)
def demos() -> None:
    """What `bench demo` can show on a picture of yours. Example: bench list demos"""
    _ids("demo", "Demonstrations")


def _ids(what: str, title: str) -> None:
    from bench import registry

    found = registry.ids(registry.kind(what))
    if found:
        _print(title, [(name,) for name in found])


def _print(title: str, rows: Sequence[tuple[str, ...]]) -> None:
    """Plain aligned text, which is there before rich would be imported; cut at the edge of a terminal."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    typer.secho(title, bold=True)
    for row in rows:
        line = "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True))
        typer.echo(f"  {line}"[:width].rstrip())
    typer.echo()


def _warnings() -> None:
    from bench import registry

    for plugin in registry.plugins().values():
        if plugin.module is None:
            typer.secho(f"warning: {plugin.package} cannot be imported: {plugin.error}", fg="yellow", err=True)
