"""What a lesson changes on the pages that explain: the answer is folded away, and a link leads back."""

from __future__ import annotations

import streamlit as st

from ui.lesson import lesson_state, links


def folds() -> bool:
    """Whether answers are folded away, because a lesson is on."""
    lesson_state.stay_on()
    return lesson_state.step_that_is_on() > 0


def fold_answer(words: str) -> None:
    """The page's answer behind a fold, and the way back to the lesson."""
    left, right = st.columns([1, 1], vertical_alignment="top")
    with left, st.expander("The answer", icon=":material/visibility:", key="lesson_fold"):
        st.markdown(words)
    with right:
        links.back_to_lesson()
