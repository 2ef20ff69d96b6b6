"""Representations on a plane: PCA, t-SNE, and how far a map can be believed.

    PCA     the directions of largest variance: linear, distances only shrink, most of the 512 dimensions are lost
    t-SNE   neighbours kept, everything else negotiable (van der Maaten and Hinton 2008): distances between clusters,
            their sizes and densities mean nothing (Wattenberg et al. 2016)

t-SNE starts from the first two principal components, as Kobak and Berens 2019 advise: a random start loses what global
arrangement there is, and another seed would show another map.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vicreg.evaluation.encode import checked
from vicreg.evaluation.neighbours import SAFE, nearest

COMPONENTS = 50  # t-SNE's input: what lies beyond is mostly noise and costs time
EXAGGERATION = 12.0
ITERATIONS = 750
START_SPREAD = 1e-4  # standard deviation of t-SNE's starting map, small enough for points to pass one another


@dataclass(frozen=True)
class Pca:
    """coordinates: (N, d) float32, (representations - mean) @ components.T. explained_variance_ratio: (d,) float64, the
    share of the total variance along each component, falling. mean: (D,), components: (d, D), rows of length 1, float64.
    """

    coordinates: np.ndarray
    explained_variance_ratio: np.ndarray
    mean: np.ndarray
    components: np.ndarray


@dataclass(frozen=True)
class MapQuality:
    """How honest a map of N images is, by each image's k nearest others (Euclidean). Shares are 0 to 1.

    knn_accuracy: share of images whose neighbours on the map vote for their class; full_knn_accuracy: the same vote in
    representation space, the ceiling. kept: mean share of an image's neighbours in representation space that are its
    neighbours on the map too, and kept_per_point: (N,) float64, each image's own. kept_by_chance: what a shuffled map
    would keep, k / (N - 1).
    """

    knn_accuracy: float
    full_knn_accuracy: float
    kept: float
    kept_per_point: np.ndarray
    kept_by_chance: float
    k: int


def pca(representations: np.ndarray, *, dimensions: int = 2) -> Pca:
    """The principal components of (N, D) representations: N >= 2, 1 <= dimensions <= D.

    A component has no sign of its own: the entry of largest size is made positive, so that the same data give the same
    map. Without any variance, coordinates and ratios are 0. Raises ValueError for a broken rule.
    """
    representations = checked(representations)
    n, d = representations.shape
    if n < 2:
        raise ValueError(f"PCA needs at least 2 images (one has no spread), got {n}")
    if not 1 <= dimensions <= d:
        raise ValueError(f"dimensions must be between 1 and {d}, the width of the representations, got {dimensions}")
    mean = representations.mean(axis=0, dtype=np.float64)
    centred = representations - mean  # (N, D) float64
    variances, directions = np.linalg.eigh(centred.T @ centred)  # rising
    components = directions[:, ::-1][:, :dimensions].T
    largest = np.abs(components).argmax(axis=1)
    components = components * np.sign(components[np.arange(dimensions), largest])[:, None]
    variances = np.maximum(variances[::-1], 0)
    total = variances.sum()
    return Pca(
        coordinates=(centred @ components.T).astype(np.float32),
        explained_variance_ratio=variances[:dimensions] / (total if total > 0 else 1),
        mean=mean,
        components=components,
    )


def tsne(representations: np.ndarray, *, initial: np.ndarray | None = None, perplexity: float = 30) -> np.ndarray:
    """A t-SNE map: (N, D) representations -> (N, 2) float32, of their first 50 principal components.

    initial: (N, 2), an earlier map of the same images to start from, so that clusters stay where they were; only its
    shape counts, its position and size are reset. Without one, or with one that has all images in one place (as after a
    collapse), the start is the first two principal components. perplexity: about how many neighbours each image holds on
    to; at most (N - 1) / 3 is used. There is no seed, since nothing is drawn: the same arrays give the same map on one
    machine. All images the same point stay one point. On two cores 10,000 images take about 35 s, 2,000 about 5 s
    (`python -m benchmarks.projection`). Raises ValueError for fewer than 5 images and for arrays that do not fit.
    """
    from sklearn.manifold import TSNE

    representations = checked(representations)
    n, d = representations.shape
    if n < 5:
        raise ValueError(f"t-SNE needs at least 5 images, got {n}")
    if perplexity < 1:
        raise ValueError(f"perplexity must be at least 1, got {perplexity}")
    points = pca(representations, dimensions=min(COMPONENTS, d)).coordinates
    if not points.any():
        return np.zeros((n, 2), dtype=np.float32)
    if not 1 / SAFE <= (largest := float(abs(points).max())) <= SAFE:  # scikit-learn squares distances in float32
        points = points / np.float32(2.0 ** math.frexp(largest)[1])
    start = points[:, :2] if d > 1 else np.concatenate([points, np.zeros_like(points)], axis=1)
    if initial is not None:
        initial = checked(initial, name="initial")
        if initial.shape != (n, 2):
            raise ValueError(f"initial must be ({n}, 2), a place for each of the {n} images, got {initial.shape}")
        if (initial != initial[0]).any():
            start = initial
    start = start.astype(np.float64) - start.mean(axis=0)
    start *= START_SPREAD / start.std(axis=0).max()
    model = TSNE(
        perplexity=min(perplexity, (n - 1) / 3),
        early_exaggeration=EXAGGERATION,
        # N / exaggeration (Belkina et al. 2019) as openTSNE takes it, four times scikit-learn's "auto": 10,000 real
        # representations reach after 750 iterations the divergence that "auto" reaches after 1,000. Twice that, or
        # "auto" with its floor of 50 for few images, overshoots at first and forgets where it started from.
        learning_rate=n / EXAGGERATION,
        max_iter=ITERATIONS,
        init=start.astype(np.float32),
        random_state=0,
    )
    return model.fit_transform(points)


def map_quality(representations: np.ndarray, coordinates: np.ndarray, labels: np.ndarray, *, k: int = 10) -> MapQuality:
    """How far the map (N, d) of the representations (N, D) can be believed.

    labels: (N,) whole numbers from 0. Each vote is a majority of the k nearest other images (leave-one-out), a tie going
    to the lower class. Raises ValueError unless 1 <= k <= N - 1 and all three have N rows.
    """
    representations = checked(representations)
    coordinates = checked(coordinates, name="coordinates")
    labels = np.asarray(labels)
    n = len(representations)
    if len(coordinates) != n or labels.shape != (n,):
        raise ValueError(
            f"representations, coordinates and labels need one row an image, got {n}, {len(coordinates)} and {labels.shape}"
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise ValueError(f"labels must be whole numbers from 0, got {labels.dtype} down to {labels.min()}")
    space = nearest(representations, representations, k=k, metric="euclidean", exclude_self=True).indices
    plane = nearest(coordinates, coordinates, k=k, metric="euclidean", exclude_self=True).indices
    # An image's neighbours are k different numbers, so those in both lists come next to each other once sorted.
    both = np.sort(np.concatenate([space, plane], axis=1), axis=1)
    kept = (both[:, 1:] == both[:, :-1]).sum(axis=1) / k
    return MapQuality(
        knn_accuracy=_vote_accuracy(plane, labels),
        full_knn_accuracy=_vote_accuracy(space, labels),
        kept=float(kept.mean()),
        kept_per_point=kept,
        kept_by_chance=k / (n - 1),
        k=k,
    )


def _vote_accuracy(neighbours: np.ndarray, labels: np.ndarray) -> float:
    """Share of images that the majority of their neighbours (N, k) gives their own class."""
    n, classes = len(labels), int(labels.max()) + 1
    ballot = np.arange(n)[:, None] * classes + labels[neighbours]
    votes = np.bincount(ballot.ravel(), minlength=n * classes).reshape(n, classes)
    return float((votes.argmax(axis=1) == labels).mean())
