"""The fold at the foot of every page. Nothing in it is made before it is opened, and no table before it is asked for.

Pictures are made in the visitor's browser, from what is on the screen: a hall of 200 costs the server nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from ui import page_figures
from ui.components.scripts import joined
from ui.page_figures import Figure
from ui.take_away.caption import caption
from ui.take_away.tables import csv_of
from vicreg.storage.json_values import JsonObject

FOLDER = Path(__file__).parent
LONGEST_NAME = 90  # letters


def source() -> str:
    """The JavaScript of the panel as one script."""
    return joined(*(FOLDER / name for name in ("image_files.js", "figures_on_page.js", "take_away.js")))


_COMPONENT = st.components.v2.component(
    "vicreg_take_away",
    html="<div class='take-away'></div>",
    css=(FOLDER / "take_away.css").read_text("utf-8"),
    js=source(),
)


def panel() -> None:
    """Draw the closed fold; when it is open, what can be taken."""
    place = st.expander("Download figures", icon=":material/download:", on_change="rerun", key="_take_away")
    found = page_figures.so_far()
    figures = list(found.figures.values())
    found.figures.clear()  # their data need not be kept while nobody asks
    if place.open:
        with place:
            _body(figures, caption(found))


@st.fragment
def _body(figures: Sequence[Figure], lines: list[str]) -> None:
    """The list of figures. A fragment, so that asking for a table does not draw the page again."""
    data: JsonObject = {
        "figures": [{"key": one.key, "alt": one.alt.strip(), "name": name_of(one.alt)} for one in figures],
        "lines": lines,
        "table": None,
    }
    asked = st.session_state.get("_taken", {}).get("table")
    chosen = next((one for one in figures if one.key == asked), None)
    if chosen is not None:  # asked for again, it is saved again
        number = st.session_state["_tables_taken"] = st.session_state.get("_tables_taken", 0) + 1
        data["table"] = {"key": chosen.key, "text": csv_of(chosen.table()), "number": number}
    _COMPONENT(key="_taken", data=data, on_table_change=lambda: None)


def name_of(alt: str) -> str:
    """A short name for a figure: the beginning of what it shows."""
    name = re.split(r"[:;]\s|\.\s", alt.strip(), maxsplit=1)[0].rstrip(".")
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1].rsplit(" ", 1)[0] + "…"
