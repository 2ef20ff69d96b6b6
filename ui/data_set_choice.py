"""Which data set the pages show: the choice in the sidebar, kept in the URL.

Pages open on FIRST, which every machine generates, so the first lesson needs no download.
"""

from __future__ import annotations

import streamlit as st

from vicreg.config import DATASETS
from vicreg.data.catalogue import CATALOGUE

FIRST = next(name for name in DATASETS if CATALOGUE[name].made_here)


def pick_data() -> None:
    """The choice of the data set in the sidebar, kept in the URL."""
    run = st.query_params.get("run") or st.query_params.get("second", "")
    linked = str(run).split("/")[0]
    if "data" not in st.session_state and "data" not in st.query_params and linked in DATASETS and linked != FIRST:
        st.session_state["data"] = linked  # a link to a run is a link to its data set
    st.sidebar.selectbox(
        "Data set",
        [FIRST, *(name for name in DATASETS if name != FIRST)],
        key="data",
        bind="query-params",
        persist_state="session",
        help=f"From the Hugging Face Hub: {titles(made_here=False)}. Generated on this machine: {titles(made_here=True)}.",
    )


def titles(*, made_here: bool) -> str:
    """The titles of the data sets that are generated here, or of those from the Hub."""
    return ", ".join(CATALOGUE[name].title for name in DATASETS if CATALOGUE[name].made_here == made_here)


def chosen() -> str:
    """The data set of this session."""
    return st.session_state.get("data", FIRST)
