"""An SVG on a page. (st.html removes SVG.)"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

JS = Path(__file__).with_suffix(".js")

_DRAWING = st.components.v2.component(
    "vicreg_drawing",
    html="<div class='drawing'></div>",
    css=Path(__file__).with_suffix(".css").read_text("utf-8"),
    js=JS.read_text("utf-8"),
)


def drawing(svg: str, *, key: str) -> None:
    """An SVG in the page's text colour. (st.html removes SVG.) It must come from this app, never from users."""
    _DRAWING(key=key, data={"svg": svg})
