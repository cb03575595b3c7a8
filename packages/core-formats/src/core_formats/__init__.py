"""Readers of the prediction files that people have, into the one schema of `core_eval.predictions`."""

from core_formats.formats import Format, Prediction, detect, none_found, pooled, read, renamed

__all__ = ["Format", "Prediction", "detect", "none_found", "pooled", "read", "renamed"]
