"""batches: torchvision's CIFAR-10 folder, read from bytes as Python 2's cPickle wrote them, with nothing run."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import pickle
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from vicreg.data.cifar_batches import FOLDER, SPLITS, files, read_batches
from vicreg.data.image_set import DataError

RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85q\tU\x01bq\n\x87q\x0bRq\x0c"
DTYPE = b"cnumpy\ndtype\nq\x0eU\x02u1K\x00K\x01\x87q\x0fRq\x10(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


def put(number: int) -> bytes:
    return b"q" + bytes([number]) if number < 256 else b"r" + struct.pack("<I", number)


def python2(
    pixels: bytes,
    labels: list[int],
    *,
    shape: bytes = b"M\x10\x27M\x00\x0c\x86",  # 10000, 3072
    dtype: bytes = DTYPE,
    by_columns: bytes = b"\x89",  # False
) -> bytes:
    """The bytes of a batch, opcode by opcode as Python 2's cPickle wrote those of the archive (protocol 2)."""
    numbers = b"".join(b"K" + bytes([label]) for label in labels)
    lists = [numbers[i : i + 2000] for i in range(0, len(numbers), 2000)]  # cPickle appends a thousand at a time
    names = (b"U\x0fpicture_%05d.p" % i + put(20 + i) for i in range(len(labels)))
    return b"".join(
        [
            b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x14testing batch 1 of 1q\x03",
            b"U\x06labelsq\x04]q\x05",
            *(b"(" + part + b"e" for part in lists),
            b"U\x04dataq\x06" + RECONSTRUCT + b"(K\x01" + shape + b"q\x0d" + dtype + by_columns,
            b"T" + struct.pack("<I", len(pixels)) + pixels + b"q\x11tq\x12b",
            b"U\tfilenamesq\x13](",
            *names,
            b"eu.",
        ]
    )


