"""The width of the page's content in the visitor's browser."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui.components.scripts import WHEN_IDLE, joined

_WIDTH = st.components.v2.component(
    "vicreg_width", html="<div></div>", js=joined(*WHEN_IDLE, Path(__file__).with_suffix(".js"))
)
KEY, KNOWN = "_width_probe", "_width"
COOKIE = "vicreg-width"  # from an earlier visit
GUESS, LEAST, MOST = 860, 100, 10_000  # pixels


def width() -> int:
    """The width of the page's content in pixels, for charts with several panels, which cannot stretch.

    On the first page of a browser's first visit a guess; when the browser has answered, the page is drawn once more.
    """
    known = st.session_state.setdefault(KNOWN, sound(st.context.cookies.get(COOKIE)) or GUESS)
    _WIDTH(key=KEY, data={"width": known}, on_width_change=_told, height=1)
    return known


def _told() -> None:
    if told := sound(st.session_state[KEY].width):
        st.session_state[KNOWN] = told


def sound(told: object) -> int | None:
    """What a browser says, if it can be a width. It is not trusted."""
    text = str(told)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 and LEAST <= int(text) <= MOST else None
