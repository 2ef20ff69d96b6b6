"""The section `probe`: the accuracy of a linear probe, overall and by class."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from vicreg.evaluation.probe import accuracy_interval, linear_probe
from vicreg.evaluation.report_sections.section import Section, by_class
from vicreg.storage.json_values import JsonObject

CONFUSED = 5  # pairs of classes in the list of the most confused


def probe(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray, *, classes: Sequence[str]
) -> Section:
    """The linear probe, the pairs of classes that it confuses most, and its prediction for every test image."""
    result = linear_probe(train, train_labels, test, test_labels)
    metrics = {
        "accuracy": 100 * result.accuracy,
        "interval": [100 * bound for bound in result.interval],
        "n": len(test),
        "per_class": by_class(classes, result.per_class),
        "confused": most_confused(result.confusion, classes),
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


def most_confused(confusion: np.ndarray, classes: Sequence[str]) -> list[JsonObject]:
    """The pairs of classes that are taken for each other most often, with the share of their images in percent.

    confusion: (C, C) counts of test images by true and predicted class. The interval is the bootstrap's, of that share.
    """
    each, pairs = confusion.sum(axis=1), []
    for i, j in combinations(range(len(classes)), 2):
        n, taken = max(1, int(each[i] + each[j])), int(confusion[i, j] + confusion[j, i])
        low, high = accuracy_interval(np.arange(n) < taken, rng=np.random.default_rng(0))
        pair: JsonObject = {"classes": [classes[i], classes[j]], "share": 100 * (taken / n)}
        pairs.append({**pair, "interval": [100 * low, 100 * high]})
    return sorted(pairs, key=lambda pair: -pair["share"])[:CONFUSED]
