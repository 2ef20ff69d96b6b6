"""Guesses and an own lesson file, kept by the browser tab, because a reload starts a new Streamlit session."""

from __future__ import annotations

import json
from pathlib import Path

import streamlit as st

from ui.components.scripts import WHEN_IDLE, joined
from ui.lesson import lesson_state
from vicreg.lessons import LessonError
from vicreg.lessons.reading import MAX_BYTES

_KEEPING = st.components.v2.component(
    "vicreg_lesson_keeping", html="<div></div>", js=joined(*WHEN_IDLE, Path(__file__).with_suffix(".js"))
)
KEY, SEEN = "_lesson_keeping", "_lesson_seen"
MOST = 4 * MAX_BYTES  # characters of what a browser gives back


def keep(place: str) -> None:
    """Give the session's guesses and own lesson to the browser; a new session takes them back from it.

    place: the lesson and the step, for a window with speaker notes.
    """
    mine = lesson_state.own()
    kept = {"guesses": lesson_state.all_guesses(), "own": [mine[0], mine[1].decode("utf-8")] if mine else None}
    fresh = not st.session_state.get(SEEN)
    st.session_state[SEEN] = True
    _KEEPING(key=KEY, data={"fresh": fresh, "kept": json.dumps(kept), "at": place}, on_kept_change=_take_back, height=1)


def _take_back() -> None:
    take_back(st.session_state[KEY].kept)


def take_back(kept: object) -> None:
    """Put what a browser kept into a session without guesses. It is not trusted: what does not fit is ignored."""
    if not isinstance(kept, str) or len(kept) > MOST or any(lesson_state.all_guesses().values()):
        return
    try:
        found = json.loads(kept)
        guesses, mine = found["guesses"], found["own"]
        for lesson, of in list(guesses.items())[:16]:
            good = {str(key): guess for key, guess in of.items() if type(guess) is int and 0 <= guess < 5}
            lesson_state.all_guesses()[str(lesson)] = dict(list(good.items())[:40])
        if mine and lesson_state.own() is None:
            lesson_state.take_own(str(mine[0])[:100], str(mine[1]).encode("utf-8"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, LessonError):
        return
