"""The sidebar's panel "Checkpoints": bundled runs, or those of a Hub repository, named in the URL.

Nothing here uses the network until somebody presses a button; what was downloaded before is there at once.
"""

from __future__ import annotations

from typing import cast

import streamlit as st

from ui.progress_line import follow, tasks
from ui.tasks import Task
from vicreg.hub import downloads
from vicreg.hub.index import Shelf
from vicreg.runs.folder import Run
from vicreg.storage import hub_client
from vicreg.storage.hub_errors import HubError

DOWNLOADS, LOOKS = 2, 8  # at a time, of all visitors


def panel() -> None:
    """Draw the panel in the sidebar."""
    with st.sidebar.expander("Checkpoints", icon=":material/deployed_code:", expanded=bool(_named())):
        st.text_input(
            "Hub repository",
            downloads.default_repo(),
            key="hub",
            bind="query-params",
            persist_state="session",
            placeholder="OWNER/NAME",
            max_chars=200,
            help="A repository on the Hugging Face Hub that `python -m vicreg publish` filled: OWNER/NAME, or "
            "OWNER/NAME@REVISION for a branch, a tag or a commit. A private one must be named by VICREG_HUB. Empty: the "
            "bundled runs and your own.",
        )
        named = _named()
        if not named:
            st.caption("Shown: the runs that come with the app, and your own.")
            return
        try:
            repo, revision = hub_client.parse(named)
        except HubError as error:
            st.warning(str(error), icon=":material/edit:")
            return
        _contents(repo, revision)


def repository() -> str:
    """The repository that this session looks at, without its revision; empty where there is none."""
    return _named().partition("@")[0]


def _token(repo: str) -> bool | None:
    """This machine's own token for the repository that its owner named; none for what a visitor names."""
    return None if repo == downloads.default_repo().partition("@")[0] else False


def runs_here() -> tuple[dict[str, Run], list[str]]:
    """The runs of the session's repository that are on this machine, and a sentence for each that is broken."""
    try:
        return downloads.cached_runs(*hub_client.parse(_named())) if _named() else ({}, [])
    except HubError:  # said in the panel
        return {}, []


def _named() -> str:
    return str(st.session_state.get("hub") or "").strip()


def _contents(repo: str, revision: str) -> None:
    """What the repository offers, as far as is known, and the buttons that ask and fetch."""
    key = f"look:{repo}@{revision}"
    look = cast("Task[Shelf] | None", tasks().get(key))
    state = look.status().state if look is not None else ""
    shelf = look.result() if look is not None and state == "done" else downloads.cached_shelf(repo, revision)
    if look is not None and not look.status().over:
        follow(look, key=key, waiting="Asking the Hub, 3 seconds at most", cancel=True)
        return
    if look is not None and state == "failed":
        st.warning(look.status().sentence, icon=":material/wifi_off:")
    if hub_client.offline():
        st.caption("HF_HUB_OFFLINE is set: only what was downloaded before is shown.")
    elif st.button(
        "Retry" if state == "failed" else "Look again" if shelf else "Look what it has",
        icon=":material/travel_explore:",
        width="stretch",
        disabled=tasks().busy("look:") >= LOOKS,
    ):
        tasks().forget(key)
        tasks().start(
            key,
            f"{repo}'s runs",
            lambda on_progress, should_stop: downloads.look(repo, revision, token=_token(repo)),
            again=True,
        )
        st.rerun()
    if shelf is not None:
        _shelf(shelf)


def _shelf(shelf: Shelf) -> None:
    """Every run of a repository: here, or how large it is and a button that brings it in."""
    here, _ = downloads.cached_runs(shelf.repo, shelf.commit)
    st.caption(f"Commit `{shelf.commit[:12]}`: {len(shelf.runs)} runs, {len(here)} of them here.")
    missing = {}
    for name, entry in shelf.runs.items():
        if entry.readable:
            st.caption(f":material/block: {entry.readable}.")
        elif name not in here:
            missing[name] = downloads.missing_bytes(shelf, [name])
    for name, size in missing.items():
        _download(shelf, (name,), f"{name}, {size / 1e6:.1f} MB")
    if len(missing) > 1:
        _download(shelf, tuple(missing), f"All {len(missing)}, {sum(missing.values()) / 1e6:.1f} MB")


def _download(shelf: Shelf, names: tuple[str, ...], label: str) -> None:
    """A button with the size on it, and while the download goes on its progress and Cancel."""
    key = f"download:{shelf.repo}@{shelf.commit}:{','.join(names)}"
    task = tasks().get(key)
    if task is not None and not task.status().over:
        follow(task, key=key, waiting=f"{label}: waiting for the first bytes", cancel=True)
        return
    if task is not None and task.status().state == "failed":
        st.warning(task.status().sentence, icon=":material/error:")
    full = tasks().busy("download:") >= DOWNLOADS
    if st.button(
        label,
        key=key,
        icon=":material/download:",
        width="stretch",
        disabled=full or hub_client.offline(),
        help=f"{DOWNLOADS} downloads are under way on this server; wait for one to end." if full else None,
    ):
        tasks().forget(key)
        tasks().start(
            key,
            names[0] if len(names) == 1 else f"{len(names)} runs",
            lambda on_progress, should_stop: downloads.download(
                shelf, names, token=_token(shelf.repo), on_bytes=on_progress, should_stop=should_stop
            ),
            again=True,
        )
        st.rerun()
