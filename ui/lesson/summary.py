"""The end of a lesson: every question with the own guess and the answer, and links to look again."""

from __future__ import annotations

import streamlit as st

from ui.lesson import session
from ui.lesson.texts import with_figures
from vicreg.lessons import Lesson
from vicreg.lessons.lesson import LETTERS


def summary(lesson: Lesson) -> None:
    """A row a step: the question, the guess, the answer, and a button back to it."""
    guesses = session.guesses(lesson)
    right = sum(guesses.get(step.key) == step.answer for step in lesson.steps)
    st.markdown(f"You guessed **{len(guesses)} of {len(lesson.steps)}** and were right **{right}** times.")
    for number, step in enumerate(lesson.steps, start=1):
        guess = guesses.get(step.key)
        sign = "radio_button_unchecked" if guess is None else "check_circle" if guess == step.answer else "cancel"
        mine = "no guess" if guess is None else f"your guess {LETTERS[guess]}"
        words, button = st.columns([8, 1], vertical_alignment="center")
        answer = f"{LETTERS[step.answer]}: {with_figures(step, step.choices[step.answer].says)}"
        words.markdown(
            f":material/{sign}: **{number}. {with_figures(step, step.question)}**  \n{answer} ({mine})"
            if guess is not None
            else f":material/{sign}: **{number}. {with_figures(step, step.question)}** ({mine})"
        )
        button.button(
            "Look again" if guess is not None else "Guess", key=f"again_{step.key}", on_click=session.go, args=(number,)
        )
    st.button("Start again without guesses", icon=":material/restart_alt:", on_click=session.forget, args=(lesson,))
