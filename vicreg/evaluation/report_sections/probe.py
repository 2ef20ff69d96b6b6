"""The section `probe`: the accuracy of a linear probe, overall and by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from vicreg.evaluation.probe import linear_probe
from vicreg.evaluation.report_sections.section import Section, by_class

CONFUSED = 5  # pairs of classes in the list of the most confused


def probe(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray, *, classes: Sequence[str]
) -> Section:
    """The linear probe, the pairs of classes that it confuses most, and its prediction for every test image."""
    result = linear_probe(train, train_labels, test, test_labels)
    each = result.confusion.sum(axis=1)
    pairs = []
    for i in range(len(classes)):
        for j in range(i + 1, len(classes)):
            n = int(each[i] + each[j])
            share = float(result.confusion[i, j] + result.confusion[j, i]) / max(1, n)
            half = 1.96 * np.sqrt(share * (1 - share) / max(1, n))
            pairs.append((share, half, [classes[i], classes[j]]))
    pairs.sort(key=lambda pair: -pair[0])
    metrics = {
        "accuracy": 100 * result.accuracy,
        "interval": [100 * bound for bound in result.interval],
        "n": len(test),
        "per_class": by_class(classes, result.per_class),
        "confused": [
            {"classes": names, "share": 100 * share, "interval": [100 * (share - half), 100 * (share + half)]}
            for share, half, names in pairs[:CONFUSED]
        ],
        "strength": result.strength,
        "protocol": (
            f"multinomial logistic regression on standardised representations of {len(train):,} train images, "
            "strength chosen on a held-out tenth; 95 % bootstrap interval over test images"
        ),
    }
    count = range(len(classes))
    confusion = pd.DataFrame(
        [
            {"class": classes[i], "predicted": classes[j], "count": int(result.confusion[i, j])}
            for i in count
            for j in count
        ]
    )
    predictions = pd.DataFrame(
        {
            "index": np.arange(len(test), dtype=np.int32),
            "label": test_labels.astype(np.int8),
            "predicted": result.predicted.astype(np.int8),
            "probability": result.probability.astype(np.float32),
        }
    )
    return Section({"probe": metrics}, {"confusion": confusion, "predictions": predictions})
