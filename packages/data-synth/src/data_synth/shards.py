"""A split on disk: memory-mapped shards that are rendered when they are first needed.

Axis letters: `N` samples of the split, `B` samples of a request; the axes after them belong to the field.

A shard is a folder with one `.npy` per field and a `meta.json`. It is written under a temporary name and renamed when
it is complete, under a lock, so that a reader never sees half a shard and two processes never render the same one. A
sample depends on its index alone: how a split is cut, what is rendered first and what a killed run left behind change
nothing.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import platformdirs
from filelock import FileLock, Timeout
from numpy.typing import DTypeLike

from core_eval import InputError

log = logging.getLogger(__name__)

Render = Callable[[range], Mapping[str, np.ndarray]]
"""Renders the samples of a range of indices: field name -> (B, ...). Called from several threads at once."""

Progress = Callable[[int, int], None]
"""Called with (samples done, samples to do)."""


def cache_root() -> Path:
    """The folder for rendered data: `$BENCH_CACHE`, or the user's cache folder of `bench`."""
    chosen = os.environ.get("BENCH_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("bench"))


@dataclass(frozen=True, slots=True)
class Field:
    """One array of a sample: its shape (without N) and type."""

    shape: tuple[int, ...]
    dtype: DTypeLike

    def header(self, count: int) -> tuple[tuple[int, ...], np.dtype]:
        return (count, *self.shape), np.dtype(self.dtype)


def _ignore(samples: int) -> None:
    pass


class Shards:
    """`n` samples in `folder`, each with the arrays named in `fields`.

    render: makes the samples of a range; it is called with ranges of `block` samples that start at a multiple of
        `block` (the last one of the split may be shorter), whatever the shard size, so that batched arithmetic cannot
        depend on how a split is cut.
    shard_size: samples per shard, rounded up to a multiple of `block`.

    Errors: IndexError for a sample outside the split; `InputError` if the folder cannot be written (say, a full disk).
    """

    def __init__(
        self,
        folder: Path,
        n: int,
        fields: Mapping[str, Field],
        render: Render,
        *,
        shard_size: int = 500,
        block: int = 20,
    ) -> None:
        if n < 0 or shard_size < 1 or block < 1:
            raise ValueError(f"n={n}, shard_size={shard_size}, block={block}: sizes must be positive")
        self.folder, self.n, self.fields = folder, n, dict(fields)
        self.block = block
        self.shard_size = -(-shard_size // block) * block
        self._render = render
        self._open: dict[int, dict[str, np.ndarray]] = {}

    def __len__(self) -> int:
        return self.n

    @property
    def shard_count(self) -> int:
        return -(-self.n // self.shard_size)

    def span(self, shard: int) -> range:
        """Indices of the samples of a shard."""
        return range(shard * self.shard_size, min((shard + 1) * self.shard_size, self.n))

    def path(self, shard: int) -> Path:
        return self.folder / f"{shard:05d}-of-{self.shard_count:05d}"

    def sample(self, index: int) -> dict[str, np.ndarray]:
        """The raw arrays of one sample, as read-only views of the cache; renders the shard if needed."""
        if not 0 <= index < self.n:
            raise IndexError(f"sample {index} of {self.n}")
        shard, row = divmod(index, self.shard_size)
        return {name: array[row] for name, array in self.shard(shard).items()}

    def batch(self, indices: Sequence[int] | np.ndarray, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """Raw arrays of several samples, stacked: field name -> (B, ...). Copies, in the order asked for."""
        index = np.asarray(indices, dtype=np.int64)
        if index.size and not (index.min() >= 0 and index.max() < self.n):
            raise IndexError(f"samples {index.min()}..{index.max()} of {self.n}")
        out = {
            name: np.empty((len(index), *self.fields[name].shape), self.fields[name].dtype)
            for name in (names or self.fields)
        }
        for position, (shard, row) in enumerate(zip(*divmod(index, self.shard_size), strict=True)):
            arrays = self.shard(int(shard))
            for name, array in out.items():
                array[position] = arrays[name][row]
        return out

    def arrays(self, name: str) -> list[np.ndarray]:
        """One read-only memory map per shard, in order; renders what is missing."""
        return [self.shard(k)[name] for k in range(self.shard_count)]

    def shard(self, shard: int) -> dict[str, np.ndarray]:
        """The memory maps of a shard, which is rendered if it is missing or damaged."""
        if shard not in self._open:
            arrays = self._load(shard, quiet=True)
            if arrays is None:
                with ThreadPoolExecutor(_cores()) as pool:
                    self._make(shard, pool, timeout=-1)
                arrays = self._load(shard)
                if arrays is None:
                    raise InputError("a shard cannot be read back after writing it", file=self.path(shard))
            self._open[shard] = arrays
        return self._open[shard]

    def missing(self, count: int | None = None) -> list[int]:
        """Shards that are absent or damaged among those of the first `count` samples."""
        needed = -(-self._limit(count) // self.shard_size)
        return [k for k in range(needed) if k not in self._open and self._load(k, quiet=True) is None]

    def prepare(self, count: int | None = None, progress: Progress | None = None, workers: int | None = None) -> None:
        """Render the missing shards of the first `count` samples (default: all) on all cores.

        Several processes may prepare the same split: each takes the shards nobody holds, then waits for the others.
        """
        missing = self.missing(count)
        total = sum(len(self.span(k)) for k in missing)
        done = 0

        def advance(samples: int) -> None:
            nonlocal done
            done += samples
            if progress is not None:
                progress(done, total)

        with ThreadPoolExecutor(workers or _cores()) as pool:
            held = [k for k in missing if not self._make(k, pool, timeout=0, advance=advance)]
            for k in held:
                self._make(k, pool, timeout=-1, advance=advance)

    def _limit(self, count: int | None) -> int:
        return self.n if count is None else min(count, self.n)

    def _load(self, shard: int, *, quiet: bool = False) -> dict[str, np.ndarray] | None:
        """Memory maps of a complete shard, or None. A damaged shard counts as missing."""
        path, count = self.path(shard), len(self.span(shard))
        if not path.is_dir():
            return None
        try:
            meta = json.loads((path / "meta.json").read_text())
            if meta["count"] != count or set(meta["bytes"]) != set(self.fields):
                raise ValueError("meta.json describes another shard")
            arrays = {}
            for name, spec in self.fields.items():
                file = path / f"{name}.npy"
                if file.stat().st_size != meta["bytes"][name]:
                    raise ValueError(f"{name}.npy has {file.stat().st_size} bytes instead of {meta['bytes'][name]}")
                arrays[name] = np.load(file, mmap_mode="r", allow_pickle=False)
                if (arrays[name].shape, arrays[name].dtype) != spec.header(count):
                    raise ValueError(f"{name}.npy holds {arrays[name].dtype} {arrays[name].shape}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            if not quiet:
                log.warning("shard %s is damaged and will be rendered again: %s", path, error)
            return None
        return arrays

    def _make(
        self,
        shard: int,
        pool: ThreadPoolExecutor,
        timeout: float,
        advance: Callable[[int], None] = _ignore,
    ) -> bool:
        """Render a shard unless it is there; False if another process holds it longer than `timeout` (-1: forever)."""
        span, path = self.span(shard), self.path(shard)
        temporary = path.with_name(f"{path.name}.tmp")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_name(f"{path.name}.lock"), timeout=timeout):
                if self._load(shard) is not None:
                    advance(len(span))
                    return True
                # The lock is ours, so whatever lies there was left by a killed run.
                shutil.rmtree(temporary, ignore_errors=True)
                shutil.rmtree(path, ignore_errors=True)
                try:
                    self._write(temporary, span, pool, advance)
                    temporary.rename(path)
                except BaseException:
                    shutil.rmtree(temporary, ignore_errors=True)
                    raise
        except Timeout:
            return False
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise InputError(
                f"cannot write rendered data: {reason}; nothing was kept of this shard", file=path
            ) from error
        return True

    def _write(self, folder: Path, span: range, pool: ThreadPoolExecutor, advance: Callable[[int], None]) -> None:
        """Write the samples of `span` block by block, so that memory does not grow with the shard.

        Plain writes, not a writable memory map: on a full disk a map is answered with SIGBUS instead of an error.
        """
        folder.mkdir()
        with ExitStack() as stack:
            files = {name: stack.enter_context((folder / f"{name}.npy").open("wb")) for name in self.fields}
            for name, spec in self.fields.items():
                shape, dtype = spec.header(len(span))
                description = np.lib.format.dtype_to_descr(dtype)
                header = {"descr": description, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(files[name], header)
            blocks = [span[k : k + self.block] for k in range(0, len(span), self.block)]
            for block, rendered in _ahead(pool, self._render, blocks):
                for name, spec in self.fields.items():
                    array = np.ascontiguousarray(rendered[name])
                    if (array.shape, array.dtype) != spec.header(len(block)):
                        raise ValueError(f"field {name}: rendered {array.dtype} {array.shape}, expected {spec}")
                    files[name].write(array.data)
                advance(len(block))
        sizes = {name: (folder / f"{name}.npy").stat().st_size for name in self.fields}
        (folder / "meta.json").write_text(json.dumps({"count": len(span), "first": span.start, "bytes": sizes}))


def _ahead(
    pool: ThreadPoolExecutor, render: Render, blocks: Sequence[range]
) -> Iterator[tuple[range, Mapping[str, np.ndarray]]]:
    """Results in order, with only a few blocks in flight; `pool.map` would render without bound ahead of the disk."""
    waiting = iter(blocks)
    flying: deque[tuple[range, Future[Mapping[str, np.ndarray]]]] = deque()
    try:
        for block in islice(waiting, 2 * _cores()):
            flying.append((block, pool.submit(render, block)))
        while flying:
            block, future = flying.popleft()
            yield block, future.result()
            flying.extend((later, pool.submit(render, later)) for later in islice(waiting, 1))
    finally:
        for _, future in flying:
            future.cancel()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
