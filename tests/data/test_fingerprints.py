"""Fingerprints: the written formula, and the same pictures found again in another copy of a data set."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from vicreg.data.fingerprints import align, fingerprints
from vicreg.data.image_set import DataError, ImageSet, Source

FILE = "owner/repository/test.parquet"


def pictures(count: int, side: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def scenes(count: int, seed=0) -> np.ndarray:
    """Pictures of sixteen flat squares: as different in their block means as they can be."""
    means = np.random.default_rng(seed).integers(3, 250, (count, 4, 4, 3), dtype=np.uint8)
    return means.repeat(8, axis=1).repeat(8, axis=2)


def image_set_of(images, labels=None) -> ImageSet:
    labels = np.arange(len(images)) % 10 if labels is None else labels
    return ImageSet("cifar10", "test", images, labels, (), Source("", FILE, ""))


def test_fingerprints_are_those_of_the_written_formula():
    images = pictures(50)
    prints = fingerprints(images)
    assert (prints.dtype, prints.shape) == (np.int16, (50, 8))
    grey = images @ np.array([0.299, 0.587, 0.114])
    means = grey.reshape(50, 4, 8, 4, 8).mean(axis=(2, 4)).reshape(50, 16)
    rows = [[(-1) ** bin(row & column).count("1") for column in range(16)] for row in (0, 2, 3, 4, 8, 10, 12, 15)]
    assert np.abs(prints - 32 * means @ np.array(rows).T / 4).max() <= 0.5 + 1e-6


def test_fingerprints_refuse_other_shapes():
    with pytest.raises(ValueError, match=r"\(2, 28, 28, 3\) uint8"):
        fingerprints(pictures(2, side=28))
    with pytest.raises(ValueError, match="float64"):
        fingerprints(pictures(2) / 255)


def test_shuffled_noisy_pictures_are_found_again():
    images, order = scenes(500), np.random.default_rng(1).permutation(700)
    labels = np.arange(700) % 10
    noise = np.random.default_rng(2).integers(-2, 3, (700, 32, 32, 3))
    others = np.concatenate([images, scenes(200, seed=3)]) + noise  # more pictures than the reference has
    copy = image_set_of(others.astype(np.uint8)[order], labels[order])
    rows = align(fingerprints(images), labels[:500], copy)
    assert rows.dtype == np.int64
    assert np.array_equal(order[rows], np.arange(500))


def test_equal_pictures_in_equal_order_stay_in_place():
    # twenty copies of one picture: no nearest neighbour could tell them apart
    images = scenes(1).repeat(20, axis=0)
    labels = np.zeros(20, dtype=int)
    assert align(fingerprints(images), labels, image_set_of(images, labels)).tolist() == list(range(20))


def test_a_picture_without_partner_gets_minus_one():
    images = scenes(200)
    copy = images[::-1].copy()
    copy[10] = scenes(1, seed=9)[0]
    labels = np.zeros(200, dtype=int)
    rows = align(fingerprints(images), labels, image_set_of(copy, labels))
    assert rows[189] == -1
    assert np.array_equal(np.delete(rows, 189), np.delete(np.arange(200)[::-1], 189))


def test_no_row_is_given_twice():
    images = scenes(200)
    images[5] = images[7]
    copy = images[::-1].copy()
    copy[-1] = scenes(1, seed=9)[0]  # so that the set is not the reference in another order
    copy[199 - 5] = scenes(1, seed=10)[0]
    labels = np.zeros(200, dtype=int)
    with pytest.raises(DataError):
        align(fingerprints(images[:10]), labels[:10], image_set_of(copy, labels))
    rows = align(fingerprints(images[1:]), labels[1:], image_set_of(copy, labels))
    assert sorted(rows[[4, 6]]) == [-1, 192]


def test_the_label_is_part_of_a_picture():
    images, labels = scenes(200), np.arange(200) % 10
    changed = labels.copy()
    changed[0] = 1
    rows = align(fingerprints(images), labels, image_set_of(images, changed))
    assert rows[0] == -1
    assert np.array_equal(rows[1:], np.arange(1, 200))


@pytest.mark.parametrize(("brighter", "same"), [(2, True), (3, False)])
def test_pictures_more_than_eight_grey_levels_apart_are_others(brighter, same):
    # all 16 means up by b: a distance of sqrt(16) b = 4 b, as the rows of W / 4 are orthonormal
    images = scenes(20)
    reference, labels = fingerprints(images), np.arange(20) % 10
    copy = image_set_of(images + np.uint8(brighter))
    if same:
        assert align(reference, labels, copy).tolist() == list(range(20))
    else:
        with pytest.raises(DataError, match="0 of 20"):
            align(reference, labels, copy)


def test_less_than_99_percent_is_another_data_set():
    images, labels = scenes(200), np.arange(200) % 10
    copy = images.copy()
    copy[:2] = scenes(2, seed=9)
    assert (align(fingerprints(images), labels, image_set_of(copy)) == -1).sum() == 2
    copy[:3] = scenes(3, seed=9)
    with pytest.raises(DataError, match=f"{FILE}.* 197 of 200"):
        align(fingerprints(images), labels, image_set_of(copy))


def test_more_pictures_than_there_can_be_are_refused_without_a_search(monkeypatch):
    monkeypatch.setattr("vicreg.data.fingerprints._nearest", None)
    with pytest.raises(DataError, match="0 of 500,000"):
        align(np.zeros((500_000, 8), np.int16), np.zeros(500_000, int), image_set_of(scenes(20)))


def test_align_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"\(20, 16\)"):
        align(np.zeros((20, 16)), np.zeros(20), image_set_of(scenes(20)))
    with pytest.raises(ValueError, match=r"M >= 1"):
        align(np.zeros((0, 8)), np.zeros(0), image_set_of(scenes(20)))


def jpeg(image: np.ndarray) -> np.ndarray:
    """The picture after a JPEG file of quality 90."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=90, subsampling=0)
    return np.asarray(Image.open(stream))


def test_cifar10_is_found_again_after_jpeg_noise_and_a_shuffle_and_other_pictures_of_it_are_not(cifar10_test):
    images, labels = cifar10_test.images[:4_000], cifar10_test.labels[:4_000]
    order = np.random.default_rng(0).permutation(4_000)
    noise = np.random.default_rng(1).integers(-2, 3, images.shape, dtype=np.int16)
    noisy = np.clip(images + noise, 0, 255).astype(np.uint8)[order]
    copy = dataclasses.replace(cifar10_test, images=noisy, labels=labels[order])
    reference = fingerprints(np.stack([jpeg(image) for image in images[:1_000]]))
    rows = align(reference, labels[:1_000], copy)
    assert (order[rows] == np.arange(1_000))[rows >= 0].all()  # never the wrong picture
    assert (rows >= 0).mean() >= 0.999
    others = dataclasses.replace(cifar10_test, images=images[1_000:], labels=labels[1_000:])
    with pytest.raises(DataError, match="0 of 1,000"):
        align(reference, labels[:1_000], others)
