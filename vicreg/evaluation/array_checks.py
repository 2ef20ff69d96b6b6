"""Checks of the arrays that measurements take."""

from __future__ import annotations

import numpy as np


def checked(representations: np.ndarray, *, name: str = "representations") -> np.ndarray:
    """The array as float32 or float64 (N, D), or a ValueError: it must be 2-D, not empty, and finite."""
    representations = np.asarray(representations)
    if representations.ndim != 2 or 0 in representations.shape:
        raise ValueError(f"{name} must be 2-D (N, D) and not empty, got shape {representations.shape}")
    if representations.dtype not in (np.float32, np.float64):
        representations = representations.astype(np.float32)
    finite = np.isfinite(representations)
    if not finite.all():
        bad = int(finite.size - finite.sum())
        raise ValueError(f"{name} must be finite, but {bad} of its {finite.size} values are not")
    return representations


def checked_labels(labels: np.ndarray, count: int, name: str) -> np.ndarray:
    """(count,) class numbers from 0, as int64. Raises ValueError, with their name, for anything else."""
    labels = np.asarray(labels)
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise ValueError(
            f"{name} must be {count} whole numbers from 0, one an image, got {labels.dtype} {labels.shape}"
        )
    return labels.astype(np.int64)
