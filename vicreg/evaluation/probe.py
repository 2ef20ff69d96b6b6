"""The linear probe: how well a linear classifier reads the class from a frozen encoder's representations.

    min over W, b of  1/n sum_i CE(W x_i + b, c_i) + strength/2 |W|^2,   x = (y - mean) / std over the train split

This is the linear evaluation of Bardes et al. 2022, section 4.2. We fit it to convergence instead of training it by SGD,
so it has no learning rate to choose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vicreg.evaluation.array_checks import checked, checked_labels

STRENGTHS = (1.0, 0.1, 0.01, 0.001, 1e-4, 1e-5, 1e-6)
RESAMPLES = 1000
# A fit stops when the largest entry of its gradient is below this, in coordinates in which the objective has a similar
# curvature in all directions. A tenth of this tolerance changes no accuracy by more than 0.02 points.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class ProbeResult:
    """A linear probe and its results on the test split: N test images, C classes, D dimensions. Shares are from 0 to 1.

    accuracy; interval: its 95 % bootstrap interval over test images, (low, high).
    per_class: (C,) share of each class's test images that are classified correctly, NaN for a class without images.
    confusion: (C, C) int64 counts; row: true class, column: predicted class.
    predicted: (N,) int64. probability: (N,) float32, of the true class; a low value is a bad mistake.
    strength: the L2 strength chosen. strengths, held_out_loss: those tried, and the cross-entropy (nats) of each on the
        held-out tenth of the train split.
    weights: (C, D), bias: (C,), float64, for `probabilities`.
    """

    accuracy: float
    interval: tuple[float, float]
    per_class: np.ndarray
    confusion: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray
    strength: float
    strengths: tuple[float, ...]
    held_out_loss: tuple[float, ...]
    weights: np.ndarray
    bias: np.ndarray


def linear_probe(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    *,
    strengths: tuple[float, ...] = STRENGTHS,
    seed: int = 0,
) -> ProbeResult:
    """Fit a linear classifier on the train split's representations and measure it on the test split's.

    train: (n, D), test: (N, D). Labels are whole numbers 0 to C - 1, each at least twice in the train split. The strength with
    the smallest cross-entropy on a held-out tenth of each class is refitted on the whole train split. seed: of the held-out
    images and the bootstrap. The same arrays give the same result. 50,000 x 960 take about a minute on one
    core (`python -m benchmarks.probe`). Raises ValueError for arrays that do not fit.
    """
    train, train_labels = checked(train, name="train"), checked_labels(train_labels, len(train), "train_labels")
    test, test_labels = checked(test, name="test"), checked_labels(test_labels, len(test), "test_labels")
    _same_width(train, test)
    classes = _classes(train_labels)
    _known(test_labels, classes)
    if not strengths or min(strengths) <= 0:
        raise ValueError(f"strengths must be positive numbers, at least one, got {strengths}")

    rng = np.random.default_rng(seed)
    held_out = _held_out(train_labels, rng)
    mean, scale = _standard(train)
    directions = _Directions((train - mean) / scale)
    tried, model = [], None
    for tested in sorted(strengths, reverse=True):  # from strong to weak: each fit starts from the one before
        model = directions.fit(~held_out, train_labels[~held_out], tested, start=model)
        own = _softmax(directions.rotated[held_out] @ model.weights.T + model.bias)
        loss = -np.log(np.maximum(own[np.arange(len(own)), train_labels[held_out]], 1e-12)).mean()
        tried.append((float(loss), tested, model))
    _, strength, model = min(tried, key=lambda entry: (entry[0], -entry[1]))
    model = directions.fit(np.ones(len(train), dtype=bool), train_labels, strength, start=model)

    weights = model.weights @ directions.axes.T / scale  # for representations that are not standardised
    bias = model.bias - weights @ mean.astype(np.float64)
    probability = _probabilities(test, weights, bias)
    predicted = probability.argmax(axis=1)
    confusion = np.bincount(test_labels * classes + predicted, minlength=classes**2).reshape(classes, classes)
    with np.errstate(invalid="ignore"):
        per_class = confusion.diagonal() / confusion.sum(axis=1)
    correct = predicted == test_labels
    return ProbeResult(
        accuracy=float(correct.mean()),
        interval=accuracy_interval(correct, rng=rng),
        per_class=per_class,
        confusion=confusion,
        predicted=predicted,
        probability=probability[np.arange(len(test)), test_labels].astype(np.float32),
        strength=strength,
        strengths=tuple(entry[1] for entry in tried),
        held_out_loss=tuple(entry[0] for entry in tried),
        weights=weights,
        bias=bias,
    )


def probabilities(result: ProbeResult, representations: np.ndarray) -> np.ndarray:
    """The probability of every class for new images: (M, D) representations -> (M, C) float64, rows sum to 1."""
    return _probabilities(checked(representations), result.weights, result.bias)


def accuracy_interval(correct: np.ndarray, *, rng: np.random.Generator) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of an accuracy, from 1,000 resamplings of the test images.

    correct: (N,) bool. The mean of N draws with replacement from zeros and ones is binomial, so we draw it directly.
    """
    draws = rng.binomial(len(correct), np.mean(correct), size=RESAMPLES) / len(correct)
    low, high = np.percentile(draws, (2.5, 97.5))
    return float(low), float(high)


