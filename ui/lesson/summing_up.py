"""The end of a lesson: every question with the own guess and the answer, and links to look again."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui.lesson import lesson_state, links
from ui.lesson.numbers_in_texts import with_figures
from vicreg.lessons import Lesson, Step
from vicreg.lessons.lesson import LETTERS

CSS = Path(__file__).with_name("lesson.css")


def summary(lesson: Lesson) -> None:
    """A table of the guesses, and a button to each step."""
    guesses = lesson_state.guesses(lesson)
    right = sum(guesses.get(step.key) == step.answer for step in lesson.steps)
    st.html(CSS)
    st.markdown(f"You answered **{len(guesses)} of {len(lesson.steps)}** questions, **{right}** of them correctly.")
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        for number, step in enumerate(lesson.steps, start=1):
            st.button(
                str(number), key=f"again_{step.key}", help=f"To step {number}", on_click=lesson_state.go, args=(number,)
            )
        st.button(
            "Clear my guesses and start again",
            type="tertiary",
            icon=":material/restart_alt:",
            on_click=lesson_state.forget,
            args=(lesson,),
        )
    rows = [_row(number, step, guesses.get(step.key)) for number, step in enumerate(lesson.steps, start=1)]
    with st.container(key="lesson_summary"):
        st.markdown("\n".join(["| | Question | Your guess | Answer | |", "| --: | :-- | :-- | :-- | :-- |", *rows]))


def _row(number: int, step: Step, guess: int | None) -> str:
    """A row of the table; without a guess, without the answer."""
    question = with_figures(step, step.question)
    if guess is None or guess >= len(step.choices):
        return f"| {number} | {question} | none | | |"
    sign = ":blue[:material/check_circle:]" if guess == step.answer else ":orange[:material/cancel:]"
    answer = f"**{LETTERS[step.answer]}** {with_figures(step, step.choices[step.answer].says)}"
    return f"| {number} | {question} | {sign} {LETTERS[guess]} | {answer} | [See it]({links.address(step)}) |"
