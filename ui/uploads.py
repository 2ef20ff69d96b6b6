"""A visitor's own picture: checked before it is decoded, kept in this session's memory, never on a disk."""

from __future__ import annotations

import importlib
import threading

import numpy as np
import streamlit as st

from vicreg.data.uploaded_picture import MAX_BYTES, PictureError, read_picture

KINDS = ["png", "jpg", "jpeg", "webp", "gif"]


def own_picture(place: object, *, key: str) -> np.ndarray | None:
    """The visitor's picture as the network sees it, (32, 32, 3) uint8; None where there is none, or it is no picture.

    place: where the button is drawn. `drop_own_picture(key)` puts it away.
    """
    number = st.session_state.setdefault(f"_{key}_number", 0)
    button = place.popover(
        "Your picture", icon=":material/upload:", width="stretch", key=f"{key}_open", on_change="rerun"
    )
    if button.open:
        _begin_loading()
    with button:
        file = st.file_uploader(
            f"A picture of your own: PNG, JPEG, WebP or GIF, at most {MAX_BYTES / 1e6:.0f} MB",
            type=KINDS,
            max_upload_size=MAX_BYTES // 1_000_000,
            key=f"{key}_{number}",
            help="Its middle square is shrunk to 32 x 32 pixels, as the network sees it. It is not kept.",
        )
        if file is None:
            st.session_state.pop(f"_{key}", None)
            return None
        known = st.session_state.get(f"_{key}")
        if known is None or known[0] != file.file_id:  # decoded once, not on every rerun
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
def _begin_loading() -> None:
    """Load torch in the background, once a server, while the visitor looks for a picture: it takes seconds."""
    threading.Thread(target=importlib.import_module, args=("vicreg.method.networks",), daemon=True).start()


def drop_own_picture(key: str) -> None:
    """Put the picture away; the uploader starts empty at the next run."""
    st.session_state[f"_{key}_number"] = st.session_state.get(f"_{key}_number", 0) + 1
    st.session_state.pop(f"_{key}", None)
