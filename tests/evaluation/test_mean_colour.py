"""Colour: published Lab values, and ratios and R^2 of real photographs whose answer is known."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_sample_image
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vicreg.evaluation import mean_colour
from vicreg.evaluation.mean_colour import colour_r2, mean_lab, neighbour_colour_ratio
from vicreg.evaluation.neighbours import nearest


def crops(name: str) -> np.ndarray:
    """A photograph of scikit-learn's cut into 32 x 32 pieces: (260, 32, 32, 3) uint8."""
    photo = load_sample_image(name)[:416, :640]
    return photo.reshape(13, 32, 20, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)


PHOTOS = np.concatenate([crops("china.jpg"), crops("flower.jpg")])
PHOTOS = np.random.default_rng(0).permutation(PHOTOS)  # (520, 32, 32, 3)
LAB = mean_lab(PHOTOS)
PIXELS = PHOTOS[:, ::8, ::8].reshape(len(PHOTOS), -1).astype(np.float32)  # (520, 48): a representation that is colour


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        # sRGB's corners for D65 as published, for example by Lindbloom (brucelindbloom.com), to two digits
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((255, 255, 0), (97.14, -21.55, 94.48)),
        ((0, 255, 255), (91.11, -48.09, -14.13)),
        ((255, 0, 255), (60.32, 98.23, -60.82)),
        ((119, 119, 119), (50.03, 0, 0)),  # the middle grey of L* = 50
        ((5, 5, 5), (5 / 255 / 12.92 * (29 / 3) ** 3, 0, 0)),  # both curves are straight lines near black
    ],
)
def test_known_colours_have_their_published_lab(rgb, lab):
    found = mean_lab(np.full((1, 4, 4, 3), rgb, dtype=np.uint8))
    np.testing.assert_allclose(found, [lab], atol=0.03)
    assert found.dtype == np.float32


@pytest.mark.parametrize("pixels", [1, 1024, 5000, 10**9])
def test_the_mean_is_that_of_the_pixels_whatever_the_block(monkeypatch, pixels):
    one_by_one = mean_lab(PHOTOS[:9].reshape(-1, 1, 1, 3)).reshape(9, 1024, 3).mean(axis=1, dtype=np.float64)
    monkeypatch.setattr(mean_colour, "BLOCK_PIXELS", pixels)
    np.testing.assert_allclose(mean_lab(PHOTOS[:9]), one_by_one, atol=1e-3)


def test_neighbours_in_colour_are_as_close_as_comparing_all_pairs_says():
    rows = np.arange(520)
    lists = nearest(LAB, LAB, k=5, metric="euclidean", exclude_self=True)
    distances = np.linalg.norm(LAB[:, None].astype(np.float64) - LAB, axis=2)
    expected = lists.distances.mean() / distances[~np.eye(520, dtype=bool)].mean()
    ratio = neighbour_colour_ratio(lists.indices, LAB, LAB, exclude=rows)
    assert ratio == pytest.approx(expected, rel=0.01)
    assert ratio < 0.25


def test_random_neighbours_have_ratio_1():
    lists = (np.arange(520)[:, None] + np.random.default_rng(1).integers(1, 520, size=(520, 40))) % 520
    assert neighbour_colour_ratio(lists, LAB, LAB, exclude=np.arange(520)) == pytest.approx(1, abs=0.02)


def test_no_random_pair_is_an_image_with_itself_where_exclude_says_so():
    black_and_white = np.array([[0.0, 0, 0], [100, 0, 0]])
    other = np.array([[1], [0]])
    assert neighbour_colour_ratio(other, black_and_white, black_and_white, exclude=np.array([0, 1])) == 1.0
    unaware = neighbour_colour_ratio(other, black_and_white, black_and_white)
    assert unaware == pytest.approx(2, abs=0.05)  # half the pairs are an image with itself
    mixed = neighbour_colour_ratio(other, black_and_white, black_and_white, exclude=np.array([0, -1]))
    assert mixed == pytest.approx(4 / 3, abs=0.05)  # the first query is 100 from its pairs, the second 50 on average


def test_the_seed_fixes_the_pairs():
    lists = nearest(PIXELS, PIXELS, k=5, exclude_self=True).indices
    one, two, other = (neighbour_colour_ratio(lists, LAB, LAB, seed=seed) for seed in (0, 0, 1))
    assert one == two != other
    assert one == pytest.approx(other, rel=0.01)


def test_exact_colours_have_ratio_0_and_a_gallery_of_one_colour_1():
    assert neighbour_colour_ratio(np.arange(520)[:, None], LAB, LAB) == 0
    assert neighbour_colour_ratio(np.array([[1]]), LAB[:1], np.tile(LAB[:1], (5, 1))) == 1.0