@pytest.fixture(scope="module")
def batch() -> tuple[np.ndarray, list[int]]:
    """Random pixels (10000, 3072) uint8 and 10,000 labels."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (10_000, 3072), dtype=np.uint8), generator.integers(0, 10, 10_000).tolist()


@pytest.fixture(scope="module")
def real(batch) -> bytes:
    return python2(batch[0].tobytes(), batch[1])


@pytest.fixture
def refused(tmp_path):
    """Write bytes as the test batch, and give the message that refuses them."""

    def why(written: bytes) -> str:
        (tmp_path / FOLDER).mkdir(exist_ok=True)
        (tmp_path / FOLDER / "test_batch").write_bytes(written)
        with pytest.raises(DataError) as caught:
            read_batches(tmp_path / FOLDER, "test")
        return str(caught.value)

    return why


def test_python_2s_bytes_are_read_as_pickle_itself_would_read_them(tmp_path, batch, real):
    (tmp_path / "test_batch").write_bytes(real)
    images, labels = read_batches(tmp_path, "test")
    # The only pickle that is ever loaded, and only here: this file made its bytes itself, a few lines above.
    known = pickle.loads(real, encoding="latin1")
    assert np.array_equal(images, known["data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    assert labels.tolist() == known["labels"] == batch[1]
    assert (images.dtype, images.shape, labels.dtype, labels.shape) == (
        np.uint8,
        (10_000, 32, 32, 3),
        np.int64,
        (10_000,),
    )


def test_a_row_holds_the_red_plane_by_rows_then_green_then_blue(tmp_path, batch):
    pixels = np.zeros((10_000, 3072), np.uint8)
    pixels[7, 2 * 32 + 5] = 200  # red, row 2, column 5
    pixels[7, 1024 + 31] = 100  # green, row 0, column 31
    pixels[7, 2048 + 31 * 32] = 50  # blue, row 31, column 0
    (tmp_path / "test_batch").write_bytes(python2(pixels.tobytes(), batch[1]))
    images, _ = read_batches(tmp_path, "test")
    assert (images[7, 2, 5].tolist(), images[7, 0, 31].tolist(), images[7, 31, 0].tolist()) == (
        [200, 0, 0],
        [0, 100, 0],
        [0, 0, 50],
    )
    assert images.astype(int).sum() == 350


def test_the_train_split_is_five_files_in_their_order(tmp_path, batch):
    for number, file in enumerate(files(tmp_path, "train")):
        file.write_bytes(python2(bytes([number]) * (10_000 * 3072), [number] * 10_000))
    images, labels = read_batches(tmp_path, "train")
    assert images.shape == (50_000, 32, 32, 3)
    assert labels.tolist() == np.repeat(range(5), 10_000).tolist()
    assert np.array_equal(images[:, 0, 0, 0], labels)


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("text", [str, str.encode])
def test_what_a_python_3_wrote_again_is_read_too(tmp_path, batch, protocol, text):
    written = {text("data"): batch[0], text("labels"): batch[1], text("batch_label"): text("x")}
    (tmp_path / "test_batch").write_bytes(pickle.dumps(written, protocol))
    images, labels = read_batches(tmp_path, "test")
    assert np.array_equal(images[3].transpose(2, 0, 1).ravel(), batch[0][3])
    assert labels.tolist() == batch[1]


def test_reading_takes_no_more_than_five_times_the_file(tmp_path, real):
    (tmp_path / "test_batch").write_bytes(real)
    tracemalloc.start()
    try:
        read_batches(tmp_path, "test")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5 * len(real)


# What is where


def test_the_files_are_torchvisions(tmp_path):
    assert files(tmp_path, "train") == [tmp_path / f"data_batch_{i}" for i in range(1, 6)]
    assert files(tmp_path, "test") == [tmp_path / "test_batch"]
    # Its source is parsed, since importing it takes seconds.
    package = importlib.util.find_spec("torchvision").submodule_search_locations[0]
    tree = ast.parse(Path(package, "datasets", "cifar.py").read_text("utf-8"))
    cifar = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "CIFAR10")
    said = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in cifar.body
        if isinstance(node, ast.Assign) and node.targets[0].id in ("base_folder", "train_list", "test_list")
    }
    assert said["base_folder"] == FOLDER
    assert {"train": dict(said["train_list"]), "test": dict(said["test_list"])} == SPLITS


def test_an_unknown_split_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must be one of train, test, got 'valid'"):
        files(tmp_path, "valid")


def test_a_missing_file_is_named_with_the_way_out(tmp_path):
    with pytest.raises(DataError) as caught:
        read_batches(tmp_path / FOLDER, "train")
    assert str(caught.value) == (
        f"{tmp_path / FOLDER / 'data_batch_1'} is missing: cifar-10-batches-py must hold data_batch_1, data_batch_2, "
        "data_batch_3, data_batch_4, data_batch_5 for the train split. Let torchvision fetch it again "
        f"(torchvision.datasets.CIFAR10({str(tmp_path)!r}, download=True)), or use the Hub's parquet files."
    )


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "test_batch").touch()

    def forbidden(path: Path) -> bytes:  # root, who runs the tests in many a container, may read everything
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    with pytest.raises(DataError, match=r"test_batch cannot be used.*PermissionError: Permission denied"):
        read_batches(tmp_path / FOLDER, "test")


# What is refused


@pytest.mark.parametrize(
    ("before", "name"),
    [
        (b"cos\nsystem\n", "os.system"),
        (b"cposix\nsystem\n", "posix.system"),
        (b"c__builtin__\neval\n", "__builtin__.eval"),
        (b"cnumpy\nload\n", "numpy.load"),
        (b"cnumpy.core.multiarray\n_reconstruct.__globals__\n", "numpy.core.multiarray._reconstruct.__globals__"),
        (b"\x8c\x02os\x8c\x06system\x93", "os.system"),
    ],
)
def test_a_file_that_would_run_something_is_refused_and_runs_nothing(refused, tmp_path, before, name):
    touched = tmp_path / "touched"
    argument = f"touch {touched}".encode()
    message = refused(b"\x80\x04" + before + b"U" + bytes([len(argument)]) + argument + b"\x85R.")
    assert f"it names '{name}', which has no place among pictures; it was not run" in message
    assert not touched.exists()


def test_the_same_file_would_have_run_it(tmp_path):
    """So that the test above could fail: these bytes, made here, do run their command when they are loaded."""
    argument = f"touch {tmp_path / 'touched'}".encode()
    pickle.loads(b"\x80\x02cos\nsystem\nU" + bytes([len(argument)]) + argument + b"\x85R.")
    assert (tmp_path / "touched").exists()


def test_a_call_hidden_inside_a_real_batch_is_refused(refused, real, tmp_path):
    argument = f"touch {tmp_path / 'touched'}".encode()
    call = b"cos\nsystem\nU" + bytes([len(argument)]) + argument + b"\x85R"
    assert "it names 'os.system'" in refused(real.replace(b"U\x14testing batch 1 of 1", call, 1))
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (b"(cos\nsystem\no", "os.system"),
        (b"(ios\nsystem\n", "INST"),
        (b"}\x81", "NEWOBJ"),
        (b"\x82\x01", "EXT1"),
        (b"Px\n", "PERSID"),
        (b"\x97", "NEXT_BUFFER"),
        (b"S'x'\n", "STRING"),
        (b"\x8a\x01\x05", "LONG1"),
    ],
)
def test_any_other_opcode_is_refused_by_its_name(refused, code, name):
    assert name in refused(b"\x80\x02" + code + b".")


@pytest.mark.parametrize("size", [0, 1, 100, 30_000, 30_900_000])
def test_a_torn_file_is_refused_with_the_way_out(refused, real, size):
    message = refused(real[:size])
    assert "cannot be used as CIFAR-10's test split: it is torn" in message
    assert "(its MD5 is not the original's). Delete it and let torchvision fetch it again" in message
    assert "or use the Hub's parquet files." in message


@pytest.mark.parametrize(
    "written", [b"t.", b"e.", b"\x85.", b"\x87.", b"R.", b"b.", b"u.", b"s.", b"h\x05.", b".", b"q\x01."]
)
def test_opcodes_without_their_values_are_a_torn_file(refused, written):
    assert "it is torn" in refused(b"\x80\x02" + written)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (b"<html>", "of another kind (at position 0, opcode b'<' unknown)"),
        (b"PAR1" * 9, "of another kind"),
        (b"\x80\x02].", "it must hold a dict, found a list"),
        (b"\x80\x02}.", "it must hold data and labels, data is missing"),
        (b"\x80\x02}(U\x04dataNu.", "it must hold data and labels, labels is missing"),
        (b"\x80\x02}(U\x04dataNU\x06labelsNu.", "a list of 10,000 labels, found a NoneType"),
        (b"\x80\x02}(U\x04dataNU\x06labels](K\x01K\x02eu.", "a list of 10,000 labels, found 2 of them"),
        (b"\x80\x02}(K\x01K\x01u.", "names must be strings, found 1"),
        (b"\x80\x02K\x01K\x02\x86K\x03K\x04\x86R.", "where a name should be is a tuple"),
        (b"\x80\x02" + b"N" * 200_001, "it holds more than 200,000 opcodes"),
    ],
)
def test_what_is_no_batch_is_refused(refused, written, why):
    assert why in refused(written)


@pytest.mark.parametrize("wrong", [10, 255])
def test_a_label_that_is_no_class_is_refused(refused, batch, wrong):
    message = refused(python2(batch[0].tobytes(), [*batch[1][:-1], wrong]))
    assert f"labels must be whole numbers from 0 to 9, found {wrong}" in message


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"shape": b"M\x00\x0cM\x10\x27\x86"}, "data must be 10000 x 3072 numbers, found 3072 x 10000"),
        ({"shape": b"N"}, "data must be 10000 x 3072 numbers, found a NoneType"),
        ({"dtype": DTYPE.replace(b"u1", b"i1")}, "data must be uint8 (u1), found 'i1'"),
        ({"dtype": b"N"}, "data must be uint8 (u1), found a NoneType"),
        ({"by_columns": b"\x88"}, "data must be stored by rows"),
    ],
)
def test_an_array_of_another_kind_is_refused(refused, batch, options, why):
    message = refused(python2(batch[0].tobytes(), batch[1], **options))
    assert why in message


def test_too_few_pixels_are_refused(refused, batch):
    message = refused(python2(bytes(3072), batch[1]))
    assert "data must have 30,720,000 bytes, found 3,072" in message


def test_an_array_that_is_something_else_is_refused(refused, batch):
    labels = b"](" + b"K\x01" * 10_000 + b"e"
    assert "data must be a numpy array, found a call of numpy dtype" in refused(
        b"\x80\x02}(U\x06labels" + labels + b"U\x04datacnumpy\ndtype\nU\x02u1\x85Ru."
    )


def test_a_file_too_large_is_refused_unread(tmp_path):
    (tmp_path / "test_batch").touch()
    os.truncate(tmp_path / "test_batch", 40_000_001)
    with pytest.raises(DataError, match="it has 40 MB, more than 40"):
        read_batches(tmp_path, "test")


def test_a_wrong_length_allocates_nothing(refused):
    tracemalloc.start()
    try:
        for length in (b"T\xff\xff\xff\x7f", b"B\xff\xff\xff\xff", b"\x8e\xff\xff\xff\xff\xff\x00\x00\x00"):
            assert "it is torn" in refused(b"\x80\x04}(" + length + b"x")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200_000_000  # the arrays for the pictures, three times; the lengths say 2 GB and more


def test_values_that_double_a_hundred_times_are_refused_in_no_time(refused):
    doubled = b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(100))
    assert "a list of 10,000 labels, found a tuple" in refused(
        b"\x80\x02}(U\x04dataNU\x06labels)".replace(b")", b"N\x85") + doubled + b"u."
    )


def test_the_catalogue_finds_torchvisions_folder_below_vicreg_data(batch, real, tmp_path, monkeypatch):
    from vicreg.data import loading

    monkeypatch.setenv("VICREG_DATA", str(tmp_path))
    monkeypatch.setenv("VICREG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert not loading.available("cifar10", "test")
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "test_batch").write_bytes(real)
    assert loading.available("cifar10", "test")
    assert not loading.available("cifar10", "train")  # whose five files are not there
    for _ in range(2):  # read, then mapped from the cache
        found = loading.load("cifar10", "test")
        assert np.array_equal(found.images[7], batch[0][7].reshape(3, 32, 32).transpose(1, 2, 0))
        assert found.labels.tolist() == batch[1]
        assert found.source.file == f"{FOLDER}/test_batch"
        assert found.source.sha256 == hashlib.sha256(real).hexdigest()
