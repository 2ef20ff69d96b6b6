"""The class of an image by a vote of its nearest train images (kNN).

    class of y = argmax_c  sum over the k nearest train y_j of class c of  exp(cos(y, y_j) / temperature)

The vote is that of Wu et al. 2018, section 3.4; DINO and lightly use it, too.
"""

from __future__ import annotations

import numpy as np

from vicreg.evaluation.array_checks import checked_labels
from vicreg.evaluation.neighbours import nearest

K = 20
TEMPERATURE = 0.07


def knn_predict(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, *, k: int = K, temperature: float = TEMPERATURE
) -> np.ndarray:
    """The class with the most votes among the k nearest train images (cosine). A vote's weight is exp(cos / temperature).

    train: (n, D), test: (N, D), train_labels: (n,) whole numbers from 0. Returns (N,) int64; a tie goes to the lower class.
    Raises ValueError unless 1 <= k <= n and temperature > 0.
    """
    train_labels = checked_labels(train_labels, len(train), "train_labels")
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    found = nearest(test, train, k=k, metric="cosine")
    closest = found.distances[:, :1].astype(np.float64)
    votes = np.exp((closest - found.distances) / temperature)  # (N, k), the nearest votes 1: no overflow
    classes = int(train_labels.max()) + 1
    ballot = np.arange(len(votes))[:, None] * classes + train_labels[found.indices]
    tally = np.bincount(ballot.ravel(), weights=votes.ravel(), minlength=len(votes) * classes)
    return tally.reshape(-1, classes).argmax(axis=1)


def knn_accuracy(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    *,
    k: int = K,
    temperature: float = TEMPERATURE,
) -> float:
    """The share of test images, 0 to 1, that `knn_predict` classifies correctly."""
    test_labels = checked_labels(test_labels, len(test), "test_labels")
    return float((knn_predict(train, train_labels, test, k=k, temperature=temperature) == test_labels).mean())
