"""What this package offers to the command line: format factories by name, in the order in which they are listed."""

from __future__ import annotations

from core_eval import LazyFactory

FORMATS: dict[str, LazyFactory] = {
    "npz": LazyFactory("core_formats.npz:Npz"),
}
