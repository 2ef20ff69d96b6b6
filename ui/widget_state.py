"""The values of widgets that stay in the URL or in the session while other pictures are chosen."""

from __future__ import annotations

import streamlit as st


def within(key: str, last: int) -> None:
    """Reset a widget's number if it is too large, because it was chosen for a larger data set."""
    if not isinstance(st.session_state.get(key, 0), int) or not 0 <= st.session_state.get(key, 0) <= last:
        del st.session_state[key]
