"""Rows of picture tiles with captions; the tiles can be buttons."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import streamlit as st

from ui.components.scripts import LAST_CLICK, joined
from ui.pictures import data_uri
from ui.shared_cache import Store

_TILES = st.components.v2.component(
    "vicreg_tiles",
    html="<div class='tiles' role='group'></div>",
    css=Path(__file__).with_suffix(".css").read_text("utf-8"),
    js=joined(LAST_CLICK, Path(__file__).with_suffix(".js")),
)


_SENT = Store[str](500)  # sprites as data URIs: compressing one takes 5 ms, and most visitors see the same pictures


def tiles(
    images: np.ndarray,
    *,
    key: str,
    label: str,
    captions: Sequence[Sequence[str]] | None = None,
    alts: Sequence[str],
    colours: Sequence[str | None] | None = None,
    ids: Sequence[int] | np.ndarray | None = None,
    framed: Sequence[int] = (),
    scale: int = 2,
    on_pick: Callable[[int], None] | None = None,
    stored: bool = True,
) -> None:
    """Pictures enlarged by a whole factor without smoothing, sent as one sprite. A click or Enter picks one.

    images: (n, S, S, 3) uint8. captions: lines per picture; the first has a dot in its colour. alts: one text per picture.
    ids: passed to on_pick before the page reruns. framed: the ids with a frame. stored: whether the server may keep what it
    sends, for other visitors; False for a visitor's own picture.
    """
    count, side = len(images), images.shape[1]
    if not count:
        return
    columns = min(count, 20)
    ids = list(ids) if ids is not None else list(range(count))
    sprite = np.zeros((-(-count // columns) * side, columns * side, 3), np.uint8)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        sprite[row * side : (row + 1) * side, column * side : (column + 1) * side] = image

    if stored:
        key_of_sprite = (sprite.shape, hashlib.blake2b(sprite.tobytes(), digest_size=20).digest())
        sent = _SENT.get(key_of_sprite, lambda: data_uri(sprite))
    else:
        sent = data_uri(sprite)

    def picked() -> None:
        value = st.session_state[key].picked
        if on_pick is not None and value is not None:
            on_pick(int(value))

    _TILES(
        key=key,
        data={
            "sprite": sent,
            "columns": columns,
            "side": side,
            "scale": scale,
            "label": label,
            "clickable": on_pick is not None,
            "tiles": [
                {
                    "id": int(ids[i]),
                    "alt": alts[i],
                    "framed": ids[i] in framed,
                    "colour": colours[i] if colours else None,
                    "lines": list(captions[i]) if captions else [],
                }
                for i in range(count)
            ],
        },
        on_picked_change=picked,
    )
