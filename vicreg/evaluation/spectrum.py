"""How many directions the representations use: the singular values of the centred matrix, and the effective rank.

    p_j = s_j / sum_i s_i,   effective rank = exp(-sum_j p_j log p_j)        Roy and Vetterli 2007, definition 1

The effective rank is 1 if all images lie on a line, and D if all directions have the same spread. Dimensional collapse (few
directions used) is a low effective rank. After complete collapse (all images the same point) no direction is left; we
define its effective rank as 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vicreg.evaluation.array_checks import checked


@dataclass(frozen=True)
class Spectrum:
    """singular_values: (D,) float64, falling, of the centred (N, D) matrix; at most min(N - 1, D) of them are above 0.

    effective_rank: 1 to min(N - 1, D), or 0 if all rows are equal. standard_deviations: (D,) float64, of the dimensions in
    their order (divisor N).
    """

    singular_values: np.ndarray
    effective_rank: float
    standard_deviations: np.ndarray


def spectrum(representations: np.ndarray) -> Spectrum:
    """The spectrum of (N, D) finite representations, N >= 2. Never NaN: equal rows give zeros and rank 0.

    Singular values as small as float32 rounding are returned as 0. Raises ValueError for one row, other shapes, and values
    that are not finite.
    """
    representations = checked(representations).astype(np.float64)
    n, d = representations.shape
    if n < 2:
        raise ValueError(f"a spectrum needs at least 2 images (one has no spread), got {n}")
    least = rounding(representations)
    representations -= representations.mean(axis=0)
    values = np.zeros(d)
    values[: min(n, d)] = np.linalg.svd(representations, compute_uv=False)
    values[values <= least] = 0
    return Spectrum(
        singular_values=values,
        effective_rank=effective_rank(values),
        standard_deviations=np.sqrt((representations**2).mean(axis=0)),
    )


def typical_deviations(values: np.ndarray) -> np.ndarray:
    """How far typical images spread in each dimension: (M, D) -> (D,), the interquartile range / 1.349.

    1.349 makes it the standard deviation of normal values. Unlike that, a few far images cannot set it.
    """
    low, high = np.quantile(checked(values), (0.25, 0.75), axis=0)
    return (high - low) / 1.349


def rounding(representations: np.ndarray) -> float:
    """Roughly the largest singular value that rounding the rows of (N, D) to float32 can cause."""
    n, d = representations.shape
    return float(2.0**-24 * np.linalg.norm(representations) * (n**-0.5 + d**-0.5))


def effective_rank(singular_values: np.ndarray) -> float:
    """The exponential of the entropy of the singular values divided by their sum; 0 if all are 0."""
    total = singular_values.sum()
    if total == 0:
        return 0.0
    p = singular_values / total
    p = p[p > 0]
    return float(np.exp(-(p * np.log(p)).sum()))
