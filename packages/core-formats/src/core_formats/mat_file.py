"""MATLAB files of level 5 (``save -v6`` and ``-v7``) from strangers: numbers, text, cells and structs.

Source: "MAT-File Format" (MathWorks), level 5. `scipy.io.loadmat` (1.17) follows what a file declares into native code:
an unknown element type or deep nesting ends the process, a declared cell array is allocated whole. Here every size is
compared with the file first: an element ends within its parent, an array has as many numbers as its dimensions say, a
cell or struct as many children. Objects, functions, sparse and complex arrays hold no predictions and are refused. The
tests hold the values to scipy's.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core_eval import InputError
from core_formats.checks import head, read_bytes

LARGEST = 256 * 2**20
"""Bytes of a file, and of all its variables inflated."""

MATRICES = 2_000_000
"""Arrays, cells and structs in a file, nested ones included."""

DEPTH = 16

_TYPES = {
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"},
    **{16: "u1", 17: "u2", 18: "u4"},  # text as UTF-8, UTF-16, UTF-32 code units
}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_CELL, _STRUCT, _CHAR = 1, 2, 4
_MATRIX, _COMPRESSED = 14, 15
_COMPLEX = 0x0800


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell array or, with `fields`, a struct array.

    Attributes:
        shape: its dimensions; elements are in MATLAB's order, the first dimension fastest.
        fields: name -> one value an element; a cell has the one field ``""``.
    """

    shape: tuple[int, ...]
    fields: dict[str, list[Value]]

    def __len__(self) -> int:
        return math.prod(self.shape)


Value = np.ndarray | str | Cell
"""Numbers with their dimensions; text (rows joined); or a `Cell`."""


Parts = Iterator[tuple[int, memoryview]]
"""(type, content) of elements."""


class Variable(NamedTuple):
    """What the head of a variable says: class as a word, dimensions."""

    kind: str
    shape: tuple[int, ...]


class _Bad(Exception):
    """What is wrong, without the file's name."""


def read_mat(path: Path) -> dict[str, Value]:
    """All variables of a file by name. Raises `InputError` for whatever is not a sound file of this kind."""
    data = read_bytes(path, LARGEST)
    try:
        reader = _Reader(_order(data))
        found: dict[str, Value] = {}
        inflated = 0
        for kind, content in _elements(data, 128, reader.order):
            if kind == _COMPRESSED:
                whole = _inflate(content, LARGEST - inflated)
                inflated += len(whole)
                kind, content = next(_elements(whole, 0, reader.order), (0, content))
            if kind != _MATRIX:
                raise _Bad(f"an element of type {kind} where a variable is expected")
            name, value = reader.matrix(content, 0)
            if name in found:
                raise _Bad(f"the variable {name} is there twice")
            found[name] = value
    except _Bad as reason:
        raise InputError(f"not a readable .mat file: {reason}", file=path) from None
    return found


def variables(path: Path) -> dict[str, Variable]:
    """Name -> class and dimensions, from the heads of the variables; empty if the file is not sound that far.

    Cheap: of a compressed variable only the first 4 KiB are inflated.
    """
    found: dict[str, Variable] = {}
    try:
        start = head(path, 128)
        order = _order(start)
        with path.open("rb") as stream:
            stream.seek(128)
            while (tag := stream.read(8)) and len(found) < 1000:
                kind, size = _tag(tag, order)
                content = stream.read(min(size, 4096))
                stream.seek(size - len(content) + (-size % 8 if kind != _COMPRESSED else 0), 1)
                if kind == _COMPRESSED:
                    content = zlib.decompressobj().decompress(content, 4096)[8:]
                elif kind != _MATRIX:
                    break
                name, cls, shape, _, _ = _Reader(order).opening(content)
                words = {_CELL: "cell", _STRUCT: "struct", _CHAR: "text", **dict.fromkeys(_CLASSES, "numbers")}
                found[name] = Variable(words.get(cls, "other"), shape)
    except (_Bad, OSError, zlib.error):
        return found
    return found


def _order(data: bytes) -> str:
    """``<`` or ``>``, from the head of the file."""
    if data[:10] == b"MATLAB 7.3" or b"\x89HDF" in data[:4] or data[512:516] == b"\x89HDF":
        raise _Bad("it is of version 7.3 (HDF5); save it again with -v7")
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None or struct.unpack(order + "H", data[124:126])[0] != 0x0100:
        raise _Bad("it does not begin like one of level 5 (save -v7)")
    return order


def _tag(tag: bytes, order: str) -> tuple[int, int]:
    if len(tag) < 8:
        raise _Bad("it ends within an element")
    kind, size = struct.unpack(order + "II", tag[:8])
    return kind, size


def _elements(data: bytes | memoryview, position: int, order: str) -> Parts:
    """(type, content) of the elements one after the other; each ends within `data`."""
    view = memoryview(data)
    while position < len(view):
        kind, size = _tag(bytes(view[position : position + 8]), order)
        if kind >> 16:  # a small element: size, type and up to four bytes in eight
            kind, size = kind & 0xFFFF, kind >> 16
            if size > 4:
                raise _Bad("a small element is too large")
            yield kind, view[position + 4 : position + 4 + size]
            position += 8
            continue
        position += 8
        if size > len(view) - position:
            raise _Bad("an element declares more bytes than there are")
        yield kind, view[position : position + size]
        position += size if kind == _COMPRESSED else size + -size % 8


