"""Stand-in data: rendered offline, deterministic, with exact ground truth."""

__version__ = "0.1.0"
