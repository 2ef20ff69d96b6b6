"""The section `anomaly_sets`: AUROC against other data sets, against noise, and for each class left out of the search.

    other sets   score(x) against all train representations; the images of the set are the anomalies
    left out     score(x) against the train representations without class c; the test images of c are the anomalies,
                 those of the other classes are normal

One search serves both: we find the nearest train images of a test image within each class, and then merge the lists of the
classes that remain. The network was trained on every class, so a class is only left out of the search. Ahmed and Courville
("Detecting semantic anomalies", 2020) leave it out of the training, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from vicreg.evaluation.anomaly_bank import bank_error, bank_tables, make_bank, with_scale
from vicreg.evaluation.anomaly_score import KNOWN, OFFERED, Scoring, nearest_distances, reduce_distances
from vicreg.evaluation.report_sections.section import Section
from vicreg.storage.json_values import JsonObject

SAMPLE = 2_000  # test images that are scored: the first of the split
DEPTH = max(scoring.k for scoring in OFFERED)
SET, CLASS = "set", "class"  # kinds of anomalies in the table


def anomaly_sets(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    *,
    classes: Sequence[str],
    sets: Mapping[str, np.ndarray],
    bank: bool = True,
) -> Section:
    """The AUROC of every scoring that a page offers, for each set of anomalies and each class left out.

    train, test: (N, D) and (M, D) representations with labels (N,), (M,). sets: name -> (A, D), representations of other
    images. bank: also make the bank that scores a picture without the train images (`anomaly_bank`); useful only if there is
    an encoder.
    """
    test, test_labels = test[:SAMPLE], test_labels[:SAMPLE]
    count = len(classes)
    normal, others = {}, {}  # by normalise: distances within each class (M, C, K), and of each set (A, K)
    for normalise in (False, True):
        normal[normalise] = _within_classes(test, train, train_labels, count, normalise=normalise)
        others[normalise] = {
            name: nearest_distances(found, train, k=min(DEPTH, len(train)), normalise=normalise)
            for name, found in sets.items()
        }
    rows = []
    whole = {scoring.column: _scores(_merged(normal[scoring.normalise]), scoring) for scoring in OFFERED}
    far = {
        scoring.column: {name: _scores(found, scoring) for name, found in others[scoring.normalise].items()}
        for scoring in OFFERED
    }
    for scoring in OFFERED:
        for name, scores in far[scoring.column].items():
            rows.append(_row(SET, name, scoring, whole[scoring.column], scores))
    for label in np.unique(test_labels):
        kept = [other for other in range(count) if other != label]
        merged = {normalise: _merged(normal[normalise][:, kept]) for normalise in (False, True)}
        own = test_labels == label
        if own.all() or not np.isfinite(merged[False][:, 0]).all():  # no other class to compare with
            continue
        for scoring in OFFERED:
            scores = _scores(merged[scoring.normalise], scoring)
            rows.append(_row(CLASS, classes[label], scoring, scores[~own], scores[own]))
    table = pd.DataFrame(rows)
    metrics = {
        "sets": {name: len(found) for name, found in sets.items()},
        "n": len(test),
        "mean_left_out": {
            name: float(table[(table["kind"] == CLASS) & (table["setting"] == scoring.column)]["auroc"].mean())
            for name, scoring in KNOWN.items()
            if (table["kind"] == CLASS).any()
        },
        "protocol": (
            f"The first {len(test):,} test images are normal. Sets: scored against all {len(train):,} train representations. "
            "Left out: scored against the train representations without that class, whose test images are the anomalies and "
            "those of the other classes normal; the network was trained on every class. 95 % intervals over images of both, "
            "by DeLong's variance."
        ),
    }
    tables = {"anomaly_sets": table}
    if bank:
        metrics["bank"], more = _bank(train, test, sets, whole, far)
        tables |= more
    return Section({"anomaly_sets": metrics}, tables)


def _bank(
    train: np.ndarray,
    test: np.ndarray,
    sets: Mapping[str, np.ndarray],
    whole: Mapping[str, np.ndarray],
    far: Mapping[str, Mapping[str, np.ndarray]],
) -> tuple[JsonObject, dict[str, pd.DataFrame]]:
    """The bank's figures and tables. Its scale comes from every second image, and its error from the others.

    whole, far: exact scores by column, of test and of each set.
    """
    strangers = np.concatenate([np.zeros((0, train.shape[1]), np.float32), *sets.values()])
    exact = {
        column: (scores, np.concatenate([np.zeros(0, np.float32), *far[column].values()]))
        for column, scores in whole.items()
    }
    found = with_scale(
        make_bank(train),
        np.concatenate([test[::2], strangers[::2]]),
        {column: np.concatenate([scores[::2], others[::2]]) for column, (scores, others) in exact.items()},
    )
    held_out = {column: (scores[1::2], others[1::2]) for column, (scores, others) in exact.items()}
    rows, dimensions = found.codes.shape
    figures = {
        "rows": rows,
        "dimensions": dimensions,
        "of": len(train),
        "step": found.step,
        **bank_error(found, test[1::2], strangers[1::2], held_out),
        "protocol": (
            f"{rows:,} of {len(train):,} train representations in {dimensions} principal components of 8 bits, with the "
            "length of the rest. Scores are set to the exact ones' scale by 41 quantiles of every second image; the error "
            "is measured on the others, against all train representations. Place: how far an image moves among test "
            "images, in percentage points, the median and the bound of 95 %."
        ),
    }
    return figures, bank_tables(found)


def _within_classes(
    queries: np.ndarray, train: np.ndarray, labels: np.ndarray, classes: int, *, normalise: bool
) -> np.ndarray:
    """The distances to the nearest train images of each class: (Q, C, K), rising; infinite if the class has fewer than K."""
    found = np.full((len(queries), classes, DEPTH), np.inf, dtype=np.float32)
    for label in range(classes):
        gallery = train[labels == label]
        if len(gallery):
            k = min(DEPTH, len(gallery))
            found[:, label, :k] = nearest_distances(queries, gallery, k=k, normalise=normalise)
    return found


def _merged(distances: np.ndarray) -> np.ndarray:
    """The nearest of several classes' lists: (Q, C, K) -> (Q, K), rising."""
    flat = distances.reshape(len(distances), -1)
    k = distances.shape[2]
    return np.sort(np.partition(flat, k - 1, axis=1)[:, :k], axis=1)


