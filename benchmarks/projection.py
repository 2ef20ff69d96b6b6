"""t-SNE as `tsne` runs it, against scikit-learn's defaults and openTSNE, on a run's test representations, interleaved.

    pip install openTSNE && python -m benchmarks.projection [checkpoints/cifar10-vicreg] [--images 2000 10000] [--rounds 3]

All start from the same principal components. Quality is measured on the finished maps, the same way for all: the
Kullback-Leibler divergence from the same exact affinities, the vote of the 10 nearest others on the map, the share of
neighbours kept, and scikit-learn's trustworthiness (on at most 2,000 images, since it sorts every pair).
"""

import argparse
import time
from statistics import median

import numpy as np
from scipy.sparse import coo_array
from sklearn.manifold import TSNE, trustworthiness

from vicreg.data.loading import load
from vicreg.evaluation.neighbours import nearest
from vicreg.evaluation.projection import COMPONENTS, map_quality, pca, tsne
from vicreg.pipeline.measure_run import representations
from vicreg.runs.folder import open_run

PERPLEXITY = 30


def main() -> None:
    """Print the median seconds of each and the quality of its map, for each number of images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", default="checkpoints/cifar10-vicreg")
    parser.add_argument("--images", type=int, nargs="+", default=[2_000, 10_000])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    run = open_run(options.run)
    test = load(run.config.dataset, "test")
    encoded = np.asarray(representations(run, test))
    for count in options.images:
        compare(run.name, encoded[:count], test.labels[:count], rounds=options.rounds)


def compare(name: str, encoded: np.ndarray, labels: np.ndarray, *, rounds: int) -> None:
    """One table."""
    affinities = joint_probabilities(pca(encoded, dimensions=min(COMPONENTS, encoded.shape[1])).coordinates)
    methods = {"tsne": tsne, "scikit-learn": scikit_learn, "openTSNE": open_tsne}
    times: dict[str, list[float]] = {method: [] for method in methods}
    maps: dict[str, np.ndarray] = {}
    for _ in range(rounds):
        for method, make in methods.items():
            began = time.perf_counter()
            coordinates = make(encoded)
            times[method].append(time.perf_counter() - began)
            same = method not in maps or np.array_equal(maps[method], coordinates)
            maps[method] = coordinates
            if not same:
                print(f"{method} gave another map in another round")
    print(f"\n{name}, {len(encoded):,} test images, perplexity {PERPLEXITY}, median of {rounds} rounds")
    print(f"{'':<14}{'seconds':>9}{'of tsne':>9}{'KL':>9}{'kNN %':>8}{'kept %':>8}{'trust':>8}")
    for method, coordinates in maps.items():
        quality = map_quality(encoded, coordinates, labels)
        some = slice(0, 2_000)
        trust = trustworthiness(encoded[some], coordinates[some], n_neighbors=10)
        ratios = [other / ours for other, ours in zip(times[method], times["tsne"], strict=True)]
        print(
            f"{method:<14}{median(times[method]):>9.1f}{median(ratios):>9.2f}{divergence(affinities, coordinates):>9.4f}"
            f"{100 * quality.knn_accuracy:>8.2f}{100 * quality.kept:>8.2f}{trust:>8.4f}"
        )


def scikit_learn(encoded: np.ndarray) -> np.ndarray:
    """scikit-learn's defaults, apart from a start that draws nothing."""
    points = pca(encoded, dimensions=COMPONENTS).coordinates
    start = 1e-4 * points[:, :2] / points[:, 0].std()
    return TSNE(perplexity=PERPLEXITY, init=start, random_state=0).fit_transform(points)


def open_tsne(encoded: np.ndarray) -> np.ndarray:
    """openTSNE's defaults with exact neighbours; Barnes-Hut, which at these sizes beats its FFT in time and quality."""
    import openTSNE

    points = pca(encoded, dimensions=COMPONENTS).coordinates
    found = nearest(points, points, k=3 * PERPLEXITY, metric="euclidean", exclude_self=True)
    affinities = openTSNE.affinity.PerplexityBasedNN(
        perplexity=PERPLEXITY,
        knn_index=openTSNE.nearest_neighbors.PrecomputedNeighbors(found.indices, found.distances),
        n_jobs=-1,
    )
    start = 1e-4 * points[:, :2].astype(np.float64) / points[:, 0].std()
    model = openTSNE.TSNE(negative_gradient_method="bh", n_jobs=-1, random_state=0)
    return np.asarray(model.fit(affinities=affinities, initialization=start), dtype=np.float32)


def joint_probabilities(points: np.ndarray) -> coo_array:
    """t-SNE's p_ij (N, N), of each point's 3 x perplexity nearest: bandwidths by bisection, symmetrised, summing to 1."""
    n = len(points)
    found = nearest(points, points, k=3 * PERPLEXITY, metric="euclidean", exclude_self=True)
    squares = found.distances.astype(np.float64) ** 2
    squares -= squares[:, :1]
    low, high = np.full((n, 1), -40.0), np.full((n, 1), 40.0)  # logarithms of the precision
    for _ in range(60):
        middle = (low + high) / 2
        p = np.exp(-squares * np.exp(middle))
        p /= p.sum(axis=1, keepdims=True)
        entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1, keepdims=True)
        wide = entropy > np.log(PERPLEXITY)
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    rows = np.repeat(np.arange(n), 3 * PERPLEXITY)
    one_way = coo_array((p.ravel(), (rows, found.indices.ravel())), shape=(n, n)).tocsr()
    return ((one_way + one_way.T) / (2 * n)).tocoo()


def divergence(affinities: coo_array, coordinates: np.ndarray) -> float:
    """KL(P || Q) in nats, Q over all pairs."""
    points = coordinates.astype(np.float64)
    squares = (points**2).sum(axis=1)
    total = -float(len(points))  # an image is no pair with itself
    for start in range(0, len(points), 1_000):
        rows = slice(start, start + 1_000)
        total += (1 / (1 + np.maximum(squares[rows, None] + squares - 2 * points[rows] @ points.T, 0))).sum()
    i, j = affinities.coords
    q = 1 / (1 + ((points[i] - points[j]) ** 2).sum(axis=1)) / total
    return float((affinities.data * np.log(affinities.data / q))[affinities.data > 0].sum())


if __name__ == "__main__":
    main()
