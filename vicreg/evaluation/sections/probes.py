"""What a vote of neighbours and a linear probe read from a representation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from vicreg.evaluation.neighbours import nearest
from vicreg.evaluation.probe import knn_predict, linear_probe
from vicreg.evaluation.sections.section import Section, accuracy_of, by_class

KNN = 20
FEW = 5  # of which the study looked at so many
CONFUSED = 5  # pairs of classes named


def knn(train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray) -> Section:
    """The vote of the 20 nearest train images."""
    k = min(KNN, len(train))
    correct = knn_predict(train, train_labels, test, k=k) == test_labels
    protocol = f"weighted cosine kNN, k = {k}, temperature 0.07, {len(train):,} train images vote"
    return Section({"knn": {**accuracy_of(correct), "n": len(test), "protocol": protocol}}, {})


def probe(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray, *, classes: Sequence[str]
) -> Section:
    """The linear probe, the pairs of classes that it confuses most, and what it says of every test image."""
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


def attributes_of(
    train: np.ndarray, test: np.ndarray, known: Mapping[str, tuple[Sequence[str], np.ndarray, np.ndarray]]
) -> Section:
    """Everything else that is known of the images: what a linear probe reads of it, and whether near images share it.

    known: name -> (names of its values, train's, test's).
    """
    found = {}
    for what, (values, train_values, test_values) in known.items():
        result = linear_probe(train, train_values, test, test_values)
        near = nearest(test, test, k=min(FEW, len(test) - 1), metric="cosine", exclude_self=True).indices
        same = (test_values[near] == test_values[:, None]).mean(axis=1)  # (M,)
        half = 1.96 * same.std() / np.sqrt(len(same))
        found[what] = {
            "accuracy": 100 * result.accuracy,
            "interval": [100 * bound for bound in result.interval],
            "n": len(test),
            "chance": 100 / len(values),
            "per_class": by_class(values, result.per_class),
            "nearest_5_same": 100 * float(same.mean()),
            "nearest_5_interval": [100 * float(same.mean() - half), 100 * float(same.mean() + half)],
            "protocol": f"the linear probe's protocol, for {what}: {', '.join(values)}",
        }
    return Section({"attributes": found} if found else {}, {})
