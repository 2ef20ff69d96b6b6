"""Anomaly scores: how far an image is from the train images, and how well the score separates anomalies from normal images.

    mean   score(x) = 1/k sum_j d_j(x)        d_1 <= d_2 <= ...: Euclidean distances from the representation of x
    kth    score(x) = d_k(x)                  to the train images' representations
    AUROC  P(score(anomaly) > score(normal)) + 1/2 P(equal)

A higher score means more anomalous. Anomalies are the positives. Two scorings have names: STUDY, the mean distance to the 2
nearest representations, not normalised; and FIELD, the distance to the 50th nearest after scaling all representations to
length 1 (deep kNN, Sun et al. 2022; OpenOOD).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vicreg.evaluation.array_checks import checked
from vicreg.evaluation.neighbours import nearest

REDUCTIONS = ("mean", "kth")
DEPTHS = (2, 10, 50)  # numbers of neighbours that a page can choose
RESAMPLES = 1000
POINTS = 200  # the most points of a curve that are kept for drawing


@dataclass(frozen=True)
class Scoring:
    """How to score an image; `anomaly_scores` has the same three options.

    k: the number of nearest train images, at least 1. normalise: scale representations to length 1 first.
    reduction: `mean` of the k distances, or `kth`, the k-th distance. Raises ValueError for other values.
    """

    k: int
    normalise: bool
    reduction: str

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k must be at least 1, got {self.k}")
        if self.reduction not in REDUCTIONS:
            raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, got {self.reduction!r}")

    @property
    def label(self) -> str:
        """The scoring in words, such as `distance to the 50th nearest, normalised`."""
        if self.k == 1:
            distance = "distance to the nearest"
        elif self.reduction == "mean":
            distance = f"mean distance to the {self.k} nearest"
        else:
            distance = f"distance to the {_ordinal(self.k)} nearest"
        return f"{distance}, {'normalised' if self.normalise else 'not normalised'}"

    @property
    def column(self) -> str:
        """The name of its column in a table of scores, such as `mean_2` or `kth_50_unit`."""
        return f"{self.reduction}_{self.k}" + ("_unit" if self.normalise else "")


STUDY = Scoring(k=2, normalise=False, reduction="mean")
FIELD = Scoring(k=50, normalise=True, reduction="kth")
KNOWN = {"study": STUDY, "field": FIELD}  # these get a ROC curve; the names are those in figures and on pages
OFFERED = tuple(  # all that are measured and that a page offers; each is a column in the table of scores
    Scoring(k=k, normalise=normalise, reduction=reduction)
    for normalise in (False, True)
    for k in DEPTHS
    for reduction in REDUCTIONS
)


@dataclass(frozen=True)
class Roc:
    """How well scores separate n_anomalies anomalies (positives) from n_normal normal images. All shares are from 0 to 1.

    thresholds: (P,) float64, falling from infinity. false_positive_rate, true_positive_rate: (P,) float64, rising from 0
    to 1, the shares of normal images and of anomalies that score at least the threshold; at most 200 points (see `roc`).
    auroc: 0.5 by chance, 1 if all anomalies score higher; computed from all scores, not from the P points.
    interval: its 95 % bootstrap interval, (low, high).
    fpr_at_95_tpr: the lowest false positive rate at which at least 95 % of the anomalies are found; lower is better.
    """

    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray
    thresholds: np.ndarray
    auroc: float
    interval: tuple[float, float]
    fpr_at_95_tpr: float
    n_normal: int
    n_anomalies: int


def anomaly_scores(
    queries: np.ndarray,
    gallery: np.ndarray,
    *,
    k: int = STUDY.k,
    normalise: bool = STUDY.normalise,
    reduction: str = STUDY.reduction,
    exclude_self: bool = False,
) -> np.ndarray:
    """The anomaly score of each query: queries (Q, D) and train images (N, D) -> (Q,) float32, 0 and up.

    This is `nearest_distances`, then `reduce_distances`. To pass a Scoring, use `**asdict(scoring)`. exclude_self: query i is
    gallery row i, which does not count. Raises ValueError unless 1 <= k <= N (N - 1 with exclude_self), for an unknown
    reduction, and for arrays that do not fit or are not finite.
    """
    Scoring(k=k, normalise=normalise, reduction=reduction)  # raise errors before the search, not after
    distances = nearest_distances(queries, gallery, k=k, normalise=normalise, exclude_self=exclude_self)
    return reduce_distances(distances, k=k, reduction=reduction)


def nearest_distances(
    queries: np.ndarray, gallery: np.ndarray, *, k: int, normalise: bool = False, exclude_self: bool = False
) -> np.ndarray:
    """Euclidean distances to the k nearest gallery images: (Q, D) and (N, D) -> (Q, k) float32, each row rising.

    One search with the largest k serves every smaller k. normalise: scale both to length 1 first, so that distances are 0
    to 2; a zero vector has no direction and stays zero, at distance 1 from all others and 0 from another zero vector.
    Raises ValueError like `anomaly_scores`.
    """
    queries, gallery = checked(queries, name="queries"), checked(gallery, name="gallery")
    if normalise:
        queries, gallery = _unit(queries), _unit(gallery)
    return nearest(queries, gallery, k=k, metric="euclidean", exclude_self=exclude_self).distances


def reduce_distances(distances: np.ndarray, *, k: int, reduction: str) -> np.ndarray:
    """Anomaly scores from `nearest_distances`: (Q, K), each row rising -> (Q,) float32, from the first k <= K of each row.

    Raises ValueError for k outside 1 to K, an unknown reduction, and distances that fall along a row or are not finite.
    """
    distances = checked(distances, name="distances")
    Scoring(k=k, normalise=False, reduction=reduction)
    if k > distances.shape[1]:
        raise ValueError(f"k must be between 1 and {distances.shape[1]}, the distances of each image, got {k}")
    if (distances[:, 1:] < distances[:, :-1]).any():
        raise ValueError("distances must rise along each row, the nearest first, got a row that falls")
    scores = distances[:, :k].mean(axis=1, dtype=np.float64) if reduction == "mean" else distances[:, k - 1]
    return scores.astype(np.float32)


def roc(normal: np.ndarray, anomalies: np.ndarray, *, seed: int = 0) -> Roc:
    """The ROC curve of the scores of normal images (N,) and of anomalies (M,), with its area and an interval.

    Equal scores count half. The interval is the middle 95 % of 1,000 bootstrap samples, drawn with `seed`; normal images and
    anomalies are each resampled to their own number, while encoder and gallery stay fixed. If all anomalies score above all
    normal images, the interval is (1, 1), however few they are.

    The curve has the points of scikit-learn's roc_curve, which drops points between equal steps. If there are more than
    200, we keep the first one at or after each of 200 evenly spaced positions; a position is the sum of both rates.
    Both ends stay, and each dropped point is within 0.011 of a kept one. Raises ValueError for an empty group and for
    scores that are not finite.
    """
    normal, anomalies = _scores(normal, "normal"), _scores(anomalies, "anomalies")
    n, m = len(normal), len(anomalies)
    values, places = np.unique(np.concatenate([normal, anomalies]), return_inverse=True)  # (U,) rising, (n + m,)
    normal_places, anomaly_places = places[:n], places[n:]
    normal_counts = np.bincount(normal_places, minlength=len(values))
    anomaly_counts = np.bincount(anomaly_places, minlength=len(values))

    false = np.cumsum(normal_counts[::-1])  # (U,) images that score at least each value, the largest value first
    caught = np.cumsum(anomaly_counts[::-1])
    enough = np.argmax(20 * caught >= 19 * m)  # in whole numbers, where 0.95 would round
    kept = np.ones(len(values), dtype=bool)
    kept[1:-1] = (np.diff(false, 2) != 0) | (np.diff(caught, 2) != 0)
    false_positive_rate = np.append(0, false[kept]) / n
    true_positive_rate = np.append(0, caught[kept]) / m
    thresholds = np.append(np.inf, values[::-1][kept])
    drawn = _thinned(false_positive_rate + true_positive_rate)

    rng = np.random.default_rng(seed)
    draws = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        draws[i] = _area(
            np.bincount(normal_places[rng.integers(n, size=n)], minlength=len(values)),
            np.bincount(anomaly_places[rng.integers(m, size=m)], minlength=len(values)),
        )
    low, high = np.percentile(draws, (2.5, 97.5))
    return Roc(
        false_positive_rate=false_positive_rate[drawn],
        true_positive_rate=true_positive_rate[drawn],
        thresholds=thresholds[drawn],
        auroc=_area(normal_counts, anomaly_counts),
        interval=(float(low), float(high)),
        fpr_at_95_tpr=float(false[enough] / n),
        n_normal=n,
        n_anomalies=m,
    )


def ranking(scores: np.ndarray) -> np.ndarray:
    """Rows from the most to the least anomalous: (N,) scores -> (N,) int64; equal scores keep the order of their rows."""
    return np.argsort(-_scores(scores, "scores"), kind="stable").astype(np.int64)


def _area(normal_counts: np.ndarray, anomaly_counts: np.ndarray) -> float:
    """AUROC (Mann-Whitney's U) from counts (U,) and (U,): how many images of each group have each distinct score, rising."""
    upto = np.cumsum(normal_counts)
    twice = anomaly_counts @ (2 * upto - normal_counts)  # an image below counts 2, an equal one 1
    return float(twice / (2 * upto[-1] * anomaly_counts.sum()))


def _thinned(way: np.ndarray) -> np.ndarray:
    """Rising indices of at most POINTS points of a curve. way: (P,), each point's position along it, rising 0 to 2."""
    if len(way) <= POINTS:
        return np.arange(len(way))
    return np.unique(np.searchsorted(way, np.linspace(0, 2, POINTS)))


def _unit(representations: np.ndarray) -> np.ndarray:
    """Each row scaled to length 1; zero rows stay zero. Divides by the largest entry first: no square can overflow."""
    largest = np.abs(representations).max(axis=1, keepdims=True)  # (N, 1)
    scaled = representations / np.where(largest > 0, largest, 1)
    lengths = np.sqrt(np.einsum("nd,nd->n", scaled, scaled))[:, None]  # 1 to sqrt(D), or 0
    scaled /= np.where(lengths > 0, lengths, 1)
    return scaled


def _scores(scores: np.ndarray, name: str) -> np.ndarray:
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 1 or len(scores) == 0:
        raise ValueError(f"{name} must be 1-D, one score per image, with at least 1 image, got shape {scores.shape}")
    bad = int((~np.isfinite(scores)).sum())
    if bad:
        raise ValueError(f"{name} must be finite, but {bad} of its {len(scores)} scores are not")
    return scores


def _ordinal(k: int) -> str:
    suffix = "th" if k % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(k % 10, "th")
    return f"{k}{suffix}"
