"""Readers of the prediction files that people have, into the one schema of `core_eval.predictions`."""

from core_formats.formats import Format, Prediction, detect, pooled, read

__all__ = ["Format", "Prediction", "detect", "pooled", "read"]
