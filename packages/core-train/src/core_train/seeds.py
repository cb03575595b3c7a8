"""Seeds derived from names, so that adding a run, a step or a sample never moves the draws of another."""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def seed_from_name(*parts: object) -> int:
    """Return 63 bits of the SHA-256 of the parts' text; ("ab", "c") differs from ("a", "bc")."""
    digest = hashlib.sha256()
    for part in parts:
        text = str(part).encode()
        digest.update(len(text).to_bytes(8, "little") + text)
    return int.from_bytes(digest.digest()[:8], "little") >> 1


def numpy_generator(*parts: object) -> np.random.Generator:
    """Return a NumPy generator seeded by `seed_from_name(*parts)`."""
    return np.random.default_rng(seed_from_name(*parts))


def torch_generator(*parts: object) -> torch.Generator:
    """Return a CPU torch generator seeded by `seed_from_name(*parts)`."""
    return torch.Generator().manual_seed(seed_from_name(*parts))


def seed_torch(*parts: object) -> None:
    """Seed torch's global generators (initial weights, dropout) by `seed_from_name(*parts)`."""
    torch.manual_seed(seed_from_name(*parts))
