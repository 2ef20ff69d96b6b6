"""Which data set the pages show, and how the pictures of one from the Hub arrive.

Pages open on FIRST, which every machine makes by itself: nobody waits for a download to see the first lesson. The pictures
of FETCHED come from the Hub in the background, begun by the first visitor of a server and shared by all, so that they are
there when somebody chooses it.
"""

from __future__ import annotations

import streamlit as st

from ui.progress_line import follow, tasks
from ui.tasks import Task
from vicreg.config import DATASETS, DEFAULT_DATASET
from vicreg.data import loading
from vicreg.data.catalogue import CATALOGUE
from vicreg.storage import hub_client

FIRST = next(name for name in DATASETS if CATALOGUE[name].made_here)
FETCHED = DEFAULT_DATASET
MISSING, ARRIVING, HERE = "missing", "arriving", "here"


def pick_data() -> None:
    """The choice of the data set in the sidebar, kept in the URL."""
    linked = str(st.query_params.get("run", "")).split("/")[0]
    if "data" not in st.session_state and "data" not in st.query_params and linked in DATASETS and linked != FIRST:
        st.session_state["data"] = linked  # a link to a run is a link to its data set
    st.sidebar.selectbox(
        "Data set",
        [FIRST, *(name for name in DATASETS if name != FIRST)],
        key="data",
        bind="query-params",
        persist_state="session",
        help=f"From the Hugging Face Hub: {titles(made_here=False)}. Made on this machine: {titles(made_here=True)}.",
    )


def titles(*, made_here: bool) -> str:
    """The titles of the data sets that are made on this machine, or of those that come from the Hub."""
    return ", ".join(CATALOGUE[name].title for name in DATASETS if CATALOGUE[name].made_here == made_here)


def chosen() -> str:
    """The data set that this session looks at."""
    return st.session_state.get("data", FIRST)


def begin(*, again: bool = False) -> None:
    """Start fetching the test pictures that are not on this machine, and the anomalies'; once a process, or again."""
    if hub_client.offline():
        return
    for name in (FETCHED, CATALOGUE[FETCHED].anomalies[0]):
        if (again or task_of(name, "test") is None) and not loading.available(name, "test"):
            fetch(name, again=again)


def arrival(name: str, split: str = "test") -> str:
    """Whether a split's pictures are HERE on this machine, ARRIVING, or MISSING."""
    task = task_of(name, split)
    if task is not None and not task.status().over:
        return ARRIVING
    return HERE if loading.available(name, split) else MISSING


def fetch(name: str, split: str = "test", *, again: bool = False) -> Task:
    """Fetch and decode a split in the background, once for all sessions."""

    def work(on_progress, should_stop) -> None:
        loading.fetch(name, split, on_bytes=on_progress, should_stop=should_stop)
        loading.load(name, split)

    registry, key = tasks("pictures"), f"pictures:{name}:{split}"
    registry.forget(key)  # of one that is done the pictures were removed since
    return registry.start(key, f"{CATALOGUE[name].title}'s {split} pictures", work, again=again)


def task_of(name: str, split: str) -> Task | None:
    """The task that fetches a split, if there was one."""
    return tasks("pictures").get(f"pictures:{name}:{split}")


def show_arrival(name: str, split: str) -> None:
    """One line for a split that is not here: how far it is, or why it is missing and a button that fetches it."""
    task = task_of(name, split)
    if task is not None and not task.status().over:
        follow(task, key=f"{name}_{split}", waiting=f"Asking the Hub for {task.label}", cancel=split == "train")
        return
    failed = task is not None and task.status().state == "failed"
    words, button = st.columns([5, 1], vertical_alignment="center")
    (words.warning if failed else words.info)(
        why_missing(name, split), icon=":material/wifi_off:" if failed else ":material/hide_image:"
    )
    if hub_client.offline():
        return
    size = f"{CATALOGUE[name].splits[split].bytes / 1e6:.0f} MB"
    label = "Retry" if failed else f"Fetch {size}"
    if button.button(label, key=f"fetch_{name}_{split}", width="stretch", help=f"{size} from {CATALOGUE[name].repo}"):
        fetch(name, split, again=True)
        st.rerun()


def why_missing(name: str, split: str = "test") -> str:
    """Why a split's pictures are not here and how to get them, in one line."""
    spec, task = CATALOGUE[name], task_of(name, split)
    if task is not None and task.status().state == "failed":
        return task.status().sentence
    what = f"{spec.title}'s {split} pictures are not on this machine"
    if hub_client.offline():
        return f"{what}, and it is kept off the network. The rest of this page works without them."
    size = spec.splits[split].bytes / 1e6
    return f"{what}: {size:.0f} MB from the Hugging Face Hub. The rest of this page works without them."
