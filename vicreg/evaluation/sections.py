"""The sections of the report: each takes representations, and gives figures with their protocol and tables to draw.

Percentages are 0 to 100. An interval is [low, high], 95 %, over test images; where nothing else is said it is the
percentile bootstrap of an accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from vicreg.evaluation import anomaly as anomalous
from vicreg.evaluation.clustering import cluster
from vicreg.evaluation.colour import colour_r2, mean_lab, neighbour_colour_ratio
from vicreg.evaluation.neighbours import METRICS, nearest, nearest_and_farthest
from vicreg.evaluation.probe import accuracy_interval, knn_predict, linear_probe
from vicreg.evaluation.projection import map_quality, pca, tsne
from vicreg.evaluation.retrieval import hubness, hubs, one_of_each_class, same_class_share
from vicreg.evaluation.spectrum import spectrum

KNN = 20
LISTED = 10  # nearest and farthest pictures kept for each query
FEW = 5  # of which the study looked at so many
CONFUSED = 5  # pairs of classes named
EXTREME = 100  # most anomalous images listed
HUBS = 10  # most repeated farthest images listed
ALIKE = 7  # of which the study looked at so many
SILHOUETTE = 2_000


class Section(NamedTuple):
    """metrics: plain JSON values below one name. tables: name -> frame."""

    metrics: dict[str, Any]
    tables: dict[str, pd.DataFrame]


def knn(train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray) -> Section:
    """The vote of the 20 nearest train images."""
    k = min(KNN, len(train))
    correct = knn_predict(train, train_labels, test, k=k) == test_labels
    protocol = f"weighted cosine kNN, k = {k}, temperature 0.07, {len(train):,} train images vote"
    return Section({"knn": {**_share(correct), "n": len(test), "protocol": protocol}}, {})


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
        "per_class": _by_class(classes, result.per_class),
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


def attributes(
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
            "per_class": _by_class(values, result.per_class),
            "nearest_5_same": 100 * float(same.mean()),
            "nearest_5_interval": [100 * float(same.mean() - half), 100 * float(same.mean() + half)],
            "protocol": f"the linear probe's protocol, for {what}: {', '.join(values)}",
        }
    return Section({"attributes": found} if found else {}, {})


def spectrum_of(test: np.ndarray) -> Section:
    """The singular values and the effective rank."""
    values = spectrum(test)
    metrics = {
        "effective_rank": float(values.effective_rank),
        "dimensions": test.shape[1],
        "n": len(test),
        "protocol": "exponential of the entropy of the singular values of the centred test representations",
    }
    table = pd.DataFrame(
        {
            "dimension": np.arange(1, len(values.singular_values) + 1, dtype=np.int32),
            "singular_value": values.singular_values.astype(np.float32),
            "standard_deviation": values.standard_deviations.astype(np.float32),
        }
    )
    return Section({"spectrum": metrics}, {"spectrum": table})


def retrieval(
    train: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    *,
    classes: Sequence[str],
    train_images: np.ndarray | None,
    test_images: np.ndarray | None,
) -> Section:
    """The lists of nearest and farthest test images, and the study's questions about them as numbers."""
    listed = min(LISTED, len(test) - 1)
    found = {metric: nearest_and_farthest(test, test, k=listed, metric=metric, exclude_self=True) for metric in METRICS}
    near = found["cosine"].nearest[:, :FEW]
    shares = same_class_share(near, test_labels, test_labels)
    same = (test_labels[near] == test_labels[:, None]).mean(axis=1)  # (M,)
    half = 1.96 * same.std() / np.sqrt(len(same))
    sample = one_of_each_class(np.unique(test_labels, return_inverse=True)[1])  # of those that the split has
    metrics: dict[str, Any] = {
        "nearest_5_same_class": 100 * float(same.mean()),
        "interval": [100 * float(same.mean() - half), 100 * float(same.mean() + half)],
        "per_class": _by_class(classes, shares),
        "sample": {
            "queries": [int(row) for row in sample],
            "same_class": [int((test_labels[near[row]] == test_labels[row]).sum()) for row in sample],
        },
        "hubness": {
            **{metric: _hubness(found[metric].farthest[:, :FEW], test_labels) for metric in METRICS},
            "nearest": 100 * hubness(near, gallery=len(test)),
            "by_chance": 100 * HUBS / len(test),
        },
        "n": len(test),
        "protocol": (
            "Among all other test images, cosine. Same class: share of the five nearest that have the query's class, "
            "normal 95 % interval over queries. Hubness: share of all lists of five that the ten most listed images fill."
        ),
    }
    if train_images is not None and test_images is not None:
        test_lab = mean_lab(test_images)
        ratio = neighbour_colour_ratio(near, test_lab, test_lab, exclude=np.arange(len(test)))
        away = np.linalg.norm(test_lab[:, None] - test_lab[near], axis=2).mean(axis=1)  # (M,)
        spread = 1.96 * float(away.std() / np.sqrt(len(away)) / max(away.mean(), 1e-9))
        metrics["colour"] = {
            "distance_ratio": ratio,
            "interval": [ratio * (1 - spread), ratio * (1 + spread)],
            "r2": float(colour_r2(train, mean_lab(train_images[: len(train)]), test, test_lab)),
            "protocol": (
                "Mean CIE Lab colour of an image. Ratio: mean distance to its five nearest over that of random pairs, normal "
                "95 % interval over queries. R2: "
                "of the colour predicted linearly from the representation, fitted on train, measured on test images."
            ),
        }
    tables = pd.concat([_neighbours(metric, result) for metric, result in found.items()], ignore_index=True)
    return Section({"retrieval": metrics}, {"neighbours": tables})


