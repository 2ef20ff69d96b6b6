"""The switch for presenter mode, the link to the view, and what the screen in the browser is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from ui import page_figures
from ui.components.scripts import joined

FOLDER = Path(__file__).parent
KEPT = "_presented"  # in the session: the last page, if it was presented
PAGES = FOLDER.parents[1] / "pages"
SCALE = 1.5  # of everything on a screen, at least: chart text of 12 pixels becomes 18; also in hall.css


def _text(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


def _script() -> str:
    """The JavaScript as one text, each module after those it imports, with the style of the bars as a string."""
    modules = joined(*(FOLDER / name for name in ("screens.js", "bars.js", "stepping.js", "presenter.js")))
    return f"const BARS_CSS = {json.dumps(_text('bars.css'))};\n{modules}"


_PRESENTER = st.components.v2.component(
    "vicreg_presenter", html=_text("link.html"), css=_text("link.css"), js=_script()
)
_FACTS = st.components.v2.component("vicreg_presenter_facts", html="<div></div>", js=_text("page_facts.js"))


def is_on() -> bool:
    """Whether this visitor presents."""
    return bool(st.session_state.get("present"))


def begin(page: str, pages: Sequence[str]) -> None:
    """Draw the switch and the link in the sidebar. page: the file of this page. pages: all of them, in their order."""
    # Streamlit may forget a value that came with the URL if the page was left without a rerun, as the lab is.
    if st.session_state.get(KEPT, page) not in (page, ""):
        st.session_state["present"] = 1
    with st.sidebar:
        # A number keeps `present=1` in the URL; the button is what visitors see.
        st.number_input("Presenter mode", 0, 1, key="present", bind="query-params", persist_state="session")
        st.session_state[KEPT] = page if is_on() else ""
        st.button(
            "Leave presenter mode" if is_on() else "Presenter mode",
            key="present_switch",
            icon=":material/co_present:",
            shortcut="Alt+P",
            width="stretch",
            on_click=_flip,
            help="One large figure per screen. Right and left, or a clicker's Page Down and Page Up, go through this "
            "page and the next ones. Escape leaves.",
        )
        if is_on():
            st.html(FOLDER / "hall.css")
            at = pages.index(page)
            for key, to in (("present_back", at - 1), ("present_next", at + 1)):
                if 0 <= to < len(pages):
                    with st.container(key=key):  # what the keys click at the first and the last screen
                        st.page_link(PAGES / f"{pages[to]}.py")
        _PRESENTER(key="_presenter", data={"on": is_on(), "page": page})


def finish() -> None:
    """Tell the screen which runs the page shows, and the keys of its charts."""
    if is_on():
        found = page_figures.so_far()
        keys = {figure.alt.strip(): figure.key for figure in found.figures.values()}
        _FACTS(key="_presenter_facts", data={"runs": list(found.runs), "keys": keys})


def _flip() -> None:
    st.session_state["present"] = 0 if is_on() else 1
