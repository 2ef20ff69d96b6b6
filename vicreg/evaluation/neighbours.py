"""Exact nearest and farthest neighbours of query images among gallery images, computed in blocks.

    cosine     d(q, g) = 1 - q.g / (|q| |g|),  0 (same direction) to 2 (opposite)
    euclidean  d(q, g) = |q - g|,              0 and up

Both use the same search, `vicreg.evaluation.gallery`: a cosine distance is half the squared Euclidean distance of the
two vectors scaled to length 1. To search the same images many times, use a `Gallery` directly.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from vicreg.evaluation.gallery import METRICS, SAFE, Gallery, Nearest

__all__ = ["METRICS", "SAFE", "Nearest", "Neighbours", "nearest", "nearest_and_farthest"]

PART_VALUES = 64_000_000  # floats of a gallery that are copied at once, at most: 256 MB
HALF_VALUES = 4_000_000  # the same for a gallery in half precision: 16 MB, which stay in the processor's cache


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

    queries: (Q, D), gallery: (N, D), finite; it may be in half precision and memory-mapped. Of equal distances, the lower row
    comes first.
    exclude_self: query i is gallery row i and is never returned for itself; duplicates of it are.
    exclude: (Q,) for queries elsewhere in the gallery: query i is gallery row exclude[i], or -1 if it is not in the gallery.
    A zero vector has no direction: its cosine distance is 1 to any other vector (up to rounding) and 0 to another zero vector.
    Needs memory for copies of the queries and of at most 256 MB of the gallery (16 MB in half precision), and for a few blocks
    of at most 64 MB, never for Q x N.
    Raises ValueError unless 1 <= k <= N (N - 1 with exclusion), for another metric, and for arrays that do not fit.
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
    """One Nearest per side: 1 for the nearest, -1 for the farthest. A large gallery is searched part by part."""
    queries, gallery = np.asarray(queries), np.asarray(gallery)
    exclude = _excluded(len(queries), len(gallery), exclude_self, exclude)
    most = len(gallery) if exclude is None else len(gallery) - 1
    values = HALF_VALUES if gallery.dtype == np.float16 else PART_VALUES
    size = max(values // max(1, gallery.shape[-1]), 2 * k + 2)
    if len(gallery) <= size or not 1 <= k <= most:  # a wrong k: Gallery raises the error
        return Gallery(gallery, metric=metric).search(queries, k=k, sides=sides, exclude=exclude)
    found: list[Nearest] = []
    centre = None
    edges = np.linspace(0, len(gallery), -(-len(gallery) // size) + 1).astype(int)
    for start, stop in itertools.pairwise(edges):
        part = Gallery(gallery[start:stop], metric=metric, centre=centre)
        centre = part.centre
        inside = None if exclude is None else np.where((exclude >= start) & (exclude < stop), exclude - start, -1)
        here = part.search(queries, k=k, sides=sides, exclude=inside)
        here = [Nearest(near.indices + start, near.distances) for near in here]
        found = here if not found else [_merged(*pair) for pair in zip(found, here, sides, strict=True)]
    return found


def _merged(one: Nearest, other: Nearest, side: int) -> Nearest:
    """The k best of two lists of k, of equal distances those of the first list first."""
    indices = np.concatenate([one.indices, other.indices], axis=1)
    distances = np.concatenate([one.distances, other.distances], axis=1)
    order = np.argsort(side * distances, axis=1, kind="stable")[:, : one.indices.shape[1]]
    return Nearest(np.take_along_axis(indices, order, axis=1), np.take_along_axis(distances, order, axis=1))


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
        raise ValueError(f"exclude must be {queries} integers, one per query, got {exclude.dtype} {exclude.shape}")
    if exclude.min() < -1 or exclude.max() >= gallery:
        raise ValueError(
            f"exclude must hold gallery rows 0 to {gallery - 1}, or -1, got {exclude.min()} to {exclude.max()}"
        )
    return exclude
