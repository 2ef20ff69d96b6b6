"""Clusters: a fixed point of k-means on real digits, every score recomputed by hand, and what a collapse gives."""

import itertools
import warnings

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from sklearn.metrics import silhouette_score

from vicreg.evaluation.clustering import chance, cluster, majorities

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS, LABELS = DIGITS[:600].astype(np.float32), LABELS[:600]


@pytest.fixture(scope="module")
def ten():
    return cluster(DIGITS, LABELS, silhouette_sample=600)


def means(assignment, clusters):
    return np.stack([DIGITS[assignment == c].mean(axis=0, dtype=np.float64) for c in range(clusters)])


def test_every_image_is_in_the_cluster_whose_mean_is_nearest(ten):
    distances = cdist(DIGITS, means(ten.assignment, 10))
    np.testing.assert_array_equal(ten.assignment, distances.argmin(axis=1))
    np.testing.assert_allclose(ten.distances, distances.min(axis=1), rtol=1e-5)
    assert (ten.assignment.dtype, ten.distances.dtype) == (np.int64, np.float32)
    assert ten.iterations > 1


def test_the_table_counts_the_classes_of_each_cluster(ten):
    expected = [[((ten.assignment == k) & (c == LABELS)).sum() for c in range(10)] for k in range(10)]
    np.testing.assert_array_equal(ten.table, expected)
    assert ten.table.dtype == np.int64


@pytest.mark.parametrize("clusters", [3, 5, 7])
def test_the_matching_is_the_best_of_all_one_to_one_matchings(clusters):
    five = LABELS < 5
    result = cluster(DIGITS[five], LABELS[five], clusters=clusters, silhouette_sample=2)
    table = result.table if clusters <= 5 else result.table.T  # each row of the shorter side takes another column
    best = max(
        sum(table[i, j] for i, j in enumerate(columns))
        for columns in itertools.permutations(range(table.shape[1]), table.shape[0])
    )
    assert result.accuracy == best / five.sum()
    matched = result.matching[result.matching >= 0]
    assert len(matched) == len(set(matched)) == min(clusters, 5)


def test_clusters_are_numbered_by_their_class_and_those_without_come_last_by_size():
    result = cluster(DIGITS, LABELS, clusters=14, silhouette_sample=2)
    np.testing.assert_array_equal(result.matching, [*range(10), -1, -1, -1, -1])
    np.testing.assert_array_equal(result.table.sum(axis=1), np.bincount(result.assignment, minlength=14))
    assert (np.diff(result.table.sum(axis=1)[10:]) <= 0).all()


def test_a_cluster_that_shares_no_image_with_the_class_left_over_is_matched_to_none():
    labels = np.where(LABELS == 9, 9, 0)  # classes 1 to 8 have no image
    result = cluster(DIGITS, labels, silhouette_sample=2)
    np.testing.assert_array_equal(result.matching, [0, 9, *[-1] * 8])
    assert result.table.shape == (10, 10)
    assert result.accuracy == (result.table[0, 0] + result.table[1, 9]) / 600


def test_clear_classes_are_found_whole_with_the_same_numbers_from_any_seed():
    labels = np.random.default_rng(0).permutation(np.arange(90) % 3)
    points = np.eye(3)[labels] * 20 + np.random.default_rng(1).standard_normal((90, 3))
    for seed in range(4):
        result = cluster(points, labels, clusters=3, seed=seed)
        np.testing.assert_array_equal(result.assignment, labels)
        assert (result.accuracy, result.nmi, result.ari) == pytest.approx((1, 1, 1))
        assert result.accuracy_interval == (1.0, 1.0)


def test_the_silhouettes_sample_is_as_large_as_stated_and_stands_for_all(ten):
    assert ten.silhouette_n == 600
    assert ten.silhouette == pytest.approx(silhouette_score(DIGITS, ten.assignment), abs=1e-5)
    sampled = cluster(DIGITS, LABELS, silhouette_sample=300)
    assert sampled.silhouette_n == 300
    assert sampled.silhouette != ten.silhouette
    assert sampled.silhouette == pytest.approx(ten.silhouette, abs=0.03)
    np.testing.assert_array_equal(sampled.assignment, ten.assignment)


