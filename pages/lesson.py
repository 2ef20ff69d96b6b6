"""Lesson: guess first, then see what the real runs show, step by step."""

import streamlit as st

import ui
from ui.lesson import (
    ballot,
    class_results,
    class_vote,
    classroom,
    cover,
    current,
    is_for_the_speaker,
    keep,
    note,
    place,
    position,
    reveal,
    speaker_notes,
    steer,
    summary,
    with_figures,
)

lesson, problem = current()
if lesson and is_for_the_speaker():
    ui.page("Speaker notes", "", dataset=False, beside_lesson=False)
    speaker_notes(lesson)
    st.stop()
at = position(lesson) if lesson else 0
step = lesson.steps[at - 1] if lesson and 0 < at <= len(lesson.steps) else None

if step is not None:
    title, words = with_figures(step, step.question), ""
elif lesson and at:
    title, words = "What did you expect, and what did the runs show?", ""
else:
    title = "What do you expect to happen?"
    words = "A question, your guess, and then what the real runs show. **Guess before you look.**"
if lesson and at:
    steer(lesson, at)
ui.page(
    title,
    words,
    explains=(
        *("VICReg", "view", "representation", "expander", "embedding", "collapse", "linear probe", "kNN"),
        *("effective rank", "t-SNE", "PCA", "AUROC", "silhouette", "NMI"),
    ),
    dataset=False,
    beside_lesson=False,
)
if problem:
    st.error(problem, icon=":material/edit_note:")

room = classroom(invite=False) if at else None
if lesson and step and room is not None:
    if class_vote(room, lesson, step):
        reveal(step, None)
elif lesson and step:
    guess = ballot(lesson, step)
    if guess is not None:
        reveal(step, guess)
elif lesson and at and room is not None:
    class_results(room, lesson)
elif lesson and at:
    summary(lesson)
else:
    cover(lesson)
    classroom(invite=True)
if lesson:
    note(lesson, at)
keep(place(lesson))
