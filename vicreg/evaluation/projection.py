"""Maps of representations: PCA, t-SNE, and how far a map can be trusted.

    PCA     the directions of largest variance: linear, distances only shrink, all but two dimensions are lost
    t-SNE   keeps neighbours (van der Maaten and Hinton 2008); distances between clusters, their sizes and densities
            mean nothing (Wattenberg et al. 2016)

t-SNE starts from the first two principal components, as Kobak and Berens 2019 advise. A random start would lose the global
arrangement, and each seed would give another map.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vicreg.evaluation.array_checks import checked
from vicreg.evaluation.map_settings import PERPLEXITY
from vicreg.evaluation.neighbours import SAFE, nearest

COMPONENTS = 50  # principal components for t-SNE; further ones are mostly noise and cost time
EXAGGERATION = 12.0
ITERATIONS = 750
START_SPREAD = 1e-4  # standard deviation of t-SNE's starting map, small enough for points to pass each other


@dataclass(frozen=True)
class Pca:
    """coordinates: (N, d) float32, (representations - mean) @ components.T. explained_variance_ratio: (d,) float64, falling,
    the share of the total variance along each component. mean: (D,), components: (d, D), rows of length 1; float64.
    """

    coordinates: np.ndarray
    explained_variance_ratio: np.ndarray
    mean: np.ndarray
    components: np.ndarray


@dataclass(frozen=True)
class MapQuality:
    """How faithful a map of N images is, judged by each image's k nearest others (Euclidean). Shares are from 0 to 1.

    knn_accuracy: share of images whose neighbours on the map vote for their class. full_knn_accuracy: the same vote in
        representation space.
    kept: mean share of an image's neighbours in representation space that are also its neighbours on the map.
    kept_per_point: (N,) float64, the share of each image. kept_by_chance: of a shuffled map, k / (N - 1).
    """

    knn_accuracy: float
    full_knn_accuracy: float
    kept: float
    kept_per_point: np.ndarray
    kept_by_chance: float
    k: int


def pca(representations: np.ndarray, *, dimensions: int = 2) -> Pca:
    """The principal components of (N, D) representations: N >= 2, 1 <= dimensions <= D.

    The sign of a component is arbitrary. We make its largest entry positive, so that the same data give the same map. Without
    any variance, coordinates and ratios are 0. Raises ValueError for numbers outside these ranges.
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


def tsne(
    representations: np.ndarray, *, initial: np.ndarray | None = None, perplexity: float = PERPLEXITY
) -> np.ndarray:
    """A t-SNE map: (N, D) representations -> (N, 2) float32, from their first 50 principal components.

    initial: (N, 2), an earlier map of the same images to start from, so that clusters stay in place. Its centre and scale
        are reset. Without it, or if all its points coincide (as after a collapse), t-SNE starts from the first two
        principal components.
    perplexity: roughly the number of neighbours that count for each image; at most (N - 1) / 3 is used.
    Nothing is random: the same arrays give the same map on one machine. If all images are the same point, so is the map. On
    two cores, 10,000 images take about 35 s and 2,000 about 5 s (`python -m benchmarks.projection`). Raises ValueError for
    fewer than 5 images, a perplexity below 1, and arrays that do not fit.
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
        # N / exaggeration (Belkina et al. 2019), as in openTSNE, is four times scikit-learn's "auto". On 10,000 real
        # representations, 750 iterations reach the divergence that "auto" reaches after 1,000. Twice this rate, or
        # the least of "auto", 50, for few images, overshoots at first and loses the starting map.
        learning_rate=n / EXAGGERATION,
        max_iter=ITERATIONS,
        init=start.astype(np.float32),
        random_state=0,
    )
    return model.fit_transform(points)


def map_quality(representations: np.ndarray, coordinates: np.ndarray, labels: np.ndarray, *, k: int = 10) -> MapQuality:
    """How far the map (N, d) of the representations (N, D) can be trusted.

    labels: (N,) whole numbers from 0. A vote is the majority of the k nearest other images (leave-one-out); a tie goes to the
    lower class. Raises ValueError unless 1 <= k <= N - 1 and all three arrays have N rows.
    """
    representations = checked(representations)
    coordinates = checked(coordinates, name="coordinates")
    labels = np.asarray(labels)
    n = len(representations)
    if len(coordinates) != n or labels.shape != (n,):
        raise ValueError(
            "representations, coordinates and labels need one row per image, "
            f"got {n}, {len(coordinates)} and {labels.shape}"
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise ValueError(f"labels must be whole numbers from 0, got {labels.dtype} down to {labels.min()}")
    space = nearest(representations, representations, k=k, metric="euclidean", exclude_self=True).indices
    plane = nearest(coordinates, coordinates, k=k, metric="euclidean", exclude_self=True).indices
    # Each list has k different numbers, so numbers in both lists are next to each other after sorting.
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
    """The share of images whose class is that of the majority of their neighbours (N, k)."""
    n, classes = len(labels), int(labels.max()) + 1
    ballot = np.arange(n)[:, None] * classes + labels[neighbours]
    votes = np.bincount(ballot.ravel(), minlength=n * classes).reshape(n, classes)
    return float((votes.argmax(axis=1) == labels).mean())
