"""Public names that load their module on first use, so that importing a package stays fast."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any  # noqa: TID251 - a module's `__getattr__` may return anything (PEP 562)


def names_of(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A `__getattr__` for a package (PEP 562). homes: name -> module that defines it.

    Raises ValueError for a name that is also the name of its module: once loaded, the module would take its place.
    """
    for name, home in homes.items():
        if home == f"{package}.{name}":
            raise ValueError(f"{package} cannot load {name} on first use from a module of the same name")

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name]), name)

    return find
