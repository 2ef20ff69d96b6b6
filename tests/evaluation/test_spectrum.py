"""Spectrum: singular values against numpy's on all rows, effective ranks that can be worked out by hand, collapse."""

import numpy as np
import pytest

from vicreg.evaluation.spectrum import effective_rank, spectrum, typical_deviations

RNG = np.random.default_rng(0)


def test_singular_values_are_those_of_the_centred_rows():
    x = (5 + RNG.standard_normal((200, 12)) * np.geomspace(1, 1e-3, 12)).astype(np.float32)
    result = spectrum(x)
    centred = x.astype(np.float64) - x.astype(np.float64).mean(axis=0)
    # Their squares are the eigenvalues of the covariance matrix times n - 1.
    expected = np.sqrt(np.linalg.eigvalsh(199 * np.cov(x.T.astype(np.float64)))[::-1])
    np.testing.assert_allclose(result.singular_values, expected, rtol=1e-6)
    np.testing.assert_allclose((result.singular_values**2).sum(), (centred**2).sum())
    np.testing.assert_allclose(result.standard_deviations, centred.std(axis=0))


@pytest.mark.parametrize("used", [1, 3, 16])
def test_equal_spread_in_some_or_all_directions_has_their_number_as_its_rank(used):
    x = np.zeros((2 * used, 16), dtype=np.float32)
    x[:used, :used], x[used:, :used] = np.eye(used), -np.eye(used)
    result = spectrum(x)
    assert result.effective_rank == pytest.approx(used)
    np.testing.assert_allclose(result.singular_values[:used], np.sqrt(2))
    assert (result.singular_values[used:] == 0).all()


def test_the_effective_rank_is_the_exponential_of_the_entropy():
    # shares 1/2, 1/4, 1/4: entropy 1.5 bits, and 2 ** 1.5
    assert effective_rank(np.array([2.0, 1.0, 1.0, 0.0])) == pytest.approx(2**1.5)


def test_the_rank_ignores_scale_place_and_rotation():
    x = RNG.standard_normal((100, 6)) * np.arange(1, 7)
    rotation, _ = np.linalg.qr(RNG.standard_normal((6, 6)))
    rank = spectrum(x).effective_rank
    assert spectrum(7 * x @ rotation + 3).effective_rank == pytest.approx(rank)


@pytest.mark.parametrize("row", [np.zeros(5), np.full(5, 0.1), np.array([1e6, 3.3, 0, -7, 1e-9])])
def test_equal_rows_have_no_spread_and_rank_0(row):
    result = spectrum(np.tile(row.astype(np.float32), (1000, 1)))
    assert result.effective_rank == 0
    np.testing.assert_array_equal(result.singular_values, 0)
    np.testing.assert_allclose(result.standard_deviations, 0)


def test_a_collapse_with_a_little_spread_left_is_measured_not_rounded_away():
    pattern = np.concatenate([np.eye(4), -np.eye(4)])
    result = spectrum((1 + 1e-4 * pattern).astype(np.float32))
    assert result.effective_rank == pytest.approx(4, rel=1e-3)


def test_fewer_rows_than_dimensions_still_give_a_value_a_dimension():
    result = spectrum(RNG.standard_normal((10, 64)).astype(np.float32))
    assert result.singular_values.shape == (64,)
    assert (result.singular_values > 0).sum() == 9  # centring takes one
    assert (np.diff(result.singular_values) <= 0).all()


def test_one_row_is_refused():
    with pytest.raises(ValueError, match="at least 2 images"):
        spectrum(np.ones((1, 4), dtype=np.float32))


def test_the_typical_spread_is_the_standard_deviation_of_normal_values_and_no_matter_of_far_images():
    values = np.random.default_rng(0).normal(3, 0.5, (10_000, 4))
    assert typical_deviations(values) == pytest.approx(0.5, rel=0.02)
    far = values.copy()
    far[:100] *= 1e3
    assert typical_deviations(far) == pytest.approx(0.5, rel=0.05)
    assert far.std() > 100