def _scores(distances: np.ndarray, scoring: Scoring) -> np.ndarray:
    """Scores from distances (Q, K), rising. If there are fewer than k, the last one counts as the k-th."""
    finite = int(np.isfinite(distances).all(axis=0).sum())
    return reduce_distances(distances[:, :finite], k=min(scoring.k, finite), reduction=scoring.reduction)


def _row(kind: str, name: str, scoring: Scoring, normal: np.ndarray, anomalies: np.ndarray) -> dict[str, object]:
    value, low, high = auroc(normal, anomalies)
    return {
        **{"kind": kind, "name": name, "setting": scoring.column},
        **{"auroc": value, "low": low, "high": high},
        **{"n_normal": len(normal), "n_anomalies": len(anomalies)},
    }


def auroc(normal: np.ndarray, anomalies: np.ndarray) -> tuple[float, float, float]:
    """The AUROC of scores (N,) and (M,) and its 95 % interval by DeLong's variance; cheaper than `roc`'s bootstrap.

    For each image, we take the share of the other group against which it is ranked correctly; the variance is that of
    these shares. DeLong divides by one less than the number of images: with 100, intervals differ by half a percent.
    """
    shares = []
    for own, other in ((anomalies, normal), (-normal, -anomalies)):
        other = np.sort(other)
        shares.append((np.searchsorted(other, own) + np.searchsorted(other, own, side="right")) / (2 * len(other)))
    value = float(shares[0].mean())
    half = 1.96 * float(np.sqrt(sum(share.var() / len(share) for share in shares)))
    return value, max(0.0, value - half), min(1.0, value + half)
