"""Encoding: row i from image i, nothing of the module changed; the disk cache: computed once, rebuilt when damaged."""

import os
import sys
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from vicreg.evaluation.encode import CACHE_FOLDER, cache_key, cached_representations, checked, embed, encode
from vicreg.method.networks import Encoder, Expander

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)
ARRAY = RNG.standard_normal((6, 4)).astype(np.float32)


class ChannelMeans(nn.Module):
    """Representations that a reader can work out: the mean red, green and blue of an image."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(dim=(2, 3))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """An untrained encoder whose BatchNorm has running averages unlike a batch's own."""
    torch.manual_seed(0)
    network = Encoder("lean")
    network(torch.rand(16, 3, 32, 32))
    return network.eval()


def test_images_reach_the_encoder_as_channels_first_floats_between_0_and_1():
    expected = IMAGES.reshape(7, -1, 3).mean(axis=1) / 255
    np.testing.assert_allclose(encode(ChannelMeans().eval(), IMAGES), expected, rtol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_a_row_depends_on_its_own_image_only(encoder, batch_size):
    alone = np.concatenate([encode(encoder, IMAGES[i : i + 1]) for i in range(7)])
    together = encode(encoder, IMAGES, batch_size=batch_size)
    assert together.shape == (7, 960)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


def test_encoding_leaves_the_module_as_it_was(encoder):
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    encode(encoder, IMAGES)
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
    assert not encoder.training
    assert torch.is_grad_enabled()
    assert not torch.is_autocast_enabled("cpu")


@pytest.fixture(scope="module")
def expander() -> Expander:
    """An untrained expander whose BatchNorm has running averages unlike a batch's own."""
    torch.manual_seed(0)
    network = Expander(4, (8, 8, 3))
    network(3 + torch.rand(16, 4))
    return network.eval()


@pytest.mark.parametrize("batch_size", [1, 4, 6, 100])
def test_an_embedding_depends_on_its_own_representation_only(expander, batch_size):
    with torch.no_grad():
        expected = np.concatenate([expander(torch.from_numpy(ARRAY[i : i + 1])).numpy() for i in range(6)])
    found = embed(expander, ARRAY, batch_size=batch_size)
    assert (found.shape, found.dtype) == ((6, 3), np.float32)
    assert len(np.unique(found, axis=0)) == 6
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    order = np.array([5, 0, 3, 3, 1])
    np.testing.assert_allclose(embed(expander, ARRAY[order], batch_size=batch_size), expected[order], atol=1e-6)


def test_networks_in_train_mode_are_refused_and_left_as_they_were(encoder, expander):
    before = {name: value.clone() for name, value in expander.state_dict().items()}
    for network, read, array in ((encoder, encode, IMAGES), (expander, embed, ARRAY)):
        network.train()
        try:
            with pytest.raises(ValueError, match=r"eval"):
                read(network, array)
            assert network.training
        finally:
            network.eval()
    embed(expander, ARRAY)
    assert all(torch.equal(before[name], value) for name, value in expander.state_dict().items())


def test_read_only_and_memory_mapped_arrays_are_taken_without_a_warning(expander, tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    np.save(tmp_path / "array.npy", ARRAY)
    images, array = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("images", "array"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(embed(expander, array), embed(expander, ARRAY))
        np.testing.assert_array_equal(encode(ChannelMeans().eval(), images), encode(ChannelMeans().eval(), IMAGES))


def test_progress_counts_images():
    calls = []
    encode(ChannelMeans().eval(), IMAGES, batch_size=3, on_progress=lambda done, total: calls.append((done, total)))
    assert calls == [(3, 7), (6, 7), (7, 7)]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES.astype(np.float32), "float32"),
        (IMAGES[0], r"\(32, 32, 3\)"),
        (IMAGES.transpose(0, 3, 1, 2), r"\(7, 3, 32, 32\)"),
        (IMAGES[:0], r"N >= 1, got uint8 \(0, 32, 32, 3\)"),
    ],
)
def test_other_images_are_refused_with_the_rule_and_what_was_given(images, message):
    with pytest.raises(ValueError, match=rf"{message}"):
        encode(ChannelMeans().eval(), images)
    with pytest.raises(ValueError, match=r"batch_size .*got 0"):
        encode(ChannelMeans().eval(), IMAGES, batch_size=0)


def test_checked_names_the_array_and_counts_what_is_not_finite():
    bad = ARRAY.copy()
    bad[2, 1], bad[3, 0] = np.nan, np.inf
    with pytest.raises(ValueError, match="queries must be finite, but 2 of its 24 values are not"):
        checked(bad, name="queries")
    with pytest.raises(ValueError, match=r"must be 2-D \(N, D\) and not empty, got shape \(4,\)"):
        checked(ARRAY[0])
    with pytest.raises(ValueError, match=r"got shape \(0, 4\)"):
        checked(ARRAY[:0])


