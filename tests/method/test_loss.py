"""The three terms: worked by hand, written a second way in float64, and by their gradients."""

import numpy as np
import pytest
import torch

from vicreg.method.loss import covariance, invariance, variance, vicreg_loss


def embeddings(seed: int = 0, shape: tuple[int, int] = (16, 6)) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def decorrelated(n: int = 64, d: int = 8) -> torch.Tensor:
    """(n, d) with columns of unit variance (divisor n - 1) and no covariance: orthonormal columns, scaled."""
    centred = embeddings(3, (n, d))
    centred = centred - centred.mean(0)
    q, _ = torch.linalg.qr(centred)
    return q * (n - 1) ** 0.5


def test_a_collapsed_batch_pays_the_whole_hinge():
    # every column is constant, so std = sqrt(0 + 1e-4) = 0.01
    assert variance(torch.zeros(8, 4)).item() == pytest.approx(0.99)
    assert variance(torch.full((8, 4), 7.0)).item() == pytest.approx(0.99)


def test_decorrelated_columns_of_unit_variance_pay_nothing():
    z = decorrelated()
    assert variance(z).item() == 0.0
    assert covariance(z).item() == pytest.approx(0.0, abs=1e-20)
    terms = vicreg_loss(z, z)
    assert terms.total.item() == pytest.approx(0.0, abs=1e-15)


def test_variance_worked_by_hand():
    # column 1: 0 and 1, variance 1/2 (divisor n - 1); column 2: 0 and 4, variance 8, beyond the hinge
    z = torch.tensor([[0.0, 0.0], [1.0, 4.0]], dtype=torch.float64)
    assert variance(z).item() == pytest.approx((1 - np.sqrt(0.5 + 1e-4)) / 2)
    assert variance(z, gamma=3.0).item() == pytest.approx((3 - np.sqrt(0.5 + 1e-4) + 3 - np.sqrt(8 + 1e-4)) / 2)


def test_invariance_worked_by_hand():
    z_a = torch.tensor([[0.0, 0.0], [1.0, 2.0]])
    z_b = torch.tensor([[0.0, 2.0], [1.0, 3.0]])
    assert invariance(z_a, z_b).item() == pytest.approx((4 + 1) / 4)


def test_covariance_worked_by_hand():
    # two equal columns of 0 and 2: variance and covariance are 2, so (2^2 + 2^2) / D = 4
    z = torch.tensor([[0.0, 0.0], [2.0, 2.0]])
    assert covariance(z).item() == pytest.approx(4.0)


def test_terms_agree_with_the_papers_formulas_written_with_loops():
    z_a, z_b = embeddings(1), embeddings(2)

    def paper(z: np.ndarray) -> tuple[float, float]:
        n, d = z.shape
        mean = z.sum(0) / n
        c = sum(np.outer(row - mean, row - mean) for row in z) / (n - 1)
        v = sum(max(0.0, 1.0 - np.sqrt(c[j, j] + 1e-4)) for j in range(d)) / d
        return v, sum(c[i, j] ** 2 for i in range(d) for j in range(d) if i != j) / d

    (v_a, c_a), (v_b, c_b) = paper(z_a.numpy()), paper(z_b.numpy())
    s = sum(((a - b) ** 2).sum() for a, b in zip(z_a.numpy(), z_b.numpy(), strict=True)) / z_a.numel()
    terms = vicreg_loss(z_a, z_b)
    assert terms.variance.item() == pytest.approx((v_a + v_b) / 2, rel=1e-12)  # averaged over the views
    assert terms.covariance.item() == pytest.approx(c_a + c_b, rel=1e-12)  # summed over the views
    assert terms.invariance.item() == pytest.approx(s, rel=1e-12)
    assert terms.total.item() == pytest.approx(25 * s + 25 * (v_a + v_b) / 2 + c_a + c_b, rel=1e-12)


def test_the_total_is_the_weighted_sum():
    terms = vicreg_loss(embeddings(1), embeddings(2), invariance_weight=2.0, variance_weight=3.0, covariance_weight=5.0)
    assert terms.total.item() == pytest.approx(2 * terms.invariance + 3 * terms.variance + 5 * terms.covariance)


@pytest.mark.parametrize("term", ["variance", "invariance", "covariance", "total"])
def test_gradients_agree_with_finite_differences(term):
    z_a, z_b = (0.4 * embeddings(seed, (6, 4)) for seed in (1, 2))
    z_a.requires_grad_()
    z_b.requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: getattr(vicreg_loss(a, b), term), (z_a, z_b))


def test_the_gradient_of_a_collapsed_batch_is_finite():
    z = torch.zeros(8, 4, requires_grad=True)
    vicreg_loss(z, z.detach()).total.backward()
    assert torch.isfinite(z.grad).all()


def test_the_order_of_the_batch_does_not_matter():
    z_a, z_b = embeddings(1), embeddings(2)
    order = torch.randperm(len(z_a), generator=torch.Generator().manual_seed(0))
    for one, other in zip(vicreg_loss(z_a, z_b), vicreg_loss(z_a[order], z_b[order]), strict=True):
        assert one.item() == pytest.approx(other.item(), rel=1e-12)


def test_half_precision_is_computed_in_float32_under_autocast():
    z_a, z_b = embeddings(1).bfloat16(), embeddings(2).bfloat16()
    wanted = vicreg_loss(z_a.float(), z_b.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = vicreg_loss(z_a, z_b)
    for one, other in zip(terms, wanted, strict=True):
        assert one.dtype == torch.float32
        assert one.item() == other.item()


@pytest.mark.parametrize(
    ("z_a", "z_b", "message"),
    [
        (torch.zeros(4, 3), torch.zeros(4, 2), r"the same shape, got \(4, 3\) and \(4, 2\)"),
        (torch.zeros(1, 3), torch.zeros(1, 3), "at least 2 images .* got 1"),
        (torch.zeros(4), torch.zeros(4), r"2-D \(B, D\), got shape \(4,\)"),
        (torch.tensor([[1.0, float("nan")], [0.0, 1.0]]), torch.zeros(2, 2), "1 of the 4 values of z_a are not"),
        (torch.zeros(2, 2), torch.full((2, 2), float("inf")), "4 of the 4 values of z_b are not"),
    ],
)
def test_bad_embeddings_are_refused_with_the_rule_and_the_value(z_a, z_b, message):
    with pytest.raises(ValueError, match=message):
        vicreg_loss(z_a, z_b)