def test_the_same_arrays_give_the_same_result_and_are_left_alone(ten):
    digits = DIGITS.copy()
    digits.flags.writeable = False
    again = cluster(digits, LABELS, silhouette_sample=600)
    np.testing.assert_array_equal(again.assignment, ten.assignment)
    np.testing.assert_array_equal(again.distances, ten.distances)
    assert (again.silhouette, again.accuracy_interval) == (ten.silhouette, ten.accuracy_interval)


def test_the_labels_do_not_shape_the_clusters(ten):
    other = cluster(DIGITS, np.random.default_rng(0).permutation(LABELS), silhouette_sample=600)
    same = ten.assignment[:, None] == ten.assignment
    np.testing.assert_array_equal(other.assignment[:, None] == other.assignment, same)
    assert abs(other.ari) < 0.02
    assert 0.1 < other.accuracy < 0.25  # chance is 0.1, but the matching takes the best


def test_images_close_together_and_far_from_0_are_told_apart(ten):
    # float32 at 10,000 has steps of 0.001, as large as the pixels' own
    moved = cluster(DIGITS.astype(np.float64) * 1e-3 + 1e4, LABELS, silhouette_sample=600)
    np.testing.assert_array_equal(moved.assignment, ten.assignment)
    np.testing.assert_allclose(moved.distances, ten.distances * 1e-3, rtol=1e-4)
    assert moved.silhouette == pytest.approx(ten.silhouette, abs=1e-4)


def test_a_complete_collapse_is_one_cluster_with_every_score_0():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = cluster(np.full((600, 64), 0.3, dtype=np.float32), LABELS)
    np.testing.assert_array_equal(result.assignment, 0)
    np.testing.assert_array_equal(result.distances, 0)
    np.testing.assert_array_equal(result.table[0], np.bincount(LABELS))
    np.testing.assert_array_equal(result.table[1:], 0)
    assert (result.silhouette, result.ari) == (0.0, 0.0)
    assert result.nmi == pytest.approx(0, abs=1e-9)
    assert result.accuracy == np.bincount(LABELS).max() / 600
    np.testing.assert_array_equal(result.matching, [np.bincount(LABELS).argmax(), *[-1] * 9])


def test_fewer_distinct_rows_than_clusters_leave_some_empty():
    labels = np.arange(60) % 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = cluster(DIGITS[labels], labels)
    np.testing.assert_array_equal(result.assignment, labels)
    np.testing.assert_array_equal(result.matching, [0, 1, 2, *[-1] * 7])
    np.testing.assert_allclose(result.distances, 0, atol=1e-5)
    assert (result.silhouette, result.accuracy, result.ari) == pytest.approx((1, 1, 1), abs=1e-5)


def test_as_many_clusters_as_images_have_silhouette_0():
    result = cluster(DIGITS[:8], LABELS[:8], clusters=8)
    assert sorted(result.assignment) == list(range(8))
    assert (result.silhouette, result.silhouette_n) == (0.0, 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clusters": 0}, r"clusters .*got 0"),
        ({"clusters": 601}, r"clusters .*got 601"),
        ({"silhouette_sample": 1}, r"silhouette_sample .*got 1"),
        ({"labels": LABELS[:10]}, r"labels .*got int64 \(10,\)"),
        ({"labels": LABELS - 1}, "labels must be 600 whole numbers from 0"),
        ({"labels": LABELS.astype(float)}, "got float64"),
        ({"representations": np.full_like(DIGITS, np.nan)}, "representations must be finite"),
        ({"representations": DIGITS[0]}, "representations must be 2-D"),
    ],
)
def test_broken_rules_are_answered_with_the_rule_and_the_value(change, message):
    with pytest.raises(ValueError, match=message):
        cluster(**{"representations": DIGITS, "labels": LABELS, **change})


def test_chance_is_what_the_best_matching_of_random_clusters_reaches():
    rng = np.random.default_rng(5)
    best = []
    for _ in range(300):
        clusters, labels = rng.integers(3, size=(2, 30))
        best.append(max((np.array(order)[clusters] == labels).mean() for order in itertools.permutations(range(3))))
    assert chance(30, 3, draws=300) == pytest.approx(np.mean(best), abs=0.02)
    assert 0.1 < chance(10_000, 10) < chance(1_000, 10) < 0.16


def test_a_majority_is_a_clusters_largest_class_with_its_share():
    labels, shares = majorities(np.array([[0, 3, 1], [2, 2, 0], [0, 0, 0]]))
    assert labels.tolist() == [1, 0, 0]
    assert shares.tolist() == [0.75, 0.5, 0.0]  # one half is no majority, and an empty cluster has none
