"""Laplacian Eigenmaps: the whole Laplacian's eigenvectors, the cosines of a ring, and new images where the rule says."""

import numpy as np
import pytest
from scipy.sparse.csgraph import laplacian as normalised_laplacian
from sklearn.datasets import load_digits
from sklearn.neighbors import kneighbors_graph

from vicreg.evaluation import laplacian
from vicreg.evaluation.laplacian import fit, place

RNG = np.random.default_rng(0)
DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS = DIGITS.astype(np.float32) / 16
# Distances between digits repeat: a little noise leaves no ties.
FITTED = DIGITS[:400] + 1e-3 * RNG.standard_normal((400, 64)).astype(np.float32)
NEW = DIGITS[400:600]


def ring(n):
    angle = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def blobs(*counts, gap=50):
    """Groups of 5-D points far from one another, further and further apart."""
    groups = [RNG.standard_normal((count, 5)) + gap * 2**i for i, count in enumerate(counts)]
    return np.concatenate(groups), np.repeat(np.arange(len(counts)), counts)


def correlations(a, b):
    return np.array([np.corrcoef(x, y)[0, 1] for x, y in zip(a.T, b.T, strict=True)])


@pytest.mark.parametrize("dense", [0, 8])
def test_eigenvalues_and_degrees_are_those_of_the_whole_laplacian(monkeypatch, dense):
    points = RNG.standard_normal((1200, 6)).astype(np.float32)
    monkeypatch.setattr(laplacian, "DENSE", dense * 5)  # 0: Lanczos; otherwise the dense solver
    eigenmap = fit(points, dimensions=40, k=7)
    links = kneighbors_graph(points, 7, mode="connectivity", include_self=False).toarray()
    graph = (links + links.T) / 2
    values = np.linalg.eigvalsh(normalised_laplacian(graph, normed=True))
    np.testing.assert_allclose(eigenmap.eigenvalues, values[1:41], atol=1e-5)
    np.testing.assert_array_equal(eigenmap.degrees, graph.sum(axis=1))
    # L y = lambda D y, column by column
    y = eigenmap.coordinates.astype(np.float64)
    left = eigenmap.degrees[:, None] * y - graph @ y
    np.testing.assert_allclose(left, eigenmap.degrees[:, None] * y * eigenmap.eigenvalues, atol=2e-3)


