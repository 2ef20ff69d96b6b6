"""Checks of the arrays that measurements take."""

from __future__ import annotations

import numpy as np

from vicreg.evaluation.half_precision import single


def checked(representations: np.ndarray, *, name: str = "representations") -> np.ndarray:
    """The array as float32 or float64 (N, D), or a ValueError: it must be 2-D, not empty, and finite."""
    representations = shaped(representations, name=name)
    check_finite(representations, np.array([representations.max(), representations.min()]), name=name)
    return representations


def check_images(images: np.ndarray, *, name: str = "images") -> None:
    """Raise ValueError unless the images are uint8 (N, height, width, 3) with N >= 1."""
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or len(images) == 0:
        raise ValueError(f"{name} must be uint8 (N, height, width, 3) with N >= 1, got {images.dtype} {images.shape}")


def check_finite(representations: np.ndarray, extremes: np.ndarray, *, name: str) -> None:
    """Raise ValueError if a value is not finite. extremes: the largest and smallest values, NaN where any value is."""
    if not np.isfinite(extremes).all():
        bad = int(representations.size - np.isfinite(representations).sum())
        raise ValueError(f"{name} must be finite, but {bad} of its {representations.size} values are not")


def shaped(representations: np.ndarray, *, name: str) -> np.ndarray:
    """`checked`, but the values may be infinite or NaN."""
    representations = np.asarray(representations)
    if representations.ndim != 2 or 0 in representations.shape:
        raise ValueError(f"{name} must be 2-D (N, D) and not empty, got shape {representations.shape}")
    if representations.dtype == np.float16:
        return single(representations)
    return representations if representations.dtype in (np.float32, np.float64) else representations.astype(np.float32)


def checked_labels(labels: np.ndarray, count: int, name: str) -> np.ndarray:
    """(count,) class numbers from 0, as int64. Raises ValueError, with their name, for anything else."""
    labels = np.asarray(labels)
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise ValueError(
            f"{name} must be {count} whole numbers from 0, one per image, got {labels.dtype} {labels.shape}"
        )
    return labels.astype(np.int64)
