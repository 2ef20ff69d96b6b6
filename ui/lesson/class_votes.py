"""A lesson with a class: the room, the votes on a step instead of the lecturer's own guess, and how the class did."""

from __future__ import annotations

import re

import streamlit as st

from ui.lesson.links import address
from ui.lesson.numbers_in_texts import with_figures
from ui.rooms.lecturer_panel import lobby
from ui.rooms.records import Question
from ui.rooms.store import Room
from ui.rooms.tally_board import ask
from vicreg.lessons import Lesson, Step


def classroom(*, invite: bool) -> Room | None:
    """The room of this session, in one line. invite: whether to offer a new one if there is none."""
    return lobby(invite=invite)


def class_vote(room: Room, lesson: Lesson, step: Step) -> bool:
    """Let the class vote on a step; return whether the answer is revealed."""
    says = [with_figures(step, choice.says) for choice in step.choices]
    because = f"{step.choices[step.answer].because} {step.because}"
    question = Question(
        step=_key(lesson, step),
        text=_plain(with_figures(step, step.question)),
        options=tuple(_plain(words) for words in says),
        right=step.answer,
        why=_plain(with_figures(step, because)),
        link=address(step),
    )
    return ask(room, question, options=says)


def class_results(room: Room, lesson: Lesson) -> None:
    """The share of right votes on every question whose answer was revealed, before and after the discussion."""
    found = room.results()
    for number, step in enumerate(lesson.steps, start=1):
        tallies = found.get(_key(lesson, step))
        if tallies is None:
            continue
        shares = [
            f"{100 * tally[step.answer] / sum(tally):.0f} % of {sum(tally)} right" for tally in tallies if sum(tally)
        ]
        told = ", after the discussion ".join(shares) or "no votes"
        st.markdown(f"**{number}. {with_figures(step, step.question)}**  \n{told}")
    if not found:
        st.markdown("The class has not voted on any question yet.")


def _key(lesson: Lesson, step: Step) -> str:
    return f"{lesson.id}/{step.key}"


def _plain(text: str) -> str:
    """Markdown without its stars and line breaks, for phones, which show plain text."""
    return " ".join(re.sub(r"\*+", "", text).split())
