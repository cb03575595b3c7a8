"""The prediction file: ids and named arrays in one ``.npz``.

Axis letters: N samples.

Schema: ``ids`` is (N,) text; every other array is (N, ...) with row i belonging to ``ids[i]``. Nothing is pickled.
Prediction files come from strangers: sizes are compared with the file before anything is allocated.
"""

from __future__ import annotations

import hashlib
import math
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from core_eval.contracts import Arrays
from core_eval.errors import InputError

LARGEST = 16 * 2**30
"""Bytes that a prediction file may declare for all its arrays together."""

UNSUSPICIOUS, HIGHEST_RATIO = 2**30, 200
"""Above this many bytes, a file that inflates by more than this ratio is taken for a decompression bomb."""


@dataclass(frozen=True, slots=True, eq=False)
class Predictions(Mapping[str, Arrays]):
    """Predictions by sample id; iterates in file order."""

    ids: tuple[str, ...]
    arrays: Mapping[str, np.ndarray]
    _row: Mapping[str, int]

    @classmethod
    def of(cls, ids: Sequence[str], arrays: Mapping[str, np.ndarray], *, file: str | Path | None = None) -> Predictions:
        """Check and freeze.

        Raises `InputError` for an empty or repeated id, one with a control character, an array without one row per
        id, of a type that is not numeric, boolean or text, or with a name that is not an identifier.
        """
        for sample in ids:
            if not sample or not sample.isprintable():
                raise InputError(f"a sample id must be printable text, got {sample!r}", file=file, field="ids")
        row = {sample: index for index, sample in enumerate(ids)}
        if len(row) != len(ids):
            duplicate = next(sample for index, sample in enumerate(ids) if row[sample] != index)
            raise InputError("duplicate sample id", file=file, sample=duplicate)
        for key, array in arrays.items():
            if not key.isidentifier() or key == "ids":
                raise InputError("not a usable array name", file=file, field=repr(key))
            if array.dtype.kind not in "biufcU":
                raise InputError(f"arrays of type {array.dtype} are not read", file=file, field=key)
            if array.ndim == 0 or len(array) != len(ids):
                raise InputError(f"expected {len(ids)} rows, got shape {array.shape}", file=file, field=key)
        return cls(tuple(ids), dict(arrays), row)

    def __getitem__(self, sample: str) -> Arrays:
        row = self._row[sample]
        return {key: array[row] for key, array in self.arrays.items()}

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)


def save_predictions(path: Path, predictions: Predictions) -> str:
    """Write atomically (temporary file, then rename) and return the file's SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as stream:
            _write(stream, {"ids": np.asarray(predictions.ids, dtype=np.str_), **predictions.arrays})
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return sha256(path)


def _write(stream: IO[bytes], arrays: Mapping[str, np.ndarray]) -> None:
    """What `numpy.savez_compressed` does, for arrays of any name and never with pickle."""
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, array in arrays.items():
            with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def load_predictions(path: Path) -> Predictions:
    """Read a prediction file. Raises `InputError` for anything that is not one; sizes are checked before allocation."""
    arrays = read_arrays(path)
    ids = arrays.pop("ids", None)
    if ids is None or ids.ndim != 1 or ids.dtype.kind != "U":
        raise InputError("expected a one-dimensional text array", file=path, field="ids")
    try:
        names = [str(sample) for sample in ids]
    except (ValueError, SystemError) as reason:  # an array of text may hold values that are no characters
        raise InputError(f"not a readable .npz: {reason}", file=path) from None
    return Predictions.of(names, arrays, file=path)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a ``.npz`` from anywhere. Raises `InputError` for anything else, before anything is allocated."""
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise InputError("not a file", file=path)
    try:
        _check_sizes(path)
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError("no such file", file=path) from None
    except Exception as reason:  # numpy and zipfile raise a dozen kinds for hostile bytes
        raise InputError(f"not a readable .npz: {reason or type(reason).__name__}", file=path) from None


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check_sizes(path: Path) -> None:
    """Compare every array's declared size with its member's: a lying header must not allocate memory."""
    total = 0
    seen: set[str] = set()
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name in seen:
                raise InputError("the array is there twice", file=path, field=name)
            seen.add(name)
            with archive.open(member) as stream:
                version = np.lib.format.read_magic(stream)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(stream)
                if dtype.hasobject:
                    raise InputError("holds Python objects, which are never unpickled", file=path, field=name)
                declared = math.prod(shape) * dtype.itemsize
                if min(shape, default=0) < 0 or stream.tell() + declared != member.file_size:
                    raise InputError("array size and file size disagree", file=path, field=name)
            total += declared
    if total > LARGEST:
        raise InputError(
            f"declares {total / 2**30:.0f} GiB of arrays, more than the {LARGEST // 2**30} allowed", file=path
        )
    if total > UNSUSPICIOUS and total > HIGHEST_RATIO * path.stat().st_size:
        raise InputError(f"inflates to {total / 2**30:.1f} GiB, suspiciously much for its size", file=path)
