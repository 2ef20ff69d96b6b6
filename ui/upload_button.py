"""Uploaded pictures: checked before decoding, kept in the memory of the session, never written to disk."""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ui import page_figures
from vicreg.data.uploaded_picture import MAX_BYTES, PictureError, read_picture

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

KINDS = ["png", "jpg", "jpeg", "webp", "gif"]
SENDING = 0.3  # seconds: for the page to reach its visitor
NEEDED = ("vicreg.method.networks", "vicreg.evaluation.encode")  # torch among it

log = logging.getLogger("vicreg")


def own_picture(
    place: DeltaGenerator | ModuleType, *, key: str, ahead: Callable[[], object] = lambda: None
) -> np.ndarray | None:
    """The uploaded picture as the network sees it, (32, 32, 3) uint8; None if there is none or it is not usable.

    place: where to draw the uploader. `drop_own_picture(key)` removes the picture. ahead: loads what the answer will need.
    It is called once a server, in a thread, after torch, which takes seconds to load: while a visitor looks for a picture.
    """
    page_figures.when_drawn(lambda: _loading_ahead(ahead))
    number = st.session_state.setdefault(f"_{key}_number", 0)
    button = place.popover(
        "Your picture", icon=":material/upload:", width="stretch", key=f"{key}_open", on_change="rerun"
    )
    if button.open:
        _loading_ahead(ahead).set()
    with button:
        file = st.file_uploader(
            f"Your own picture: PNG, JPEG, WebP or GIF, at most {MAX_BYTES / 1e6:.0f} MB",
            type=KINDS,
            max_upload_size=MAX_BYTES // 1_000_000,
            key=f"{key}_{number}",
            help="The centre square is resized to 32 x 32 pixels. The picture is not stored.",
        )
        known = st.session_state.get(f"_{key}")
        if known is not None and (file is None or known[0] != file.file_id):
            _forget(key)
        if file is None:
            return None
        if known is None or known[0] != file.file_id:  # decode once, not on every rerun
            try:
                known = (file.file_id, read_picture(file.getvalue()))
            except PictureError as error:
                known = (file.file_id, str(error))
            st.session_state[f"_{key}"] = known
    if isinstance(known[1], str):
        st.warning(known[1], icon=":material/broken_image:")
        return None
    return known[1]


@st.cache_resource(show_spinner=False)
def _loading_ahead(_ahead: Callable[[], object]) -> threading.Event:
    """Start the thread that loads ahead, for the first page of a server that offers an upload. Set the event to hurry it."""
    wanted = threading.Event()

    def load() -> None:
        wanted.wait(SENDING)
        try:
            for name in NEEDED:
                importlib.import_module(name)
            _ahead()
        except Exception as error:  # it happens again when a picture is there, and the page then says what is wrong
            log.debug("nothing was loaded ahead of an upload: %s", error)

    threading.Thread(target=load, name="ahead of an upload", daemon=True).start()
    return wanted


def drop_own_picture(key: str) -> None:
    """Remove the picture. The uploader is empty after the next rerun."""
    st.session_state[f"_{key}_number"] = st.session_state.get(f"_{key}_number", 0) + 1
    _forget(key)


def _forget(key: str) -> None:
    """Drop the picture, and the file that the server holds for it: Streamlit would keep that as long as the page is open."""
    known, context = st.session_state.pop(f"_{key}", None), get_script_run_ctx()
    if known is not None and context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, known[0])
