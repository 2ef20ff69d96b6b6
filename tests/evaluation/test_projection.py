"""Maps: PCA against scikit-learn's, t-SNE that can be repeated and continued, and how much of a map is true."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from vicreg.evaluation.projection import map_quality, pca, tsne

RNG = np.random.default_rng(0)
LABELS = np.arange(180) % 3
# Three groups at the corners of a triangle, far apart, in the first 3 of 20 dimensions.
GROUPS = (8 * np.eye(20)[LABELS] + RNG.standard_normal((180, 20))).astype(np.float32)


@pytest.mark.parametrize("dimensions", [1, 2, 20])
def test_pca_is_scikit_learns_up_to_signs(dimensions):
    ours = pca(GROUPS, dimensions=dimensions)
    theirs = PCA(dimensions, svd_solver="full").fit(GROUPS.astype(np.float64))
    np.testing.assert_allclose(ours.explained_variance_ratio, theirs.explained_variance_ratio_, rtol=1e-6)
    np.testing.assert_allclose(np.abs(ours.coordinates), np.abs(theirs.transform(GROUPS)), atol=1e-4)
    assert ours.coordinates.dtype == np.float32


def test_the_largest_entry_of_a_component_is_positive():
    components = pca(GROUPS, dimensions=5).components
    assert (components.max(axis=1) == np.abs(components).max(axis=1)).all()
    np.testing.assert_allclose(pca(-GROUPS, dimensions=5).components, components, atol=1e-9)


def test_a_new_image_can_be_placed_on_the_map():
    first = pca(GROUPS)
    np.testing.assert_allclose((GROUPS[7] - first.mean) @ first.components.T, first.coordinates[7], atol=1e-4)


def test_pca_sees_the_spread_of_a_collapse_beside_a_large_mean():
    line = np.arange(-4, 5) * 1e-4
    x = (1000 * np.ones((9, 3)) + line[:, None] * [[0, 1, 0]]).astype(np.float64)
    result = pca(x)
    np.testing.assert_allclose(result.coordinates[:, 0], line, atol=1e-9)
    np.testing.assert_allclose(result.explained_variance_ratio, [1, 0], atol=1e-6)


@pytest.mark.parametrize("value", [0, 0.1])
def test_images_that_are_all_the_same_point_stay_one_point(value):
    same = np.full((40, 6), value, dtype=np.float32)
    result = pca(same)
    np.testing.assert_array_equal(result.coordinates, 0)
    np.testing.assert_array_equal(result.explained_variance_ratio, 0)
    np.testing.assert_array_equal(tsne(same), np.zeros((40, 2)))


def test_pca_refuses_one_image_and_more_dimensions_than_there_are():
    with pytest.raises(ValueError, match="at least 2 images"):
        pca(GROUPS[:1])
    with pytest.raises(ValueError, match=r"dimensions .*got 21"):
        pca(GROUPS, dimensions=21)


@pytest.fixture(scope="module")
def tsne_map() -> np.ndarray:
    return tsne(GROUPS)


def test_tsne_keeps_separate_groups_apart_and_neighbours_together(tsne_map):
    assert tsne_map.shape == (180, 2)
    assert tsne_map.dtype == np.float32
    quality = map_quality(GROUPS, tsne_map, LABELS)
    assert quality.knn_accuracy == 1
    assert quality.kept > 3 * quality.kept_by_chance


@pytest.mark.parametrize("exponent", [-70, 70])
def test_scale_changes_no_map(tsne_map, exponent):
    # Squares of such numbers are 1e-42 and 1e42 and have no place in float32.
    np.testing.assert_array_equal(tsne(np.float32(2.0**exponent) * GROUPS), tsne_map)


def test_a_collapsed_runs_map_still_shows_its_groups():
    # The same groups, 10,000 times closer together than they are to the origin.
    collapsed = (10 + 1e-4 * GROUPS.astype(np.float64)).astype(np.float32)
    assert map_quality(GROUPS, tsne(collapsed), LABELS).knn_accuracy == 1


def centres(coordinates: np.ndarray) -> np.ndarray:
    """(3, 2) places of the groups, seen from the middle of the map, as directions."""
    places = np.stack([coordinates[c == LABELS].mean(axis=0) for c in range(3)])
    places -= places.mean(axis=0)
    return places / np.linalg.norm(places, axis=1, keepdims=True)


def test_a_map_that_starts_from_another_keeps_its_arrangement(tsne_map):
    turned = tsne_map[:, ::-1] * [1, -1]
    # cosines of the angles between where a group was and where it is: all near 1
    assert (centres(tsne(GROUPS, initial=turned)) * centres(turned)).sum(axis=1).min() > 0.9
    assert (centres(tsne_map) * centres(turned)).sum(axis=1).max() < 0.9


def test_only_the_shape_of_the_initial_map_counts(tsne_map):
    np.testing.assert_array_equal(tsne(GROUPS, initial=8 * tsne_map), tsne(GROUPS, initial=tsne_map))


def test_after_a_complete_collapse_the_next_map_starts_afresh(tsne_map):
    np.testing.assert_array_equal(tsne(GROUPS, initial=np.zeros((180, 2), np.float32)), tsne_map)


@pytest.mark.parametrize(("n", "width"), [(5, 3), (12, 1), (48, 512)])
def test_few_images_and_few_dimensions_have_maps_too(n, width):
    result = tsne(RNG.standard_normal((n, width)).astype(np.float32))
    assert result.shape == (n, 2)
    assert np.isfinite(result).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"initial": np.zeros((179, 2))}, r"initial .*got \(179, 2\)"),
        ({"initial": np.full((180, 2), np.nan)}, "initial must be finite"),
        ({"perplexity": 0}, r"perplexity .*got 0"),
        ({"representations": GROUPS[:4]}, r"5 images.*got 4"),
    ],
)
def test_tsne_refuses_what_it_cannot_start_from(options, message):
    with pytest.raises(ValueError, match=message):
        tsne(**{"representations": GROUPS, **options})


def neighbour_sets(points: np.ndarray, k: int) -> list[set[int]]:
    """Oracle: scikit-learn's k nearest others of every point."""
    found = NearestNeighbors(n_neighbors=k).fit(points.astype(np.float64)).kneighbors(return_distance=False)
    return [set(row.tolist()) for row in found]


