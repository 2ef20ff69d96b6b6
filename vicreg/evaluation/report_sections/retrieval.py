"""The section `retrieval`: lists of nearest and farthest images, and figures that answer the study's questions about them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from vicreg.evaluation.mean_colour import colour_r2, mean_lab, neighbour_colour_ratio
from vicreg.evaluation.neighbours import METRICS, Neighbours, nearest_and_farthest
from vicreg.evaluation.report_sections.section import FEW, Section, by_class
from vicreg.evaluation.retrieval import hubness, hubs, one_of_each_class, same_class_share
from vicreg.storage.json_values import JsonObject

LISTED = 10  # nearest and farthest images in the table, per query
HUBS = 10  # the most frequent farthest images


def retrieval(
    train: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    *,
    classes: Sequence[str],
    train_images: np.ndarray | None,
    test_images: np.ndarray | None,
) -> Section:
    """The nearest and farthest test images of each test image, and figures that answer the study's questions about them."""
    listed = min(LISTED, len(test) - 1)
    found = {metric: nearest_and_farthest(test, test, k=listed, metric=metric, exclude_self=True) for metric in METRICS}
    centred = nearest_and_farthest(
        *[test - test.mean(axis=0)] * 2, k=min(FEW, listed), metric="cosine", exclude_self=True
    )
    near = found["cosine"].nearest[:, :FEW]
    shares = same_class_share(near, test_labels, test_labels)
    same = (test_labels[near] == test_labels[:, None]).mean(axis=1)  # (M,)
    half = 1.96 * same.std() / np.sqrt(len(same))
    sample = one_of_each_class(np.unique(test_labels, return_inverse=True)[1])  # of the classes in the split
    metrics: JsonObject = {
        "nearest_5_same_class": 100 * float(same.mean()),
        "interval": [100 * float(same.mean() - half), 100 * float(same.mean() + half)],
        "per_class": by_class(classes, shares),
        "sample": {
            "queries": [int(row) for row in sample],
            "same_class": [int((test_labels[near[row]] == test_labels[row]).sum()) for row in sample],
        },
        "hubness": {
            **{metric: _hubness(found[metric].farthest[:, :FEW], test_labels) for metric in METRICS},
            "centred_cosine": 100 * hubness(centred.farthest, gallery=len(test), top=HUBS),
            "nearest": 100 * hubness(near, gallery=len(test)),
            "by_chance": 100 * HUBS / len(test),
        },
        "n": len(test),
        "protocol": (
            "Among all other test images, cosine. Same class: share of the five nearest that have the query's class, "
            "normal 95 % interval over queries. Hubness: share of all lists of five that the ten most listed images fill; "
            "centred: after the mean of the test images is subtracted."
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


def _hubness(far: np.ndarray, labels: np.ndarray) -> JsonObject:
    """The share of the farthest lists (M, k) that the ten most frequent images fill, and the query classes of each image."""
    rows, counts = hubs(far, gallery=len(labels), top=HUBS)
    return {
        "farthest": 100 * hubness(far, gallery=len(labels), top=HUBS),
        "hubs": [
            {"index": int(row), "lists": int(count), "classes": len(np.unique(labels[(far == row).any(axis=1)]))}
            for row, count in zip(rows, counts, strict=True)
        ],
    }


def _neighbours(metric: str, found: Neighbours) -> pd.DataFrame:
    """A row per query and rank: the nearest and the farthest image at that rank, with their distances."""
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
