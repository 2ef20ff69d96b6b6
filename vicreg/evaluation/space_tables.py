"""Tables to draw representations y and embeddings z: covariances, and images in two dimensions of z."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

SHOWN = 48  # dimensions of y and of z in the table of covariances
POINTS = 1_000  # test images in the table of points


def covariances(spaces: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """The upper triangle of the covariance of 48 evenly spaced dimensions of each space. spaces: name -> (M, D)."""
    frames = []
    for space, array in spaces.items():
        dimensions = np.unique(np.linspace(0, array.shape[1] - 1, SHOWN).round().astype(int))
        values = np.cov(array[:, dimensions].astype(np.float64), rowvar=False, bias=True)  # (48, 48)
        row, column = np.triu_indices(len(dimensions))
        frames.append(
            pd.DataFrame(
                {
                    "space": pd.Categorical([space] * len(row), categories=list(spaces)),
                    "row": dimensions[row].astype(np.int16),
                    "column": dimensions[column].astype(np.int16),
                    "covariance": values[row, column].astype(np.float16),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def embedding_points(embeddings: np.ndarray) -> pd.DataFrame:
    """The first two dimensions of the first 1,000 embeddings (M, D), minus their mean."""
    centred = embeddings[:, :2] - embeddings[:, :2].mean(axis=0, dtype=np.float64)
    points = centred[:POINTS].astype(np.float16)
    return pd.DataFrame({"index": np.arange(len(points), dtype=np.int32), "z_1": points[:, 0], "z_2": points[:, 1]})