def maps(test: np.ndarray, test_labels: np.ndarray, *, own_map: tuple[str, np.ndarray] | None) -> Section:
    """PCA and t-SNE of all test images, and the map of their own, if there is one; how far each can be believed."""
    linear = pca(test)
    flat = {"pca": linear.coordinates, "tsne": tsne(test)}
    if own_map is not None:
        flat[own_map[0]] = own_map[1]
    k = min(LISTED, len(test) - 1)
    quality = {name: map_quality(test, places, test_labels, k=k) for name, places in flat.items()}
    rng = np.random.default_rng(0)

    def figures(share: float) -> dict[str, Any]:
        # An accuracy's bootstrap needs its mean only: the mean of resampled zeros and ones is a binomial draw.
        correct = np.arange(len(test)) < round(share * len(test))
        return {"knn_accuracy": 100 * share, "interval": [100 * b for b in accuracy_interval(correct, rng=rng)]}

    metrics = {
        "full": figures(quality["pca"].full_knn_accuracy),
        **{
            name: {**figures(result.knn_accuracy), "neighbours_kept": 100 * float(result.kept)}
            for name, result in quality.items()
        },
        "n": len(test),
        "protocol": (
            f"All {len(test):,} test images. PCA of the representations; t-SNE (perplexity 30, started from PCA) of "
            "their first 50 principal components. Accuracy: majority of the 10 nearest other points. Kept: share of "
            "the 10 nearest in representation space (Euclidean) that are among the 10 nearest on the map."
        ),
    }
    metrics["pca"]["explained_variance"] = [float(share) for share in linear.explained_variance_ratio]
    table = pd.DataFrame(
        {
            "index": np.arange(len(test), dtype=np.int32),
            "label": test_labels.astype(np.int8),
            **{
                f"{name}_{axis}": coordinates[:, i].astype(np.float32)
                for name, coordinates in flat.items()
                for i, axis in enumerate("xy")
            },
            **{f"{name}_kept": result.kept_per_point.astype(np.float16) for name, result in quality.items()},
        }
    )
    return Section({"projection": metrics}, {"projections": table})


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
    columns, metrics = {}, {}
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


def clusters(test: np.ndarray, test_labels: np.ndarray, *, classes: Sequence[str]) -> Section:
    """k-means with as many centres as classes, against the classes that it was not told."""
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


def _by_class(classes: Sequence[str], shares: np.ndarray) -> dict[str, float]:
    """Percent by class, without the classes that have no image."""
    return {name: 100 * float(share) for name, share in zip(classes, shares, strict=False) if np.isfinite(share)}


def _share(correct: np.ndarray) -> dict[str, Any]:
    """The accuracy of (N,) bool in percent, with its interval."""
    interval = accuracy_interval(correct, rng=np.random.default_rng(0))
    return {"accuracy": 100 * float(correct.mean()), "interval": [100 * bound for bound in interval]}


def _hubness(far: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """How much of all farthest lists (M, k) the ten most listed images fill, and for how many classes of query each."""
    rows, counts = hubs(far, gallery=len(labels), top=HUBS)
    return {
        "farthest": 100 * hubness(far, gallery=len(labels), top=HUBS),
        "hubs": [
            {"index": int(row), "lists": int(count), "classes": len(np.unique(labels[(far == row).any(axis=1)]))}
            for row, count in zip(rows, counts, strict=True)
        ],
    }


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


def _neighbours(metric: str, found: Any) -> pd.DataFrame:
    """A row a query and rank: the nearest and the farthest at that rank, with their distances."""
    count, k = found.nearest.shape
    row = np.int16 if count <= np.iinfo(np.int16).max else np.int32
    return pd.DataFrame(
        {
            "metric": pd.Categorical([metric] * (count * k), categories=list(METRICS)),
            "query": np.repeat(np.arange(count, dtype=np.int32), k),
            "rank": np.tile(np.arange(1, k + 1, dtype=np.int8), count),
            "nearest": found.nearest.reshape(-1).astype(row),
            "nearest_distance": found.nearest_distances.reshape(-1).astype(np.float16),
            "farthest": found.farthest.reshape(-1).astype(row),
            "farthest_distance": found.farthest_distances.reshape(-1).astype(np.float16),
        }
    )
