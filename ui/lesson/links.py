"""Links from the lesson to a page in a given state, and back."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui.lesson import session
from vicreg.lessons import Step

PAGES = Path(__file__).parents[2] / "pages"


def to_page(step: Step) -> None:
    """The step's link, which stays in this session."""
    st.page_link(
        PAGES / f"{step.link.page}.py",
        label=step.link.says,
        icon=":material/open_in_new:",
        query_params=dict(step.link.state),
    )


def back_to_lesson() -> None:
    """A link to the step that is on, and a way to leave the lesson."""
    step = session.step_that_is_on()
    with st.container(horizontal=True, vertical_alignment="center", key="lesson_back"):
        st.page_link(
            PAGES / "lesson.py",
            label=f"Back to the lesson, step {step}",
            icon=":material/arrow_back:",
            query_params=session.address(step),
        )
        st.button("Leave the lesson", type="tertiary", on_click=session.leave_for_good, key="leave_elsewhere")
