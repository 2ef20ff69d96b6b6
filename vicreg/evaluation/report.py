"""The report of a run: every figure with its protocol and interval, and the tables that pages draw without any image.

Arrays in, a dict and frames out. `python -m vicreg evaluate` and the end of a training write them into the run's folder
as metrics.json and results/*.parquet. Everything is deterministic: the same arrays give the same report.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vicreg.evaluation.neighbours import nearest_and_farthest
from vicreg.evaluation.probe import knn_accuracy, linear_probe
from vicreg.evaluation.projection import map_quality, pca, tsne
from vicreg.evaluation.spectrum import spectrum

KNN = 20
LISTED = 10  # nearest and farthest pictures kept for each query
METRICS = ("cosine", "euclidean")
STEPS = ("kNN", "probe", "spectrum", "neighbours", "PCA", "t-SNE", "maps")


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
    on_stage: Callable[[str, int, int], None] = lambda label, done, total: None,
) -> Report:
    """Measure the representations of both splits.

    train, test: (N, 512) and (M, 512) float32; labels (N,), (M,) whole numbers into classes. sources: where the
    pictures came from, copied into the metrics. on_stage("measuring", done, total) is called before each step.
    """

    def step(name: str) -> None:
        on_stage("measuring", STEPS.index(name), len(STEPS))

    step("kNN")
    k = min(KNN, len(train))
    knn = 100 * float(knn_accuracy(train, train_labels, test, test_labels, k=k))
    step("probe")
    probe = linear_probe(train, train_labels, test, test_labels)
    step("spectrum")
    values = spectrum(test)
    step("neighbours")
    listed = min(LISTED, len(test) - 1)
    found = {metric: nearest_and_farthest(test, test, k=listed, metric=metric, exclude_self=True) for metric in METRICS}
    step("PCA")
    linear = pca(test)
    step("t-SNE")
    flat = {"pca": linear.coordinates, "tsne": tsne(test)}
    step("maps")
    quality = {name: map_quality(test, places, test_labels, k=listed) for name, places in flat.items()}
    five = found["cosine"].nearest[:, :5]
    same = 100 * float((test_labels[five] == test_labels[:, None]).mean())
    on_stage("measuring", len(STEPS), len(STEPS))

    metrics = {
        "sources": sources,
        "probe": {
            "accuracy": 100 * probe.accuracy,
            "interval": [100 * probe.interval[0], 100 * probe.interval[1]],
            "n": len(test),
            "per_class": {name: 100 * float(value) for name, value in zip(classes, probe.per_class, strict=True)},
            "strength": probe.strength,
            "protocol": (
                f"multinomial logistic regression on standardised representations of {len(train):,} train images, "
                "strength chosen on a held-out tenth; 95 % bootstrap interval over test images"
            ),
        },
        "knn": {
            "accuracy": knn,
            "n": len(test),
            "protocol": f"weighted cosine kNN, k = {k}, temperature 0.07, {len(train):,} train images vote",
        },
        "spectrum": {
            "effective_rank": float(values.effective_rank),
            "n": len(test),
            "protocol": "exponential of the entropy of the singular values of the centred test representations",
        },
        "retrieval": {
            "nearest_5_same_class": same,
            "n": len(test),
            "protocol": "share of the five nearest other test images (cosine) that have the query's class",
        },
        "projection": {
            "full": {"knn_accuracy": 100 * quality["pca"].full_knn_accuracy},
            "pca": {
                **_quality(quality["pca"]),
                "explained_variance": [float(share) for share in linear.explained_variance_ratio],
            },
            "tsne": _quality(quality["tsne"]),
            "n": len(test),
            "protocol": (
                f"All {len(test):,} test images. PCA of the representations; t-SNE (perplexity 30, started from PCA) of "
                "their first 50 principal components. Accuracy: majority of the 10 nearest other points. Kept: share of "
                "the 10 nearest in representation space (Euclidean) that are among the 10 nearest on the map."
            ),
        },
    }
    tables = {
        "projections": pd.DataFrame(
            {
                "index": np.arange(len(test), dtype=np.int32),
                "label": test_labels.astype(np.int8),
                **{
                    f"{name}_{axis}": coordinates[:, i].astype(np.float32)
                    for name, coordinates in flat.items()
                    for i, axis in enumerate("xy")
                },
                **{f"{name}_kept": result.kept_per_point.astype(np.float32) for name, result in quality.items()},
            }
        ),
        "neighbours": pd.concat([_neighbours(metric, result) for metric, result in found.items()], ignore_index=True),
        "spectrum": pd.DataFrame(
            {
                "dimension": np.arange(1, len(values.singular_values) + 1, dtype=np.int32),
                "singular_value": values.singular_values.astype(np.float32),
                "standard_deviation": values.standard_deviations.astype(np.float32),
            }
        ),
        "confusion": pd.DataFrame(
            [
                {"class": classes[i], "predicted": classes[j], "count": int(probe.confusion[i, j])}
                for i in range(len(classes))
                for j in range(len(classes))
            ]
        ),
        "predictions": pd.DataFrame(
            {
                "index": np.arange(len(test), dtype=np.int32),
                "label": test_labels.astype(np.int8),
                "predicted": probe.predicted.astype(np.int8),
                "probability": probe.probability.astype(np.float32),
            }
        ),
    }
    return Report(metrics=metrics, tables=tables)


def _quality(result: Any) -> dict[str, float]:
    return {"knn_accuracy": 100 * float(result.knn_accuracy), "neighbours_kept": 100 * float(result.kept)}


def _neighbours(metric: str, found: Any) -> pd.DataFrame:
    """A row a query and rank: the nearest and the farthest at that rank, with their distances."""
    count, k = found.nearest.shape
    return pd.DataFrame(
        {
            "metric": pd.Categorical([metric] * (count * k), categories=list(METRICS)),
            "query": np.repeat(np.arange(count, dtype=np.int32), k),
            "rank": np.tile(np.arange(1, k + 1, dtype=np.int8), count),
            "nearest": found.nearest.reshape(-1).astype(np.int32),
            "nearest_distance": found.nearest_distances.reshape(-1).astype(np.float32),
            "farthest": found.farthest.reshape(-1).astype(np.int32),
            "farthest_distance": found.farthest_distances.reshape(-1).astype(np.float32),
        }
    )