@dataclass(frozen=True)
class _Model:
    """weights: (C, D), bias: (C,), float64."""

    weights: np.ndarray
    bias: np.ndarray


class _Directions:
    """Standardised representations along their principal directions, in which a fit converges quickly.

    After a dimensional collapse, one direction may spread a thousand times more than another. A small gradient then
    does not mean that the narrow direction is fitted. So we scale the weights by the objective's curvature, about
    0.1 std^2 + strength: all directions then count equally. The rotation does not change the penalty.
    """

    def __init__(self, x: np.ndarray) -> None:
        """x: (n, D), standardised."""
        variances, self.axes = np.linalg.eigh((x.T @ x).astype(np.float64) / len(x))  # (D,), (D, D)
        self.variances = np.maximum(variances, 0)
        self.rotated = x @ self.axes.astype(x.dtype)  # (n, D)

    def fit(self, rows: np.ndarray, labels: np.ndarray, strength: float, *, start: _Model | None = None) -> _Model:
        """The minimum over these rows (a boolean (n,)), in the rotated coordinates. labels: of these rows."""
        from scipy.optimize import minimize

        x, n, d = self.rotated[rows], len(labels), self.rotated.shape[1]
        classes = int(labels.max()) + 1
        own = (np.arange(n), labels)
        scale = 1 / np.sqrt(0.1 * self.variances + strength)  # (D,)

        def objective(unknowns: np.ndarray) -> tuple[float, np.ndarray]:
            weights, bias = unknowns[classes:].reshape(classes, d) * scale, unknowns[:classes]
            probability = _softmax(x @ weights.astype(x.dtype).T + bias.astype(x.dtype))
            loss = -np.log(np.maximum(probability[own], 1e-30)).mean(dtype=np.float64)
            probability[own] -= 1
            slope = (probability.T @ x / n + strength * weights) * scale
            gradient = np.concatenate([probability.mean(axis=0, dtype=np.float64), slope.ravel()])
            return float(loss + strength / 2 * np.square(weights).sum()), gradient

        first = np.zeros(classes * (d + 1))
        if start is not None:
            first = np.concatenate([start.bias, (start.weights / scale).ravel()])
        options = {"gtol": TOLERANCE, "ftol": 0, "maxiter": 2000, "maxfun": 4000}
        found = minimize(objective, first, jac=True, method="L-BFGS-B", options=options).x
        return _Model(found[classes:].reshape(classes, d) * scale, found[:classes])


def _standard(train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each dimension; the latter is 1 if the spread is only rounding."""
    mean = train.mean(axis=0, dtype=np.float64)
    std = train.std(axis=0, dtype=np.float64)
    rounding = 1e-6 * np.abs(mean)
    return mean.astype(train.dtype), np.where(std > rounding, std, 1).astype(train.dtype)


def _held_out(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n,) bool: a random tenth of every class, at least one image and never all."""
    held_out = np.zeros(len(labels), dtype=bool)
    for c in range(int(labels.max()) + 1):
        members = rng.permutation(np.flatnonzero(labels == c))
        held_out[members[: max(1, round(len(members) / 10))]] = True
    return held_out


def _probabilities(representations: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return _softmax(representations.astype(np.float64) @ weights.T + bias)


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def _classes(train_labels: np.ndarray) -> int:
    """The number of classes. Raises ValueError if a class has too few images to hold one out."""
    classes = int(train_labels.max()) + 1
    counts = np.bincount(train_labels, minlength=classes)
    if classes < 2 or counts.min() < 2:
        raise ValueError(
            f"every class from 0 up needs 2 training images, and there must be 2 classes, got counts {counts}"
        )
    return classes


def _known(test_labels: np.ndarray, classes: int) -> None:
    if test_labels.max() >= classes:
        raise ValueError(f"test_labels must be classes of the train split, 0 to {classes - 1}, got {test_labels.max()}")


def _same_width(train: np.ndarray, test: np.ndarray) -> None:
    if train.shape[1] != test.shape[1]:
        raise ValueError(f"train and test need the same width, got {train.shape[1]} and {test.shape[1]} dimensions")
