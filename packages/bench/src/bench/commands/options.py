"""Options that the commands on predictions share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands.reproduce import Data

if TYPE_CHECKING:
    from bench.evaluate import Ask

Predictions = Annotated[Path, typer.Argument(help="File or folder of predictions; `bench list formats` shows which.")]
Protocol = Annotated[str, typer.Option(help="Benchmark whose data and metrics score them, for example 300w.")]
Split = Annotated[str | None, typer.Option(help="Split of the protocol. [default: the only one, or test]")]
DataKind = Annotated[
    Data | None, typer.Option("--data", help="Kind of data. [default: real with --root, else stand-in]")
]
Root = Annotated[Path | None, typer.Option(help="Folder of the real data.")]
Partial = Annotated[
    bool,
    typer.Option("--allow-partial", help="Accept missing and extra samples or an incomplete copy; the output says so."),
]
Format = Annotated[str | None, typer.Option("--format", help="Format of the file. [default: told from the file]")]
Ids = Annotated[
    Path | None, typer.Option("--ids", help="Text file with one id a line, for predictions that are only numbered.")
]
Metrics = Annotated[
    list[str] | None, typer.Option("--metric", help="Only this metric of the protocol; may be given several times.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
PerSample = Annotated[Path | None, typer.Option("--per-sample", help="Write one row per sample: FILE.csv or .parquet.")]
Replicates = Annotated[int, typer.Option(min=0, help="Of the bootstrap.")]


def ask(
    protocol: str,
    split: str | None,
    data: Data | None,
    root: Path | None,
    allow_partial: bool,
    form: str | None,
    metrics: list[str] | None,
    *,
    ids: Path | None = None,
    convention: str | None = None,
    all_conventions: bool = False,
) -> Ask:
    """The options as the record that `bench.evaluate` wants."""
    from bench.evaluate import Ask

    return Ask(
        protocol=protocol,
        data=None if data is None else "real" if data is Data.real else "stand-in",
        split=split,
        root=root,
        allow_partial=allow_partial,
        format=form,
        ids=ids,
        metrics=tuple(metrics or ()),
        convention=convention or "",
        all_conventions=all_conventions,
    )
