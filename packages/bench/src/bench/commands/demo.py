"""``bench demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    name: Annotated[str, typer.Argument(help="What to show; `bench list demos` shows which.")],
    image: Annotated[Path | None, typer.Argument(help="Your picture; only --retrain does without.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the pictures. [default: NAME-IMAGE, here]")] = None,
    weights: Annotated[Path | None, typer.Option(help="Folder of weights. [default: those of the package]")] = None,
    texture_from: Annotated[
        Path | None, typer.Option(help="Another picture, whose texture goes onto what is found.")
    ] = None,
    template_mask: Annotated[
        Path | None, typer.Option(help="A picture drawn on the template, to be carried to yours.")
    ] = None,
    template_points: Annotated[
        Path | None, typer.Option(help="Points of the template, .csv (name,u_h,u_v) or .json, to be carried to yours.")
    ] = None,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="First train the weights again, in the cache, and use them.")
    ] = False,
    budget: Annotated[str, typer.Option(help="Of --retrain: smoke, quick, standard or paper.")] = "quick",
) -> None:
    """Show what a trained method says of a picture of yours, as PNG files.

    Exit code 0 if something was found, 1 if nothing was, 2 for a file that cannot be used.

    Examples:

      bench demo face holiday.jpg

      bench demo face holiday.jpg --out pictures --texture-from portrait.png

      bench demo face holiday.jpg --template-mask moustache.png --template-points piercings.csv

      bench demo face holiday.jpg --retrain --budget standard
    """
    from bench import demo as demonstrations
    from bench.console import grid, output, progress
    from core_eval import InputError

    if image is None and not retrain:
        raise InputError("name a picture, for example: bench demo face holiday.jpg", field="IMAGE")
    if retrain and weights is not None:
        raise InputError("--retrain and --weights exclude each other")
    demonstrations.make(name)
    console = output()
    if retrain:
        weights = demonstrations.retrain(name, budget, lambda text: progress().print(text, markup=False))
        console.print(f"weights: {weights} (to use them again: --weights)", markup=False, soft_wrap=True)
    if image is None:
        return
    options = {"texture_from": texture_from, "template_mask": template_mask, "template_points": template_points}
    report = demonstrations.show(name, image, out, weights, options)
    for note in report.notes:
        console.print(note, markup=False)
    if not report.found:
        console.print("nothing found", style="yellow")
    table = grid("File", "Shows")
    for path, what in report.files.items():
        table.add_row(str(path), what)
    console.print(table)
    steps = ", ".join(f"{step} {seconds:.2f} s" for step, seconds in report.seconds.items())
    console.print(steps, style="dim", markup=False)
    if not report.found:
        raise typer.Exit(1)
