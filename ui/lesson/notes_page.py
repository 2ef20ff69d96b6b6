"""Speaker notes in a second window, which follows the lesson in the first one.

Both windows are of one browser: the page Lesson tells its step through a BroadcastChannel, which this window hears.
"""

from __future__ import annotations

import re
from pathlib import Path

import streamlit as st

from ui.components.scripts import WHEN_IDLE, joined
from ui.lesson import lesson_state
from ui.lesson.numbers_in_texts import number, with_figures
from vicreg.lessons import Lesson, Step
from vicreg.lessons.lesson import LETTERS

PARAMETER, KEY = "notes", "_lesson_notes"
TOLD = re.compile(r"([a-z0-9-]{1,60})/([0-9]{1,2}|end)")
_FOLLOW = st.components.v2.component(
    "vicreg_lesson_notes", html="<div></div>", js=joined(*WHEN_IDLE, Path(__file__).with_suffix(".js"))
)


def is_for_the_speaker() -> bool:
    """Whether this window shows notes: `?notes=1`."""
    return st.query_params.get(PARAMETER) == "1"


def offer(lesson_name: str) -> None:
    """A button that opens the window."""
    st.link_button(
        "Speaker notes in a second window",
        f"./lesson?{PARAMETER}=1&lesson={lesson_name}",
        icon=":material/speaker_notes:",
        help="Put it on your own screen. It follows the step that this browser shows.",
    )


def speaker_notes(lesson: Lesson) -> None:
    """The notes on the step that the other window shows, and what comes next."""
    _FOLLOW(key=KEY, data={}, on_at_change=lambda: go_to(st.session_state[KEY].at), height=1)
    at, steps = lesson_state.position(lesson), lesson.steps
    if not 0 < at <= len(steps):
        st.markdown(f"**{lesson.title}.** Begin in the other window, and this one follows.")
    else:
        _notes_on(steps[at - 1])
        over = sum(step.minutes for step in steps[:at])
        st.caption(f"Step {at} of {len(steps)}. After it, {over} of {lesson.minutes} minutes have passed.")
    if at < len(steps):
        st.markdown(f"**Next.** {with_figures(steps[at], steps[at].question)}")


def go_to(told: object) -> None:
    """Go where the other window is: `20-minutes/3`. It is not trusted: what is no place in a lesson here is ignored."""
    found = TOLD.fullmatch(told) if isinstance(told, str) else None
    if found and found[1] in lesson_state.files():
        st.query_params["lesson"], st.query_params["step"] = found[1], found[2]


def _notes_on(step: Step) -> None:
    right = step.choices[step.answer]
    st.subheader(with_figures(step, step.question), anchor=False)
    st.markdown(
        f"**{LETTERS[step.answer]}  {with_figures(step, right.says)}**  \n{with_figures(step, right.because)} "
        f"{with_figures(step, step.because)}"
    )
    st.markdown(f"**Common misconception.** {with_figures(step, step.misconception)}")
    if step.notes:
        st.markdown(f"**Notes.** {with_figures(step, step.notes)}")
    labelled = [figure for figure in step.figures if figure.label]
    if labelled:
        st.markdown("  \n".join(f"{figure.label}: **{number(step, figure)}** (`{figure.run}`)" for figure in labelled))
