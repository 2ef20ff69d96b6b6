"""A gallery prepared for many searches: scaled, centred and squared once, so that a query costs one pass over it.

    |q - g|^2 = |q|^2 + |g|^2 - 2 q.g

One matrix product compares a block of queries with the whole gallery, but only to pick candidates. The returned distances
are computed from the differences q - g, which stay exact where the product would cancel. We first subtract one common point
from all vectors. This changes no distance, and keeps the product precise if all images are close together (collapse).

Nothing is fully sorted. Take the minima of many groups of values: the k-th smallest minimum is an upper bound for the k-th
smallest value. So the few values of a row within this bound include its k nearest, and likewise its k farthest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vicreg.evaluation.array_checks import check_finite, shaped

METRICS = ("cosine", "euclidean")
SAFE = 2.0**30  # float32 squares and sums values of 1 / SAFE to SAFE without loss
BLOCK_VALUES = 16_000_000  # floats in a block of scores, or of differences: 64 MB


class Nearest(NamedTuple):
    """The k nearest gallery images of each query: (Q, k) int64 rows of the gallery, and (Q, k) float32 rising distances."""

    indices: np.ndarray
    distances: np.ndarray


class Gallery:
    """N images to search in, of D dimensions. Holds one float32 copy of them, which nothing changes.

    images: (N, D), finite, any floating type. metric: `cosine` or `euclidean`, see `vicreg.evaluation.neighbours`. centre:
    of another gallery, if distances in both must round alike; by default, the mean of some rows. Raises ValueError for
    other arrays and for another metric.
    """

    def __init__(self, images: np.ndarray, *, metric: str = "cosine", centre: np.ndarray | None = None) -> None:
        given = images
        images = shaped(images, name="gallery")
        own = not np.may_share_memory(images, given)  # a copy, which may be changed
        if metric not in METRICS:
            raise ValueError(f"metric must be one of {', '.join(METRICS)}, got {metric!r}")
        self.metric, (self.count, self.width) = metric, images.shape
        self._largest, self._unit, self._zeros = 1.0, 1.0, False
        if metric == "cosine":
            points, zero = _directed(images, name="gallery", own=own)
            self._zeros = bool(zero.any())
            if self._zeros:
                points = np.column_stack([points, zero.astype(np.float32)])
            _to_length_1(points)
        else:
            self._largest = _largest(images, name="gallery")
            self._unit = _unit(self._largest)
            points = images if self._unit == 1 else images / self._unit
            points = points.astype(np.float32, order="C", copy=not own)
        # Any centre works; the mean of some rows keeps numbers small, and exactly 0 if all rows are equal.
        if centre is None or len(centre) != points.shape[1]:
            centre = points[:: max(1, len(points) // 1000)].mean(axis=0, dtype=np.float64).astype(np.float32)
        points -= centre
        self.centre, self._points, self._squares = centre, points, np.einsum("nd,nd->n", points, points)

    def search(
        self, queries: np.ndarray, *, k: int, sides: Sequence[int] = (1,), exclude: np.ndarray | None = None
    ) -> list[Nearest]:
        """One Nearest for each of `sides`: 1 for the k nearest, -1 for the k farthest, whose distances fall.

        queries: (Q, D), finite. exclude: (Q,) a row that each query must not get, or -1. Of equal distances, the lower row
        comes first. Raises ValueError for another width, and unless 1 <= k <= N (N - 1 with exclude).
        """
        queries = shaped(queries, name="queries")
        if queries.shape[1] != self.width:
            raise ValueError(
                f"queries and gallery need the same width, got {queries.shape[1]} and {self.width} dimensions"
            )
        most = self.count if exclude is None else self.count - 1
        if not 1 <= k <= most:
            raise ValueError(f"k must be between 1 and {most} for a gallery of {self.count} images, got {k}")
        queries, points, squares, unit = self._fitted(queries)
        found = [Nearest(np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)) for _ in sides]
        rows = max(1, BLOCK_VALUES // max(self.count, k * self.width))
        for start in range(0, len(queries), rows):
            part = slice(start, start + rows)
            block = queries[part]
            scores = (-2 * block) @ points.T  # (rows, N)
            scores += squares  # |q - g|^2 - |q|^2
            for side, result in zip(sides, found, strict=True):
                if side < 0:
                    np.negative(scores, out=scores)
                if exclude is not None:
                    mine = np.flatnonzero(exclude[part] >= 0)
                    scores[mine, exclude[part][mine]] = np.inf
                result.indices[part], squared = _best(block, points, scores, k, side)
                result.distances[part] = (
                    np.minimum(squared / 2, 2) if self.metric == "cosine" else unit * np.sqrt(squared)
                )
        return found

    def _fitted(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """The queries, scaled and centred; then points, squares and unit of the gallery to compare them with.

        These are the gallery's own, or a copy if only the queries have zero vectors, or if they need another unit.
        """
        points, centre, squares, unit = self._points, self.centre, self._squares, self._unit
        if self.metric == "cosine":
            scaled, zero = _directed(queries, name="queries")
            if self._zeros or zero.any():
                scaled = np.column_stack([scaled, zero.astype(np.float32)])
            if scaled.shape[1] > points.shape[1]:
                points, centre = np.pad(points, ((0, 0), (0, 1))), np.append(centre, np.float32(0))
            _to_length_1(scaled)
        else:
            unit = _unit(max(self._largest, _largest(queries, name="queries")))
            scaled = np.array(queries if unit == 1 else queries / unit, dtype=np.float32, order="C")
            if unit != self._unit:  # a power of two: no digit changes
                points, centre = points * (self._unit / unit), centre * (self._unit / unit)
                squares = np.einsum("nd,nd->n", points, points)
        scaled -= centre
        return scaled, points, squares, unit


def _best(
    block: np.ndarray, points: np.ndarray, scores: np.ndarray, k: int, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the k smallest scores, (rows, k), and squared distances to them, in their exact order."""
    row, column = _candidates(scores, k)
    difference = points[column]
    difference -= block[row]
    squared = np.einsum("cd,cd->c", difference, difference)
    order = np.lexsort((side * squared, row))  # stable: equal distances keep the order of their columns
    first = np.searchsorted(row, np.arange(len(block)))  # row is sorted
    chosen = order[first[:, None] + np.arange(k)]
    return column[chosen], squared[chosen]


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


