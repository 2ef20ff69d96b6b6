"""The panel "Checkpoints" in the sidebar: choose between bundled runs and those of a Hub repository. Kept in the URL.

It uses the network only when a button is pressed. Downloaded runs are available at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import streamlit as st

from ui import hub_bytes
from ui.background_tasks import Task
from ui.progress_line import follow, tasks
from vicreg.hub import run_downloads
from vicreg.hub.download_limits import MAX_INDEX_BYTES
from vicreg.hub.index import Shelf
from vicreg.runs.folder import Run
from vicreg.storage import hub_client, hub_file
from vicreg.storage.hub_errors import HubError

DOWNLOADS, LOOKS = 2, 8  # at the same time, for all visitors


def panel() -> None:
    """Draw the panel in the sidebar."""
    with st.sidebar.expander("Checkpoints", icon=":material/deployed_code:", expanded=bool(_named())):
        st.text_input(
            "Hub repository",
            run_downloads.default_repo(),
            key="hub",
            bind="query-params",
            persist_state="session",
            placeholder="OWNER/NAME",
            max_chars=200,
            help="A Hugging Face repository with runs published by `python -m vicreg publish`: OWNER/NAME, or "
            "OWNER/NAME@REVISION for a branch, tag or commit. Leave empty to see the bundled runs and your own. A private "
            "repository works if the app runs on your machine and you are logged in with `hf auth login`, or if "
            "this server's operator offers it.",
        )
        named = _named()
        if not named:
            st.caption("Showing the bundled runs and your own.")
            return
        try:
            repo, revision = hub_client.parse(named)
        except HubError as error:
            st.warning(str(error), icon=":material/edit:")
            return
        _contents(repo, revision)


def repository() -> str:
    """The repository chosen in this session, without its revision; empty if none."""
    return _named().partition("@")[0]


def _token(repo: str) -> bool | None:
    """None, for this machine's login, if VICREG_HUB names the repository or the visitor is the machine's user. False else."""
    return None if repo == run_downloads.default_repo().partition("@")[0] or _visitor_is_user() else False


def _visitor_is_user() -> bool:
    """Whether the visitor is the user of this machine: the server is not hosted, and nothing came over a network."""
    from ui.live_training.training_limits import hosted

    return not hosted() and st.context.ip_address is None and "X-Forwarded-For" not in st.context.headers


def runs_here() -> tuple[dict[str, Run], list[str]]:
    """The downloaded runs of the session's repository, and a message for each broken one."""
    try:
        return run_downloads.cached_runs(*hub_client.parse(_named())) if _named() else ({}, [])
    except HubError:  # shown in the panel
        return {}, []


def _named() -> str:
    return str(st.session_state.get("hub") or "").strip()


def _contents(repo: str, revision: str) -> None:
    """Show the known runs of the repository, and buttons to list and download them."""
    key = f"look:{repo}@{revision}"
    look = cast("Task[Shelf] | None", tasks().get(key))
    state = look.status().state if look is not None else ""
    shelf = look.result() if look is not None and state == "done" else run_downloads.cached_shelf(repo, revision)
    if look is not None and not look.status().over:
        follow(look, key=key, waiting="Asking the Hub (a few seconds)", cancel=True)
        return
    if look is not None and state == "failed":
        st.warning(look.status().sentence, icon=":material/wifi_off:")
    if hub_client.offline():
        st.caption("This server is offline, so only runs that were already downloaded are shown.")
    elif st.button(
        "Retry" if state == "failed" else "Refresh" if shelf else "Show runs",
        icon=":material/travel_explore:",
        width="stretch",
        disabled=tasks().busy("look:") >= LOOKS,
    ):
        token = _token(repo)
        tasks().forget(key)
        tasks().start(
            key,
            f"{repo}'s runs",
            lambda on_progress, should_stop: _looked(repo, revision, token),
            again=True,
        )
        st.rerun()
    if shelf is not None:
        _shelf(shelf)


def _shelf(shelf: Shelf) -> None:
    """List the runs of a repository, with a download button for each missing one."""
    here, _ = run_downloads.cached_runs(shelf.repo, shelf.commit)
    st.caption(f"Commit `{shelf.commit[:12]}`: {len(shelf.runs)} runs, {len(here)} downloaded.")
    missing = {}
    for name, entry in shelf.runs.items():
        if entry.readable:
            st.caption(f":material/block: {entry.readable}.")
        elif name not in here:
            missing[name] = run_downloads.missing_bytes(shelf, [name])
    for name, size in missing.items():
        _download(shelf, (name,), f"{name}, {size / 1e6:.1f} MB")
    if len(missing) > 1:
        _download(shelf, tuple(missing), f"All {len(missing)}, {sum(missing.values()) / 1e6:.1f} MB")


def _download(shelf: Shelf, names: tuple[str, ...], label: str) -> None:
    """A download button with the size; during the download, a progress bar and Cancel."""
    key = f"download:{shelf.repo}@{shelf.commit}:{','.join(names)}"
    task = tasks().get(key)
    if task is not None and not task.status().over:
        follow(task, key=key, waiting=f"{label}: connecting", cancel=True)
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
        help=f"{DOWNLOADS} downloads are already running on this server. Wait until one has finished."
        if full
        else None,
    ):
        token = _token(shelf.repo)
        tasks().forget(key)
        tasks().start(
            key,
            names[0] if len(names) == 1 else f"{len(names)} runs",
            lambda on_progress, should_stop: _downloaded(shelf, names, token, on_progress, should_stop),
            again=True,
        )
        st.rerun()


def _looked(repo: str, revision: str, token: bool | None) -> Shelf:
    """The runs of a repository. Raises HubError."""
    with hub_bytes.reserved(MAX_INDEX_BYTES):
        return run_downloads.look(repo, revision, token=token)


def _downloaded(
    shelf: Shelf,
    names: tuple[str, ...],
    token: bool | None,
    on_progress: hub_file.OnBytes,
    should_stop: Callable[[], bool],
) -> dict[str, Run]:
    """The downloaded runs. Raises HubError."""
    with hub_bytes.reserved(run_downloads.missing_bytes(shelf, names)) as room:

        def on_bytes(done: int, total: int) -> None:
            room.progress(done, total)
            on_progress(done, total)

        return run_downloads.download(shelf, names, token=token, on_bytes=on_bytes, should_stop=should_stop)
