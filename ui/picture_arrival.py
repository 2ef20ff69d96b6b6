"""How the pictures of a data set from the Hub arrive: in the background, shown with progress, a reason and a retry.

The first visitor of a server starts the download of FETCHED; all visitors share it.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ui.background_tasks import Task
from ui.progress_line import follow, tasks
from vicreg.config import DEFAULT_DATASET
from vicreg.data import loading
from vicreg.data.catalogue import CATALOGUE
from vicreg.storage import hub_client

FETCHED = DEFAULT_DATASET
MISSING, ARRIVING, HERE = "missing", "arriving", "here"


def begin(*, again: bool = False) -> None:
    """Start to download missing test pictures and anomalies: once per process, or again on request."""
    if hub_client.offline():
        return
    for name in (FETCHED, CATALOGUE[FETCHED].strangers[0]):
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
    what = f"{spec.title}'s {'training' if split == 'train' else split} pictures are not on this machine"
    if hub_client.offline():
        return f"{what}, which is offline. The rest of this page works without them."
    size = spec.file(split).bytes / 1e6
    return f"{what}: {size:.0f} MB from the Hugging Face Hub. The rest of this page works without them."
