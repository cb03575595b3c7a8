"""Random generators named by what they are for, so that adding a draw somewhere never moves another one elsewhere."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(*name: str | int) -> np.random.Generator:
    """A generator seeded with the SHA-256 of its name, for example ("stand-in-300w", "train", "sample", 17)."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in name).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))
