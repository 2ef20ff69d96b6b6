"""The data set that is made here: what is known of every picture holds in its pixels."""

import colorsys

import numpy as np
import pytest

from vicreg.data import coloured_digits, loading
from vicreg.data.catalogue import CATALOGUE, HUES


def hues(rgb: np.ndarray) -> np.ndarray:
    """(N, 3) uint8 -> (N,) in turns."""
    return np.array([colorsys.rgb_to_hsv(*(row / 255))[0] for row in rgb])


def test_the_splits_have_no_drawing_in_common_and_all_drawings_between_them(train_split, test_split):
    ours, theirs = set(train_split.drawings.tolist()), set(test_split.drawings.tolist())
    assert not ours & theirs
    assert ours | theirs == set(range(1797))
    assert (len(train_split.images), len(test_split.images)) == (1297 * 8, 500 * 2)


def test_another_seed_makes_other_pictures(test_split):
    other = coloured_digits.coloured_digits("test", seed=1)
    assert (other.images != test_split.images).any(axis=(1, 2, 3)).mean() > 0.9


def test_digits_are_those_of_the_drawings(test_split):
    from sklearn.datasets import load_digits

    assert np.array_equal(test_split.digits, load_digits().target[test_split.drawings])


def test_the_corners_have_the_papers_hue(test_split):
    corners = test_split.images[:, [0, 0, -1, -1], [0, -1, 0, -1]].mean(axis=1)  # strokes hardly reach them
    found = hues(corners)
    away = np.abs((found - test_split.paper / len(HUES) + 0.5) % 1 - 0.5)
    assert (away < 1 / 12).mean() > 0.97


def test_strokes_have_the_inks_hue_where_they_are_thickest(test_split):
    distance = np.abs(test_split.images.astype(int) - test_split.images[:, :1, :1]).sum(axis=3).reshape(1000, -1)
    thickest = np.argsort(distance, axis=1)[:, -20:]
    pixels = np.take_along_axis(test_split.images.reshape(1000, -1, 3), thickest[..., None], axis=1)
    away = np.abs((hues(pixels.mean(axis=1)) - test_split.ink / len(HUES) + 0.5) % 1 - 0.5)
    assert (away < 1 / 12).mean() > 0.95


def test_ink_and_paper_differ_in_hue_and_in_lightness(test_split):
    assert (test_split.ink != test_split.paper).all()
    distance = np.abs(test_split.images.astype(int) - np.median(test_split.images, axis=(1, 2))[:, None, None]).sum(
        axis=3
    )
    assert (np.percentile(distance, 95, axis=(1, 2)) > 100).mean() > 0.95


def test_colours_say_nothing_about_the_digit(test_split):
    # Chi-squared of a 10 x 6 table has 45 degrees of freedom: mean 45, standard deviation 9.5.
    for colour in (test_split.ink, test_split.paper):
        table = np.zeros((10, len(HUES)))
        np.add.at(table, (test_split.digits, colour), 1)
        expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
        assert ((table - expected) ** 2 / expected).sum() < 45 + 4 * 9.5


def test_the_anomalies_are_every_whole_tile_of_the_photographs():
    from sklearn.datasets import load_sample_images

    crops = coloured_digits.photo_crops()
    assert crops.shape == (520, 32, 32, 3)
    assert len(crops) == CATALOGUE["coloured-digits"].anomalies[1]
    temple, flower = load_sample_images().images
    assert np.array_equal(crops[21], temple[32:64, 32:64])
    assert np.array_equal(crops[260 + 20 * 3 + 5], flower[96:128, 160:192])


def test_the_catalogue_makes_the_same_once_more_and_maps_them_after_that(tmp_path, monkeypatch, test_split):
    monkeypatch.setenv("VICREG_CACHE", str(tmp_path))
    monkeypatch.delenv("VICREG_DATA", raising=False)
    assert loading.available("coloured-digits", "train")
    first = loading.load("coloured-digits", "test")
    monkeypatch.setattr(coloured_digits, "coloured_digits", None)
    second = loading.load("coloured-digits", "test")
    for found in (first, second):
        assert np.array_equal(found.images, test_split.images)
        assert np.array_equal(found.labels, test_split.digits)
        assert {what: values.tolist() for what, values in found.attributes.items()} == {
            "ink": test_split.ink.tolist(),
            "paper": test_split.paper.tolist(),
        }
        assert found.source.sha256 == coloured_digits.sha256(test_split.images)
    assert isinstance(second.images, np.memmap)


def test_a_split_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="'all'"):
        coloured_digits.coloured_digits("all")
    with pytest.raises(ValueError, match="split of photo-crops"):
        loading.load("photo-crops", "train")
