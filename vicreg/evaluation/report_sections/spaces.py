"""The section `spaces`: representations y and embeddings z side by side. Where does a collapse show, what can a probe read?

The loss acts on z; everything else is measured on y. Without the variance term z is nearly a point, while a probe of
standardised y still tells classes apart. The standard deviations of such a y may come from a few images far from all others,
so we also report how far the typical image spreads. The study's probe does not standardise, so we report it as well:

    study probe   a linear layer on y as it is, cross-entropy, Adam with rate 3e-4, batches of 32, 10 epochs
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from vicreg.evaluation.array_checks import checked
from vicreg.evaluation.knn import K, knn_predict
from vicreg.evaluation.probe import accuracy_interval, linear_probe
from vicreg.evaluation.report_sections.section import Section
from vicreg.evaluation.space_tables import covariances, embedding_points
from vicreg.evaluation.spectrum import Spectrum, spectrum, typical_deviations
from vicreg.storage.json_values import JsonObject

RATE, BATCH, EPOCHS = 3e-4, 32, 10  # the study's probe
BETAS, EPS = (0.9, 0.999), 1e-8  # Adam's own defaults


def spaces(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    *,
    embeddings: tuple[np.ndarray, np.ndarray] | None,
    measured: Mapping[str, JsonObject],
) -> Section:
    """The spread, effective rank, probes and kNN of y, and of z if there is an expander.

    train, test: (N, width) and (M, width) representations with labels (N,), (M,). embeddings: (N, D) and (M, D), of the same
    images in the same order. measured: metrics with the sections `probe` and `knn` of y, which are not computed again.
    """
    y = {name: {key: measured[name][key] for key in ("accuracy", "interval")} for name in ("probe", "knn")}
    found = {"y": _space(train, train_labels, test, test_labels, spectrum(test), **y)}
    tables = {}
    if embeddings is not None:
        of_train, of_test = embeddings
        values = spectrum(of_test)
        result = linear_probe(of_train, train_labels, of_test, test_labels)
        correct = knn_predict(of_train, train_labels, of_test, k=min(K, len(of_train))) == test_labels
        found["z"] = _space(
            of_train,
            train_labels,
            of_test,
            test_labels,
            values,
            probe={"accuracy": 100 * result.accuracy, "interval": [100 * bound for bound in result.interval]},
            knn=_share(correct),
        )
        tables["covariances"] = covariances({"y": test, "z": of_test})
        tables["embedding_points"] = embedding_points(of_test)
        tables["embedding_spectrum"] = pd.DataFrame(
            {
                "dimension": np.arange(1, len(values.singular_values) + 1, dtype=np.int32),
                "singular_value": values.singular_values.astype(np.float32),
                "standard_deviation": values.standard_deviations.astype(np.float32),
            }
        )
    metrics = {
        **found,
        "n": len(test),
        "protocol": (
            "y: representations, z: embeddings of the test images as they are, both networks in eval mode. Spread: standard "
            "deviation of each dimension over test images; typical: interquartile range / 1.349, median over dimensions. "
            "Probe and kNN as measured elsewhere in this file. Study probe: a linear layer on values as they are, Adam "
            f"with rate {RATE:g}, batches of {BATCH}, {EPOCHS} epochs of {len(train):,} train images. 95 % "
            "bootstrap intervals over test images."
        ),
    }
    return Section({"spaces": metrics}, tables)


def study_probe(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, *, epochs: int = EPOCHS, seed: int = 0
) -> np.ndarray:
    """The class that the study's probe predicts for each test image: (N, D), (N,), (M, D) -> (M,) int64.

    A linear layer with uniform initial weights, +-1/sqrt(D), trained by Adam on the cross-entropy of shuffled batches. Values
    are not standardised: if they hardly differ between images, so few steps with so small a rate learn little.
    """
    train, test = checked(train, name="train").astype(np.float32), checked(test, name="test").astype(np.float32)
    rng = np.random.default_rng(seed)
    classes = int(train_labels.max()) + 1
    bound = 1 / np.sqrt(train.shape[1])
    # The last column is the bias: the weight of a constant 1.
    train, test = (np.column_stack([array, np.ones(len(array), np.float32)]) for array in (train, test))
    weights = rng.uniform(-bound, bound, (classes, train.shape[1])).astype(np.float32)
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    targets = np.eye(classes, dtype=np.float32)[train_labels]
    step = 0
    for _ in range(epochs):
        order = rng.permutation(len(train))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            batch = train[rows]
            logits = batch @ weights.T  # (B, C)
            logits -= logits.max(axis=1, keepdims=True)
            np.exp(logits, out=logits)
            logits /= logits.sum(axis=1, keepdims=True)
            gradient = (logits - targets[rows]).T @ batch / len(rows)  # (C, D + 1)
            step += 1
            mean += (1 - BETAS[0]) * (gradient - mean)
            square += (1 - BETAS[1]) * (gradient * gradient - square)
            rate = RATE / (1 - BETAS[0] ** step)
            weights -= rate * mean / (np.sqrt(square / (1 - BETAS[1] ** step)) + EPS)
    return (test @ weights.T).argmax(axis=1)


def _space(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    values: Spectrum,
    **figures: JsonObject,
) -> JsonObject:
    spread = values.standard_deviations
    return {
        "dimensions": test.shape[1],
        "std": {"least": float(spread.min()), "median": float(np.median(spread)), "most": float(spread.max())},
        "typical_std": float(np.median(typical_deviations(test))),
        "effective_rank": float(values.effective_rank),
        **figures,
        "study_probe": _share(study_probe(train, train_labels, test) == test_labels),
    }


def _share(correct: np.ndarray) -> JsonObject:
    """The accuracy of (M,) bool in percent, with its interval."""
    interval = accuracy_interval(correct, rng=np.random.default_rng(0))
    return {"accuracy": 100 * float(correct.mean()), "interval": [100 * bound for bound in interval]}
