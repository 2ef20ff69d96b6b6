"""A data set's pictures in a few large images, made once a server and fetched by browsers like any other picture."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from PIL import Image
from streamlit import runtime

from ui.pictures import Pictures
from ui.shared_cache import Store
from vicreg.data.image_set import ImageSet
from vicreg.runs.folder import Run

COLUMNS = 100
ROWS = 25  # of a strip: 2,500 pictures, which a map of 2,000 needs one of
QUALITY = 80  # of JPEG: CIFAR-10's 10,000 test pictures take 3.6 MB, their first 2,500 a quarter of that
_STRIPS = Store[bytes](8)


@dataclass(frozen=True)
class Atlas:
    """Where a browser finds the pictures: picture i is in strip i // each, at row and column of the rest.

    urls: of the strips. side: of a picture, in pixels. numbers: which pictures the strips hold, in turn; None: 0, 1, 2 ...
    """

    urls: tuple[str, ...]
    side: int
    columns: int = COLUMNS
    each: int = COLUMNS * ROWS
    numbers: list[int] | None = None


@dataclass(frozen=True)
class _Some:
    """Some pictures of a set by their numbers (M,), read when asked for."""

    of: Pictures
    numbers: np.ndarray

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: np.ndarray) -> np.ndarray:
        return self.of[self.numbers[index]]


def atlas(run: Run, pictures: Pictures | None, count: int) -> Atlas | None:
    """The first `count` pictures in the run's numbering, or a few more; None without pictures."""
    if pictures is None:
        return None
    return _atlas(f"{run.numbering}:{pictures.source.sha256}", pictures, count, pictures.images.shape[1])


def atlas_of_some(run: Run, pictures: Pictures | None, numbers: np.ndarray) -> Atlas | None:
    """The pictures with these numbers, in strips of their own; None without pictures. For few of a large set."""
    if pictures is None:
        return None
    key = f"{run.numbering}:{pictures.source.sha256}:{hashlib.sha256(numbers.astype('<i8').tobytes()).hexdigest()}"
    some = _Some(pictures, numbers)
    return replace(_atlas(key, some, len(numbers), pictures.images.shape[1]), numbers=numbers.tolist())


def atlas_of_set(images: ImageSet, count: int) -> Atlas:
    """The first `count` images of a data set in its own order, or a few more, where there is no measured run yet."""
    return _atlas(images.source.sha256, images.images, count, images.images.shape[1])


def _atlas(key: str, pictures: Pictures | _Some | np.ndarray, count: int, side: int) -> Atlas:
    firsts = range(0, min(count, len(pictures)), COLUMNS * ROWS)
    return Atlas(
        tuple(served(_strip_kept(key, first, pictures), f"{key}:{first}") for first in firsts),
        side,
    )


def _strip_kept(key: str, first: int, pictures: Pictures | _Some | np.ndarray) -> bytes:
    def make() -> bytes:
        with st.spinner("Preparing the pictures"):
            return strip(first, pictures)

    return _STRIPS.get((key, first), make)


def strip(first: int, pictures: Pictures | _Some | np.ndarray) -> bytes:
    """One strip as JPEG. A tile's side is a multiple of JPEG's blocks, so no picture bleeds into the next."""
    images = pictures[np.arange(first, min(first + COLUMNS * ROWS, len(pictures)))]
    count, side = images.shape[:2]
    rows = -(-count // COLUMNS)
    tiles = np.zeros((rows * COLUMNS, side, side, 3), np.uint8)
    tiles[:count] = images
    joined = (
        tiles.reshape(rows, COLUMNS, side, side, 3).transpose(0, 2, 1, 3, 4).reshape(rows * side, COLUMNS * side, 3)
    )
    buffer = io.BytesIO()
    Image.fromarray(joined).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()


def served(data: bytes, name: str) -> str:
    """An address of JPEG data: Streamlit's endpoint for media, which browsers cache; inline where no server runs."""
    if runtime.exists():
        return runtime.get_instance().media_file_mgr.add(data, "image/jpeg", name)
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
