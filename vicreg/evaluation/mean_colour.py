"""Is it the object or the colour? How much of an image's mean colour its neighbours share and its representation predicts.

    linear   v = s / 12.92  for s <= 0.04045,  else ((s + 0.055) / 1.055)^2.4,   s = byte / 255     (IEC 61966-2-1)
    XYZ      M v, relative to D65
    L*a*b*   L = 116 f(Y/Yn) - 16,  a = 500 (f(X/Xn) - f(Y/Yn)),  b = 200 (f(Y/Yn) - f(Z/Zn))            (CIE 15)
             f(t) = t^(1/3)  for t > (6/29)^3,  else t (29/6)^2 / 3 + 4/29
    distance |Lab - Lab'|, CIE 1976: about 2.3 is just noticeable (Mahy et al. 1994)

L* is lightness, from 0 (black) to 100 (white). a* goes from green to red, b* from blue to yellow; both are 0 for grey.
"""

from __future__ import annotations

import numpy as np

from vicreg.evaluation.array_checks import checked
from vicreg.evaluation.retrieval import checked_neighbours

BLOCK_PIXELS = 200_000  # 2.4 MB per float32 array, so that a few fit into the processor's cache
# Linear sRGB to XYZ, IEC 61966-2-1. White is the sum of each row (D65 to four digits), so that grey has a* = b* = 0.
RGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
STRENGTHS = (100.0, 10.0, 1.0, 0.1, 0.01, 0.001)  # ridge penalties, in units of a standardised dimension's variance
NO_SPREAD = 0.01  # Lab units: a channel that varies less is constant except for rounding, like a* and b* of grey images


