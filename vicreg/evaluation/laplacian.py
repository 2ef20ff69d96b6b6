"""Laplacian Eigenmaps: coordinates for each image without an encoder, and Nystroem's formula for new images.

    W = (A + A^T) / 2,                      A_ij = 1 if j is one of the k images nearest to i, else 0
    L y = lambda D y,                       D = diag of the degrees d_i = sum_j W_ij,  L = D - W
    y(x) = 1/(1 - lambda) mean of y_j over the k fitted images j nearest to x

Belkin and Niyogi 2003; the last line is from Bengio et al. 2003. A fitted image satisfies y_i = 1/(1 - lambda) sum_j W_ij
y_j / d_i exactly. A new image gets the same mean, but without the images that would have chosen it as a neighbour. The y
are eigenvectors of D^-1/2 W D^-1/2 with eigenvalue 1 - lambda, divided by d^1/2.

Edges have weight 1, as in scikit-learn. Among thousands of pixel distances, the tenth differs little from the first, so
weighting by distance would change little. A heat kernel would add a bandwidth to choose; a very wide one gives our edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import eigh
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from vicreg.evaluation.array_checks import checked
from vicreg.evaluation.neighbours import nearest

TOLERANCE = 1e-7  # relative, of the eigenvalues; reached by the last few, the others are exact to rounding
RESTARTS = 60  # of the Lanczos basis; 10,000 images and 512 dimensions need about 6
LARGEST_EIGENVALUE = 0.95  # above it, 1/(1 - lambda) exceeds 20, and a new image's coordinates are mostly noise
DENSE = 8  # images per dimension, up to which a dense solver is faster than Lanczos: 4,000 for 512


@dataclass(frozen=True)
class Eigenmap:
    """n fitted images in d dimensions; the dimensions that are smoothest over the graph come first.

    coordinates: (n, d) float32. Each column has standard deviation 1, so that Euclidean distances and a probe weigh all
        dimensions equally. Their mean, weighted by the degrees, is 0.
    eigenvalues: (d,) float64, rising, of the normalised Laplacian without the trivial 0; above 0 and at most 0.95.
    degrees: (n,) float64, at least k/2; large for an image that many others have among their nearest.
    k: the number of neighbours in the graph. components: the number of connected parts before they were joined.
    requested: the number of dimensions asked for. d is smaller if eigenvectors did not converge or eigenvalues exceed 0.95.
    """

    coordinates: np.ndarray
    eigenvalues: np.ndarray
    degrees: np.ndarray
    k: int
    components: int
    requested: int


def fit(points: np.ndarray, *, dimensions: int = 512, k: int = 10) -> Eigenmap:
    """The eigenmap of (n, D) finite points, such as flat pixels, by Euclidean distance; n >= 3.

    Each image is linked with its k nearest others (1 <= k <= n - 1; in scikit-learn, n_neighbors = k + 1, because it counts
    the image itself). 1 <= dimensions <= n - 2. If the graph has several parts, each is linked with the image nearest to it
    outside; no image is left out, and the first dimensions tell the parts apart. Nothing is random, and the largest entry of
    each column is positive, so the same arrays give the same map on one machine. 10,000 images of CIFAR-10 and 512 dimensions
    take about 50 s on one core, a sixth of it for the search (`python -m benchmarks.laplacian`). Raises ValueError for
    numbers outside these ranges, and if no dimension is left, for example because all images are the same.
    """
    points = checked(points, name="points")
    n = len(points)
    if n < 3:
        raise ValueError(f"an eigenmap needs at least 3 images, got {n}")
    if not 1 <= k <= n - 1:
        raise ValueError(f"k must be between 1 and {n - 1} for {n} images, got {k}")
    if not 1 <= dimensions <= n - 2:
        raise ValueError(f"dimensions must be between 1 and {n - 2} for {n} images, got {dimensions}")
    found = nearest(points, points, k=k, metric="euclidean", exclude_self=True)
    links = sparse.csr_array((np.ones(n * k), found.indices.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
    graph, components = _joined((links + links.T) / 2, points)

    degrees = graph.sum(axis=1)  # (n,)
    scale = sparse.diags_array(1 / np.sqrt(degrees))
    values, vectors = _largest(sparse.csr_array(scale @ graph @ scale), dimensions + 1)
    values, vectors = values[1:], vectors[:, 1:]  # the first is the trivial one: 1, and y constant
    stable = 1 - values <= LARGEST_EIGENVALUE
    if not stable.any():
        raise ValueError(
            f"no dimension has an eigenvalue of {LARGEST_EIGENVALUE} or less that was found in {RESTARTS} restarts: "
            f"are the {n} images different from one another, and is k = {k} far below their number?"
        )
    coordinates = vectors[:, stable] / np.sqrt(degrees)[:, None]
    coordinates /= coordinates.std(axis=0)
    largest = np.abs(coordinates).argmax(axis=0)
    coordinates *= np.sign(coordinates[largest, np.arange(coordinates.shape[1])])
    return Eigenmap(
        coordinates=coordinates.astype(np.float32),
        eigenvalues=1 - values[stable],
        degrees=degrees,
        k=k,
        components=components,
        requested=dimensions,
    )


def place(eigenmap: Eigenmap, points: np.ndarray, new_points: np.ndarray) -> np.ndarray:
    """Coordinates of new images by Nystroem's formula: (n, D) fitted points, (m, D) new points -> (m, d) float32.

    points: the array that was fitted. A fitted image that is also a new one counts as its own nearest, so it is placed near
    its coordinates, not exactly on them. Later dimensions are less accurate: the mean over k images is noisy, and
    1/(1 - lambda) enlarges the noise. Raises ValueError for arrays that do not fit.
    """
    points, new_points = checked(points, name="points"), checked(new_points, name="new_points")
    if len(points) != len(eigenmap.coordinates):
        raise ValueError(f"points must be the {len(eigenmap.coordinates)} images that were fitted, got {len(points)}")
    if new_points.shape[1] != points.shape[1]:
        raise ValueError(f"new_points must have the points' {points.shape[1]} dimensions, got {new_points.shape[1]}")
    found = nearest(new_points, points, k=eigenmap.k, metric="euclidean")
    rows = np.repeat(np.arange(len(new_points)), eigenmap.k)
    # A sparse product never holds the k x d coordinates of every image at once.
    weights = sparse.csr_array(
        (np.full(rows.size, 1 / eigenmap.k), (rows, found.indices.ravel())), shape=(len(new_points), len(points))
    )
    return ((weights @ eigenmap.coordinates) / (1 - eigenmap.eigenvalues)).astype(np.float32)


def _joined(graph: sparse.csr_array, points: np.ndarray) -> tuple[sparse.csr_array, int]:
    """The graph with all its parts linked, and the number of connected parts it had.

    Otherwise the eigenvalue 0 would occur once per part, and its eigenvectors would be arbitrary mixtures of indicators.
    """
    before, labels = connected_components(graph, directed=False)
    count = before
    while count > 1:  # each round removes at least half of the parts
        largest = np.bincount(labels).argmax()
        edges = set()
        for component in range(count):
            if component == largest:  # the others are linked to it, and it would take longest to search
                continue
            inside, outside = np.flatnonzero(labels == component), np.flatnonzero(labels != component)
            found = nearest(points[inside], points[outside], k=1, metric="euclidean")
            closest = found.distances[:, 0].argmin()
            one, other = inside[closest], outside[found.indices[closest, 0]]
            edges.add((min(one, other), max(one, other)))
        rows, columns = np.array(sorted(edges)).T
        added = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=graph.shape)
        graph = sparse.csr_array(graph + added + added.T)
        count, labels = connected_components(graph, directed=False)
    return graph, int(before)


def _largest(matrix: sparse.csr_array, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues, falling, of a symmetric (n, n) matrix and their eigenvectors (n, .); only those that converged.

    Shift-and-invert would need a factorisation, which fills in on a neighbour graph in many dimensions. Lanczos from one
    start finds an eigenvalue with multiplicity two, as on a ring, only once; pixels have no such symmetry.
    """
    n = matrix.shape[0]
    if n <= max(1000, DENSE * count):
        values, vectors = eigh(matrix.toarray(), subset_by_index=(n - count, n - 1), overwrite_a=True)
    else:
        start = np.random.default_rng(0).standard_normal(n)
        basis = min(n, 3 * count // 2 + 100)
        try:
            values, vectors = eigsh(matrix, k=count, which="LA", v0=start, ncv=basis, maxiter=RESTARTS, tol=TOLERANCE)
        except ArpackNoConvergence as error:
            values, vectors = error.eigenvalues, error.eigenvectors
    order = np.argsort(-values, kind="stable")
    return values[order], vectors[:, order]
