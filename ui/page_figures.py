"""What the page that is being drawn has shown so far: its figures, the runs they are of, and how they were measured.

Kept in the session while a page is drawn, for the foot of the page (`ui.take_away`, `ui.presenter`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast

import streamlit as st

if TYPE_CHECKING:
    import pandas as pd

KEY = "_shown"
T = TypeVar("T")


@dataclass(frozen=True)
class Figure:
    """A chart or a map. key: of its widget. alt: what it shows, as screen readers are told. table: makes its data."""

    key: str
    alt: str
    table: Callable[[], pd.DataFrame]


@dataclass
class Shown:
    """figures: by key, in the order of the page. runs: titles, each with its data set. protocol: how figures were measured.

    made: what `once` made for the page; None when it is not being drawn. later: to be called when it is drawn.
    """

    figures: dict[str, Figure] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    protocol: str = ""
    made: dict[Hashable, object] | None = None
    later: list[Callable[[], object]] = field(default_factory=list)


def begin() -> None:
    """A page starts: forget what the last one showed."""
    st.session_state[KEY] = Shown(made={})


def end() -> None:
    """The page is drawn: what was made for it may be out of date from now on, and what waited for it begins."""
    found = so_far()
    found.made = None
    while found.later:
        found.later.pop()()


def when_drawn(begin: Callable[[], object]) -> None:
    """Call this at the end of the page, so that the page does not wait for it."""
    so_far().later.append(begin)


def once(key: Hashable, make: Callable[[], T]) -> T:
    """`make()`, called once while a page is drawn. After that, when a fragment of it runs, every time."""
    made = so_far().made
    if made is None:
        return make()
    if key not in made:
        made[key] = make()
    return cast("T", made[key])


def so_far() -> Shown:
    """What was noted since the page began."""
    found = st.session_state.setdefault(KEY, Shown())
    assert isinstance(found, Shown)
    return found


def note_figure(key: str, alt: str, table: Callable[[], pd.DataFrame]) -> None:
    """A chart or map is on the page. table: called only when somebody asks for the data."""
    so_far().figures[key] = Figure(key, alt, table)


def note_run(title: str, dataset: str) -> None:
    """The page shows this run. title: with its budget. dataset: the title of its data set."""
    so_far().runs[title] = dataset


def note_protocol(text: str) -> None:
    """How the page's figures were measured."""
    so_far().protocol = text
