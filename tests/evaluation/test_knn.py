"""The vote of the nearest neighbours, against votes that are counted query by query."""

import numpy as np
import pytest
from test_probe import TEST, TEST_LABELS, TRAIN, TRAIN_LABELS

from vicreg.evaluation.knn import knn_accuracy, knn_predict


def voted_by_hand(train, labels, queries, k, temperature):
    """Wu et al. 2018, query by query: the class with the most weighted votes, from cosines in float64."""
    unit, asked = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in map(np.float64, (train, queries)))
    found = []
    for cosines in asked @ unit.T:
        near = np.argsort(cosines)[::-1][:k]
        found.append(np.bincount(labels[near], np.exp(cosines[near] / temperature)).argmax())
    return found


@pytest.mark.parametrize(("k", "temperature"), [(1, 0.07), (20, 0.07), (20, 5.0), (600, 0.2)])
def test_knn_counts_the_weighted_votes(k, temperature):
    train, test = TRAIN / np.geomspace(0.01, 100, 10), TEST[:100] / np.geomspace(0.01, 100, 10)
    expected = voted_by_hand(train, TRAIN_LABELS, test, k, temperature)
    predicted = knn_predict(train, TRAIN_LABELS, test, k=k, temperature=temperature)
    np.testing.assert_array_equal(predicted, expected)
    accuracy = knn_accuracy(train, TRAIN_LABELS, test, TEST_LABELS[:100], k=k, temperature=temperature)
    assert accuracy == (np.array(expected) == TEST_LABELS[:100]).mean()


def test_a_close_neighbour_outvotes_two_far_ones():
    train = np.array([[1, 0.01], [0, 1], [0, 1.1]], dtype=np.float32)
    labels = np.array([1, 0, 0])
    query = np.array([[1, 0]], dtype=np.float32)
    assert knn_predict(train, labels, query, k=3)[0] == 1
    assert knn_predict(train, labels, query, k=3, temperature=100.0)[0] == 0  # hot: all votes count alike


def test_a_low_temperature_does_not_overflow():
    assert knn_accuracy(TRAIN, TRAIN_LABELS, TRAIN, TRAIN_LABELS, k=5, temperature=1e-4) == 1.0


def test_knn_of_a_collapse_to_zero_is_a_vote_of_the_first_train_images():
    # all distances are 0, so the k lowest rows vote alike: here 3 of class 2, and one each of the others
    train, labels = np.zeros((40, 8), dtype=np.float32), np.concatenate([[2, 0, 2, 1, 3, 2], np.arange(34) % 4])
    test = np.zeros((len(TEST_LABELS), 8), dtype=np.float32)
    np.testing.assert_array_equal(knn_predict(train, labels, test, k=6), 2)
    assert knn_accuracy(train, labels, test, TEST_LABELS, k=6) == (TEST_LABELS == 2).mean()


def test_one_dead_image_does_not_change_the_votes_for_the_others():
    test = TEST.copy()
    test[7] = 0
    before, after = (knn_predict(TRAIN, TRAIN_LABELS, images) for images in (TEST, test))
    np.testing.assert_array_equal(np.delete(after, 7), np.delete(before, 7))
    assert 0 <= after[7] < 4


def test_knn_refuses_a_temperature_that_is_not_positive_and_too_large_a_k():
    with pytest.raises(ValueError, match=r"temperature .*got 0"):
        knn_predict(TRAIN, TRAIN_LABELS, TEST, temperature=0)
    with pytest.raises(ValueError, match=r"k .*got 601"):
        knn_predict(TRAIN, TRAIN_LABELS, TEST, k=601)