def cached(folder, array=ARRAY, key="test-a", **options):
    """The cache's answer, and how often it had to compute."""
    calls = []

    def compute():
        calls.append(1)
        return array

    return cached_representations(key, compute, folder=folder, **options), len(calls)


def test_a_second_call_reads_the_file_and_does_not_compute(tmp_path):
    first, computed = cached(tmp_path)
    assert computed == 1
    second, computed = cached(tmp_path)
    assert computed == 0
    assert isinstance(second, np.memmap)
    assert not first.flags.writeable
    assert not second.flags.writeable
    np.testing.assert_array_equal(first, ARRAY)
    np.testing.assert_array_equal(second, ARRAY)
    assert [path.name for path in (tmp_path / CACHE_FOLDER).iterdir()] == ["test-a.npy"]


def test_the_computed_array_itself_stays_writable(tmp_path):
    array = ARRAY.copy()
    cached(tmp_path, array)
    assert array.flags.writeable


def test_a_hit_loads_no_torch(tmp_path, monkeypatch):
    cached(tmp_path)
    monkeypatch.setitem(sys.modules, "torch", None)  # to import it is an error
    assert cached(tmp_path)[1] == 0


def test_another_key_is_another_file(tmp_path):
    cached(tmp_path)
    other, computed = cached(tmp_path, 2 * ARRAY, key="test-b")
    assert computed == 1
    np.testing.assert_array_equal(other, 2 * ARRAY)


DAMAGES = {
    "cut short": lambda content: content[:-5],
    "too long": lambda content: content + bytes(8),
    "header overwritten": lambda content: content[:10] + b"(" * 30 + content[40:],
    "emptied": lambda content: b"",
    "another dtype": lambda content: content.replace(b"<f4", b"<i4"),
    "column order": lambda content: content.replace(b"'fortran_order': False", b"'fortran_order': True "),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.fault("a damaged file in the cache of representations", "it is computed again")
def test_a_damaged_file_is_computed_again_and_replaced(tmp_path, damage):
    cached(tmp_path)
    path = tmp_path / CACHE_FOLDER / "test-a.npy"
    path.write_bytes(damage(path.read_bytes()))
    again, computed = cached(tmp_path)
    assert computed == 1
    np.testing.assert_array_equal(again, ARRAY)
    assert cached(tmp_path)[1] == 0


def test_a_folder_that_cannot_be_made_costs_only_the_keeping(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    array, computed = cached(tmp_path / "file")
    assert computed == 1
    np.testing.assert_array_equal(array, ARRAY)


def test_an_error_of_compute_passes_through_and_leaves_no_file(tmp_path):
    def fails():
        raise FileNotFoundError("no pictures")

    with pytest.raises(FileNotFoundError, match="no pictures"):
        cached_representations("test-a", fails, folder=tmp_path)
    assert not list(tmp_path.rglob("*.npy"))


def test_the_file_not_used_for_longest_goes_first(tmp_path):
    size = 128 + ARRAY.nbytes  # numpy's header and the values
    for age, key in ((300, "a"), (200, "b"), (100, "c")):
        cached(tmp_path, key=key)
        path = tmp_path / CACHE_FOLDER / f"{key}.npy"
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))
    cached(tmp_path, key="a")  # used just now
    cached(tmp_path, key="d", max_bytes=3 * size)
    assert {path.stem for path in (tmp_path / CACHE_FOLDER).iterdir()} == {"a", "c", "d"}


def test_the_file_just_written_stays_even_if_it_alone_is_too_large(tmp_path):
    cached(tmp_path, key="a")
    cached(tmp_path, key="b", max_bytes=1)
    assert [path.stem for path in (tmp_path / CACHE_FOLDER).iterdir()] == ["b"]


@pytest.mark.parametrize("key", ["", "../x", "a/b", ".hidden", "a b", "x" * 300])
def test_a_key_that_is_no_plain_file_name_is_refused(tmp_path, key):
    with pytest.raises(ValueError, match="key must be letters, digits"):
        cached_representations(key, lambda: ARRAY, folder=tmp_path)


def test_the_key_changes_with_weights_data_and_split():
    one, two = "0" * 64, "1" * 64
    keys = {cache_key(w, d, s) for w in (one, two) for d in (one, two) for s in ("train", "test")}
    assert len(keys) == 8
    assert cache_key(one, two, "test") == "test-1111111111111111-0000000000000000"
    with pytest.raises(ValueError, match=r"weights_sha256 .*got 'abc'"):
        cache_key("abc", one, "test")
