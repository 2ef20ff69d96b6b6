"""Anomaly scores and their ROC: what scikit-learn gives, what can be counted by hand, and what a collapse gives."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import auc, roc_curve
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from vicreg.evaluation.anomaly_score import (
    FIELD,
    STUDY,
    Scoring,
    anomaly_scores,
    nearest_distances,
    ranking,
    reduce_distances,
    roc,
)

DIGITS, CLASSES = load_digits(return_X_y=True)
DIGITS = DIGITS.astype(np.float32)  # (1797, 64), 0 to 16
KNOWN = DIGITS[CLASSES < 5]
TRAIN, NORMAL = KNOWN[::2], KNOWN[1::2]
SETTINGS = (
    STUDY,
    FIELD,
    Scoring(k=10, normalise=True, reduction="mean"),
    Scoring(k=1, normalise=False, reduction="kth"),
)


def sklearn_scores(queries, gallery, scoring):
    """Oracle: the definition, by scikit-learn's normalize and NearestNeighbors in double precision."""
    queries, gallery = queries.astype(np.float64), gallery.astype(np.float64)
    if scoring.normalise:
        queries, gallery = normalize(queries), normalize(gallery)
    distances, _ = NearestNeighbors(n_neighbors=scoring.k, algorithm="brute").fit(gallery).kneighbors(queries)
    return distances.mean(axis=1) if scoring.reduction == "mean" else distances[:, -1]


