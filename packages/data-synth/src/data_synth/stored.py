"""Arrays that are made once on a machine and kept in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock
from safetensors.numpy import save

from core_eval import InputError

Make = Callable[[], tuple[Mapping[str, np.ndarray], dict[str, str]]]
"""Gives arrays by name, and texts that are kept with them."""


def make_tensors(path: Path, make: Make) -> None:
    """Write what `make` gives to the safetensors file `path`, unless it is there.

    Of several processes one makes it and the others wait. The file appears whole or not at all. Raises `InputError`
    when it cannot be written.
    """
    if path.exists():
        return
    temporary, lock = path.with_name(f"{path.name}.tmp"), FileLock(path.with_name(f"{path.name}.lock"))
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        if path.exists():
            return
        tensors, texts = make()
        with _explained(path):
            temporary.write_bytes(save(dict(tensors), metadata=texts))
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
        lock.release()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write: {error.strerror or type(error).__name__}", file=path) from error