def _inflate(data: memoryview, limit: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(data, limit + 1)
    except zlib.error as reason:
        raise _Bad(f"a compressed variable is damaged: {reason}") from None
    if len(content) > limit:
        raise _Bad(f"it inflates to more than {LARGEST / 2**20:g} MiB")
    if not inflater.eof:
        raise _Bad("a compressed variable is cut off")
    return content


class _Reader:
    """The matrices of one file, counted."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.count = 0

    def opening(self, content: bytes | memoryview) -> tuple[str, int, tuple[int, ...], bool, Parts]:
        """Name, class, dimensions, whether complex, and the elements that follow."""
        parts = _elements(content, 0, self.order)
        flags = self.integers(parts, 6)
        shape = self.integers(parts, 5)
        name = bytes(self.part(parts, 1)).decode("latin-1")
        if len(flags) != 2 or not 2 <= len(shape) <= 32 or min(shape) < 0:
            raise _Bad("an array has unusable flags or dimensions")
        if not name.isprintable():
            raise _Bad("a variable's name is not printable")
        return name, flags[0] & 0xFF, shape, bool(flags[0] & _COMPLEX), parts

    def part(self, parts: Parts, *kinds: int) -> memoryview:
        kind, content = next(parts, (0, memoryview(b"")))
        if kind not in kinds:
            raise _Bad(f"an element of type {kind} where one of type {kinds[0]} is expected")
        return content

    def integers(self, parts: Parts, kind: int) -> tuple[int, ...]:
        content = self.part(parts, kind)
        if len(content) % 4:
            raise _Bad("a list of integers ends within one")
        return struct.unpack(f"{self.order}{len(content) // 4}{'i' if kind == 5 else 'I'}", content)

    def matrix(self, content: memoryview | bytes, depth: int) -> tuple[str, Value]:
        """(name, value); an empty element is an empty array."""
        self.count += 1
        if self.count > MATRICES or depth > DEPTH:
            raise _Bad("too many arrays" if depth <= DEPTH else "cells and structs are nested too deeply")
        if not len(content):
            return "", np.zeros((0, 0))
        name, cls, shape, is_complex, parts = self.opening(content)
        length = math.prod(shape)
        if cls == _CELL:
            value: Value = Cell(shape, {"": self.children(parts, length, depth)})
        elif cls == _STRUCT:
            value = self.structs(parts, shape, length, depth)
        elif cls == _CHAR:
            value = self.text(parts, length)
        elif cls in _CLASSES and not is_complex:
            value = self.numbers(parts, length, _CLASSES[cls]).reshape(shape, order="F")
        else:
            raise _Bad(f"the array {name or '(nested)'} is complex, sparse, an object or a function")
        if next(parts, None) is not None:
            raise _Bad("something follows after an array's values")
        return name, value

    def children(self, parts: Parts, count: int, depth: int) -> list[Value]:
        found: list[Value] = []
        for kind, content in parts:
            if kind != _MATRIX or len(found) == count:
                raise _Bad("a cell or struct has other elements than it declares")
            found.append(self.matrix(content, depth + 1)[1])
        if len(found) != count:
            raise _Bad("a cell or struct has fewer elements than it declares")
        return found

    def structs(self, parts: Parts, shape: tuple[int, ...], length: int, depth: int) -> Cell:
        width = self.integers(parts, 5)
        names = bytes(self.part(parts, 1))
        if len(width) != 1 or width[0] < 1 or len(names) % width[0]:
            raise _Bad("a struct has unusable field names")
        padded = [names[start : start + width[0]] for start in range(0, len(names), width[0])]
        fields = [name.split(b"\0")[0].decode("latin-1") for name in padded]
        if len(set(fields)) != len(fields):
            raise _Bad("a struct has a field twice")
        values = self.children(parts, length * len(fields), depth)
        if not fields and length:
            raise _Bad("a struct has elements but no fields")
        return Cell(shape, {field: values[index :: len(fields)] for index, field in enumerate(fields)})

    def text(self, parts: Parts, length: int) -> str:
        kind, content = next(parts, (16, memoryview(b"")))
        wide = "le" if self.order == "<" else "be"
        codec = {
            1: "latin-1",
            2: "latin-1",
            4: f"utf-16-{wide}",
            16: "utf-8",
            17: f"utf-16-{wide}",
            18: f"utf-32-{wide}",
        }
        if kind not in codec or len(content) > 4 * length:
            raise _Bad("text is not encoded as text")
        try:
            return bytes(content).decode(codec[kind])
        except UnicodeDecodeError:
            raise _Bad("text is not encoded as it declares") from None

    def numbers(self, parts: Parts, length: int, dtype: str) -> np.ndarray:
        """(length,) in the array's own type; files store them in the smallest that holds them."""
        kind, content = next(parts, (0, memoryview(b"")))
        stored = _TYPES.get(kind)
        if stored is None or kind >= 16 or len(content) != length * int(stored[1]):
            raise _Bad("an array's numbers and dimensions disagree")
        return np.frombuffer(content, dtype=self.order + stored).astype(dtype)
