"""``bench list``. A group without parameters: to convert one, typer would import pydantic, and double the time."""

from __future__ import annotations

import typer

from bench.commands.group import Command, Group

app = typer.Typer(
    cls=Group,
    help="""List tables, methods, data sets and metrics.

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
        _warnings()


@app.command(cls=Command)
def tables() -> None:
    """Printed tables that can be reproduced, or wait for it. Example: bench list tables"""
    from bench import workspace
    from bench.console import grid, output

    catalogue = workspace.find().catalogue
    shown = grid("Table", "Paper", "Where", "Rows with a method", "Title", title="Tables")
    for name in catalogue.files:
        table = catalogue.table(name)
        able = sum(row.method is not None for row in table.rows.values())
        shown.add_row(name, table.paper, table.where, f"{able} of {len(table.rows)}", table.title)
    output().print(shown)


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


def _ids(what: str, title: str) -> None:
    from bench import registry
    from bench.console import grid, output

    shown = grid(title)
    for name in registry.ids(registry.kind(what)):
        shown.add_row(name)
    output().print(shown)


def _warnings() -> None:
    from bench import registry

    for plugin in registry.plugins().values():
        if plugin.module is None:
            typer.secho(f"warning: {plugin.package} cannot be imported: {plugin.error}", fg="yellow", err=True)
