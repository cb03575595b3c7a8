"""Commands that start fast, and a group that ends bad input with one clear line."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from core_eval import InputError


class _Quick:
    def get_params(self, ctx: Any) -> list[Any]:
        """As given, but flags that nobody set are False: typer imports pydantic (0.2 s) to convert None."""
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            if getattr(parameter, "is_bool_flag", False) and parameter.default is None:
                parameter.default = False
        return parameters


class Command(_Quick, TyperCommand):
    """A command without parameters that imports nothing heavy."""


class Group(_Quick, TyperGroup):
    """Bad input ends with one line on standard error and exit code 2, an interrupt with 130; never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as reason:
            if ctx.find_root().params.get("debug"):
                raise
            typer.secho(f"error: {reason}", fg="red", err=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            typer.secho("interrupted; the same command goes on where it stopped", fg="yellow", err=True)
            raise typer.Exit(130) from None
