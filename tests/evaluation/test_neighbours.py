"""Neighbours: exactly what comparing every pair in double precision and sorting everything would give."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from vicreg.evaluation import gallery as galleries
from vicreg.evaluation import neighbours
from vicreg.evaluation.neighbours import METRICS, nearest, nearest_and_farthest

RNG = np.random.default_rng(0)
GALLERY = np.abs(RNG.standard_normal((300, 24))).astype(np.float32)  # positive, as representations are
QUERIES = np.abs(RNG.standard_normal((50, 24))).astype(np.float32)


def sorted_pairs(queries, gallery, metric, exclude=None):
    """Oracle: (Q, N) distances in double precision, and rows of the gallery by (distance, row); excluded ones last."""
    distances = cdist(queries.astype(np.float64), gallery.astype(np.float64), metric)
    if exclude is not None:
        distances[np.arange(len(queries)), exclude] = np.nan
    return distances, np.argsort(distances, axis=1, kind="stable")


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 7, 300])
@pytest.mark.parametrize("block", [1, 5_000, 4_000_000])
def test_both_ends_agree_with_sorting_every_pair(monkeypatch, metric, k, block):
    monkeypatch.setattr(galleries, "BLOCK_VALUES", block)
    found = nearest_and_farthest(QUERIES, GALLERY, k=k, metric=metric)
    distances, order = sorted_pairs(QUERIES, GALLERY, metric)
    np.testing.assert_array_equal(found.nearest, order[:, :k])
    np.testing.assert_array_equal(found.farthest, order[:, ::-1][:, :k])
    rows = np.arange(50)[:, None]
    np.testing.assert_allclose(found.nearest_distances, distances[rows, found.nearest], rtol=1e-5)
    np.testing.assert_allclose(found.farthest_distances, distances[rows, found.farthest], rtol=1e-5)
    assert found.metric == metric
    assert (found.nearest.dtype, found.nearest_distances.dtype) == (np.int64, np.float32)


@pytest.mark.parametrize("n", [2, 63, 64, 65, 127, 1001, 4099])
def test_any_size_of_gallery_is_searched_to_its_last_image(n):
    gallery = RNG.standard_normal((n, 3)).astype(np.float32)
    gallery[-1] = [9, 9, 9]
    found = nearest_and_farthest(
        np.array([[10, 10, 10], [-9, -9, -9]], dtype=np.float32), gallery, k=1, metric="euclidean"
    )
    assert found.nearest[0] == n - 1
    assert found.farthest[1] == n - 1


@pytest.mark.parametrize("metric", METRICS)
def test_a_gallery_in_parts_and_in_half_precision_gives_the_same(monkeypatch, tmp_path, metric):
    # 60 images repeat, in another part: of equal distances the lower row still comes first, and no query finds itself.
    images = np.concatenate([GALLERY, GALLERY[:60]]).astype(np.float16)
    np.save(tmp_path / "gallery.npy", images)
    mapped = np.load(tmp_path / "gallery.npy", mmap_mode="r")
    exclude = np.arange(360)
    whole = nearest_and_farthest(mapped, mapped, k=7, metric=metric, exclude=exclude)
    monkeypatch.setattr(neighbours, "HALF_VALUES", 24 * 100)
    parts = nearest_and_farthest(mapped, mapped, k=7, metric=metric, exclude=exclude)
    for side in ("nearest", "farthest"):
        np.testing.assert_allclose(
            getattr(parts, f"{side}_distances"), getattr(whole, f"{side}_distances"), rtol=1e-5, atol=1e-7
        )
        # The last one may be any of several with equal distances.
        np.testing.assert_array_equal(getattr(parts, side)[:, :-1], getattr(whole, side)[:, :-1])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", [1, 2.0**40, 0])
def test_a_prepared_gallery_answers_any_query_as_a_new_one_does(metric, scale):
    prepared = galleries.Gallery(GALLERY, metric=metric)
    for queries in (QUERIES, QUERIES * np.float32(scale), QUERIES):
        near, far = prepared.search(queries, k=5, sides=(1, -1))
        found = nearest_and_farthest(queries, GALLERY, k=5, metric=metric)
        np.testing.assert_array_equal(near.indices, found.nearest)
        np.testing.assert_array_equal(far.distances, found.farthest_distances)


def test_nearest_is_the_near_side():
    both = nearest_and_farthest(QUERIES, GALLERY, k=5)
    near = nearest(QUERIES, GALLERY, k=5)
    np.testing.assert_array_equal(near.indices, both.nearest)
    np.testing.assert_array_equal(near.distances, both.nearest_distances)


@pytest.mark.parametrize("metric", METRICS)
def test_a_query_never_finds_itself_but_finds_its_duplicates_first(metric):
    gallery = np.concatenate([GALLERY, GALLERY[:20]])  # rows 300 to 319 repeat rows 0 to 19
    found = nearest_and_farthest(gallery, gallery, k=319, metric=metric, exclude_self=True)
    for side in (found.nearest, found.farthest):
        assert not (side == np.arange(320)[:, None]).any()
        np.testing.assert_array_equal(np.sort(side, axis=1)[0], np.arange(1, 320))
    np.testing.assert_array_equal(found.nearest[:20, 0], np.arange(300, 320))
    np.testing.assert_array_equal(found.nearest[300:, 0], np.arange(20))
    np.testing.assert_array_equal(found.nearest_distances[300:, 0], 0)
    np.testing.assert_array_equal(found.farthest[:, 0], sorted_pairs(gallery, gallery, metric)[1][:, ::-1][:, 0] % 300)


def test_exclude_names_the_gallery_row_of_each_query():
    chosen = np.array([5, 17, -1])
    queries = GALLERY[[5, 17, 40]]
    found = nearest_and_farthest(queries, GALLERY, k=3, exclude=chosen)
    assert 5 not in found.nearest[0]
    assert 17 not in found.nearest[1]
    assert found.nearest[2, 0] == 40
    _, order = sorted_pairs(queries[:2], GALLERY, "cosine", chosen[:2])
    np.testing.assert_array_equal(found.nearest[:2], order[:, :3])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("copies", [3, 90])
def test_of_equal_distances_the_lower_row_comes_first(metric, copies):
    rows = np.repeat(np.arange(len(GALLERY)), copies)[RNG.permutation(len(GALLERY) * copies)]
    gallery = GALLERY[rows]
    found = nearest_and_farthest(QUERIES[:5], gallery, k=4, metric=metric)
    first = sorted_pairs(QUERIES[:5], GALLERY, metric)[1]
    for query in range(5):
        by_rank = [np.flatnonzero(rows == row) for row in first[query, :2]]
        np.testing.assert_array_equal(found.nearest[query], np.concatenate(by_rank)[:4])
        by_rank = [np.flatnonzero(rows == row) for row in first[query, :-3:-1]]
        np.testing.assert_array_equal(found.farthest[query], np.concatenate(by_rank)[:4])


def test_a_query_amid_many_duplicates_does_not_disturb_the_next():
    gallery = np.concatenate([GALLERY, np.tile(QUERIES[:1], (200, 1))])
    found = nearest(QUERIES[:3], gallery, k=4, metric="euclidean")
    np.testing.assert_array_equal(found.indices[0], [300, 301, 302, 303])
    np.testing.assert_array_equal(found.indices[1:], sorted_pairs(QUERIES[1:3], gallery, "euclidean")[1][:, :4])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("point", [GALLERY[:1], np.zeros((1, 24), dtype=np.float32)], ids=["somewhere", "at zero"])
def test_a_complete_collapse_gives_distance_0_and_the_first_rows(metric, point):
    everywhere = np.tile(point, (500, 1))
    found = nearest_and_farthest(everywhere, everywhere, k=3, metric=metric, exclude_self=True)
    np.testing.assert_array_equal(found.nearest_distances, 0)
    np.testing.assert_array_equal(found.farthest_distances, 0)
    np.testing.assert_array_equal(found.nearest[:2], [[1, 2, 3], [0, 2, 3]])
    np.testing.assert_array_equal(found.nearest[3:], np.tile([0, 1, 2], (497, 1)))


def distances_by_row(rows, distances):
    """(Q, N) distances in the order of the gallery, from lists of the whole gallery."""
    by_row = np.full(rows.shape, np.nan)
    np.put_along_axis(by_row, rows, distances, axis=1)
    return by_row


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_zero_vector_has_cosine_distance_1_to_any_other_and_0_to_another_zero_one(dtype):
    gallery = GALLERY.astype(dtype)
    gallery[[8, 20]] = 0
    queries = np.concatenate([QUERIES[:5].astype(dtype), np.zeros((2, 24), dtype)])
    expected = np.ones((7, 300))  # what the two zero rows of either side leave at 1
    other = np.setdiff1d(np.arange(300), [8, 20])
    expected[:5, other] = cdist(queries[:5].astype(np.float64), gallery[other].astype(np.float64), "cosine")
    expected[5:, [8, 20]] = 0
    found = nearest_and_farthest(queries, gallery, k=300)
    near = distances_by_row(found.nearest, found.nearest_distances)
    np.testing.assert_allclose(near, expected, rtol=1e-5)
    np.testing.assert_array_equal(distances_by_row(found.farthest, found.farthest_distances), near)
    np.testing.assert_array_equal(near[5:, [8, 20]], 0)
    np.testing.assert_array_equal(found.nearest[5:, :2], [[8, 20], [8, 20]])
    assert not np.isin([8, 20], found.farthest[5:, :298]).any()


@pytest.mark.parametrize("metric", METRICS)
def test_neighbours_are_right_even_when_all_images_lie_close_together(metric):
    # A spread of 1e-3 round a common point: squared distances near 1e-6, below what |q|^2 + |g|^2 - 2 q.g resolves.
    gallery = (10 + 1e-3 * RNG.standard_normal((400, 16))).astype(np.float32)
    found = nearest_and_farthest(gallery, gallery, k=5, metric=metric, exclude_self=True)
    points = gallery.astype(np.float64)
    distances = cdist(points, points)
    if metric == "cosine":
        unit = points / np.linalg.norm(points, axis=1, keepdims=True)
        distances = cdist(unit, unit, "sqeuclidean") / 2
    np.fill_diagonal(distances, np.nan)
    # Rounding to float32 may swap images whose distances agree to a few parts in 10,000.
    np.testing.assert_allclose(found.nearest_distances, np.sort(distances, axis=1)[:, :5], rtol=2e-3)
    np.testing.assert_allclose(
        np.take_along_axis(distances, found.nearest, axis=1), np.sort(distances, axis=1)[:, :5], rtol=2e-3
    )


@pytest.mark.parametrize("exponent", [-90, -40, 40, 100])
def test_scale_changes_no_euclidean_neighbour_and_scales_every_distance(exponent):
    ordinary = nearest_and_farthest(QUERIES, GALLERY, k=5, metric="euclidean")
    scale = np.float32(2.0**exponent)
    scaled = nearest_and_farthest(QUERIES * scale, GALLERY * scale, k=5, metric="euclidean")
    for side in ("nearest", "farthest"):
        np.testing.assert_array_equal(getattr(scaled, side), getattr(ordinary, side))
        distances = getattr(ordinary, f"{side}_distances")
        np.testing.assert_allclose(getattr(scaled, f"{side}_distances"), distances * scale, rtol=1e-5)


def test_arrays_that_are_given_stay_as_they_were():
    queries, gallery = QUERIES.copy(), GALLERY.copy()
    gallery[8] = 0
    queries.flags.writeable = gallery.flags.writeable = False  # so that writing to them raises
    nearest_and_farthest(queries, gallery, k=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, r"k .*got 0"),
        ({"k": 301}, r"k .*got 301"),
        ({"k": 300, "exclude": np.zeros(50, int)}, r"k .*got 300"),
        ({"k": 3, "metric": "manhattan"}, r"metric .*got 'manhattan'"),
        ({"k": 3, "exclude_self": True}, "query i to be gallery row i, got 50 queries and 300 images"),
        ({"k": 3, "exclude": np.zeros(7, int)}, r"exclude .*got int64 \(7,\)"),
        ({"k": 3, "exclude": np.zeros(50)}, r"exclude .*got float64"),
        ({"k": 3, "exclude": np.full(50, 300)}, r"exclude .*got 300 to 300"),
        ({"k": 3, "exclude": np.zeros(50, int), "exclude_self": True}, "not both"),
    ],
)
def test_broken_rules_are_answered_with_the_rule_and_the_value(options, message):
    with pytest.raises(ValueError, match=message):
        nearest_and_farthest(QUERIES, GALLERY, **options)


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="need the same width, got 24 and 23 dimensions"):
        nearest(QUERIES, GALLERY[:, :23], k=1)
    with pytest.raises(ValueError, match="gallery must be finite"):
        nearest(QUERIES, np.where(GALLERY > 2, np.nan, GALLERY), k=1)
