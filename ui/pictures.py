"""The pictures of a run, numbered as in its results, if they are on this machine."""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from PIL import Image

from ui import picture_arrival
from ui.commands import evaluate_command
from ui.page_figures import once
from ui.run_picker import results
from ui.shared_cache import Store
from vicreg.data import fingerprints, loading
from vicreg.data.catalogue import CATALOGUE
from vicreg.data.coloured_digits import photo_crops, photograph
from vicreg.data.image_set import DataError, ImageSet, PicturesMissing, Source
from vicreg.runs.errors import RunError
from vicreg.runs.folder import Run

_ORDERS = Store[tuple[np.ndarray, np.ndarray]](8)
_READ: set[tuple[str, str]] = set()  # data set and split, read by this process before: no spinner is needed


@dataclass(frozen=True)
class Pictures:
    """Pictures, numbered as in a run's results. images: (N, 32, 32, 3) uint8. order: (M,) rows of images.

    known: other known properties of each picture, attribute -> (N,) names.
    """

    images: np.ndarray
    order: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    source: Source
    known: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int | Sequence[int] | np.ndarray) -> np.ndarray:
        """The pictures with these numbers in the run's results; grey if a picture is missing."""
        rows = self.order[index]
        found = np.array(self.images[np.maximum(rows, 0)])
        found[rows < 0] = 128
        return found


@st.cache_resource(max_entries=4, show_spinner=False)
def image_set(name: str, split: str) -> ImageSet:
    return loading.load(name, split)


def _order(run: Run, images: ImageSet) -> tuple[np.ndarray, np.ndarray]:
    """The rows of a run's test pictures in the images, and their labels."""
    table = run.fingerprints
    prints = np.stack([table[f"f{i}"] for i in range(len(fingerprints.HADAMARD_ROWS))], axis=1)
    return fingerprints.align(prints, table["label"], images), table["label"]


def pictures(run: Run, split: str = "test") -> Pictures | None:
    """The run's pictures if they are on this machine; otherwise None, after a message that says how to get them.

    Test pictures are matched to those that the run was measured on, because copies differ in order and encoding. Looked for
    once while a page is drawn.
    """
    return once(("pictures", run.content, split), lambda: _pictures(run, split))


def _pictures(run: Run, split: str) -> Pictures | None:
    """`pictures`, looked for."""
    name = run.config.dataset
    try:
        if picture_arrival.arrival(name, split) != picture_arrival.HERE:
            picture_arrival.show_arrival(name, split)
            return None
        with (
            st.spinner("Reading the pictures (only once on this machine)")
            if (name, split) not in _READ
            else nullcontext()
        ):
            found = image_set(name, split)
            _READ.add((name, split))
            order, labels = np.arange(len(found)), found.labels
            if split == "test":
                key = (run.numbering, found.source.sha256)
                order, labels = _ORDERS.get(key, lambda: _order(run, found))
    except (DataError, PicturesMissing, RunError) as error:
        st.warning(str(error), icon=":material/broken_image:")
        return None
    values = CATALOGUE[name].attributes
    known = {what: np.array(values[what])[numbers] for what, numbers in found.attributes.items()}
    return Pictures(found.images, order, labels, found.classes, found.source, known)


def pictures_if_here(run: Run) -> Pictures | None:
    """The run's test pictures, or None without a message: for maps, which show dots instead and say so.

    A run that was never measured has no fingerprints, so its pictures cannot be found.
    """
    here = picture_arrival.arrival(run.config.dataset) == picture_arrival.HERE
    return pictures(run) if here and run.has("fingerprints") else None


def anomalies(run: Run) -> Pictures | None:
    """The anomalies for the run's data set, numbered as in the run; otherwise None, after a message."""
    name, _ = CATALOGUE[run.config.dataset].strangers
    try:
        if picture_arrival.arrival(name) != picture_arrival.HERE:
            picture_arrival.show_arrival(name, "test")
            return None
        found = image_set(name, "test")
    except (DataError, PicturesMissing) as error:
        st.warning(str(error), icon=":material/broken_image:")
        return None
    table = results(run, "anomaly")
    labels = table[table["anomaly"]]["label"].to_numpy()
    if not np.array_equal(labels, found.labels[: len(labels)]):
        st.warning(
            f"{found.source.file} does not hold the pictures that the run was measured on, so none are shown."
            + (f" To measure the run on yours: `{command}`." if (command := evaluate_command(run)) else ""),
            icon=":material/broken_image:",
        )
        return None
    return Pictures(found.images, np.arange(len(found)), found.labels, found.classes, found.source)


@st.cache_data(max_entries=8, show_spinner="Preparing the thumbnails")
def _thumbnails(known: str, count: int, _pictures: Pictures) -> list[str]:
    return [data_uri(image, "WEBP") for image in _pictures[np.arange(count)]]


def thumbnails(run: Run, pictures: Pictures, count: int) -> list[str]:
    """The first `count` pictures as small data URIs to show on hover. Cached for all visitors."""
    return _thumbnails(f"{run.numbering}:{pictures.source.sha256}", count, pictures)


def data_uri(image: np.ndarray, form: str = "PNG") -> str:
    """An image (H, W, 3) uint8 as a data URI."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, form, **({"quality": 80} if form == "WEBP" else {}))
    return f"data:image/{form.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def sample_picture() -> np.ndarray:
    """A picture (32, 32, 3) uint8 that is always available: scikit-learn's sample photograph of a flower."""
    photo = Image.fromarray(photograph("flower"))
    return np.asarray(photo.crop((80, 0, 507, 427)).resize((32, 32), Image.Resampling.LANCZOS))


@functools.cache
def _crops() -> np.ndarray:
    return photo_crops()


def more_pictures(pictures: Pictures | None, image: np.ndarray, count: int) -> list[np.ndarray]:
    """A few other pictures (32, 32, 3) uint8: from the run if possible, otherwise crops of sample photographs."""
    if pictures is None:
        crops = _crops()
        return list(crops[:: len(crops) // count][:count])
    chosen: list[np.ndarray] = []
    number = 0
    while len(chosen) < min(count, len(pictures) - 1):
        if not np.array_equal(pictures[number], image):
            chosen.append(pictures[number])
        number += 1
    return chosen