def _directed(array: np.ndarray, *, name: str, own: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A float32 copy, each row divided by its largest entry, so that squares of tiny or huge values are not lost.

    own: the array itself may be changed instead. Raises ValueError, with the array's name, if a value is not finite.
    Also returns which rows are zero, as after a collapse, (N,) bool. If there are any, the search has one more dimension, in
    which only zero rows differ from 0.
    """
    largest = np.maximum(array.max(axis=1, keepdims=True), -array.min(axis=1, keepdims=True))
    check_finite(array, largest, name=name)
    zero = largest[:, 0] == 0
    scaled = np.divide(array, np.where(largest == 0, 1, largest), out=array if own else None)
    return scaled.astype(np.float32, order="C", copy=False), zero


def _to_length_1(points: np.ndarray) -> None:
    """Divide each row by its length, in place."""
    points /= np.sqrt(np.einsum("nd,nd->n", points, points))[:, None]


def _largest(array: np.ndarray, *, name: str) -> float:
    """The largest absolute value. Raises ValueError, with the array's name, if a value is not finite."""
    extremes = np.array([array.max(), -array.min()])
    check_finite(array, extremes, name=name)
    return float(extremes.max())


def _unit(largest: float) -> float:
    """What Euclidean vectors are divided by: a power of two, so that scaling changes no digit; 1 for ordinary values."""
    return 1.0 if 1 / SAFE <= largest <= SAFE or largest <= 0 else 2.0 ** math.frexp(largest)[1]
