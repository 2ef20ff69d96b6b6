"""The pages of the app, their navigation, and the top of every page."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from ui import address, checkpoints, data_set_choice, page_figures, picture_arrival, presenter, take_away
from ui.glossary_button import words_here
from ui.lesson import answer_folds
from ui.lesson.links import back_to_lesson

ROOT = Path(__file__).parent.parent
MARKER, HERE = "_navigation_is_set", "_page"
STYLES = tuple(Path(__file__).with_name(name) for name in ("inline_code.css", "first_screen.css"))
# group -> (file, title in the navigation, icon, tooltip)
PAGES = {
    "Learn": [
        ("start", "Start", ":material/school:", "What VICReg is, drawn with real views of a real picture."),
        ("lab", "Lab", ":material/experiment:", "A network that learns in your browser: switch a term off and watch."),
        ("lesson", "Lesson", ":material/quiz:", "Guess first, then see: a guided tour of 20 or 45 minutes."),
        (
            "digit_or_colour",
            "Digit or colour?",
            ":material/palette:",
            "What a network keeps of a picture, and what training without labels makes it drop.",
        ),
    ],
    "Explore": [
        (
            "training_curves",
            "Training curves",
            ":material/show_chart:",
            "The loss and its three terms, epoch by epoch.",
        ),
        ("maps", "Maps", ":material/scatter_plot:", "All test pictures as points: PCA, t-SNE, Laplacian Eigenmaps."),
        (
            "retrieval",
            "Retrieval",
            ":material/image_search:",
            "The nearest and farthest pictures of a picture you pick.",
        ),
        ("probe", "Probe", ":material/straighten:", "What a linear classifier can read from the representations."),
        (
            "anomalies",
            "Anomalies",
            ":material/warning:",
            "Which pictures are unusual: scores, ranking and ROC.",
        ),
        ("clusters", "Clusters", ":material/workspaces:", "Groups found without labels, compared with the classes."),
    ],
    "Compare": [
        ("ablations", "Ablations", ":material/tune:", "Switch a part of the method off and see what breaks."),
        ("claims", "Claims", ":material/fact_check:", "The study's findings, checked on these runs."),
    ],
    "Do": [
        ("train", "Train", ":material/model_training:", "Train your own run and watch it learn."),
    ],
}


def navigation() -> st.Page:
    """Build the navigation. Called by app.py, and by a page that was opened without it."""
    address.check()
    found = st.navigation(
        {
            # Copies, because Streamlit notes on a page object which session runs it.
            group: [copy.copy(one) for one in pages]
            for group, pages in _pages().items()
        },
        expanded=True,  # with more than twelve pages Streamlit would hide the last ones behind "View more"
    )
    st.session_state[HERE] = found.url_path or "start"
    st.session_state[MARKER] = True  # last: to check the address may run the page again
    return found


@functools.cache
def _pages() -> dict[str, list[st.Page]]:
    """The pages by group. To make one, Streamlit looks its file up on the disk; that needs to be done once a server."""
    return {
        group: [
            st.Page(ROOT / "pages" / f"{name}.py", title=title, icon=icon, help=text, default=name == "start")
            for name, title, icon, text in entries
        ]
        for group, entries in PAGES.items()
    }


@functools.cache
def _styles() -> str:
    """STYLES as one element: each costs a message to the browser."""
    return "".join(f"<style>{style.read_text('utf-8')}</style>" for style in STYLES)


def page(
    question: str,
    notice: str | Callable[[], tuple[str, str]],
    *,
    explains: Sequence[str] = (),
    dataset: bool = True,
    beside_lesson: bool = True,
) -> None:
    """Start a page: its title (a question), one sentence on what to notice, and the sidebar.

    notice: a function returns the title and the sentence, from the figures of the chosen data set. explains: the page's
    technical words, keys of `vicreg.GLOSSARY`. dataset: whether the page can show more than one data set. beside_lesson:
    whether a lesson that is on shows here. It adds the way back, and folds a title of `notice`, which gives the answer away.

    Because the folder is called pages/, a new server runs the page of a deep link without app.py. In that case we build
    the navigation here and rerun the page; its path and query are kept.
    """
    if MARKER not in st.session_state:
        navigation()
        st.rerun()
    picture_arrival.begin()
    page_figures.begin()
    st.html(_styles())
    head = st.container()
    if dataset:
        data_set_choice.pick_data()
    checkpoints.panel()
    presenter.begin(st.session_state[HERE], [name for entries in PAGES.values() for name, *_ in entries])
    title, words = (question, notice) if isinstance(notice, str) else notice()
    on = beside_lesson and answer_folds.lesson_is_on()
    with head:
        with st.container(horizontal=True, vertical_alignment="top", key="title"):
            st.title(question if on else title, anchor=False)
            if explains:
                words_here(explains)
        if on and title != question:
            answer_folds.fold_answer(f"**{title}.** {words}")
        elif words:
            st.markdown(words)
        if on:
            back_to_lesson()


def foot() -> None:
    """End a page: what visitors can take away from it. A page that stopped early has none."""
    presenter.finish()
    take_away.panel()
    page_figures.end()