@pytest.mark.parametrize("k", [1, 10, 50])
def test_map_quality_agrees_with_counting(k):
    flat = GROUPS[:, [0, 5]]
    result = map_quality(GROUPS, flat, LABELS, k=k)
    true, drawn = neighbour_sets(GROUPS, k), neighbour_sets(flat, k)
    for accuracy, sets in ((result.knn_accuracy, drawn), (result.full_knn_accuracy, true)):
        votes = [np.bincount(LABELS[list(others)]).argmax() for others in sets]
        assert accuracy == pytest.approx((votes == LABELS).mean())
    kept = [len(a & b) / k for a, b in zip(true, drawn, strict=True)]
    np.testing.assert_allclose(result.kept_per_point, kept)
    assert result.kept == pytest.approx(np.mean(kept))
    assert result.k == k


def test_a_shuffled_map_keeps_neighbours_by_chance():
    representations = RNG.standard_normal((2000, 3)).astype(np.float32)
    labels = RNG.integers(0, 10, 2000)
    quality = map_quality(representations, RNG.permutation(representations), labels)
    assert quality.kept_by_chance == 10 / 1999
    # The standard deviation of the mean of 20,000 draws of so rare an event is 0.0005.
    assert quality.kept == pytest.approx(quality.kept_by_chance, abs=0.0025)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 180}, r"k .*got 180"),
        ({"coordinates": GROUPS[:9, :2]}, "need one row per image, got 180, 9"),
        ({"labels": LABELS - 1}, r"labels .*got int64 down to -1"),
    ],
)
def test_map_quality_refuses_what_does_not_fit(change, message):
    given = {"representations": GROUPS, "coordinates": GROUPS[:, :2], "labels": LABELS, **change}
    with pytest.raises(ValueError, match=message):
        map_quality(**given)
