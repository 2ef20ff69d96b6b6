"""Retrieval: shares and hubs recounted list by list, on real digits and on lists with a known answer."""

from collections import Counter

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

from vicreg.evaluation.retrieval import hubness, hubs, one_of_each_class, same_class_share

DIGITS, LABELS = load_digits(return_X_y=True)
GALLERY, GALLERY_LABELS = DIGITS[:500], LABELS[:500]
QUERY_LABELS = LABELS[500:700]
LISTS = NearestNeighbors(n_neighbors=7).fit(GALLERY).kneighbors(DIGITS[500:700], return_distance=False)  # (200, 7)


def test_one_image_of_each_class_comes_in_class_order():
    rows = one_of_each_class(LABELS)
    np.testing.assert_array_equal(LABELS[rows], np.arange(10))
    assert rows.dtype == np.int64


def test_the_seed_decides_which_image_and_every_image_has_its_chance():
    labels = np.array([1, 0, 1, 0, 1])
    np.testing.assert_array_equal(one_of_each_class(labels, seed=3), one_of_each_class(labels, seed=3))
    drawn = Counter(row for seed in range(600) for row in one_of_each_class(labels, seed=seed).tolist())
    # 600 draws of 1 in 2 and of 1 in 3: 300 and 200 each, give or take four standard errors of 12
    assert [drawn[row] for row in (1, 3)] == pytest.approx([300, 300], abs=48)
    assert [drawn[row] for row in (0, 2, 4)] == pytest.approx([200, 200, 200], abs=48)


def test_the_share_of_a_class_is_counted_over_its_own_queries_only():
    shares = same_class_share(LISTS, QUERY_LABELS, GALLERY_LABELS)
    for c in range(10):
        entries = [GALLERY_LABELS[row] for row in LISTS[c == QUERY_LABELS].ravel()]
        assert shares[c] == pytest.approx(entries.count(c) / len(entries))
    assert (shares.shape, shares.dtype) == ((10,), np.float64)
    assert shares.mean() > 0.7  # chance is 0.1


def test_a_class_without_a_query_has_no_share():
    shares = same_class_share(np.array([[0, 1], [1, 2]]), np.array([0, 0]), np.array([0, 0, 2]))
    np.testing.assert_array_equal(shares, [0.75, np.nan, np.nan])
    shares = same_class_share(np.array([[0, 1]]), np.array([3]), np.array([0, 0, 2]))  # a class the gallery lacks
    np.testing.assert_array_equal(shares, [np.nan, np.nan, np.nan, 0])


def test_hubs_are_the_most_listed_images_and_hubness_their_share_of_all_entries():
    counted = Counter(LISTS.ravel().tolist())
    expected = sorted(counted, key=lambda row: (-counted[row], row))[:10]
    rows, counts = hubs(LISTS, gallery=500)
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(counts, [counted[row] for row in expected])
    assert (rows.dtype, counts.dtype) == (np.int64, np.int64)
    assert hubness(LISTS, gallery=500) == sum(counted[row] for row in expected) / 1400
    assert hubness(LISTS, gallery=500, top=1) == max(counted.values()) / 1400


def test_images_that_are_found_equally_often_have_hubness_top_over_gallery():
    ring = (np.arange(40)[:, None] + [1, 2, 3]) % 40
    assert hubness(ring, gallery=40, top=10) == 10 / 40
    assert hubness(ring, gallery=40, top=40) == 1.0


def test_random_lists_lie_above_that_by_as_much_as_is_stated():
    lists = np.random.default_rng(0).integers(10_000, size=(10_000, 10))
    assert hubness(lists, gallery=10_000) == pytest.approx(0.0022, abs=0.0002)


def test_the_same_ten_images_for_every_query_have_hubness_1():
    everywhere = np.tile(np.arange(90, 100), (30, 1))
    assert hubness(everywhere, gallery=100) == 1.0
    assert hubness(everywhere[:, :4], gallery=100, top=2) == 0.5


def test_images_that_no_list_names_fill_the_hubs_up_with_0():
    rows, counts = hubs(np.array([[4, 2], [4, 1]]), gallery=6, top=5)
    np.testing.assert_array_equal(rows, [4, 1, 2, 0, 3])
    np.testing.assert_array_equal(counts, [2, 1, 1, 0, 0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: one_of_each_class(np.array([0, 2])), "every class from 0 up needs an image, got none of class 1"),
        (lambda: one_of_each_class(np.array([0.0, 1.0])), "labels must be whole numbers from 0"),
        (lambda: one_of_each_class(np.array([], dtype=int)), r"one per image, got int64 \(0,\)"),
        (lambda: same_class_share(LISTS, QUERY_LABELS[:9], GALLERY_LABELS), "must be 200 labels, one per query, got 9"),
        (
            lambda: same_class_share(LISTS, QUERY_LABELS - 1, GALLERY_LABELS),
            "query_labels must be whole numbers from 0",
        ),
        (lambda: same_class_share(LISTS, QUERY_LABELS, GALLERY_LABELS[:9]), "rows 0 to 8 of the gallery, got 0 to 499"),
        (lambda: hubness(LISTS - 1, gallery=500), "rows 0 to 499 of the gallery, got -1 to 498"),
        (lambda: hubness(LISTS[0], gallery=500), r"whole numbers \(Q, k\) and not empty, got int64 \(7,\)"),
        (lambda: hubness(LISTS * 1.0, gallery=500), "got float64"),
        (lambda: hubs(LISTS, gallery=500, top=0), r"top .*got 0"),
        (lambda: hubs(LISTS, gallery=500, top=501), r"top .*got 501"),
    ],
)
def test_broken_rules_are_answered_with_the_rule_and_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
