"""How anomalous test images and images of another data set are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vicreg.evaluation import anomaly_score as anomalous
from vicreg.evaluation.sections.section import Section
from vicreg.storage.json_values import JsonObject

EXTREME = 100  # most anomalous images listed
ALIKE = 7  # of which the study looked at so many


def anomaly(
    train: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    *,
    anomalies: np.ndarray | None,
    images: np.ndarray | None,
    labels: np.ndarray | None = None,
) -> Section:
    """Anomaly scores of test images and anomalies under every setting that a page offers; ROC under two of them.

    labels: of the anomalies, in their own data set (-1 without). images: of the test split and the anomalies after them,
    for how alike the most anomalous are.
    """
    depth = min(max(scoring.k for scoring in anomalous.OFFERED), len(train))
    columns: dict[str, np.ndarray] = {}
    metrics: JsonObject = {}
    queries = test if anomalies is None else np.concatenate([test, anomalies])
    distances = {
        normalise: anomalous.nearest_distances(queries, train, k=depth, normalise=normalise)
        for normalise in (False, True)
    }
    for scoring in anomalous.OFFERED:
        columns[scoring.column] = anomalous.reduce_distances(
            distances[scoring.normalise], k=min(scoring.k, depth), reduction=scoring.reduction
        )
    roc_rows = []
    for name, scoring in anomalous.KNOWN.items():
        scores = columns[scoring.column]
        order = anomalous.ranking(scores)
        metrics[name] = {"column": scoring.column, "most": [int(row) for row in order[:EXTREME]]}
        if images is not None:
            metrics[name]["alike"] = _alike(images, order[:ALIKE])
        if anomalies is not None:
            curve = anomalous.roc(scores[: len(test)], scores[len(test) :])
            metrics[name] |= {
                "auroc": float(curve.auroc),
                "interval": [float(bound) for bound in curve.interval],
                "fpr_at_95_tpr": float(curve.fpr_at_95_tpr),
            }
            roc_rows.append(
                pd.DataFrame(
                    {
                        "setting": name,
                        "false_positive_rate": curve.false_positive_rate.astype(np.float32),
                        "true_positive_rate": curve.true_positive_rate.astype(np.float32),
                    }
                )
            )
    metrics |= {
        "n": len(test),
        "n_anomalies": 0 if anomalies is None else len(anomalies),
        "protocol": (
            f"Distance to the nearest of {len(train):,} train representations. Study: mean of the 2 nearest, not "
            "normalised. Field: to the 50th nearest, representations scaled to length 1. AUROC: anomalies against all test "
            "images, anomalies positive; 95 % bootstrap interval over images of both. Most: rows of the most anomalous, test "
            f"images first, anomalies after them. Alike: mean pixel distance among the {ALIKE} most anomalous, over that of "
            "random pairs."
        ),
    }
    count = len(queries) - len(test)
    table = pd.DataFrame(
        {
            "anomaly": np.repeat([False, True], [len(test), count]),
            "index": np.concatenate([np.arange(len(test)), np.arange(count)]).astype(np.int32),
            "label": np.concatenate([test_labels, np.full(count, -1) if labels is None else labels]).astype(np.int8),
            **{name: scores.astype(np.float16) for name, scores in columns.items()},
        }
    )
    tables = {"anomaly": table}
    if roc_rows:
        tables["roc"] = pd.concat(roc_rows, ignore_index=True)
    return Section({"anomaly": metrics}, tables)


def _alike(images: np.ndarray, rows: np.ndarray) -> float:
    """Mean pixel distance among some images over that of random pairs: 1 is chance, 0 all the same image."""
    rng = np.random.default_rng(0)
    left, right = rng.integers(len(images), size=(2, 2_000))
    keep = left != right

    def distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        difference = images[one].astype(np.float32) - images[other]
        return np.sqrt((difference**2).mean(axis=(1, 2, 3)))

    i, j = np.triu_indices(len(rows), k=1)
    return float(distances(rows[i], rows[j]).mean() / distances(left[keep], right[keep]).mean())
