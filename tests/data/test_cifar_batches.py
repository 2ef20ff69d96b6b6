"""cifar_batches: torchvision's CIFAR-10 folder, read only where every file has the original's MD5.

The originals are not here. So batches are made up, and their MD5s take the place of the originals' in torchvision's list.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import CIFAR10

from vicreg.data import loading
from vicreg.data.cifar_batches import FILES, FOLDER, files, read_batches
from vicreg.data.image_set import DataError, PicturesMissing

ROWS = 20


def pickled(pixels: np.ndarray, labels: list[int]) -> bytes:
    return pickle.dumps({"data": pixels, "labels": labels}, protocol=2)


def touching(path: Path) -> bytes:
    """A pickle that makes a file when it is loaded."""
    argument = f"touch {path}".encode()
    return b"\x80\x02cos\nsystem\nU" + bytes([len(argument)]) + argument + b"\x85R."


def batch(number: int) -> tuple[np.ndarray, list[int]]:
    generator = np.random.default_rng(number)
    return generator.integers(0, 256, (ROWS, 3072), dtype=np.uint8), generator.integers(0, 10, ROWS).tolist()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A whole folder of made-up batches, which torchvision takes for the originals."""
    (tmp_path / FOLDER).mkdir()
    for number, name in enumerate((*FILES["train"], *FILES["test"])):
        (tmp_path / FOLDER / name).write_bytes(pickled(*batch(number)))
    declare(tmp_path / FOLDER, monkeypatch)
    return tmp_path / FOLDER


def declare(folder: Path, monkeypatch) -> None:
    """Let the MD5s of the files as they are now be the originals'."""
    for split in FILES:
        sums = [[file.name, hashlib.md5(file.read_bytes()).hexdigest()] for file in files(folder, split)]
        monkeypatch.setattr(CIFAR10, f"{split}_list", sums)


def refusal(folder: Path, split: str) -> str:
    with pytest.raises(DataError) as caught:
        read_batches(folder, split)
    return str(caught.value)


def test_the_files_are_torchvisions():
    assert CIFAR10.base_folder == FOLDER
    for split in FILES:
        assert {name for name, _ in getattr(CIFAR10, f"{split}_list")} == set(FILES[split])


def test_the_train_split_is_five_files_in_their_order(folder):
    images, labels = read_batches(folder, "train")
    assert (images.shape, images.dtype, labels.dtype) == ((5 * ROWS, 32, 32, 3), np.uint8, np.int64)
    assert labels.tolist() == [label for number in range(5) for label in batch(number)[1]]
    assert np.array_equal(images[ROWS + 2], batch(1)[0][2].reshape(3, 32, 32).transpose(1, 2, 0))


def test_a_split_asks_for_its_own_files_only(folder):
    for file in files(folder, "train"):
        file.unlink()
    assert read_batches(folder, "test")[1].tolist() == batch(5)[1]


def test_every_missing_and_every_damaged_file_is_named_with_the_way_out(folder):
    (folder / "data_batch_2").unlink()
    (folder / "data_batch_5").unlink()
    with (folder / "data_batch_3").open("r+b") as file:
        file.truncate(1000)
    said = refusal(folder, "train")
    assert "Missing: data_batch_2, data_batch_5; damaged" in said
    assert ": data_batch_3." in said
    assert f"CIFAR10({str(folder.parent)!r}, download=True)" in said


def test_a_file_that_may_not_be_read_is_named(folder, monkeypatch):
    def forbidden(*_: object, **__: object) -> bool:  # root may read everything
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", forbidden)
    monkeypatch.setattr("torchvision.datasets.utils.check_integrity", forbidden)
    assert "Permission denied): test_batch." in refusal(folder, "test")


@pytest.mark.parametrize("name", [FILES["train"][-1], *FILES["test"]])
def test_no_file_is_loaded_before_every_md5_is_checked(folder, tmp_path, monkeypatch, name):
    split = "test" if name in FILES["test"] else "train"
    (folder / name).write_bytes(touching(tmp_path / "touched"))
    loaded = []
    monkeypatch.setattr("torchvision.datasets.cifar.pickle.load", lambda *_, **__: loaded.append(name))
    assert f"damaged (wrong MD5): {name}" in refusal(folder, split).replace("Damaged", "damaged")
    assert loaded == []
    monkeypatch.undo()
    declare(folder, monkeypatch)  # with the MD5 of an original, the same bytes run: the check is all that stops them
    with pytest.raises(TypeError):
        read_batches(folder, split)
    assert (tmp_path / "touched").exists()


# In the catalogue


@pytest.fixture
def only_folder(folder, tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("VICREG_DATA", str(tmp_path))
    monkeypatch.setenv("VICREG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return folder


def test_the_catalogue_finds_the_folder_below_vicreg_data(only_folder):
    pixels, labels = batch(5)
    for _ in range(2):  # read, then mapped from the cache
        found = loading.load("cifar10", "test")
        assert np.array_equal(found.images[7], pixels[7].reshape(3, 32, 32).transpose(1, 2, 0))
        assert found.labels.tolist() == labels
        assert found.source.file == f"{FOLDER}/test_batch"
        assert found.source.sha256 == hashlib.sha256((only_folder / "test_batch").read_bytes()).hexdigest()


def test_looking_whether_the_folder_is_there_imports_no_torchvision(only_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    assert loading.available("cifar10", "train")
    with pytest.raises(ImportError):
        loading.load("cifar10", "train")


@pytest.mark.fault("a CIFAR-10 folder with some files missing", "a sentence names them")
def test_a_folder_that_lacks_some_batches_names_them(only_folder):
    (only_folder / "data_batch_4").unlink()
    with pytest.raises(DataError, match=r"Missing: data_batch_4\."):
        loading.load("cifar10", "train")
    assert len(loading.load("cifar10", "test")) == ROWS


def test_a_folder_that_lacks_a_whole_split_says_so(only_folder):
    (only_folder / "test_batch").unlink()
    assert not loading.available("cifar10", "test")
    with pytest.raises(PicturesMissing, match="without test_batch"):
        loading.load("cifar10", "test")