def test_columns_have_standard_deviation_1_and_are_orthogonal_under_the_degrees():
    eigenmap = fit(FITTED, dimensions=30, k=10)
    y, d = eigenmap.coordinates.astype(np.float64), eigenmap.degrees
    np.testing.assert_allclose(y.std(axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(d @ y / d.sum(), 0, atol=1e-5)
    gram = (y.T * d) @ y / d.sum()
    np.testing.assert_allclose(gram, np.diag(gram.diagonal()), atol=1e-5)
    assert (np.abs(y).max(axis=0) == y.max(axis=0)).all()  # the entry of largest size is positive
    assert (np.diff(eigenmap.eigenvalues) >= 0).all()


@pytest.mark.parametrize("n", [60, 999])
def test_a_ring_has_cosines_with_their_known_eigenvalues(n):
    # Each point is linked with both its neighbours: W is a circulant of ones, and 1 - cos(2 pi j / n) comes twice.
    eigenmap = fit(ring(n), dimensions=6, k=2)
    frequency = np.array([1, 1, 2, 2, 3, 3])
    np.testing.assert_allclose(eigenmap.eigenvalues, 1 - np.cos(2 * np.pi * frequency / n), atol=1e-9)
    np.testing.assert_array_equal(eigenmap.degrees, 2)
    # An eigenvalue that comes twice fixes a plane only: that of the cosine and the sine, a circle of radius sqrt(2).
    for j in range(3):
        np.testing.assert_allclose((eigenmap.coordinates[:, 2 * j : 2 * j + 2] ** 2).sum(axis=1), 2, rtol=1e-3)


def test_a_new_image_has_the_mean_of_its_neighbours_over_1_minus_lambda():
    # The two nearest of a point midway between i and i + 1 are these two, and 1 - lambda is cos(2 pi j / n).
    n = 200
    points = ring(n)
    eigenmap = fit(points, dimensions=4, k=2)
    midway = (points + np.roll(points, -1, axis=0)) / 2
    frequency = np.array([1, 1, 2, 2])
    expected = (eigenmap.coordinates + np.roll(eigenmap.coordinates, -1, axis=0)) / 2
    placed = place(eigenmap, points, midway)
    np.testing.assert_allclose(placed, expected / np.cos(2 * np.pi * frequency / n), atol=1e-5)
    assert placed.dtype == np.float32


def test_fitted_images_land_near_their_own_coordinates_in_the_leading_dimensions():
    eigenmap = fit(FITTED, dimensions=60, k=10)
    placed = place(eigenmap, FITTED, FITTED)  # each its own nearest, and counted
    found = correlations(placed, eigenmap.coordinates)
    assert found[:8].min() > 0.98
    assert found.min() > 0.7
    error = np.abs(placed - eigenmap.coordinates)[:, :8].mean()
    shuffled = np.abs(RNG.permutation(placed) - eigenmap.coordinates)[:, :8].mean()
    assert error < 0.15 * shuffled


def test_a_new_image_is_placed_by_itself():
    eigenmap = fit(FITTED, dimensions=20, k=10)
    together = place(eigenmap, FITTED, NEW[:5])
    for i in range(5):
        np.testing.assert_allclose(place(eigenmap, FITTED, NEW[i : i + 1])[0], together[i], atol=1e-5)


@pytest.mark.parametrize("dense", [0, 8])
def test_the_same_images_give_the_same_map(monkeypatch, dense):
    monkeypatch.setattr(laplacian, "DENSE", dense * 10)
    points = RNG.standard_normal((1100, 8)).astype(np.float32)
    first, again = fit(points, dimensions=20), fit(points.copy(), dimensions=20)
    np.testing.assert_array_equal(first.coordinates, again.coordinates)
    np.testing.assert_array_equal(first.eigenvalues, again.eigenvalues)


def test_every_separate_group_is_joined_and_kept_together():
    points, group = blobs(30, 20, 25, 15)
    order = RNG.permutation(len(points))
    eigenmap = fit(points[order], dimensions=3, k=5)
    assert eigenmap.components == 4
    assert eigenmap.coordinates.shape == (90, 3)
    assert (eigenmap.k, eigenmap.requested, eigenmap.coordinates.dtype) == (5, 3, np.float32)
    assert 0 < eigenmap.eigenvalues[0] < 0.02  # the links that join groups are few
    means = np.stack([eigenmap.coordinates[group[order] == c].mean(axis=0) for c in range(4)])
    nearest_mean = np.linalg.norm(eigenmap.coordinates[:, None] - means, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest_mean, group[order])


def test_copies_of_an_image_share_its_place():
    # Twelve copies far from the rest and k = 5 make a component of their own, at distance 0 from one another.
    points = np.concatenate([FITTED[:100], np.tile(FITTED[:1] + 3, (12, 1))])
    eigenmap = fit(points, dimensions=4, k=5)
    assert eigenmap.components == 2
    assert eigenmap.coordinates[100:].std(axis=0).max() < 0.1


def test_eigenvectors_that_do_not_converge_are_left_out(monkeypatch):
    points = RNG.standard_normal((1500, 3)).astype(np.float32)
    monkeypatch.setattr(laplacian, "DENSE", 0)
    whole = fit(points, dimensions=60, k=8)
    monkeypatch.setattr(laplacian, "RESTARTS", 1)
    some = fit(points, dimensions=60, k=8)
    d = some.coordinates.shape[1]
    assert 0 < d < 60
    assert (some.requested, whole.requested, len(whole.eigenvalues)) == (60, 60, 60)
    assert some.eigenvalues.shape == (d,)
    # each is one of all; which ones have converged depends on rounding, mostly the smoothest
    assert abs(some.eigenvalues[:, None] - whole.eigenvalues).min(axis=1).max() < 1e-6
    assert (abs(some.eigenvalues[:9] - whole.eigenvalues[:9]) < 1e-6).all()


def test_dimensions_that_no_new_image_could_be_placed_on_are_left_out():
    eigenmap = fit(FITTED[:100], dimensions=98, k=5)
    assert eigenmap.requested == 98
    assert len(eigenmap.eigenvalues) == eigenmap.coordinates.shape[1] < 98
    assert eigenmap.eigenvalues.max() <= 0.95
    assert np.isfinite(place(eigenmap, FITTED[:100], NEW)).all()


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (2, {}, r"3 images.*got 2"),
        (50, {"dimensions": 3, "k": 0}, r"k .*got 0"),
        (50, {"dimensions": 3, "k": 50}, r"k .*got 50"),
        (50, {"dimensions": 0}, r"dimensions .*got 0"),
        (50, {}, r"dimensions .*got 512"),
        (50, {"dimensions": 3, "k": 49}, "k = 49 far below their number"),  # everyone linked: all eigenvalues 50/49
    ],
)
def test_broken_rules_are_answered_with_the_rule_and_the_value(count, options, message):
    with pytest.raises(ValueError, match=message):
        fit(FITTED[:count], **options)


def test_arrays_that_do_not_fit_are_refused():
    eigenmap = fit(FITTED, dimensions=3)
    with pytest.raises(ValueError, match=r"points .*got 399"):
        place(eigenmap, FITTED[1:], NEW)
    with pytest.raises(ValueError, match=r"new_points .*got 63"):
        place(eigenmap, FITTED, NEW[:, 1:])
    with pytest.raises(ValueError, match="points must be finite"):
        fit(np.where(FITTED > 0.9, np.nan, FITTED))
