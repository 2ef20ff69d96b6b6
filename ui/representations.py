"""Results of a network on pictures: taken from the run if available, otherwise computed once with a progress bar."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from ui import first_look
from ui.pictures import Pictures, image_set
from ui.run_picker import key_of, metrics, networks, results
from vicreg.config import ViewConfig
from vicreg.evaluation.anomaly_score import KNOWN, Scoring
from vicreg.runs.folder import Run

if TYPE_CHECKING:
    import pandas as pd

    from vicreg.evaluation.gallery import Gallery


@dataclass(frozen=True)
class Found:
    """The nearest and farthest pictures of one query: gallery numbers (k,) and distances (k,), best first."""

    nearest: np.ndarray
    nearest_distances: np.ndarray
    farthest: np.ndarray
    farthest_distances: np.ndarray


def search(run: Run, pictures: Pictures, number: int, *, gallery: str, metric: str, k: int) -> Found:
    """The k nearest and farthest pictures of a test picture. Stored for the test gallery, computed for the train gallery."""
    if gallery == "test":
        table = results(run, "neighbours")
        rows = table[(table["metric"] == metric) & (table["query"] == number)].head(k)
        columns = ("nearest", "nearest_distance", "farthest", "farthest_distance")
        return Found(*(rows[column].to_numpy() for column in columns))
    from vicreg.evaluation.encode import encode

    query = encode(networks(run)[0], pictures[[number]])
    searched = representations(run, gallery)
    near, far = _gallery(f"{key_of(run)}:{gallery}", metric, searched).search(query, k=k, sides=(1, -1))
    return Found(near.indices[0], near.distances[0], far.indices[0], far.distances[0])


def search_picture(run: Run, picture: np.ndarray, gallery: Pictures, *, split: str, metric: str, k: int) -> Found:
    """The k nearest and farthest gallery pictures of an uploaded picture (32, 32, 3) uint8."""
    from vicreg.evaluation.encode import encode

    numbers = np.flatnonzero(gallery.order >= 0)  # only pictures on this machine
    searched = representations(run, split)[gallery.order[numbers]]
    key = f"{key_of(run)}:{split}:{gallery.source.sha256}"
    query = encode(networks(run)[0], picture[None])
    near, far = _gallery(key, metric, searched).search(query, k=k, sides=(1, -1))
    return Found(numbers[near.indices[0]], near.distances[0], numbers[far.indices[0]], far.distances[0])


@st.cache_resource(max_entries=2, show_spinner=False)
def _gallery(key: str, metric: str, _representations: np.ndarray) -> Gallery:
    """The images of a search, prepared once for all visitors.

    The last two are kept, for two runs beside each other: CIFAR-10's take 190 MB each.
    """
    from vicreg.evaluation.gallery import Gallery

    return Gallery(_representations, metric=metric)


@st.cache_data(max_entries=16, show_spinner=False)
def clusters_by_chance(images: int, classes: int) -> float:
    """The accuracy of randomly assigned clusters, in percent."""
    from vicreg.evaluation.clustering import chance

    return 100 * chance(images, classes)


@dataclass(frozen=True)
class Curve:
    """A ROC curve. points: false_positive_rate, true_positive_rate. Also AUROC with its 95 % interval, and the false
    positive rate at 95 % true positives, all from 0 to 1.
    """

    points: pd.DataFrame
    auroc: float
    interval: tuple[float, float]
    fpr_at_95_tpr: float


def roc(run: Run, scoring: Scoring) -> Curve | None:
    """The ROC curve of the run's anomalies for a scoring: as stored, otherwise computed from the scores.

    None if the run was measured without anomalies.
    """
    if not metrics(run)["anomaly"]["n_anomalies"]:
        return None
    curve = _roc(key_of(run), scoring.column, run)
    return replace(curve, points=curve.points.copy(deep=False))


@st.cache_resource(max_entries=64, show_spinner="Computing the ROC and its interval")
def _roc(key: str, column: str, _run: Run) -> Curve:
    figures = metrics(_run)["anomaly"]
    for name in KNOWN:
        found = figures[name]
        if found["column"] == column:
            stored = _run.results("roc")
            points = stored.loc[stored["setting"] == name, ["false_positive_rate", "true_positive_rate"]]
            return Curve(points, found["auroc"], tuple(found["interval"]), found["fpr_at_95_tpr"])
    import pandas as pd

    from vicreg.evaluation.anomaly_score import roc as curve_of

    table = results(_run, "anomaly")
    scores, anomaly = table[column].to_numpy(dtype="float32"), table["anomaly"].to_numpy()
    curve = curve_of(scores[~anomaly], scores[anomaly])
    points = pd.DataFrame(
        {"false_positive_rate": curve.false_positive_rate, "true_positive_rate": curve.true_positive_rate}
    )
    return Curve(points, curve.auroc, curve.interval, curve.fpr_at_95_tpr)


@st.cache_resource(max_entries=256, show_spinner=False)
def _lock(key: str) -> threading.Lock:
    return threading.Lock()


def representations(run: Run, split: str) -> np.ndarray:
    """The run's representations of a split, float32 (N, width), from the disk cache or computed with a progress bar.

    Only one session computes; the others wait for it.
    """
    from vicreg.pipeline.measure_run import representations as compute

    images = image_set(run.config.dataset, split)
    place = st.empty()

    def tell(done: int, total: int) -> None:
        place.progress(done / total, f"Encoding {done:,} of {total:,} pictures (only once on this machine)")

    with st.spinner(f"Waiting for the representations of the {split} pictures"), _lock(f"{key_of(run)}:{split}"):
        found = compute(run, images, on_progress=tell)
    place.empty()
    return found


def two_views(image: np.ndarray, config: ViewConfig, draw: int) -> np.ndarray:
    """Two views of an image (H, W, 3) uint8: (2, size, size, 3) uint8. draw: the random seed."""
    stored = first_look.stored_views(image, config, draw)
    return compute_views(image, config, draw) if stored is None else stored


def embed(run: Run, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Representations (n, width) and embeddings (n, D) of a few images (n, S, S, 3) uint8."""
    stored = first_look.stored_numbers(run, images)
    return compute_numbers(run, images) if stored is None else stored


def compute_views(image: np.ndarray, config: ViewConfig, draw: int) -> np.ndarray:
    """`two_views`, not from the stored ones."""
    import torch

    from vicreg.method.views import augmented_views

    batch = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
    generator = torch.Generator().manual_seed(1054 + draw)
    views = augmented_views(batch.expand(2, -1, -1, -1), config, generator=generator)
    return (views.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()


def compute_numbers(run: Run, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`embed`, not from the stored ones."""
    import torch

    encoder, expander = networks(run)
    with torch.inference_mode():
        y = encoder(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
        return y.numpy(), expander(y).numpy()
