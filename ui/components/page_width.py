"""The width of the page's content in the visitor's browser."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_WIDTH = st.components.v2.component(
    "vicreg_width",
    html="<div></div>",
    js=Path(__file__).with_suffix(".js").read_text("utf-8"),
)


def width() -> int:
    """The width of the page's content in pixels, for charts with several panels, which cannot stretch."""
    known = st.session_state.get("_width", 860)
    told = _WIDTH(key="_width_probe", data={"width": known}, on_width_change=lambda: None, height=1).width
    if told and told != known:
        st.session_state["_width"] = known = int(told)
    return known
