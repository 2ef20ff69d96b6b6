"""Choose the data set that pages show, and download its pictures.

When the first visitor opens the app, the server starts to download the pictures of the FIRST data set in the background,
for all visitors. If this fails, pages show the FALLBACK data set, which is generated on the machine.
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
    """Select the data set in the sidebar. Kept in the URL. The default is one whose pictures are on this machine."""
    state, before = arrival(FIRST), st.session_state.get("_default_data")
    # A page keeps the fallback until the pictures have arrived, whoever pressed Retry.
    default = FIRST if state == HERE or (state == ARRIVING and before != FALLBACK) else FALLBACK
    if before not in (None, default) and not st.session_state.get("_chose_data"):
        st.session_state.pop("data", None)
    st.session_state["_default_data"] = default
    if "data" in st.query_params:  # defaults are not part of a link, so somebody chose this one
        keep_choice()
    linked = str(st.query_params.get("run", "")).split("/")[0]
    if "data" not in st.session_state and "data" not in st.query_params and linked in DATASETS and linked != default:
        st.session_state["data"] = linked  # a link to a run also selects its data set
    st.sidebar.selectbox(
        "Data set",
        [default, *(name for name in DATASETS if name != default)],
        key="data",
        bind="query-params",
        persist_state="session",
        on_change=keep_choice,
        help=f"From the Hugging Face Hub: {titles(made_here=False)}. Generated on this machine: {titles(made_here=True)}.",
    )


def titles(*, made_here: bool) -> str:
    """The titles of the data sets that are generated here, or of those from the Hub."""
    return ", ".join(CATALOGUE[name].title for name in DATASETS if CATALOGUE[name].made_here == made_here)


def keep_choice() -> None:
    """Keep the visitor's choice: arriving pictures no longer change the data set of this session."""
    st.session_state["_chose_data"] = True


def chosen() -> str:
    """The data set of this session."""
    return st.session_state.get("data", FIRST)


def explain_fallback() -> None:
    """Explain why pages show FALLBACK, if FIRST's pictures are not available."""
    if chosen() != FALLBACK or st.session_state.get("_default_data") != FALLBACK:
        return
    first, fallback = CATALOGUE[FIRST].title, CATALOGUE[FALLBACK].title
    task = task_of(FIRST, "test")
    if task is not None and not task.status().over:
        follow(task, key="fallback", waiting=f"Asking the Hub for {task.label}; showing {fallback} meanwhile")
        return
    offline = hub_client.offline()
    words, button = (st, None) if offline else st.columns([6, 1], vertical_alignment="center")
    why = "and HF_HUB_OFFLINE forbids downloading them" if offline else "and could not be downloaded"
    words.info(
        f"{first}'s pictures are not on this machine {why}, so you see {fallback}. {first}'s curves, "
        f"maps, tables and ROC work without pictures: choose `{FIRST}` in the sidebar.",
        icon=":material/hide_image:",
    )
    if button is not None and button.button("Retry", key="retry_fallback", width="stretch", help=why_missing(FIRST)):
        begin(again=True)
        st.rerun()


def begin(*, again: bool = False) -> None:
    """Start to download missing test pictures and anomalies: once per process, or again on request."""
    if hub_client.offline():
        return
    for name in (FIRST, CATALOGUE[FIRST].strangers[0]):
        if (again or task_of(name, "test") is None) and not loading.available(name, "test"):
            fetch(name, again=again)


def arrival(name: str, split: str = "test") -> str:
    """Whether a split's pictures are HERE, ARRIVING or MISSING on this machine."""
    task = task_of(name, split)
    if task is not None and not task.status().over:
        return ARRIVING
    return HERE if loading.available(name, split) else MISSING


def fetch(name: str, split: str = "test", *, again: bool = False) -> Task[None]:
    """Download and decode a split in the background, once for all sessions."""

    def work(on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> None:
        loading.fetch(name, split, on_bytes=on_progress, should_stop=should_stop)
        loading.load(name, split)

    registry, key = tasks("pictures"), f"pictures:{name}:{split}"
    registry.forget(key)  # if it was done before, the pictures have been removed since
    return registry.start(key, f"{CATALOGUE[name].title}'s {split} pictures", work, again=again)


def task_of(name: str, split: str) -> Task[object] | None:
    """The task that downloads a split, if there is one."""
    return tasks("pictures").get(f"pictures:{name}:{split}")


def show_arrival(name: str, split: str) -> None:
    """Show the progress of a missing split, or why it is missing and a download button."""
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
    label = "Retry" if failed else f"Download {size}"
    if button.button(label, key=f"fetch_{name}_{split}", width="stretch", help=f"{size} from {CATALOGUE[name].repo}"):
        fetch(name, split, again=True)
        st.rerun()


def why_missing(name: str, split: str = "test") -> str:
    """Why a split's pictures are missing and how to get them, in one line."""
    spec, task = CATALOGUE[name], task_of(name, split)
    if task is not None and task.status().state == "failed":
        return task.status().sentence
    what = f"{spec.title}'s {split} pictures are not on this machine"
    if hub_client.offline():
        return f"{what}, and HF_HUB_OFFLINE forbids downloading them: set VICREG_DATA to a folder that contains them."
    size = spec.file(split).bytes / 1e6
    return f"{what}: set VICREG_DATA to a folder that contains them, or download {size:.0f} MB from the Hub."
