"""Check the parameters of an address, and give earlier values their present names, before any widget reads them."""

from __future__ import annotations

import math

import streamlit as st
from streamlit.errors import StreamlitAPIException

# parameter -> value in links that were shared -> its present name
RENAMED = {
    "scoring": {"own choice": "custom"},
    "setting": {"nearest images as positives": "neighbours instead of views"},
}
LONGEST = 4_000  # characters of a value; the longest is the marked pictures of a map


def sound(value: str) -> bool:
    """Whether a value can be one of ours: printable, neither empty nor too long, and finite if it is a number.

    Streamlit 1.67 raises an error for an infinite number, and gives None for an empty choice that must have a value.
    """
    if not value or len(value) > LONGEST or not value.isprintable():
        return False
    try:
        return math.isfinite(float(value))
    except ValueError:  # no number
        return True


def check() -> None:
    """Remove parameters with a value that cannot be one of ours, rename earlier values, and run the page again."""
    wrong = [key for key in st.query_params if not all(map(sound, st.query_params.get_all(key)))]
    renamed = {key: names[st.query_params[key]] for key, names in RENAMED.items() if st.query_params.get(key) in names}
    if not wrong and not renamed:
        return
    try:
        for key in wrong:
            del st.query_params[key]
        st.query_params.update(renamed)
    except StreamlitAPIException:  # a widget of an earlier run has this parameter
        st.warning("This address cannot be read. Choose a page on the left.", icon=":material/link_off:")
        st.stop()
    st.rerun()