def two_groups(n, m, *, decimals, seed=0):
    """Overlapping scores of n normal images and m anomalies; few decimals make many of them equal."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, n).round(decimals), rng.normal(1, 1.5, m).round(decimals)


def sklearn_curve(normal, anomalies, **options):
    labels = np.repeat([0, 1], [len(normal), len(anomalies)])
    return roc_curve(labels, np.concatenate([normal, anomalies]), **options)


# Scores


@pytest.mark.parametrize("scoring", SETTINGS, ids=lambda scoring: scoring.label)
def test_scores_of_digits_are_the_distances_that_scikit_learn_finds(scoring):
    scores = anomaly_scores(NORMAL, TRAIN, **asdict(scoring))
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, sklearn_scores(NORMAL, TRAIN, scoring), rtol=1e-5)


def test_on_a_line_scores_can_be_counted_by_hand():
    gallery = np.array([[7], [1], [3], [0]], dtype=np.float32)
    queries = np.array([[0], [10]], dtype=np.float32)  # 0, 1, 3, 7 and 3, 7, 9, 10 away
    np.testing.assert_array_equal(nearest_distances(queries, gallery, k=3), [[0, 1, 3], [3, 7, 9]])
    np.testing.assert_array_equal(anomaly_scores(queries, gallery, k=2), [0.5, 5])
    np.testing.assert_array_equal(anomaly_scores(queries, gallery, k=3, reduction="kth"), [3, 9])


def test_after_normalising_only_directions_count_and_a_zero_vector_stays_zero():
    gallery = np.array([[0, 3], [-4, 0]], dtype=np.float32)
    queries = np.array([[9, 0], [0, 0], [0, 1e-30], [0, 1e30]], dtype=np.float32)  # squares would under- and overflow
    found = nearest_distances(queries, gallery, k=2, normalise=True)
    np.testing.assert_allclose(found, [[2**0.5, 2], [1, 1], [0, 2**0.5], [0, 2**0.5]], rtol=1e-6)
    zeros = nearest_distances(queries[1:2], np.zeros((2, 2)), k=1, normalise=True)
    np.testing.assert_array_equal(zeros, [[0]])


@pytest.mark.parametrize("normalise", [False, True])
def test_one_search_serves_every_smaller_k(normalise):
    distances = nearest_distances(NORMAL, TRAIN, k=50, normalise=normalise)
    assert (distances.shape, distances.dtype) == ((len(NORMAL), 50), np.float32)
    for k in (2, 10, 50):
        for reduction in ("mean", "kth"):
            again = anomaly_scores(NORMAL, TRAIN, k=k, normalise=normalise, reduction=reduction)
            np.testing.assert_allclose(reduce_distances(distances, k=k, reduction=reduction), again, rtol=1e-6)


def test_a_train_image_scores_0_unless_it_is_kept_from_finding_itself():
    np.testing.assert_array_equal(anomaly_scores(TRAIN, TRAIN, k=1), 0)
    apart, _ = NearestNeighbors(n_neighbors=2).fit(TRAIN).kneighbors()  # without a query it leaves each point out
    np.testing.assert_allclose(anomaly_scores(TRAIN, TRAIN, exclude_self=True), apart.mean(axis=1), rtol=1e-5)


def test_a_setting_says_itself_in_words():
    assert STUDY.label == "mean distance to the 2 nearest, not normalised"
    assert FIELD.label == "distance to the 50th nearest, normalised"
    assert [replace(FIELD, k=k).label.split()[3] for k in (2, 3, 11, 12, 13, 21, 112)] == [
        *("2nd", "3rd", "11th", "12th", "13th", "21st", "112th")
    ]
    assert {Scoring(1, False, reduction).label for reduction in ("mean", "kth")} == {
        "distance to the nearest, not normalised"
    }


# The curve


def test_a_small_curve_can_be_counted_by_hand():
    found = roc([1, 2, 3, 4], [2.5, 5])
    assert found.auroc == 6 / 8  # 2.5 is above two of the four, 5 above all
    assert found.fpr_at_95_tpr == 2 / 4  # catching 2.5 takes 3 and 4 along
    assert roc([1, 1], [1, 2]).auroc == (2 + 2 * 0.5) / 4
    assert roc([2.5, 5], [1, 2, 3, 4]).auroc == 2 / 8  # anomalies and normal images have changed places
    apart = roc([0, 1], [2, 3, 4])
    assert (apart.auroc, apart.interval, apart.fpr_at_95_tpr) == (1, (1, 1), 0)


@pytest.mark.parametrize("decimals", [0, 1, 8])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 30), (60, 40), (90, 20)])
def test_a_curve_of_few_images_is_that_of_scikit_learn(n, m, decimals):
    normal, anomalies = two_groups(n, m, decimals=decimals)
    found = roc(normal, anomalies)
    fpr, tpr, thresholds = sklearn_curve(normal, anomalies)
    np.testing.assert_allclose(found.false_positive_rate, fpr, rtol=1e-15)
    np.testing.assert_allclose(found.true_positive_rate, tpr, rtol=1e-15)
    np.testing.assert_array_equal(found.thresholds, thresholds)
    assert found.auroc == pytest.approx(auc(fpr, tpr), abs=1e-12)


@pytest.mark.parametrize("decimals", [1, 8])
def test_a_curve_of_many_images_is_thinned_without_moving_it(decimals):
    normal, anomalies = two_groups(10_000, 3_000, decimals=decimals)
    found = roc(normal, anomalies)
    fpr, tpr, thresholds = sklearn_curve(normal, anomalies)
    assert len(found.thresholds) <= 200
    rows = np.searchsorted(-thresholds, -found.thresholds)  # each kept point is one of scikit-learn's
    np.testing.assert_array_equal(found.thresholds, thresholds[rows])
    np.testing.assert_allclose(found.false_positive_rate, fpr[rows], rtol=1e-15)
    np.testing.assert_allclose(found.true_positive_rate, tpr[rows], rtol=1e-15)
    assert (rows[0], rows[-1]) == (0, len(thresholds) - 1)
    across = np.abs(fpr[:, None] - fpr[rows]) + np.abs(tpr[:, None] - tpr[rows])  # (all, kept)
    assert across.min(axis=1).max() < 0.011
    assert auc(found.false_positive_rate, found.true_positive_rate) == pytest.approx(found.auroc, abs=5e-4)
    assert found.auroc == pytest.approx(auc(fpr, tpr), abs=1e-12)


def test_exactly_95_percent_of_the_anomalies_is_enough():
    anomalies = np.arange(1, 101)  # a threshold of 6 catches 95 of them
    assert roc([5.5, 6.5, 7.5, 0], anomalies).fpr_at_95_tpr == 2 / 4
    assert roc([1.5, 2.5, 3.5, 0], np.arange(1, 21)).fpr_at_95_tpr == 2 / 4  # 2 to 20 are 19 of 20


@pytest.mark.parametrize("decimals", [0, 1, 8])
@pytest.mark.parametrize("seed", range(2))
def test_the_false_positive_rate_at_95_percent_is_read_off_the_whole_curve(decimals, seed):
    normal, anomalies = two_groups(2_000, 317 + seed, decimals=decimals, seed=seed)
    fpr, tpr, _ = sklearn_curve(normal, anomalies, drop_intermediate=False)
    assert roc(normal, anomalies).fpr_at_95_tpr == pytest.approx(fpr[tpr >= 0.95].min(), abs=1e-12)


@pytest.mark.parametrize(("n", "m"), [(60, 60), (30, 200), (200, 30)])
@pytest.mark.parametrize("decimals", [0, 8])
def test_the_interval_is_that_of_a_bootstrap_that_compares_every_pair(n, m, decimals):
    normal, anomalies = two_groups(n, m, decimals=decimals, seed=3)
    rng = np.random.default_rng(1)
    above = (anomalies[:, None] > normal) + 0.5 * (anomalies[:, None] == normal)  # (m, n)
    slow = [above[rng.choice(m, m)][:, rng.choice(n, n)].mean() for _ in range(4_000)]
    # An end of 1,000 draws varies by 0.085 of their standard deviation; to resample one group only moves both by more.
    np.testing.assert_allclose(
        roc(normal, anomalies).interval, np.percentile(slow, (2.5, 97.5)), atol=0.3 * np.std(slow)
    )


def test_the_seed_draws_the_interval_and_nothing_else():
    groups = two_groups(60, 40, decimals=8)
    first, again, other = roc(*groups), roc(*groups, seed=0), roc(*groups, seed=1)
    assert first.interval == again.interval != other.interval
    assert first.auroc == other.auroc


@pytest.mark.parametrize("scoring", [STUDY, FIELD], ids=["study", "field"])
@pytest.mark.parametrize("value", [0, 0.3])
def test_a_complete_collapse_tells_nothing_apart(scoring, value):
    everywhere = np.full((80, 16), value, dtype=np.float32)
    scores = anomaly_scores(everywhere, everywhere, **asdict(scoring))
    np.testing.assert_array_equal(scores, 0)
    found = roc(scores[:50], scores[50:])
    assert (found.auroc, found.interval, found.fpr_at_95_tpr) == (0.5, (0.5, 0.5), 1)
    np.testing.assert_array_equal(found.false_positive_rate, [0, 1])
    np.testing.assert_array_equal(found.true_positive_rate, [0, 1])
    np.testing.assert_array_equal(found.thresholds, [np.inf, 0])


def test_a_ranking_starts_at_the_most_anomalous_and_keeps_equal_scores_in_order():
    order = ranking(np.array([1, 3, 2, 3, 1, 3], dtype=np.float32))
    np.testing.assert_array_equal(order, [1, 3, 5, 2, 0, 4])
    assert order.dtype == np.int64
    many = np.random.default_rng(0).integers(0, 5, 1000)  # enough for a sort that is not stable to show itself
    np.testing.assert_array_equal(ranking(many), np.lexsort((np.arange(1000), -many)))


# Broken rules


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, r"k .*got 0"),
        ({"k": 31}, r"k .*got 31"),
        ({"k": 30, "exclude_self": True}, r"k .*got 30"),
        ({"reduction": "median"}, r"reduction .*got 'median'"),
    ],
)
def test_broken_rules_are_answered_with_the_rule_and_the_value(options, message):
    with pytest.raises(ValueError, match=message):
        anomaly_scores(TRAIN[:30], TRAIN[:30], **options)


def test_representations_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="need the same width, got 64 and 63 dimensions"):
        anomaly_scores(NORMAL, TRAIN[:, :63])
    with pytest.raises(ValueError, match="queries must be finite"):
        anomaly_scores(np.where(NORMAL > 15, np.nan, NORMAL), TRAIN, normalise=True)
    with pytest.raises(ValueError, match=r"gallery must be 2-D \(N, D\) and not empty"):
        anomaly_scores(NORMAL, TRAIN[:0])


@pytest.mark.parametrize(
    ("distances", "options", "message"),
    [
        ([[1, 2, 3]], {"k": 4, "reduction": "kth"}, r"k .*got 4"),
        ([[1, 2], [2, 1]], {"k": 1, "reduction": "kth"}, "distances must rise along each row"),
        ([[1, np.inf]], {"k": 1, "reduction": "kth"}, "distances must be finite, but 1 of its 2 values"),
    ],
)
def test_distances_that_cannot_be_reduced_are_refused(distances, options, message):
    with pytest.raises(ValueError, match=message):
        reduce_distances(np.array(distances), **options)


def test_groups_without_scores_and_scores_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match=r"normal .*got shape \(0,\)"):
        roc([], [1])
    with pytest.raises(ValueError, match=r"anomalies .*got shape \(2, 1\)"):
        roc([1], [[1], [2]])
    with pytest.raises(ValueError, match="anomalies must be finite, but 2 of its 3 scores are not"):
        roc([1], [1, np.nan, np.inf])
    with pytest.raises(ValueError, match="scores must be finite, but 1 of its 2 scores are not"):
        ranking([1, np.nan])
