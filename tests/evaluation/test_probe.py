"""Linear probe: the objective's minimum, figures recounted by hand, and what must not matter."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vicreg.evaluation.probe import STRENGTHS, accuracy_interval, linear_probe, probabilities


def blobs(n: int, *, classes: int = 4, width: int = 10, spread: float = 2.0, seed: int = 0):
    """Classes round centres that all seeds share, overlapping; dimensions of very different scale and place."""
    centres = np.random.default_rng(99).standard_normal((classes, width))
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % classes)
    x = centres[labels] + spread * rng.standard_normal((n, width))
    return (x * np.geomspace(0.01, 100, width) + 5).astype(np.float32), labels


TRAIN, TRAIN_LABELS = blobs(600, seed=1)
TEST, TEST_LABELS = blobs(400, seed=2)


@pytest.fixture(scope="module")
def result():
    return linear_probe(TRAIN, TRAIN_LABELS, TEST, TEST_LABELS)


@pytest.mark.parametrize("classes", [2, 4])
def test_one_strength_is_ridge_penalised_logistic_regression_on_standardised_data(classes):
    train, labels = blobs(300, classes=classes, seed=3)
    test, test_labels = blobs(200, classes=classes, seed=4)
    ours = linear_probe(train, labels, test, test_labels, strengths=(0.03,))
    # For two classes scikit-learn fits one row, w_1 - w_0; at w_1 = -w_0 its square is twice that of both rows.
    c = (2 if classes == 2 else 1) / (0.03 * 300)
    oracle = make_pipeline(StandardScaler(), LogisticRegression(C=c, tol=1e-8, max_iter=10_000))
    oracle.fit(train.astype(np.float64), labels)
    np.testing.assert_allclose(probabilities(ours, test), oracle.predict_proba(test.astype(np.float64)), atol=2e-3)


def test_the_weights_are_at_the_minimum_of_the_stated_objective(result):
    mean, std = TRAIN.mean(axis=0, dtype=np.float64), TRAIN.std(axis=0, dtype=np.float64)
    z = (TRAIN - mean) / std
    error = probabilities(result, TRAIN) - np.eye(4)[TRAIN_LABELS]  # gradient of the cross-entropy by the logits
    gradient = error.T @ z / len(z) + result.strength * (result.weights * std)
    assert np.abs(gradient).max() < 5e-4
    assert np.abs(error.mean(axis=0)).max() < 5e-4  # the bias is not penalised


def test_small_directions_of_a_dimensional_collapse_are_read_too():
    rng = np.random.default_rng(8)
    labels = np.arange(2000) % 4
    common = rng.standard_normal((2000, 1)) * np.ones(16)
    signal = rng.standard_normal((4, 16))[labels] + rng.standard_normal((2000, 16))
    train = (common + 0.003 * signal).astype(np.float32)
    ours = linear_probe(train, labels, train, labels, strengths=(1e-4,))
    oracle = LogisticRegression(C=1 / (1e-4 * 2000), solver="newton-cg", tol=1e-8, max_iter=1000)
    oracle.fit(StandardScaler().fit_transform(train.astype(np.float64)), labels)
    expected = oracle.predict_proba(StandardScaler().fit_transform(train.astype(np.float64)))
    np.testing.assert_allclose(probabilities(ours, train), expected, atol=1e-3)  # scikit-learn's L-BFGS is off by 7e-3


def test_every_figure_recounts_from_the_predictions(result):
    np.testing.assert_array_equal(result.predicted, probabilities(result, TEST).argmax(axis=1))
    correct = result.predicted == TEST_LABELS
    assert result.accuracy == correct.mean()
    np.testing.assert_array_equal(result.confusion, confusion_matrix(TEST_LABELS, result.predicted))
    np.testing.assert_allclose(result.per_class, [correct[c == TEST_LABELS].mean() for c in range(4)])
    own = probabilities(result, TEST)[np.arange(400), TEST_LABELS]
    np.testing.assert_allclose(result.probability, own, rtol=1e-6)
    assert result.accuracy > 0.45  # chance is 0.25
    assert result.interval[0] < result.accuracy < result.interval[1]


def test_the_strength_with_the_least_held_out_loss_is_taken(result):
    assert result.strengths == STRENGTHS
    assert result.strength == result.strengths[int(np.argmin(result.held_out_loss))]


def test_noise_calls_for_the_strongest_penalty_and_clean_classes_for_a_weak_one():
    rng = np.random.default_rng(0)
    noise, labels = rng.standard_normal((200, 100)), np.arange(200) % 4
    assert linear_probe(noise, labels, noise, labels).strength == 1.0
    clean, labels = blobs(400, spread=0.05, seed=5)
    assert linear_probe(clean, labels, clean, labels).strength <= 0.0001


def test_the_labels_of_the_test_split_change_no_prediction(result):
    other = linear_probe(TRAIN, TRAIN_LABELS, TEST, (TEST_LABELS + 1) % 4)
    np.testing.assert_array_equal(other.predicted, result.predicted)


def test_scale_and_place_of_a_dimension_do_not_matter(result):
    scale = 2.0 ** np.arange(10)
    moved = linear_probe(TRAIN * scale, TRAIN_LABELS, TEST * scale, TEST_LABELS)
    np.testing.assert_allclose(moved.probability, result.probability, atol=1e-3)


def test_a_complete_collapse_scores_at_chance_without_nan():
    same = np.full((400, 8), 0.3, dtype=np.float32)
    result = linear_probe(same, TEST_LABELS, same, TEST_LABELS)
    assert result.accuracy == 0.25
    np.testing.assert_allclose(result.probability, 0.25, atol=1e-3)


def test_a_dimension_that_is_only_rounding_is_not_blown_up():
    train, test = TRAIN.copy(), TEST.copy()
    train[:, 0] = np.float32(7) * (1 + np.arange(600) % 2 * np.float32(1e-7))
    test[:, 0] = np.float32(7.01)
    assert linear_probe(train, TRAIN_LABELS, test, TEST_LABELS).accuracy > 0.4


def test_a_class_missing_from_the_test_split_has_no_accuracy():
    some = TEST_LABELS != 2
    result = linear_probe(TRAIN, TRAIN_LABELS, TEST[some], TEST_LABELS[some])
    assert np.isnan(result.per_class[2])
    assert np.isfinite(result.per_class[[0, 1, 3]]).all()
    assert result.confusion.shape == (4, 4)


@pytest.mark.parametrize(("right", "n"), [(50, 100), (9_000, 10_000)])
def test_the_interval_is_that_of_resampling_the_images(right, n):
    correct = np.arange(n) < right
    rng = np.random.default_rng(1)
    resampled = [correct[rng.integers(0, n, n)].mean() for _ in range(4000)]
    interval = accuracy_interval(correct, rng=np.random.default_rng(0))
    error = np.sqrt(right / n * (1 - right / n) / n)
    np.testing.assert_allclose(interval, np.percentile(resampled, (2.5, 97.5)), atol=0.25 * error)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_labels": TRAIN_LABELS[:10]}, "train_labels must be 600 whole numbers from 0"),
        ({"train_labels": TRAIN_LABELS.astype(float)}, "got float64"),
        ({"train_labels": TRAIN_LABELS - 1}, "whole numbers from 0"),
        ({"test_labels": TEST_LABELS + 1}, r"test_labels .*got 4"),
        ({"test": TEST[:, :9]}, "need the same width, got 10 and 9 dimensions"),
        ({"train_labels": np.zeros(600, int)}, "there must be 2 classes"),
        (
            {"train_labels": np.where(TRAIN_LABELS == 1, 0, TRAIN_LABELS)},
            "every class from 0 up needs 2 training images",
        ),
        ({"strengths": (0.1, 0.0)}, "strengths must be positive"),
        ({"train": np.full_like(TRAIN, np.nan)}, "train must be finite"),
    ],
)
def test_broken_rules_are_answered_with_the_rule_and_the_value(change, message):
    given = {"train": TRAIN, "train_labels": TRAIN_LABELS, "test": TEST, "test_labels": TEST_LABELS, **change}
    with pytest.raises(ValueError, match=message):
        linear_probe(**given)
