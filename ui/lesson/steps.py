"""One step on the screen: the question, the guess that is locked in, and the buttons to go on and back."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui.lesson import lesson_state
from ui.lesson.numbers_in_texts import with_figures
from vicreg.lessons import Lesson, Step
from vicreg.lessons.lesson import LETTERS

CSS = Path(__file__).with_name("lesson.css")


def ballot(lesson: Lesson, step: Step) -> int | None:
    """Ask for the guess. Returns the position of the locked-in choice, or None before that."""
    known = lesson_state.guesses(lesson).get(step.key)
    if known is not None and known < len(step.choices):
        return known
    letters = list(LETTERS[: len(step.choices)])
    st.html(CSS)
    with st.container(key="lesson_ballot"):
        chosen = st.radio(
            "Your guess",
            letters,
            index=None,
            format_func=lambda letter: f"**{letter}**  {with_figures(step, step.choices[LETTERS.index(letter)].says)}",
            key=f"ballot_{lesson.id}_{step.key}",
        )
    st.button(
        "Lock in my guess",
        icon=":material/lock:",
        disabled=chosen is None,
        on_click=lambda: lesson_state.lock(lesson, step.key, LETTERS.index(str(chosen))),
        help="Then the answer appears, and you can no longer change your guess.",
    )
    return None


def steer(lesson: Lesson, position: int) -> None:
    """Back and next, by buttons and arrow keys, with the progress between them. Stands above everything else."""
    last = len(lesson.steps)
    with st.container(horizontal=True, vertical_alignment="center", key="lesson_steer"):
        st.button("Back", shortcut="Left", on_click=lesson_state.go, args=(position - 1,), key="back")
        if position <= last:
            guessed = len([step for step in lesson.steps if step.key in lesson_state.guesses(lesson)])
            st.progress(position / last, f"Step {position} of {last}, {guessed} guessed")
            st.button(
                "Next" if position < last else "To the end",
                shortcut="Right",
                on_click=lesson_state.go,
                args=(position + 1,),
                key="next",
            )
        st.button("Leave the lesson", type="tertiary", on_click=lesson_state.leave, key="leave")
