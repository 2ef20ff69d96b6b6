"""The VICReg loss: variance, invariance and covariance of two batches of embeddings.

    l(Z, Z') = lambda s(Z, Z') + mu [v(Z) + v(Z')] + nu [c(Z) + c(Z')]          Bardes et al. 2022, eq. 6

Implementations normalise the terms differently and rarely say so. We follow the authors' code
(facebookresearch/vicreg):

- The variance term is AVERAGED over the two views; the covariance term is SUMMED over them.
- The invariance term is averaged over the batch and over the D dimensions (eq. 5 of the paper sums over D).
- Variances and covariances use the divisor n - 1.

solo-learn sums the variance term, so its mu = 25 is 50 here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class LossTerms(NamedTuple):
    """The three unweighted terms and `total`, their weighted sum. Scalar tensors, float32 or float64."""

    variance: Tensor
    invariance: Tensor
    covariance: Tensor
    total: Tensor


def variance(z: Tensor, *, gamma: float = 1.0, eps: float = 1e-4) -> Tensor:
    """How far the standard deviations fall below gamma, averaged over dimensions: a scalar from 0 (best) to gamma.

    v(Z) = 1/D sum_j max(0, gamma - sqrt(Var(z^j) + eps)), Var with divisor n - 1     (eq. 1 and 2)
    z: (B, D) embeddings of one view, B >= 2. Raises ValueError for other shapes.
    """
    z = _checked(z)
    std = torch.sqrt(z.var(dim=0) + eps)  # (D,)
    return torch.relu(gamma - std).mean()


def invariance(z_a: Tensor, z_b: Tensor) -> Tensor:
    """Mean squared difference between the embeddings of two views: a scalar >= 0 (0: identical).

    s(Z, Z') = 1/(n D) sum_i ||z_i - z'_i||^2                       (eq. 5, averaged over D as the authors' code does)
    z_a, z_b: (B, D), B >= 2; row i of both comes from the same image. Raises ValueError for other or unequal shapes.
    """
    z_a, z_b = _checked(z_a), _checked(z_b)
    _same_shape(z_a, z_b)
    return (z_a - z_b).square().mean()


def covariance(z: Tensor) -> Tensor:
    """Sum of the squared covariances between different dimensions, divided by D: a scalar >= 0 (0: decorrelated).

    c(Z) = 1/D sum_{i != j} [C(Z)]_ij^2,  C(Z) = 1/(n-1) sum_i (z_i - mean)(z_i - mean)^T         (eq. 3 and 4)
    z: (B, D) embeddings of one view, B >= 2. Raises ValueError for other shapes.
    """
    z = _checked(z)
    n, d = z.shape
    centred = z - z.mean(dim=0)
    matrix = centred.T @ centred / (n - 1)  # (D, D)
    return (matrix.square().sum() - matrix.diagonal().square().sum()) / d


def vicreg_loss(
    z_a: Tensor,
    z_b: Tensor,
    *,
    invariance_weight: float = 25.0,
    variance_weight: float = 25.0,
    covariance_weight: float = 1.0,
    gamma: float = 1.0,
    eps: float = 1e-4,
    gather: Callable[[Tensor], Tensor] | None = None,
    check_finite: bool = True,
) -> LossTerms:
    """The three unweighted terms and their weighted total.

    variance = [v(Z) + v(Z')] / 2 and covariance = c(Z) + c(Z'): the authors' normalisation (module docstring).

    z_a, z_b: (B, D) embeddings of two views, B >= 2. Half precision is converted to float32, also under autocast.
    invariance_weight, variance_weight, covariance_weight: lambda, mu and nu, by default as in the authors' code. Since
        variance is averaged over the views, eq. 6 of the paper with mu = 25 is variance_weight = 50.
    gather: collects the (B, D) of all processes into (n B, D), with gradients (`distributed.gather_with_gradients`).
        Variance and covariance then use the whole batch; invariance uses the rows of this process, as in the authors' code.
    check_finite: whether to check the embeddings. The check waits for the device, so a training loop on a GPU may turn
        it off and check the total instead.

    Raises ValueError for different shapes, fewer than two rows, not two dimensions, and, with check_finite, for values
    that are not finite.
    """
    if check_finite:
        _finite("z_a", z_a)
        _finite("z_b", z_b)
    with torch.autocast(device_type=z_a.device.type, enabled=False):
        z_a, z_b = _checked(z_a), _checked(z_b)
        _same_shape(z_a, z_b)
        all_a, all_b = (z_a, z_b) if gather is None else (gather(z_a), gather(z_b))
        terms = {
            "variance": (variance(all_a, gamma=gamma, eps=eps) + variance(all_b, gamma=gamma, eps=eps)) / 2,
            "invariance": invariance(z_a, z_b),
            "covariance": covariance(all_a) + covariance(all_b),
        }
        total = (
            invariance_weight * terms["invariance"]
            + variance_weight * terms["variance"]
            + covariance_weight * terms["covariance"]
        )
    return LossTerms(**terms, total=total)


def _checked(z: Tensor) -> Tensor:
    """z as float32 (float64 stays). Raises ValueError for a wrong shape."""
    if z.ndim != 2:
        raise ValueError(f"embeddings must be 2-D (B, D), got shape {tuple(z.shape)}")
    if z.shape[0] < 2:
        raise ValueError(f"the loss needs at least 2 images (the variance divides by n - 1), got {z.shape[0]}")
    return z if z.dtype == torch.float64 else z.float()


def _same_shape(z_a: Tensor, z_b: Tensor) -> None:
    if z_a.shape != z_b.shape:
        raise ValueError(f"both views need embeddings of the same shape, got {tuple(z_a.shape)} and {tuple(z_b.shape)}")


def _finite(name: str, z: Tensor) -> None:
    bad = int((~torch.isfinite(z)).sum())
    if bad:
        raise ValueError(f"embeddings must be finite, but {bad} of the {z.numel()} values of {name} are not")
