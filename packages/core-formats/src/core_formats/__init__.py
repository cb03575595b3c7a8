"""Readers of the prediction files that people have, into the one schema of `core_eval.predictions`.

Names are imported on first use, so that listing the formats costs no numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core_formats.formats import Format, Prediction, detect, none_found, pooled, read, renamed

__all__ = ["Format", "Prediction", "detect", "none_found", "pooled", "read", "renamed"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from core_formats import formats

    value = globals()[name] = getattr(formats, name)
    return value
