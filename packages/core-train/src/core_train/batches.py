"""Batches as a pure function of the step, so that a resumed run sees the data an uninterrupted one would have seen.

Axes: N images of a batch, H rows, W columns.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from core_train.seeds import numpy_generator

ArrayBatch = dict[str, np.ndarray]
Transform = Callable[[ArrayBatch, np.random.Generator], ArrayBatch]


class Batches(Protocol):
    """An endless training stream: `len()` batches make one epoch, and `batch(step)` depends on `step` alone."""

    def __len__(self) -> int: ...

    def batch(self, step: int) -> Any: ...


class BatchSource(Protocol):
    """Samples which can be fetched many at a time: `{key: (N, ...)}`, decoded, as a sample's arrays are."""

    def __len__(self) -> int: ...

    def fetch(self, indices: np.ndarray) -> Mapping[str, np.ndarray]: ...


class EpochSampler:
    """Indices of each step's batch: every epoch a new permutation, seeded by name; an incomplete last batch is left
    out.

    Args:
        size: number of samples, at least one. With fewer samples than `batch_size`, a batch is the whole set.
        batch_size: N.
        seed: any name parts.
    """

    def __init__(self, size: int, batch_size: int, *seed: object) -> None:
        if size < 1 or batch_size < 1:
            raise ValueError(f"cannot draw batches of {batch_size} from {size} samples")
        self.size, self.batch_size, self._seed = size, min(batch_size, size), seed
        self._epoch = -1
        self._order = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return self.size // self.batch_size

    def indices(self, step: int) -> np.ndarray:
        """Return the int64 `(N,)` indices of batch `step` = 0, 1, ..."""
        epoch, place = divmod(step, len(self))
        if epoch != self._epoch:
            self._order = numpy_generator(*self._seed, "epoch", epoch).permutation(self.size)
            self._epoch = epoch
        return self._order[place * self.batch_size : (place + 1) * self.batch_size]


class ArrayBatches:
    """Shuffled, transformed training batches `{key: tensor (N, ...)}` of a source of samples.

    Args:
        source: has `fetch(indices) -> {key: (N, ...)}`, or is a sequence of samples with `inputs` and `target` arrays.
        batch_size: N.
        seed: name parts for the order and the transforms.
        keys: keep only these keys of the samples (all by default).
        transform: augmentation, called as `transform(arrays, generator)`; the generator depends on seed and step.
    """

    def __init__(
        self,
        source: BatchSource | Sequence[Any],
        batch_size: int,
        *seed: object,
        keys: Sequence[str] | None = None,
        transform: Transform | None = None,
    ) -> None:
        self._source, self._seed, self._keys, self._transform = source, seed, keys, transform
        self._sampler = EpochSampler(len(source), batch_size, *seed)

    def __len__(self) -> int:
        return len(self._sampler)

    def batch(self, step: int) -> dict[str, Tensor]:
        """Return batch number `step`."""
        arrays = gather(self._source, self._sampler.indices(step), self._keys)
        if self._transform is not None:
            arrays = self._transform(arrays, numpy_generator(*self._seed, "transform", step))
        return {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in arrays.items()}


def gather(source: BatchSource | Sequence[Any], indices: np.ndarray, keys: Sequence[str] | None = None) -> ArrayBatch:
    """Fetch samples as stacked arrays `{key: (N, ...)}`.

    Raises ValueError when an input and a target share a name, and KeyError when a key is missing.
    """
    fetch = getattr(source, "fetch", None)
    if fetch is not None:
        arrays = dict(fetch(indices))
        return arrays if keys is None else {key: arrays[key] for key in keys}
    samples = cast("Sequence[Any]", source)
    columns: dict[str, list[np.ndarray]] = {}
    for index in indices:
        sample = samples[int(index)]
        shared = set(sample.inputs) & set(sample.target)
        if shared and keys is None:
            raise ValueError(f"sample {sample.id}: {', '.join(sorted(shared))} in both inputs and target")
        merged = {**sample.target, **sample.inputs}
        for key in merged if keys is None else keys:
            columns.setdefault(key, []).append(merged[key])
    return {key: np.stack(values) for key, values in columns.items()}


def prefetch(make: Callable[[int], Any], start: int, stop: int | None, *, depth: int = 2) -> Iterator[Any]:
    """Yield `make(start)`, `make(start + 1)`, ... up to `stop`, made ahead of time in one background thread.

    At most `depth` items wait. An exception of `make` is raised here; leaving the iterator ends the thread.
    """
    ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(maxsize=depth)
    done = threading.Event()

    def put(item: tuple[Any, BaseException | None]) -> None:
        while not done.is_set():
            try:
                ready.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def work() -> None:
        step = start
        try:
            while not done.is_set() and (stop is None or step < stop):
                put((make(step), None))
                step += 1
            put((None, StopIteration()))
        except BaseException as error:  # handed over to the consumer
            put((None, error))

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item
    finally:
        done.set()
        thread.join()
