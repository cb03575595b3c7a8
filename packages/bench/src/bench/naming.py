"""Names, seeds and keys: everything derived from what a thing is, nothing from when it was made."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from core_eval import InputError

KEY_LENGTH = 24
"""Hex digits of a key (96 bits), short enough for a file name."""

_DATA = {".json", ".toml", ".yaml", ".npz", ".npy", ".csv", ".txt"}


def canonical(value: Any) -> str:
    """One spelling for equal values: JSON with sorted keys and no blanks. Raises `InputError` for anything else."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as reason:
        raise InputError(f"an option must be text, number, boolean, list or table: {reason}") from None


def digest(*parts: Any) -> str:
    """SHA-256 in hex of the canonical spelling of the parts."""
    return hashlib.sha256(canonical(list(parts)).encode()).hexdigest()


def key(*parts: Any) -> str:
    return digest(*parts)[:KEY_LENGTH]


def seed(*parts: Any) -> int:
    """A seed in [0, 2**31) from names, so that adding a row never moves another."""
    return int(digest("seed", *parts)[:8], 16) >> 1


PREDICTING = " | "


def recipe(method: str, options: Mapping[str, Any], predict: Mapping[str, Any]) -> str:
    """Method and options in one readable line, as it stands in a result: ``pkg:name bins=10 | pca=true``."""
    text = " ".join([method, *(f"{name}={canonical(value)}" for name, value in sorted(options.items()))])
    if predict:
        text += PREDICTING + " ".join(f"{name}={canonical(value)}" for name, value in sorted(predict.items()))
    return text


def training(of: str) -> str:
    """The part of a `recipe` that decides what is trained."""
    return of.partition(PREDICTING)[0]


@cache
def sources(package: str) -> Mapping[str, str]:
    """Hashes of the source code behind a package: its own and that of the local packages it depends on, by name.

    Local means installed from a folder (PEP 610), as the packages of this repository are. Comments, docstrings and
    layout do not count: they cannot change a number.
    """
    found: dict[str, str] = {}
    todo = [package]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if name == package:
                raise InputError(f"the package {package!r} is not installed") from None
            continue  # an optional dependency that is not there
        if name != package and not distribution.read_text("direct_url.json"):
            continue
        found[name] = _folder_hash(name)
        todo += [_canonical_name(text) for text in distribution.requires or () if "extra ==" not in text]
    return dict(sorted(found.items()))


def third_party(package: str) -> tuple[str, ...]:
    """Names of the packages, not ours, that a package and its local dependencies declare."""
    ours = sources(package)
    declared = {
        _canonical_name(text)
        for name in ours
        for text in metadata.distribution(name).requires or ()
        if "extra ==" not in text
    }
    return tuple(sorted(declared - ours.keys()))


def _canonical_name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", match.group() if match else requirement).lower()


def _folder_hash(package: str) -> str:
    spec = importlib.util.find_spec(package.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"the package {package!r} has no importable folder")
    folder = Path(next(iter(spec.submodule_search_locations)))
    parts = []
    for file in sorted(folder.rglob("*")):
        if file.suffix == ".py":
            parts.append([file.relative_to(folder).as_posix(), _code(file)])
        elif file.suffix in _DATA and "__pycache__" not in file.parts and not _of_weights(file):
            parts.append([file.relative_to(folder).as_posix(), hashlib.sha256(file.read_bytes()).hexdigest()])
    return digest(parts)[:12]


def _of_weights(file: Path) -> bool:
    """Whether a file of data lies beside weights: they are made by the code, and do not decide what it makes."""
    return any(file.parent.glob("*.safetensors"))


def _code(file: Path) -> str:
    """The syntax tree without docstrings, as text."""
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:]
    return ast.dump(tree)
