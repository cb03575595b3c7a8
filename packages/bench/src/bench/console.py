"""The terminal: rich where someone looks at it, plain and wide where it is piped."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

PIPED_WIDTH = 160


def output() -> Console:
    """Standard output; wide and without colours when piped."""
    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


def progress() -> Console:
    """Standard error, for what happens meanwhile."""
    return Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PIPED_WIDTH)


def grid(*headings: str, title: str = "") -> Grid:
    table = Grid(
        box=box.SIMPLE_HEAD, title=escape(title) or None, title_justify="left", title_style="bold", pad_edge=False
    )
    for heading in headings:
        table.add_column(escape(heading))
    return table


@contextlib.contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; what it yields is called with (done, in all). Appears with the first call."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=progress(), transient=True) as shown:
        task = shown.add_task(title, total=None, visible=False)
        yield lambda done, total: shown.update(task, completed=done, total=total, visible=True)
