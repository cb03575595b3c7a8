"""``bench data``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.commands.group import Group

if TYPE_CHECKING:
    from core_eval import Dataset

app = typer.Typer(
    cls=Group, help="Where data lie, whether they are complete, what they look like.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Data set, with or without its package: 300w, data-real:300w.")]
Root = Annotated[Path | None, typer.Option(help="Folder of the real data.")]


@app.command()
def where() -> None:
    """Show the cache, its size, and every data set.

    Example: bench data where
    """
    import inspect

    from bench import cache, files, registry
    from bench.console import grid, output

    root = cache.default_root()
    shown = grid("Folder", "Size")
    for folder in sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []:
        shown.add_row(folder.name, f"{files.size(folder) / 2**20:.0f} MiB")
    listed = grid("Data set", "What", title="Data sets")
    for name, factory in registry.ids("dataset").items():
        listed.add_row(name, next(iter((inspect.getdoc(inspect.unwrap(factory)) or "").splitlines()), ""))
    console = output()
    console.print(f"Cache: {root}", markup=False)
    console.print(shown)
    console.print(listed)


@app.command()
def verify(
    name: Name,
    root: Root = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Open every file of a data set and say what is there, missing or broken; exit code 1 if it is not complete.

    Example: bench data verify 300w --root ~/300w
    """
    import json

    from bench.console import bar, grid, output
    from core_eval import InputError

    dataset = _open(name, root)
    look = getattr(dataset, "verify", None)
    if look is None:
        raise InputError(f"{dataset.name} has nothing to verify: it is rendered, not read")
    with bar("verifying") as progress:
        report = look(progress=progress)
    rows: list[dict[str, Any]] = report.rows()
    if as_json:
        document = {
            "complete": report.complete,
            "splits": rows,
            "problems": list(report.problems),
            "notes": list(report.notes),
        }
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        shown = grid(*(str(key).capitalize() for key in rows[0]), title=f"{dataset.name} in {root}")
        for row in rows:
            shown.add_row(*map(str, row.values()))
        output().print(shown)
        for text in (*report.problems, *report.notes):
            output().print(f"  {text}", markup=False)
    if not report.complete:
        raise typer.Exit(1)


@app.command()
def preview(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="Picture to write. [default: NAME.png here]")] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Samples shown.")] = 24,
    split: Annotated[str, typer.Option(help="Split they are taken from.")] = "test",
    root: Root = None,
) -> None:
    """Write a contact sheet of a data set, with its labels drawn.

    Example: bench data preview stand-in-300w --out faces.png
    """
    from bench.console import bar
    from core_eval import InputError

    dataset = _open(name, root)
    draw = getattr(dataset, "preview", None)
    if draw is None:
        raise InputError(f"{dataset.name} offers no preview")
    path = out or Path(f"{dataset.name}.png")
    with bar("rendering") as progress:
        draw(split, path, n=n, progress=progress)
    typer.echo(path)


def _open(name: str, root: Path | None) -> Dataset:
    """The data set; a real one that is incomplete too, since this is where one looks into it."""
    from bench import cache, registry

    options = {"cache": cache.default_root(), "root": root, "allow_partial": True}
    made: Dataset = registry.make("dataset", registry.resolve("dataset", name), options)
    return made
