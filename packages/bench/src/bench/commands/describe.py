"""``bench describe``."""

from __future__ import annotations

from typing import Annotated

import typer


def describe(
    name: Annotated[str, typer.Argument(help="A table, benchmark, data set, method or metric.")],
) -> None:
    """Show all that is fixed about a table, benchmark, data set, method or metric: constants, signatures, sources.

    Examples:

      bench describe table2-300w

      bench describe 300w

      bench describe core-eval:ced-auc
    """
    from bench.describing import text

    typer.echo(text(name))
