"""The section `clusters`: k-means clusters, compared with the classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from vicreg.evaluation.clustering import cluster
from vicreg.evaluation.report_sections.section import Section

SILHOUETTE = 2_000  # test images, to measure it on


def clusters(test: np.ndarray, test_labels: np.ndarray, *, classes: Sequence[str]) -> Section:
    """k-means with as many centres as classes, compared with the classes. k-means does not see the labels."""
    count = min(len(classes), len(test))
    found = cluster(test, test_labels, clusters=count, silhouette_sample=min(SILHOUETTE, len(test)))
    metrics = {
        "accuracy": 100 * found.accuracy,
        "interval": [100 * float(bound) for bound in found.accuracy_interval],
        "nmi": float(found.nmi),
        "ari": float(found.ari),
        "silhouette": float(found.silhouette),
        "silhouette_n": int(found.silhouette_n),
        "matching": [int(label) for label in found.matching],
        "n": len(test),
        "protocol": (
            f"k-means with {len(found.matching)} centres on all {len(test):,} test representations as they are. Accuracy "
            "under the best one-to-one matching of clusters to classes, 95 % bootstrap interval over images; "
            f"silhouette (Euclidean) on a random sample of {found.silhouette_n:,}."
        ),
    }
    table = pd.DataFrame(
        {
            "index": np.arange(len(test), dtype=np.int32),
            "label": test_labels.astype(np.int8),
            "cluster": found.assignment.astype(np.int8),
            "distance": found.distances.astype(np.float16),
        }
    )
    return Section({"clusters": metrics}, {"clusters": table})
