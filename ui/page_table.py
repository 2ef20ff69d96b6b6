"""The pages of the app, their navigation, and how each of them opens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from ui import checkpoints, data

ROOT = Path(__file__).parent.parent
MARKER = "_navigation_is_set"
# Streamlit's inline code is green and a quarter smaller than the text around it.
INLINE_CODE = (
    "<style>[data-testid='stMarkdownContainer'] :not(pre) > code { font-size: 0.9em; color: inherit; }</style>"
)
# group -> (file, title in the navigation, icon, what the page shows)
PAGES = {
    "Learn": [
        ("start", "Start", ":material/school:", "What VICReg is, drawn with real views of a real picture."),
        ("lab", "Lab", ":material/experiment:", "A network that learns in your browser: switch a term off and watch."),
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
        ("retrieval", "Retrieval", ":material/image_search:", "The nearest and the farthest pictures of one you pick."),
        ("probe", "Probe", ":material/straighten:", "What a linear classifier reads off the representations."),
        (
            "anomalies",
            "Anomalies",
            ":material/warning:",
            "Which pictures are unlike the rest: scores, ranking and ROC.",
        ),
        ("clusters", "Clusters", ":material/workspaces:", "Groups found without labels, beside the classes."),
    ],
    "Compare": [
        ("ablations", "Ablations", ":material/tune:", "Leave a part of the method out, and see what breaks."),
        ("claims", "Claims", ":material/fact_check:", "What the study found, held against these runs."),
    ],
    "Do": [
        ("train", "Train", ":material/model_training:", "Train a run of your own, and watch it learn."),
    ],
}


def navigation() -> st.Page:
    """The navigation, as a page to run. Called by app.py, and by a page that was opened without it."""
    st.session_state[MARKER] = True
    return st.navigation(
        {
            group: [
                st.Page(ROOT / "pages" / f"{name}.py", title=title, icon=icon, help=text, default=name == "start")
                for name, title, icon, text in entries
            ]
            for group, entries in PAGES.items()
        }
    )


def page(question: str, notice: str | Callable[[], tuple[str, str]], *, dataset: bool = True) -> None:
    """Open a page: its title is a question, under it the one thing to notice; the sidebar's choices beside it.

    notice: where it is a function, it gives a title in place of the question, and the thing to notice, by the figures of
    the chosen data set. dataset: whether the page can show more than one data set.

    A server that was just started runs a deep link's page file without app.py, since there is a folder called pages/:
    the navigation is then set here and the page run again, with its path and query kept.
    """
    if MARKER not in st.session_state:
        navigation()
        st.rerun()
    data.begin()
    st.html(INLINE_CODE)
    head = st.container()
    if dataset:
        data.pick_data()
    checkpoints.panel()
    title, words = (question, notice) if isinstance(notice, str) else notice()
    head.title(title, anchor=False)
    head.markdown(words)
