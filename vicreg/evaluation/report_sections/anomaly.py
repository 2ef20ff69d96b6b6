"""The section `anomaly`: how anomalous test images and images of another data set are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vicreg.evaluation.anomaly_score import KNOWN, OFFERED, Roc, nearest_distances, ranking, reduce_distances, roc
from vicreg.evaluation.report_sections.section import Section
from vicreg.storage.json_values import JsonObject

EXTREME = 100  # images in the list of the most anomalous
ALIKE = 7  # the most anomalous images, as many as the study looked at


def anomaly(
    train: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    *,
    anomalies: np.ndarray | None,
    images: np.ndarray | None,
    labels: np.ndarray | None = None,
) -> Section:
    """Anomaly scores of test images and anomalies under every scoring that a page offers; ROC under those of KNOWN.

    labels: of the anomalies, in their own data set (-1 if not given). images: the test images, then those of the
    anomalies, to measure how similar the most anomalous are.
    """
    queries = test if anomalies is None else np.concatenate([test, anomalies])
    scores = _scores(train, queries)
    figures: JsonObject = {}
    curves = []
    for name, scoring in KNOWN.items():
        of = scores[scoring.column]
        order = ranking(of)
        figures[name] = {"column": scoring.column, "most": [int(row) for row in order[:EXTREME]]}
        if images is not None:
            figures[name]["alike"] = _alike(images, order[:ALIKE])
        if anomalies is not None:
            curve = roc(of[: len(test)], of[len(test) :])
            figures[name] |= {
                "auroc": float(curve.auroc),
                "interval": [float(bound) for bound in curve.interval],
                "fpr_at_95_tpr": float(curve.fpr_at_95_tpr),
            }
            curves.append(_curve_table(name, curve))
    count = len(queries) - len(test)
    figures |= {"n": len(test), "n_anomalies": count, "protocol": _protocol(len(train))}
    table = pd.DataFrame(
        {
            "anomaly": np.repeat([False, True], [len(test), count]),
            "index": np.concatenate([np.arange(len(test)), np.arange(count)]).astype(np.int32),
            "label": np.concatenate([test_labels, np.full(count, -1) if labels is None else labels]).astype(np.int8),
            **{column: of.astype(np.float16) for column, of in scores.items()},
        }
    )
    tables = {"anomaly": table}
    if curves:
        tables["roc"] = pd.concat(curves, ignore_index=True)
    return Section({"anomaly": figures}, tables)


def _scores(train: np.ndarray, queries: np.ndarray) -> dict[str, np.ndarray]:
    """The scores (n,) of all queries under every scoring of OFFERED, by its column."""
    depth = min(max(scoring.k for scoring in OFFERED), len(train))
    distances = {
        normalise: nearest_distances(queries, train, k=depth, normalise=normalise) for normalise in (False, True)
    }
    return {
        scoring.column: reduce_distances(
            distances[scoring.normalise], k=min(scoring.k, depth), reduction=scoring.reduction
        )
        for scoring in OFFERED
    }


def _curve_table(name: str, curve: Roc) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "setting": name,
            "false_positive_rate": curve.false_positive_rate.astype(np.float32),
            "true_positive_rate": curve.true_positive_rate.astype(np.float32),
        }
    )


def _protocol(train_images: int) -> str:
    return (
        f"Distance to the nearest of {train_images:,} train representations. Study: mean of the 2 nearest, not "
        "normalised. Field: to the 50th nearest, representations scaled to length 1. AUROC: anomalies against all test "
        "images, anomalies positive; 95 % bootstrap interval over images of both. Most: rows of the most anomalous, test "
        f"images first, anomalies after them. Alike: mean pixel distance among the {ALIKE} most anomalous, over that of "
        "random pairs."
    )


def _alike(images: np.ndarray, rows: np.ndarray) -> float:
    """The mean pixel distance among some images, divided by that of random pairs: 1 is chance; 0: all are the same image."""
    rng = np.random.default_rng(0)
    left, right = rng.integers(len(images), size=(2, 2_000))
    keep = left != right

    def distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        difference = images[one].astype(np.float32) - images[other]
        return np.sqrt((difference**2).mean(axis=(1, 2, 3)))

    i, j = np.triu_indices(len(rows), k=1)
    return float(distances(rows[i], rows[j]).mean() / distances(left[keep], right[keep]).mean())
