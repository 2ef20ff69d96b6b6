"""A title that answers its page's question is folded away while a lesson is on."""

from __future__ import annotations

import streamlit as st

from ui.lesson import lesson_state


def lesson_is_on() -> bool:
    """Whether this session is at a step of a lesson."""
    lesson_state.stay_on()
    return lesson_state.step_that_is_on() > 0


def fold_answer(words: str) -> None:
    """The page's answer behind a fold."""
    with st.expander("The answer", icon=":material/visibility:", key="lesson_fold"):
        st.markdown(words)
