"""Two expanders at the end of a page: how its figures were measured, and the code behind them."""

from __future__ import annotations

import inspect
import pkgutil

import streamlit as st

from ui import page_figures


def measured(text: str, *, command: str | None = None) -> None:
    """An expander that says how the figures were measured, with the command that reproduces them."""
    page_figures.note_protocol(text)
    with st.expander("How this was measured", icon=":material/straighten:"):
        st.markdown(text)
        if command:
            st.code(command, language="bash")


def show_source(*names: str) -> None:
    """An expander with the source of functions such as `vicreg.method.loss:variance`. Loaded when opened."""
    code = st.expander("Show the code", icon=":material/code:", on_change="rerun", key="_source")
    if code.open:
        with code:
            for name in names:
                st.code(inspect.getsource(pkgutil.resolve_name(name)), language="python")
