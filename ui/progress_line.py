"""Background tasks of the server, and the progress bar that follows them on a page."""

from __future__ import annotations

import streamlit as st

from ui.background_tasks import Status, Task, Tasks

QUIET = 5.0  # seconds without progress before the page mentions it


@st.cache_resource(show_spinner=False)
def tasks(kind: str = "hub") -> Tasks:
    """A registry of tasks shared by all sessions. Pictures have a separate one, so that other tasks do not displace them."""
    return Tasks()


def follow(task: Task[object], *, key: str, waiting: str, cancel: bool = False) -> None:
    """A progress bar that updates itself. The page reruns when the task is over.

    waiting: the text before the first byte. cancel: whether to show a Cancel button.
    """

    @st.fragment(run_every=0.5)
    def line() -> None:
        status = task.status()
        if status.over:
            st.rerun()
        st.progress(status.fraction, text=told(status, waiting))
        if cancel and st.button("Cancel", key=f"cancel_{key}", icon=":material/close:"):
            task.cancel()
            st.rerun()

    line()


def told(status: Status, waiting: str) -> str:
    """The progress of a download, in words."""
    if status.total <= 0 or status.done <= 0:
        return waiting
    if status.done >= status.total:
        return f"{status.label}: checking {status.total / 1e6:.1f} MB"
    count = f"{status.done / 1e6:.1f} of {status.total / 1e6:.1f} MB"
    words = f"{status.label}: {count}"
    if status.silent > QUIET:
        return f"{words}; no data for {status.silent:.0f} s"
    return words if status.seconds_left is None else f"{words}, {status.seconds_left:.0f} s left"
