"""Tasks of the server's process, and the one line with which a page follows them."""

from __future__ import annotations

import streamlit as st

from ui.tasks import Status, Task, Tasks

QUIET = 5.0  # seconds without progress after which a page says so


@st.cache_resource(show_spinner=False)
def tasks(kind: str = "hub") -> Tasks:
    """A registry of this process: what one session starts, all see. Pictures have their own, which nothing crowds out."""
    return Tasks()


def follow(task: Task[object], *, key: str, waiting: str, cancel: bool = False) -> None:
    """A progress bar that moves by itself; the whole page is drawn anew when the task is over.

    waiting: what is said before the first byte. cancel: whether a button ends the task.
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
    """How far a task is that counts bytes, in words."""
    if status.total <= 0 or status.done <= 0:
        return waiting
    if status.done >= status.total:
        return f"{status.label}: all {status.total / 1e6:.1f} MB are here, checking them"
    count = f"{status.done / 1e6:.1f} of {status.total / 1e6:.1f} MB"
    words = f"{status.label}: {count}"
    if status.silent > QUIET:
        return f"{words}; nothing came for {status.silent:.0f} s"
    return words if status.seconds_left is None else f"{words}, {status.seconds_left:.0f} s left"
