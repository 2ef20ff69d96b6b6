"""The reveal of a step: which choice is right and why, the picture and the numbers of the real runs, and where to see more."""

from __future__ import annotations

from html import escape
from pathlib import Path

import streamlit as st

from ui.components.page_width import width
from ui.lesson.links import to_page
from ui.lesson.numbers_in_texts import number, with_figures
from ui.lesson.pictures import draw
from vicreg.lessons import PICTURES, Step
from vicreg.lessons.lesson import LETTERS

CSS = Path(__file__).with_name("lesson.css")
NARROW = 700  # px, below which everything stands in one column
GAP = 16  # px, between columns


def reveal(step: Step, guess: int | None) -> None:
    """Show the answer. guess: the position of the visitor's choice; None if there is none."""
    st.html(CSS)
    place = st.container()
    room = width()  # below, where its height costs nothing
    with place:
        _laid_out(step, guess, room)


def _laid_out(step: Step, guess: int | None, room: int) -> None:
    """Words on the left and the picture on the right; below them where it is wide; all in one column on a narrow screen."""
    if room <= NARROW:
        _verdict(step, guess)
        _reason(step)
        _numbers(step)
        draw(step, width=room)
        return
    left, right = st.columns([1, 1], gap=GAP)
    with left:
        _verdict(step, guess)
    if PICTURES[step.picture.name].wide:
        with right:
            _reason(step)
            _numbers(step)
        draw(step, width=room)
    else:
        with left:
            _reason(step)
        with right, st.container(gap="xsmall"):
            _numbers(step)
            draw(step, width=(room - GAP) // 2)


def _verdict(step: Step, guess: int | None) -> None:
    """The right choice with its reason, and before it the visitor's own if that is another."""
    if guess is not None and guess != step.answer:
        _choice(step, guess, ":orange[:material/cancel:]", "your guess")
    _choice(
        step,
        step.answer,
        ":blue[:material/check_circle:]",
        "your guess, and right" if guess == step.answer else "right",
    )


def _choice(step: Step, i: int, icon: str, tag: str) -> None:
    says, because = (with_figures(step, text) for text in (step.choices[i].says, step.choices[i].because))
    st.markdown(f"{icon} **{LETTERS[i]}  {says}** *({tag})*  \n{because}")


def _numbers(step: Step) -> None:
    """The figures with a label, each with its run; nothing where the picture shows them."""
    labelled = [one for one in step.figures if one.label]
    if labelled and step.picture.name != "figures":
        parts = (
            f"<div><dt>{escape(one.label)}<span>{escape(one.run)}</span></dt><dd>{number(step, one)}</dd></div>"
            for one in labelled
        )
        st.html(f"<dl class='lesson-numbers'>{''.join(parts)}</dl>")


def _reason(step: Step) -> None:
    """Why, where to see more, and why the other choices are wrong."""
    st.markdown(with_figures(step, step.because))
    with st.container(horizontal=True, vertical_alignment="center"):
        to_page(step)
        with st.popover("Why not the others?", type="tertiary"):
            for i, choice in enumerate(step.choices):
                if i != step.answer:
                    st.markdown(
                        f"**{LETTERS[i]}  {with_figures(step, choice.says)}**  \n{with_figures(step, choice.because)}"
                    )
