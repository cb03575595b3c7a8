"""JSON from strangers: bounded, without duplicate keys, one entry of a list at a time.

The standard parser is used as it is; what is added are limits before it starts (bytes, number of values), a depth that
Python's own recursion limit sets, and the refusal of what it would accept: a key that is there twice, infinity.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from json.decoder import WHITESPACE  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any

from core_eval import InputError
from core_formats.checks import head, read_bytes, shown

LARGEST = 512 * 2**20
"""Bytes of a JSON file."""

VALUES = 30_000_000
"""Commas and opening brackets in a file; each can cost up to about two hundred bytes of memory."""

_KEY = re.compile(rb'"(\w+)"\s*:', re.ASCII)


class _Refused(Exception):
    """What is wrong with a value, raised from within the parser."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object, unless a key is there twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _Refused(f"the key {shown(twice)} is there twice")
    return found


def _constant(name: str) -> float:
    if name == "NaN":
        return float("nan")
    raise _Refused(f"{name} is no number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant)


def document(path: Path, limit: int = LARGEST) -> Any:
    """The one value of a file. Raises `InputError`."""
    text = _text(path, limit)
    value, end = _value(text, _skip(text, 0), path, "")
    _ended(text, end, path)
    return value


def entries(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number from 1, object) of a file that is a list of objects; only one object at a time is in memory.

    Raises `InputError`, when it is reached, for whatever is not one.
    """
    text = _text(path, LARGEST)
    position = _skip(text, 0)
    if text[position : position + 1] != "[":
        raise InputError("expected a list of objects", file=path)
    position = _skip(text, position + 1)
    number = 0
    while number or text[position : position + 1] != "]":
        number += 1
        value, position = _value(text, position, path, f"entry {number}: ")
        if not isinstance(value, dict):
            raise InputError(f"entry {number}: expected an object, got {shown(value)}", file=path)
        yield number, value
        position = _skip(text, position)
        mark = text[position : position + 1]
        if mark == "]":
            break
        if mark != ",":
            raise InputError(f"entry {number}: expected a comma or the end of the list after it", file=path)
        position = _skip(text, position + 1)
    _ended(text, position + 1, path)


def keys_in_head(path: Path) -> set[str]:
    """Names of keys in the first bytes of a file that begins like a list of objects; none of any other file."""
    start = head(path).removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"[") or not start[1:].lstrip().startswith(b"{"):
        return set()
    return {key.decode("ascii") for key in _KEY.findall(start)}


def _text(path: Path, limit: int) -> str:
    data = read_bytes(path, limit)
    if data.count(b",") + data.count(b"[") + data.count(b"{") > VALUES:
        raise InputError(f"holds more than the {VALUES} values that are read", file=path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        raise InputError(f"is not UTF-8 at byte {reason.start}", file=path) from None


def _value(text: str, position: int, path: Path, where: str) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, position)
    except _Refused as reason:
        problem = str(reason)
    except RecursionError:
        problem = "nested too deeply"
    except json.JSONDecodeError as reason:
        problem = f"not JSON: {reason}"
    except ValueError:  # an integer of thousands of digits
        problem = "a number is too long"
    raise InputError(f"{where}{problem}", file=path)


def _skip(text: str, position: int) -> int:
    end: int = WHITESPACE.match(text, position).end()
    return end


def _ended(text: str, position: int, path: Path) -> None:
    if _skip(text, position) != len(text):
        raise InputError("something follows after the end", file=path)
