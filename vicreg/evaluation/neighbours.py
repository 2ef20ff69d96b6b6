"""Exact nearest and farthest neighbours of query images among gallery images, computed in blocks.

    cosine     d(q, g) = 1 - q.g / (|q| |g|),  0 (same direction) to 2 (opposite)
    euclidean  d(q, g) = |q - g|,              0 and up

Both are one search: a cosine distance is half the squared Euclidean distance of the two vectors scaled to length 1. One
matrix product, |q|^2 + |g|^2 - 2 q.g, compares a block of queries with the whole gallery, but only to pick candidates. The
returned distances are computed from the differences q - g, which stay exact where the product would cancel. We first
subtract one common point from all vectors. This changes no distance, and keeps the product precise if all images are close
together (collapse).

Nothing is fully sorted. Take the minima of many groups of values: the k-th smallest minimum is an upper bound for the k-th
smallest value. So the few values of a row within this bound include its k nearest, and likewise its k farthest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vicreg.evaluation.array_checks import checked

METRICS = ("cosine", "euclidean")
SAFE = 2.0**30  # float32 squares and sums values of 1 / SAFE to SAFE without loss
BLOCK_VALUES = 4_000_000  # floats in a block of scores, or of differences: 16 MB


@dataclass(frozen=True)
class Neighbours:
    """The k nearest and k farthest gallery images of each query.

    nearest, farthest: (Q, k) int64 rows of the gallery, the most extreme first. nearest_distances: (Q, k) float32, rising.
    farthest_distances: (Q, k) float32, falling. metric: `cosine` or `euclidean`.
    """

    nearest: np.ndarray
    nearest_distances: np.ndarray
    farthest: np.ndarray
    farthest_distances: np.ndarray
    metric: str


class Nearest(NamedTuple):
    """The k nearest gallery images of each query: (Q, k) int64 rows of the gallery, and (Q, k) float32 rising distances."""

    indices: np.ndarray
    distances: np.ndarray


def nearest_and_farthest(
    queries: np.ndarray,
    gallery: np.ndarray,
    *,
    k: int,
    metric: str = "cosine",
    exclude_self: bool = False,
    exclude: np.ndarray | None = None,
) -> Neighbours:
    """The k nearest and the k farthest gallery images of each query, in one pass.

    queries: (Q, D), gallery: (N, D), finite. Of equal distances, the lower row comes first.
    exclude_self: query i is gallery row i and is never returned for itself; duplicates of it are.
    exclude: (Q,) for queries elsewhere in the gallery: query i is gallery row exclude[i], or -1 if it is not in the gallery.
    A zero vector has no direction: its cosine distance is 1 to any other vector (up to rounding) and 0 to another zero vector.
    Needs memory for copies of both arrays and a few times 16 MB, never Q x N. Raises ValueError for a broken rule.
    """
    near, far = _search(queries, gallery, k, metric, exclude_self, exclude, sides=(1, -1))
    return Neighbours(*near, *far, metric=metric)


def nearest(
    queries: np.ndarray,
    gallery: np.ndarray,
    *,
    k: int,
    metric: str = "cosine",
    exclude_self: bool = False,
    exclude: np.ndarray | None = None,
) -> Nearest:
    """The k nearest gallery images of each query: `nearest_and_farthest` without the farthest, and faster."""
    return _search(queries, gallery, k, metric, exclude_self, exclude, sides=(1,))[0]


def _search(
    queries: np.ndarray,
    gallery: np.ndarray,
    k: int,
    metric: str,
    exclude_self: bool,
    exclude: np.ndarray | None,
    *,
    sides: tuple[int, ...],
) -> list[Nearest]:
    """One Nearest per side: 1 for the nearest, -1 for the farthest."""
    queries, gallery = checked(queries, name="queries"), checked(gallery, name="gallery")
    if queries.shape[1] != gallery.shape[1]:
        raise ValueError(
            f"queries and gallery need one width, got {queries.shape[1]} and {gallery.shape[1]} dimensions"
        )
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, got {metric!r}")
    exclude = _excluded(len(queries), len(gallery), exclude_self, exclude)
    unit = 1.0
    if metric == "cosine":
        queries, gallery = _directed(queries, gallery)
    elif not 1 / SAFE <= (largest := float(max(abs(a).max() for a in (queries, gallery)))) <= SAFE and largest > 0:
        unit = 2.0 ** math.frexp(largest)[1]  # a power of two, so that scaling changes no digit
        queries, gallery = queries / unit, gallery / unit
    n = len(gallery)
    most = n if exclude is None else n - 1
    if not 1 <= k <= most:
        raise ValueError(f"k must be between 1 and {most} for a gallery of {n} images, got {k}")

    points, centre = _points(gallery, metric)  # (N, D)
    squares = np.einsum("nd,nd->n", points, points)
    rows = max(1, BLOCK_VALUES // max(n, k * gallery.shape[1]))
    results = [Nearest(np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)) for _ in sides]
    for start in range(0, len(queries), rows):
        stop = min(start + rows, len(queries))
        block, _ = _points(queries[start:stop], metric, centre=centre)
        scores = block @ points.T  # (rows, N)
        scores *= -2
        scores += squares  # |q - g|^2 - |q|^2
        for side, result in zip(sides, results, strict=True):
            if side < 0:
                np.negative(scores, out=scores)
            if exclude is not None:
                mine = np.flatnonzero(exclude[start:stop] >= 0)
                scores[mine, exclude[start:stop][mine]] = np.inf
            row, column = _candidates(scores, k)
            difference = points[column]
            difference -= block[row]
            squared = np.einsum("cd,cd->c", difference, difference)
            order = np.lexsort((side * squared, row))  # stable: equal distances keep the order of their columns
            first = np.searchsorted(row, np.arange(stop - start))  # row is sorted
            chosen = order[first[:, None] + np.arange(k)]
            result.indices[start:stop] = column[chosen]
            distances = squared[chosen]
            result.distances[start:stop] = (
                np.minimum(distances / 2, 2) if metric == "cosine" else unit * np.sqrt(distances)
            )
    return results


def _candidates(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column, sorted, of at least k values per row that include its k smallest; of equal values, the lower column."""
    rows, n = scores.shape
    width = max(1, n // max(64, 16 * k))
    groups = n // width
    # Column j is in group j % groups. The last few columns are in no group; they are still compared with the bound below.
    minima = scores[:, : groups * width].reshape(rows, width, groups).min(axis=1)  # (rows, groups)
    bound = np.partition(minima, k - 1, axis=1)[:, k - 1 : k]  # (rows, 1)
    row, column = np.divmod(np.flatnonzero(scores <= bound), n)
    counts = np.bincount(row, minlength=rows)
    crowded = np.flatnonzero(counts > 4 * k + 64)  # many equal values, as after a collapse
    if len(crowded):
        keep = ~np.isin(row, crowded)
        chosen = [_smallest(scores[i], k) for i in crowded]
        row = np.concatenate([row[keep], np.repeat(crowded, k)])
        column = np.concatenate([column[keep], *chosen])
        order = np.argsort(row, kind="stable")
        row, column = row[order], column[order]
    return row, column


def _smallest(values: np.ndarray, k: int) -> np.ndarray:
    """The indices of the k smallest values, rising; of equal values, the first."""
    bound = np.partition(values, k - 1)[k - 1]
    below = np.flatnonzero(values < bound)
    equal = np.flatnonzero(values == bound)[: k - len(below)]
    return np.sort(np.concatenate([below, equal]))


def _directed(queries: np.ndarray, gallery: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays as float32, each row divided by its largest entry, so that squares of tiny or huge values are not lost.

    If a row is zero, as after a collapse, one more dimension is added in which only zero rows differ from 0.
    """
    scaled, zeros = [], []
    for array in (queries, gallery):
        largest = np.abs(array).max(axis=1, keepdims=True)
        zeros.append(largest[:, 0] == 0)
        scaled.append((array / np.where(largest == 0, 1, largest)).astype(np.float32))
    if not any(zero.any() for zero in zeros):
        return scaled[0], scaled[1]
    left, right = (np.column_stack([a, zero.astype(np.float32)]) for a, zero in zip(scaled, zeros, strict=True))
    return left, right


def _points(array: np.ndarray, metric: str, *, centre: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A float32 copy for the search: rows of length 1 for cosine, minus a common centre. Returns it and the centre."""
    points = np.array(array, dtype=np.float32, order="C")
    if metric == "cosine":
        lengths = np.sqrt(np.einsum("nd,nd->n", points, points))
        points /= lengths[:, None]
    if (
        centre is None
    ):  # any point works; the mean of some rows keeps numbers small, and exactly 0 if all rows are equal
        centre = points[:: max(1, len(points) // 1000)].mean(axis=0, dtype=np.float64).astype(np.float32)
    points -= centre
    return points, centre


def _excluded(queries: int, gallery: int, exclude_self: bool, exclude: np.ndarray | None) -> np.ndarray | None:
    """(Q,) int64: the gallery row that each query must not get, or -1; None if there is none."""
    if exclude_self:
        if exclude is not None:
            raise ValueError("give exclude_self or exclude, not both")
        if queries != gallery:
            raise ValueError(
                f"exclude_self needs query i to be gallery row i, got {queries} queries and {gallery} images"
            )
        return np.arange(queries)
    if exclude is None:
        return None
    exclude = np.asarray(exclude)
    if exclude.shape != (queries,) or not np.issubdtype(exclude.dtype, np.integer):
        raise ValueError(f"exclude must be {queries} integers, one a query, got {exclude.dtype} {exclude.shape}")
    if exclude.min() < -1 or exclude.max() >= gallery:
        raise ValueError(
            f"exclude must hold gallery rows 0 to {gallery - 1}, or -1, got {exclude.min()} to {exclude.max()}"
        )
    return exclude
