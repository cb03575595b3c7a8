"""Checked reading of TOML: every error names the file and the path of the key, and suggests the nearest name."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from core_eval import InputError

T = TypeVar("T")
_MISSING: Any = object()


def nearest(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for a close match, else ``"; known: a, b"``, to put behind a message."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if not close:  # a changed case or a forgotten word is close too
        close = [other for other in names if name.lower() in other.lower() or other.lower() in name.lower()][:1]
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else "; there are none"


def read_toml(file: Path) -> Keys:
    """The top-level table of a file. Raises `InputError` for a missing file or broken TOML."""
    try:
        return Keys(tomllib.loads(file.read_text("utf-8")), file)
    except FileNotFoundError:
        raise InputError("no such file", file=file) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
        raise InputError(f"not valid TOML: {reason}", file=file) from None


class Keys:
    """A TOML table whose keys are taken one by one; `done` rejects what nobody asked for.

    Every getter raises `InputError` for a missing key (unless a default is given) and for a value of another type.
    """

    def __init__(self, table: Mapping[str, Any], file: Path, path: str = "") -> None:
        self.table, self.file, self.path = table, file, path
        self._taken: dict[str, None] = {}

    def where(self, key: str) -> str:
        shown = key if key.replace("_", "").replace("-", "").isalnum() else f'"{key}"'
        return f"{self.path}.{shown}" if self.path else shown

    def error(self, message: str, key: str) -> InputError:
        return InputError(message, file=self.file, field=self.where(key))

    def get(self, key: str, kind: type[T], default: T = _MISSING) -> T:
        self._taken[key] = None
        value = self.table.get(key, default)
        if value is _MISSING:
            raise InputError(f"the key {key!r} is missing", file=self.file, field=self.path or key)
        if value is default:
            return default
        if kind is float and type(value) is int:
            return cast(T, float(value))
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.error(f"expected {_NAMES.get(kind, kind.__name__)}, got {value!r}", key)
        return value

    def text(self, key: str, default: str = _MISSING) -> str:
        value = self.get(key, str, default)
        return value if value is default else " ".join(value.split())

    def one_of(self, key: str, allowed: Iterable[str], default: str = _MISSING) -> str:
        value, names = self.text(key, default), list(allowed)
        if value is not default and value not in names:
            raise self.error(f"unknown value {value!r}{nearest(value, names)}", key)
        return value

    def texts(self, key: str, default: tuple[str, ...] = _MISSING) -> tuple[str, ...]:
        values = self.get(key, list, default)
        for value in values:
            if not isinstance(value, str):
                raise self.error(f"expected text, got {value!r}", key)
        return tuple(values)

    def options(self, key: str) -> dict[str, Any]:
        """A table of free keys, as given; empty if absent."""
        return dict(self.get(key, dict, {}))

    def text_map(self, key: str) -> dict[str, str]:
        """A table of free keys with text values; numbers must be quoted, because printed digits are evidence."""
        inner = self.inner(key, {})
        return {name: inner.text(name) for name in inner.table}

    def inner(self, key: str, default: Mapping[str, Any] = _MISSING) -> Keys:
        return Keys(self.get(key, dict, default), self.file, self.where(key))

    def each(self, key: str, default: Mapping[str, Any] = _MISSING) -> list[tuple[str, Keys]]:
        """The named tables below a key, in file order."""
        inner = self.inner(key, default)
        return [(name, inner.inner(name)) for name in inner.table]

    def rows(self, key: str) -> list[Keys]:
        """An array of tables, in file order; empty if absent."""
        found = self.get(key, list, [])
        paths = [f"{self.where(key)}[{index}]" for index in range(len(found))]
        for row, path in zip(found, paths, strict=True):
            if not isinstance(row, dict):
                raise InputError(f"expected a table, got {row!r}", file=self.file, field=path)
        return [Keys(row, self.file, path) for row, path in zip(found, paths, strict=True)]

    def done(self) -> None:
        """Raise for the first key that was never asked for."""
        for key in self.table:
            if key not in self._taken:
                raise self.error(f"unknown key {key!r}{nearest(key, self._taken)}", key)


_NAMES = {str: "text", dict: "a table", list: "a list", bool: "true or false", int: "a whole number", float: "a number"}
