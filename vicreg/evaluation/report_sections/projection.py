"""The section `projection`: PCA and t-SNE of the test images, and how far each map can be trusted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vicreg.evaluation.map_settings import PERPLEXITY
from vicreg.evaluation.probe import accuracy_interval
from vicreg.evaluation.projection import map_quality, pca, tsne
from vicreg.evaluation.report_sections.section import Section
from vicreg.storage.json_values import JsonObject

NEAR = 10  # nearest images that are looked for on a map


def maps(test: np.ndarray, test_labels: np.ndarray, *, own_map: tuple[str, np.ndarray] | None) -> Section:
    """PCA and t-SNE of all test images, and the representations' own map if there is one; how far each can be trusted."""
    linear = pca(test)
    flat = {"pca": linear.coordinates, "tsne": tsne(test)}
    if own_map is not None:
        flat[own_map[0]] = own_map[1]
    k = min(NEAR, len(test) - 1)
    quality = {name: map_quality(test, places, test_labels, k=k) for name, places in flat.items()}
    rng = np.random.default_rng(0)

    def figures(share: float) -> JsonObject:
        # The bootstrap of an accuracy needs only its mean: the mean of resampled zeros and ones is binomial.
        correct = np.arange(len(test)) < round(share * len(test))
        return {"knn_accuracy": 100 * share, "interval": [100 * b for b in accuracy_interval(correct, rng=rng)]}

    metrics: JsonObject = {
        "full": figures(quality["pca"].full_knn_accuracy),
        **{
            name: {**figures(result.knn_accuracy), "neighbours_kept": 100 * float(result.kept)}
            for name, result in quality.items()
        },
        "n": len(test),
        "protocol": (
            f"All {len(test):,} test images. PCA of the representations; t-SNE (perplexity {PERPLEXITY}, started from PCA) of "
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
