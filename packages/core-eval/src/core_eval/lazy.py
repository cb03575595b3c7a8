"""Factories that are imported when they are called, so that a plugin can be listed without its dependencies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any


@dataclass(frozen=True, slots=True)
class LazyFactory:
    """Call ``target`` (``"package.module:name"``) with the arguments given; import it only then.

    `inspect.signature` and `inspect.unwrap` see the real factory, at the price of its import.
    """

    target: str

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        factory: Callable[..., Any] = resolve_name(self.target)
        return factory

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.__wrapped__(*args, **options)
