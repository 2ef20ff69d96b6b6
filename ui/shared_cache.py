"""What is computed from runs, kept by their content and shared by all visitors.

Streamlit's caches do the same, but take longer to find a kept value, and a page has dozens.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, ParamSpec, TypeVar

from vicreg.runs.folder import Run

P = ParamSpec("P")
T = TypeVar("T")


class Store(Generic[T]):
    """At most `most` values by their key; when there are more, the one that was not asked for longest goes."""

    def __init__(self, most: int) -> None:
        self._most, self._values, self._lock = most, OrderedDict[Hashable, T](), threading.Lock()
        self._making: dict[Hashable, threading.RLock] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key, or `make()`, which is then kept. Visitors who ask at once wait for the first, who makes it."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            making = self._making.setdefault(key, threading.RLock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._values[key]
            try:
                value = make()
                with self._lock:
                    self._values[key] = value
                    while len(self._values) > self._most:
                        self._values.popitem(last=False)
                return value
            finally:
                with self._lock:
                    self._making.pop(key, None)


def kept(most: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A decorator: the function computes a result once for equal arguments. The result is shared: do not change it.

    most: results kept. Arguments are runs, which are equal if their content is, JSON values, tuples, mappings,
    and dataclasses of these. Its result must depend on nothing else. Nothing is kept where it raises
    an error or stops the page.
    """

    def keeping(function: Callable[P, T]) -> Callable[P, T]:
        store = Store[T](most)

        @functools.wraps(function)
        def found(*args: P.args, **options: P.kwargs) -> T:
            return store.get((content(args), content(options)), lambda: function(*args, **options))

        return found

    return keeping


def content(value: object) -> Hashable:
    """What two arguments have in common that are equal. Raises TypeError for an argument that cannot be compared."""
    if isinstance(value, Run):
        return value.content
    if isinstance(value, Mapping):
        return (Mapping, *((key, content(one)) for key, one in value.items()))
    if isinstance(value, list | tuple):
        return (list, *map(content, value))
    if value is None or isinstance(value, str | int | float):
        return (type(value), value)
    if dataclasses.is_dataclass(value):
        return (type(value), *(content(getattr(value, field.name)) for field in dataclasses.fields(value)))
    raise TypeError(f"only runs, JSON values, tuples, mappings and dataclasses compare, got {type(value).__name__}")
