"""The report of a run: every figure with its protocol and interval, and the tables that pages draw without any image.

Arrays in, a dict and frames out. `python -m vicreg evaluate` and the end of a training write them into the run's folder
as metrics.json and results/*.parquet. Everything is deterministic: the same arrays give the same report, byte for byte
on one machine: scikit-learn's OpenMP loops get at most two threads, whose sums have only one order to be added in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vicreg.evaluation import sections
from vicreg.evaluation.spaces import spaces

STEPS = ("kNN", "probe", "attributes", "spectrum", "retrieval", "maps", "anomalies", "clusters", "spaces")


@dataclass(frozen=True)
class Report:
    """metrics: plain JSON values. tables: name -> frame, as results/<name>.parquet holds them."""

    metrics: dict[str, Any]
    tables: dict[str, pd.DataFrame]


def evaluate(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    *,
    classes: Sequence[str],
    sources: dict[str, Any],
    embeddings: tuple[np.ndarray, np.ndarray] | None = None,
    train_images: np.ndarray | None = None,
    test_images: np.ndarray | None = None,
    anomalies: np.ndarray | None = None,
    anomaly_images: np.ndarray | None = None,
    anomaly_labels: np.ndarray | None = None,
    own_map: tuple[str, np.ndarray] | None = None,
    attributes: Mapping[str, tuple[Sequence[str], np.ndarray, np.ndarray]] | None = None,
    on_stage: Callable[[str, int, int], None] = lambda label, done, total: None,
) -> Report:
    """Measure the representations of both splits.

    train, test: (N, D) and (M, D) float32; labels (N,), (M,) whole numbers into classes. embeddings: of both
    splits' images, (N, K) and (M, K), where there is an expander. train_images, test_images:
    uint8 (N, H, W, 3), (M, H, W, 3), for the questions about colour, which are left out without them. anomalies: (A, D),
    representations of anomaly_images (A, H, W, 3), of another data set, with labels (A,) of its own; without them there
    is no ROC. own_map: a name and (M, 2) coordinates, where the representations come with a map of their own. attributes:
    what else is known of the images, by name: the names of its values, and (N,), (M,) whole numbers into them. sources:
    where the pictures came from, copied into the metrics. on_stage("measuring", done, total) is called before each step.
    """
    from threadpoolctl import threadpool_info, threadpool_limits

    pooled = test_images
    if anomalies is not None:
        both = (test_images, anomaly_images)
        pooled = None if any(images is None for images in both) else np.concatenate(both)
    metrics: dict[str, Any] = {"sources": sources}
    tables: dict[str, pd.DataFrame] = {}

    def steps() -> Any:
        yield sections.knn(train, train_labels, test, test_labels)
        yield sections.probe(train, train_labels, test, test_labels, classes=classes)
        yield sections.attributes(train, test, attributes or {})
        yield sections.spectrum_of(test)
        yield sections.retrieval(
            train, test, test_labels, classes=classes, train_images=train_images, test_images=test_images
        )
        yield sections.maps(test, test_labels, own_map=own_map)
        yield sections.anomaly(train, test, test_labels, anomalies=anomalies, labels=anomaly_labels, images=pooled)
        yield sections.clusters(test, test_labels, classes=classes)
        yield spaces(train, train_labels, test, test_labels, embeddings=embeddings, measured=metrics)

    threads = max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"), default=2)
    with threadpool_limits(limits=min(2, threads), user_api="openmp"):
        running = steps()
        for number in range(len(STEPS)):
            on_stage("measuring", number, len(STEPS))
            section = next(running)
            metrics |= section.metrics
            tables |= section.tables
    on_stage("measuring", len(STEPS), len(STEPS))
    return Report(metrics=metrics, tables=tables)