def test_a_linear_map_of_the_colour_has_r2_1_whatever_its_scale_and_place():
    mapped = LAB @ np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]]) * [0.01, 1, 100] + 50
    assert colour_r2(mapped[:300], LAB[:300], mapped[300:], LAB[300:]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("strength", [0.001, 0.1, 10.0])
def test_r2_is_that_of_scikit_learns_ridge_regression_on_standardised_dimensions(monkeypatch, strength):
    monkeypatch.setattr(mean_colour, "STRENGTHS", (strength,))
    oracle = make_pipeline(StandardScaler(), Ridge(alpha=strength * 300))
    oracle.fit(PIXELS[:300].astype(np.float64), LAB[:300])
    expected = r2_score(LAB[300:], oracle.predict(PIXELS[300:].astype(np.float64)), multioutput="uniform_average")
    assert colour_r2(PIXELS[:300], LAB[:300], PIXELS[300:], LAB[300:]) == pytest.approx(expected, abs=1e-4)


def test_noise_calls_for_the_strongest_penalty_and_colour_for_a_weak_one(monkeypatch):
    digits = load_digits().data[:1500].astype(np.float32)
    ink = np.random.default_rng(1).uniform(0, 100, size=(1500, 3))  # which the digits know nothing of
    noise = digits[:1000], ink[:1000], digits[1000:], ink[1000:]
    known = PIXELS[:300], LAB[:300], PIXELS[300:], LAB[300:]
    chosen = colour_r2(*noise), colour_r2(*known)
    assert chosen[0] == pytest.approx(0, abs=0.02)
    assert chosen[1] > 0.8
    monkeypatch.setattr(mean_colour, "STRENGTHS", (100.0,))
    strong = colour_r2(*noise), colour_r2(*known)
    assert chosen[0] == strong[0]
    assert chosen[1] > strong[1] + 0.3


def test_a_collapsed_representation_predicts_the_mean_colour():
    expected = r2_score(LAB[300:], np.tile(LAB[:300].mean(axis=0), (220, 1)))
    assert expected == pytest.approx(0, abs=0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for value in (0.0, 0.3):
            same = np.full((520, 8), value, dtype=np.float32)
            found = colour_r2(same[:300], LAB[:300], same[300:], LAB[300:])
            assert found == pytest.approx(expected, abs=1e-4)


def test_a_dimension_that_is_only_rounding_is_not_blown_up():
    train, test = PIXELS[:300].copy(), PIXELS[300:].copy()
    train[:, 0] = np.float32(7) * (1 + np.arange(300) % 2 * np.float32(1e-7))
    test[:, 0] = np.float32(7.01)
    assert colour_r2(train, LAB[:300], test, LAB[300:]) > 0.8


def test_a_dimension_that_repeats_another_is_not_divided_by():
    train, test = (np.concatenate([part, part], axis=1) for part in (PIXELS[:300], PIXELS[300:]))
    train[:, 48:] *= 1 + 1e-6 * np.random.default_rng(1).standard_normal((300, 48)).astype(np.float32)
    expected = colour_r2(PIXELS[:300], LAB[:300], PIXELS[300:], LAB[300:])
    assert colour_r2(train, LAB[:300], test, LAB[300:]) == pytest.approx(expected, abs=0.01)


def test_grey_images_count_by_their_lightness_alone():
    grey = np.repeat(PHOTOS.mean(axis=3, keepdims=True).astype(np.uint8), 3, axis=3)
    lab = mean_lab(grey)
    lightness = lab[:, :1]
    assert colour_r2(lightness[:300], lab[:300], lightness[300:], lab[300:]) == pytest.approx(1, abs=1e-3)
    same = np.tile(lab[:1], (520, 1))
    assert colour_r2(lightness[:300], same[:300], lightness[300:], same[300:]) == 0.0


LISTS = np.zeros((520, 2), dtype=int)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_lab(PHOTOS[0]), r"uint8 \(N, height, width, 3\) and not empty, got uint8 \(32, 32, 3\)"),
        (lambda: mean_lab(PHOTOS / 255), "got float64"),
        (lambda: mean_lab(PHOTOS[:0]), r"not empty, got uint8 \(0, 32, 32, 3\)"),
        (lambda: neighbour_colour_ratio(LISTS, LAB[:9], LAB), r"query_lab .*got 9"),
        (lambda: neighbour_colour_ratio(LISTS, LAB[:, :2], LAB), r"query_lab .*got \(520, 2\)"),
        (lambda: neighbour_colour_ratio(LISTS + 520, LAB, LAB), "rows 0 to 519 of the gallery, got 520 to 520"),
        (lambda: neighbour_colour_ratio(LISTS, LAB, LAB, pairs=0), r"pairs .*got 0"),
        (lambda: neighbour_colour_ratio(LISTS, LAB, LAB, exclude=np.zeros(3, int)), "exclude must be 520 integers"),
        (lambda: neighbour_colour_ratio(LISTS, LAB, LAB, exclude=LISTS[:, 0] + 520), "rows 0 to 519, or -1, got 520"),
        (
            lambda: neighbour_colour_ratio(LISTS[:1], LAB[:1], LAB[:1], exclude=np.array([0])),
            "need at least 2 gallery images",
        ),
        (lambda: colour_r2(PIXELS, LAB, PIXELS[:, :9], LAB), "need the same width, got 48 and 9 dimensions"),
        (lambda: colour_r2(PIXELS, LAB[:9], PIXELS, LAB), "train and train_lab need one row .* got 520 and 9"),
        (lambda: colour_r2(PIXELS, LAB, PIXELS[:1], LAB[:1]), "one row per image, at least 2, got 1 and 1"),
        (lambda: colour_r2(PIXELS, LAB, PIXELS, LAB * np.nan), "test_lab must be finite"),
    ],
)
def test_broken_rules_are_answered_with_the_rule_and_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
