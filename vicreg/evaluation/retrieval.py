"""Figures from lists of neighbours: do they have the query's class, and are they the same few images for all queries?

    same-class share   mean over the queries of a class of (neighbours of that class) / k
    hubness            sum of the `top` largest N_k(g) / (Q k),   N_k(g) = number of the Q lists that contain image g

N_k and the word hub are from Radovanovic et al. 2010 ("Hubs in space", JMLR 11). They use the skewness of N_k; a share of
all list entries is easier to read. All functions take the lists that `vicreg.evaluation.neighbours` returns.
"""

from __future__ import annotations

import numpy as np


def one_of_each_class(labels: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """The row of one random image of each class: labels (N,) -> (C,) int64, in class order. seed: of the draw.

    labels: whole numbers 0 to C - 1. Raises ValueError if a class has no image.
    """
    labels = _labels(labels, "labels")
    counts = np.bincount(labels)
    if counts.min() == 0:
        raise ValueError(f"every class from 0 up needs an image, got none of class {counts.argmin()}")
    rng = np.random.default_rng(seed)
    return np.array([rng.choice(np.flatnonzero(labels == c)) for c in range(len(counts))], dtype=np.int64)


def same_class_share(neighbours: np.ndarray, query_labels: np.ndarray, gallery_labels: np.ndarray) -> np.ndarray:
    """For each class, the share of its queries' k neighbours that have the class: (C,) float64, 0 to 1, NaN without a query.

    neighbours: (Q, k) rows of the gallery. query_labels: (Q,), gallery_labels: (N,), whole numbers from 0; the largest of
    all is C - 1. By chance, the share would be that of the class in the gallery. Raises ValueError for arrays that do not
    fit.
    """
    query_labels = _labels(query_labels, "query_labels")
    gallery_labels = _labels(gallery_labels, "gallery_labels")
    neighbours = checked_neighbours(neighbours, gallery=len(gallery_labels))
    if len(query_labels) != len(neighbours):
        raise ValueError(f"query_labels must be {len(neighbours)} labels, one per query, got {len(query_labels)}")
    own = (gallery_labels[neighbours] == query_labels[:, None]).mean(axis=1)  # (Q,)
    classes = int(max(query_labels.max(), gallery_labels.max())) + 1
    queries = np.bincount(query_labels, minlength=classes)
    shares = np.full(classes, np.nan)
    asked = queries > 0
    shares[asked] = np.bincount(query_labels, weights=own, minlength=classes)[asked] / queries[asked]
    return shares


def hubness(neighbours: np.ndarray, *, gallery: int, top: int = 10) -> float:
    """The share, 0 to 1, of all Q k list entries that are one of the `top` most frequent gallery images; lower is better.

    neighbours: (Q, k) rows of a gallery of `gallery` images. If all images appeared equally often, the share would be
    top / gallery, its minimum. Random lists lie above it, because the most frequent images are chosen afterwards: 10,000
    queries with k = 10 among 10,000 images give 0.0022 instead of 0.001. With few queries even the minimum is much higher: one
    query alone has hubness 1 up to k = 10. So compare hubness only for equal Q, k and gallery. Raises ValueError unless
    1 <= top <= gallery and all rows are in the gallery.
    """
    _, counts = hubs(neighbours, gallery=gallery, top=top)
    return float(counts.sum() / np.size(neighbours))


def hubs(neighbours: np.ndarray, *, gallery: int, top: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """The `top` most frequent gallery images and their number of lists: (top,) int64 rows, (top,) int64 counts.

    neighbours: (Q, k) rows of a gallery of `gallery` images. Counts fall; of equal counts, the lower row comes first. If fewer
    than `top` images are listed at all, the last counts are 0. Raises ValueError like `hubness`.
    """
    neighbours = checked_neighbours(neighbours, gallery=gallery)
    if not 1 <= top <= gallery:
        raise ValueError(f"top must be between 1 and {gallery} for a gallery of {gallery} images, got {top}")
    counts = np.bincount(neighbours.ravel(), minlength=gallery)
    rows = np.argsort(-counts, kind="stable")[:top]
    return rows, counts[rows]


def checked_neighbours(neighbours: np.ndarray, *, gallery: int) -> np.ndarray:
    """The array as int64. Raises ValueError unless it is (Q, k) whole numbers, not empty, all rows of the gallery."""
    neighbours = np.asarray(neighbours)
    if neighbours.ndim != 2 or 0 in neighbours.shape or not np.issubdtype(neighbours.dtype, np.integer):
        raise ValueError(
            f"neighbours must be whole numbers (Q, k) and not empty, got {neighbours.dtype} {neighbours.shape}"
        )
    if neighbours.min() < 0 or neighbours.max() >= gallery:
        raise ValueError(
            f"neighbours must be rows 0 to {gallery - 1} of the gallery, got {neighbours.min()} to {neighbours.max()}"
        )
    return neighbours.astype(np.int64, copy=False)


def _labels(labels: np.ndarray, name: str) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.size == 0 or not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise ValueError(f"{name} must be whole numbers from 0, one per image, got {labels.dtype} {labels.shape}")
    return labels.astype(np.int64)
