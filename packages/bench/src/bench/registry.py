"""Which methods, data sets, metrics, formats of prediction files and demonstrations are installed.

Every package names one module under the entry point group ``bench.plugins``; the module holds any of the dicts
``METHODS``, ``DATASETS``, ``METRICS``, ``FORMATS``, ``DEMOS`` from names to factories. An id is ``package:name``.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from types import ModuleType
from typing import Any, Literal

from bench.reading import nearest
from core_eval import InputError

GROUP = "bench.plugins"
What = Literal["method", "dataset", "metric", "format", "demo"]
Factory = Callable[..., Any]
_DICTS: dict[What, str] = {
    "method": "METHODS",
    "dataset": "DATASETS",
    "metric": "METRICS",
    "format": "FORMATS",
    "demo": "DEMOS",
}
KINDS: tuple[What, ...] = tuple(_DICTS)


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed package; `module` is None and `error` says why if it cannot be imported."""

    package: str
    module: ModuleType | None
    error: str = ""

    def factories(self, what: What) -> Mapping[str, Factory]:
        return getattr(self.module, _DICTS[what], {})


def kind(word: str) -> What:
    """The word as a type. Raises `InputError` for another."""
    for known in _DICTS:
        if known == word:
            return known
    raise InputError(f"unknown kind {word!r}{nearest(word, _DICTS)}")


@cache
def plugins() -> Mapping[str, Plugin]:
    """The installed packages by name. A package that fails to import is listed with its error: others still work."""
    found: dict[str, Plugin] = {}
    for entry in sorted(metadata.entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            found[entry.name] = Plugin(entry.name, importlib.import_module(entry.module))
        except Exception as reason:
            found[entry.name] = Plugin(entry.name, None, f"{type(reason).__name__}: {reason}")
    return found


def ids(what: What) -> dict[str, Factory]:
    """All factories of one kind by id, sorted."""
    return {
        f"{plugin.package}:{name}": factory
        for plugin in plugins().values()
        for name, factory in sorted(plugin.factories(what).items())
    }


def resolve(what: What, name: str) -> str:
    """The full id of a name that may lack its package. Raises `InputError` if it is unknown or names several."""
    known = ids(what)
    fitting = [one for one in known if name in (one, one.partition(":")[2])]
    if len(fitting) > 1:
        raise InputError(f"{name!r} is ambiguous: {', '.join(fitting)}")
    if not fitting:
        raise InputError(f"unknown {what} {name!r}{nearest(name, known)}")
    return fitting[0]


def factory(what: What, name: str) -> Factory:
    """The factory of that id. Raises `InputError` for an unknown package or name, or a package that is broken."""
    package, _, inner = name.partition(":")
    plugin = plugins().get(package)
    if plugin is None:
        known = ids(what)
        raise InputError(f"unknown {what} {name!r}: no package {package!r} is installed{nearest(name, known)}")
    if plugin.module is None:
        raise InputError(f"the package {package!r} of {what} {name!r} cannot be imported: {plugin.error}")
    if inner not in plugin.factories(what):
        raise InputError(f"unknown {what} {name!r}{nearest(name, ids(what))}")
    return plugin.factories(what)[inner]


def make(what: What, name: str, options: Mapping[str, Any]) -> Any:
    """Call the factory of that id. Raises `InputError` for options that it does not take."""
    found = factory(what, name)
    check_options(found, options, f"{what} {name!r}")
    return found(**options)


def check_options(function: Factory, options: Mapping[str, Any], owner: str) -> None:
    """Raise `InputError` for an option that `function` does not take, or a missing one."""
    signature = inspect.signature(function)
    free = any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values())
    for name in options:
        if name not in signature.parameters and not free:
            raise InputError(f"{owner} has no option {name!r}{nearest(name, _options(signature))}", field=name)
    for name in _options(signature):
        if signature.parameters[name].default is inspect.Parameter.empty and name not in options:
            raise InputError(f"{owner} needs the option {name!r}", field=name)


def takes(function: Factory, name: str) -> bool:
    """Whether a function has a parameter of that name."""
    return name in inspect.signature(function).parameters


def _options(signature: inspect.Signature) -> Iterable[str]:
    """Keyword options; what comes before them (``self``, the inputs of `predict`) is not one."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    named = [name for name, parameter in signature.parameters.items() if parameter.kind is keyword]
    if named:
        return named
    plain = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [
        name
        for name, parameter in signature.parameters.items()
        if parameter.kind is plain and parameter.default is not inspect.Parameter.empty
    ]
