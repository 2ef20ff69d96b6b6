"""Which data set the pages show, and how its pictures arrive.

The pictures of the FIRST data set come from the Hub in the background, begun by the first visitor of a server and shared
by all. Where they cannot be had, pages fall to the FALLBACK, which every machine can make.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ui.progress_line import follow, tasks
from ui.tasks import Task
from vicreg.config import DATASETS, DEFAULT_DATASET
from vicreg.data import loading
from vicreg.data.catalogue import CATALOGUE
from vicreg.storage import hub_client

FIRST = DEFAULT_DATASET
FALLBACK = next(name for name in DATASETS if CATALOGUE[name].made_here)
MISSING, ARRIVING, HERE = "missing", "arriving", "here"


def pick_data() -> None:
    """The choice of the data set in the sidebar, kept in the URL; the default is what this machine has pictures of."""
    state, before = arrival(FIRST), st.session_state.get("_default_data")
    # A page that has fallen back stays so until the pictures are here, whoever pressed Retry.
    default = FIRST if state == HERE or (state == ARRIVING and before != FALLBACK) else FALLBACK
    if before not in (None, default) and not st.session_state.get("_chose_data"):
        st.session_state.pop("data", None)
    st.session_state["_default_data"] = default
    if "data" in st.query_params:  # defaults are not in a link: somebody chose this one
        keep_choice()
    linked = str(st.query_params.get("run", "")).split("/")[0]
    if "data" not in st.session_state and "data" not in st.query_params and linked in DATASETS and linked != default:
        st.session_state["data"] = linked  # a link to a run is a link to its data set
    st.sidebar.selectbox(
        "Data set",
        [default, *(name for name in DATASETS if name != default)],
        key="data",
        bind="query-params",
        persist_state="session",
        on_change=keep_choice,
        help=f"From the Hugging Face Hub: {titles(made_here=False)}. Made on this machine: {titles(made_here=True)}.",
    )


def titles(*, made_here: bool) -> str:
    """The titles of the data sets that are made on this machine, or of those that come from the Hub."""
    return ", ".join(CATALOGUE[name].title for name in DATASETS if CATALOGUE[name].made_here == made_here)


def keep_choice() -> None:
    """From now on this session's data set is its visitor's: the arrival of pictures no longer changes it."""
    st.session_state["_chose_data"] = True


def chosen() -> str:
    """The data set that this session looks at."""
    return st.session_state.get("data", FIRST)


def explain_fallback() -> None:
    """One line where pages show FALLBACK only because FIRST's pictures cannot be had."""
    if chosen() != FALLBACK or st.session_state.get("_default_data") != FALLBACK:
        return
    first, fallback = CATALOGUE[FIRST].title, CATALOGUE[FALLBACK].title
    task = task_of(FIRST, "test")
    if task is not None and not task.status().over:
        follow(task, key="fallback", waiting=f"Asking the Hub for {task.label}; {fallback} meanwhile")
        return
    offline = hub_client.offline()
    words, button = (st, None) if offline else st.columns([6, 1], vertical_alignment="center")
    why = "and HF_HUB_OFFLINE forbids fetching them" if offline else "and the Hub did not give them"
    words.info(
        f"{first}'s pictures are not on this machine {why}, so this shows {fallback}, made here. {first}'s curves, "
        f"maps, tables and ROC need no pictures: choose `{FIRST}` in the sidebar.",
        icon=":material/hide_image:",
    )
    if button is not None and button.button("Retry", key="retry_fallback", width="stretch", help=why_missing(FIRST)):
        begin(again=True)
        st.rerun()


def begin(*, again: bool = False) -> None:
    """Start fetching the test pictures that are not on this machine, and the anomalies'; once a process, or again."""
    if hub_client.offline():
        return
    for name in (FIRST, CATALOGUE[FIRST].strangers[0]):
        if (again or task_of(name, "test") is None) and not loading.available(name, "test"):
            fetch(name, again=again)


def arrival(name: str, split: str = "test") -> str:
    """Whether a split's pictures are HERE on this machine, ARRIVING, or MISSING."""
    task = task_of(name, split)
    if task is not None and not task.status().over:
        return ARRIVING
    return HERE if loading.available(name, split) else MISSING


def fetch(name: str, split: str = "test", *, again: bool = False) -> Task[None]:
    """Fetch and decode a split in the background, once for all sessions."""

    def work(on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> None:
        loading.fetch(name, split, on_bytes=on_progress, should_stop=should_stop)
        loading.load(name, split)

    registry, key = tasks("pictures"), f"pictures:{name}:{split}"
    registry.forget(key)  # of one that is done the pictures were removed since
    return registry.start(key, f"{CATALOGUE[name].title}'s {split} pictures", work, again=again)


def task_of(name: str, split: str) -> Task[object] | None:
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
    size = f"{CATALOGUE[name].file(split).bytes / 1e6:.0f} MB"
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
        return f"{what}, and HF_HUB_OFFLINE forbids fetching them: set VICREG_DATA to a folder that has them."
    size = spec.file(split).bytes / 1e6
    return f"{what}: set VICREG_DATA to a folder that has them, or fetch {size:.0f} MB from the Hub."
