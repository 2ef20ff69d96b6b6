"""The section `knn`: the accuracy of a vote of the nearest train images."""

from __future__ import annotations

import numpy as np

from vicreg.evaluation.knn import TEMPERATURE, K, knn_predict
from vicreg.evaluation.report_sections.section import Section, accuracy_of


def knn(train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray) -> Section:
    """The accuracy of a vote of the 20 nearest train images."""
    k = min(K, len(train))
    correct = knn_predict(train, train_labels, test, k=k) == test_labels
    protocol = f"weighted cosine kNN, k = {k}, temperature {TEMPERATURE}, {len(train):,} train images vote"
    return Section({"knn": {**accuracy_of(correct), "n": len(test), "protocol": protocol}}, {})
