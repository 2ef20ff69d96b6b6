"""The report of a run: every figure with its protocol and interval, and the tables that pages draw without any image.

Arrays in, a dict and frames out. `python -m vicreg evaluate` and the end of a training write them into the run's folder
as metrics.json and results/*.parquet. Everything is deterministic: the same arrays give the same report, byte for byte
on one machine: scikit-learn's OpenMP loops get at most two threads, whose sums have only one order to be added in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vicreg.evaluation.anomaly_sets import anomaly_sets
from vicreg.evaluation.map_choices import coordinates, map_choices
from vicreg.evaluation.sections.anomaly_scores import anomaly
from vicreg.evaluation.sections.flat_maps import maps
from vicreg.evaluation.sections.k_means import clusters
from vicreg.evaluation.sections.neighbour_lists import retrieval
from vicreg.evaluation.sections.probes import attributes_of, knn, probe
from vicreg.evaluation.sections.section import Section
from vicreg.evaluation.sections.singular_values import spectrum_of
from vicreg.evaluation.spaces import spaces
from vicreg.storage.json_values import JsonObject

# In the order in which they are measured. `spaces` quotes `probe` and `knn`, and `map_choices` judges the maps of
# `projection`, so they come after them.
SECTIONS = (
    *("knn", "probe", "attributes", "spectrum", "retrieval", "projection", "map_choices"),
    *("anomaly", "anomaly_sets", "clusters", "spaces", "layers"),
)
QUICK = (
    "knn",
    "probe",
    "attributes",
    "spectrum",
    "retrieval",
)  # all that every measured run must have, and the attributes
SLOW = ("map_choices", "anomaly_sets", "layers")  # longer than all others together, so a training ends without them


@dataclass(frozen=True)
class Report:
    """metrics: plain JSON values. tables: name -> frame, as results/<name>.parquet holds them."""

    metrics: JsonObject
    tables: dict[str, pd.DataFrame]


def evaluate(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    *,
    classes: Sequence[str],
    sources: dict[str, dict[str, str]],
    embeddings: tuple[np.ndarray, np.ndarray] | None = None,
    train_images: np.ndarray | None = None,
    test_images: np.ndarray | None = None,
    anomalies: np.ndarray | None = None,
    anomaly_images: np.ndarray | None = None,
    anomaly_labels: np.ndarray | None = None,
    other_sets: Mapping[str, np.ndarray] | None = None,
    own_map: tuple[str, np.ndarray] | None = None,
    attributes: Mapping[str, tuple[Sequence[str], np.ndarray, np.ndarray]] | None = None,
    layers: Callable[[], Section] | None = None,
    only: Collection[str] = SECTIONS,
    measured: JsonObject | None = None,
    projections: pd.DataFrame | None = None,
    on_stage: Callable[[str, int, int], None] = lambda label, done, total: None,
) -> Report:
    """Measure the representations of both splits.

    train, test: (N, D) and (M, D) float32; labels (N,), (M,) whole numbers into classes. embeddings: of both
    splits' images, (N, K) and (M, K), where there is an expander. train_images, test_images:
    uint8 (N, H, W, 3), (M, H, W, 3), for the questions about colour, which are left out without them. anomalies: (A, D),
    representations of anomaly_images (A, H, W, 3), of another data set, with labels (A,) of its own; without them there
    is no ROC. other_sets: name -> (S, D), representations of still other images, which are anomalies too. own_map: a name
    and (M, 2) coordinates, where the representations come with a map of their own. attributes: what else is known of the
    images, by name: the names of its values, and (N,), (M,) whole numbers into them. layers: measures every layer of the
    networks (`vicreg.evaluation.layers`), where there are networks. sources: where the pictures came from, copied into
    the metrics. only: names of SECTIONS, the others are left out. measured: an earlier report's metrics, where a section
    that is left out is looked up by one that quotes it; projections: its table of that name, where the maps are left out.
    on_stage("measuring", done, total) is called before each step.
    """
    from threadpoolctl import threadpool_info, threadpool_limits

    pooled = test_images
    if anomalies is not None:
        both = [images for images in (test_images, anomaly_images) if images is not None]
        pooled = np.concatenate(both) if len(both) == 2 else None
    metrics: JsonObject = {"sources": sources}
    tables: dict[str, pd.DataFrame] = {}
    colours = {"train_images": train_images, "test_images": test_images}
    sections: dict[str, Callable[[], Section]] = {
        "knn": lambda: knn(train, train_labels, test, test_labels),
        "probe": lambda: probe(train, train_labels, test, test_labels, classes=classes),
        "attributes": lambda: attributes_of(train, test, attributes or {}),
        "spectrum": lambda: spectrum_of(test),
        "retrieval": lambda: retrieval(train, test, test_labels, classes=classes, **colours),
        "projection": lambda: maps(test, test_labels, own_map=own_map),
        "map_choices": lambda: map_choices(
            test, test_labels, drawn=coordinates(tables.get("projections", projections))
        ),
        "anomaly": lambda: anomaly(train, test, test_labels, anomalies=anomalies, labels=anomaly_labels, images=pooled),
        "anomaly_sets": lambda: anomaly_sets(
            train,
            train_labels,
            test,
            test_labels,
            classes=classes,
            sets=other_sets or {},
            bank=embeddings is not None,
        ),
        "clusters": lambda: clusters(test, test_labels, classes=classes),
        "spaces": lambda: spaces(
            train, train_labels, test, test_labels, embeddings=embeddings, measured={**(measured or {}), **metrics}
        ),
        "layers": layers or (lambda: Section({}, {})),
    }
    names = [name for name in SECTIONS if name in only]
    threads = max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"), default=2)
    with threadpool_limits(limits=min(2, threads), user_api="openmp"):
        for number, name in enumerate(names):
            on_stage("measuring", number, len(names))
            section = sections[name]()
            metrics |= section.metrics
            tables |= section.tables
    on_stage("measuring", len(names), len(names))
    return Report(metrics=metrics, tables=tables)
