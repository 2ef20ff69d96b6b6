"""Links from the lesson to a page in a given state, and back."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

from ui.lesson import lesson_state
from vicreg.lessons import PAGES, Step

FOLDER = Path(__file__).parents[2] / "pages"


def to_page(step: Step) -> None:
    """The step's link, which stays in this session.

    A session keeps what was chosen on other pages, and that would win over what the link leaves out. So it is forgotten.
    """
    for key in PAGES[step.link.page]:
        st.session_state.pop(key, None)
    st.page_link(
        FOLDER / f"{step.link.page}.py",
        label=step.link.says,
        icon=":material/open_in_new:",
        query_params=dict(step.link.state),
    )


def address(step: Step) -> str:
    """The address of the step's link, for a tab of its own."""
    page = "./" if step.link.page == "start" else step.link.page
    return f"{page}?{urlencode(step.link.state, safe='/')}" if step.link.state else page


def back_to_lesson() -> None:
    """A link to the step that is on, and a way to leave the lesson."""
    step = lesson_state.step_that_is_on()
    with st.container(horizontal=True, vertical_alignment="center", key="lesson_back"):
        st.page_link(
            FOLDER / "lesson.py",
            label=f"Back to the lesson, step {step}",
            icon=":material/arrow_back:",
            query_params=lesson_state.address(step),
        )
        st.button("Leave the lesson", type="tertiary", on_click=lesson_state.leave_for_good, key="leave_elsewhere")