def mean_lab(images: np.ndarray) -> np.ndarray:
    """The mean L*a*b* colour of each image's pixels: uint8 sRGB (N, H, W, 3) -> (N, 3) float32, in Lab units.

    N, H, W >= 1; the array may be read-only or memory-mapped. This is the mean of the pixels' Lab values, not the Lab value
    of the mean pixel. Needs a few MB besides the images; 50,000 images of 32 x 32 take about 1 s on one core. Raises
    ValueError for other arrays.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or 0 in images.shape:
        raise ValueError(f"images must be uint8 (N, height, width, 3) and not empty, got {images.dtype} {images.shape}")
    s = np.arange(256) / 255
    linear = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4).astype(np.float32)
    to_white = (RGB_TO_XYZ / RGB_TO_XYZ.sum(axis=1, keepdims=True)).astype(
        np.float32
    )  # (X/Xn, Y/Yn, Z/Zn) of linear RGB
    n, pixels = len(images), images.shape[1] * images.shape[2]
    means = np.empty(
        (n, 3), dtype=np.float64
    )  # means of f(X/Xn), f(Y/Yn), f(Z/Zn): Lab is linear in f, so we may average first
    count = max(1, BLOCK_PIXELS // pixels)
    for start in range(0, n, count):
        block = linear[images[start : start + count].reshape(-1, 3)]  # (P, 3)
        f = _f(to_white @ block.T)  # (3, P)
        means[start : start + count] = f.reshape(3, -1, pixels).mean(axis=2, dtype=np.float64).T
    x, y, z = means.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1).astype(np.float32)


def neighbour_colour_ratio(
    neighbours: np.ndarray,
    query_lab: np.ndarray,
    gallery_lab: np.ndarray,
    *,
    exclude: np.ndarray | None = None,
    seed: int = 0,
    pairs: int = 100_000,
) -> float:
    """The mean colour distance of queries to their k neighbours, divided by that of random pairs of query and gallery image.

    1: colour plays no role. Below 1: neighbours have similar mean colours. 0: they have the same mean colour.
    neighbours: (Q, k) rows of the gallery. query_lab: (Q, 3), gallery_lab: (N, 3), from `mean_lab`.
    exclude: (Q,), the gallery row that is query i itself, or -1, as for `nearest`: no random pair is an image with itself.
        Without it, one pair in N may be one if the queries are in the gallery.
    pairs: how many random pairs to draw with `seed`; 100,000 determine the ratio to about 0.2 %.
    Returns 1.0 if all images have one colour. Raises ValueError for arrays that do not fit and for pairs < 1.
    """
    query_lab, gallery_lab = _lab(query_lab, "query_lab"), _lab(gallery_lab, "gallery_lab")
    n, queries = len(gallery_lab), len(query_lab)
    neighbours = checked_neighbours(neighbours, gallery=n)
    if len(neighbours) != queries:
        raise ValueError(f"query_lab must be {len(neighbours)} colours, one per query, got {queries}")
    if pairs < 1:
        raise ValueError(f"pairs must be at least 1, got {pairs}")
    exclude = np.full(queries, -1) if exclude is None else np.asarray(exclude)
    if exclude.shape != (queries,) or not np.issubdtype(exclude.dtype, np.integer):
        raise ValueError(f"exclude must be {queries} integers, one per query, got {exclude.dtype} {exclude.shape}")
    if exclude.min() < -1 or exclude.max() >= n:
        raise ValueError(f"exclude must hold gallery rows 0 to {n - 1}, or -1, got {exclude.min()} to {exclude.max()}")
    if n == 1 and exclude.max() == 0:
        raise ValueError("random pairs need at least 2 gallery images if one is the query itself, got 1")

    rng = np.random.default_rng(seed)
    query = rng.integers(queries, size=pairs)
    self_row = exclude[query]
    other = rng.integers(n - (self_row >= 0))  # (pairs,): one fewer to choose from if the query itself is excluded
    other += (self_row >= 0) & (other >= self_row)
    near = _distance(query_lab[:, None], gallery_lab[neighbours]).mean()
    far = _distance(query_lab[query], gallery_lab[other]).mean()
    return float(near / far) if far > 0 else 1.0


def colour_r2(train: np.ndarray, train_lab: np.ndarray, test: np.ndarray, test_lab: np.ndarray) -> float:
    """How well a linear map from representations predicts the mean colour of new images: R^2, at most 1.

    1: exactly. 0: no better than the mean colour, as for collapsed representations. Below 0: worse. This is the mean R^2 of
    the channels, without those that are constant in the test split (a* and b* of grey images); 0.0 if none is left.
    train: (n, D), test: (N, D) finite. train_lab: (n, 3), test_lab: (N, 3), from `mean_lab`. n, N >= 2.

    Ridge regression on dimensions standardised over the train split, like the linear probe. The strength with the smallest
    squared error on a random tenth of the train split is refitted on all of it. Least squares would need no strength, and
    gives the same to 0.001 for 50,000 images of a trained encoder. But it fits noise if there are few images, and after a
    dimensional collapse it divides by nearly zero along unused directions. 50,000 x 512 take about 3 s on one core. Raises
    ValueError for arrays that do not fit.
    """
    from sklearn.metrics import r2_score

    train, test = checked(train, name="train"), checked(test, name="test")
    train_lab, test_lab = _lab(train_lab, "train_lab"), _lab(test_lab, "test_lab")
    if train.shape[1] != test.shape[1]:
        raise ValueError(f"train and test need the same width, got {train.shape[1]} and {test.shape[1]} dimensions")
    for name, array, lab in (("train", train, train_lab), ("test", test, test_lab)):
        if len(array) != len(lab) or len(array) < 2:
            raise ValueError(
                f"{name} and {name}_lab need one row per image, at least 2, got {len(array)} and {len(lab)}"
            )
    spread = test_lab.std(axis=0) > NO_SPREAD
    if not spread.any():
        return 0.0
    mean, std = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    std[std <= 1e-6 * np.abs(mean)] = 1  # only rounding, which division would enlarge
    mean, std = mean.astype(train.dtype), std.astype(train.dtype)  # otherwise float32 would be copied as float64
    train, test = (train - mean) / std, (test - mean) / std
    train_lab, test_lab = train_lab[:, spread], test_lab[:, spread]
    order = np.random.default_rng(0).permutation(len(train))
    held_out, kept = np.split(order, [max(1, len(train) // 10)])
    errors = [
        ((f - train_lab[held_out]) ** 2).mean()
        for f in _ridge(train[kept], train_lab[kept], train[held_out], STRENGTHS)
    ]
    (predicted,) = _ridge(train, train_lab, test, (STRENGTHS[int(np.argmin(errors))],))
    return float(r2_score(test_lab, predicted, multioutput="uniform_average"))


def _ridge(x: np.ndarray, y: np.ndarray, new: np.ndarray, strengths: tuple[float, ...]) -> list[np.ndarray]:
    """Predictions for `new` (m, D), one (m, c) per strength, of the minimum of 1/n sum |W x_i + b - y_i|^2 + strength |W|^2.

    One eigendecomposition of the covariance serves all strengths.
    """
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    x = x - x_mean
    values, vectors = np.linalg.eigh((x.T @ x / len(x)).astype(np.float64))
    target = vectors.T @ (x.T @ (y - y_mean).astype(x.dtype) / len(x))  # (D, c)
    rotated = (new - x_mean) @ vectors
    return [rotated @ (target / (values + strength)[:, None]) + y_mean for strength in strengths]


def _f(t: np.ndarray) -> np.ndarray:
    """CIE's f: the cube root above (6/29)^3, and below it the straight line that continues it with the same slope."""
    root = np.cbrt(t)
    dark = t <= (6 / 29) ** 3
    root[dark] = t[dark] * ((29 / 6) ** 2 / 3) + 4 / 29
    return root


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """CIE 1976 distance along the last axis, as float64."""
    return np.linalg.norm(a - b, axis=-1)


def _lab(lab: np.ndarray, name: str) -> np.ndarray:
    """As float64 (n, 3), or a ValueError."""
    lab = checked(lab, name=name)
    if lab.shape[1] != 3:
        raise ValueError(f"{name} must be (n, 3), L*, a* and b* of each image, got {lab.shape}")
    return lab.astype(np.float64)
