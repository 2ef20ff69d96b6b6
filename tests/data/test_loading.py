"""Loading: what is found where, what is kept, what is refused."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hub_server import Repo, point_client, serve
from made_png import png
from PIL import Image

from vicreg.data import loading
from vicreg.data.catalogue import class_names
from vicreg.data.image_set import DataError, PicturesMissing
from vicreg.data.loading import available, load
from vicreg.storage import paths

CIFAR10_TEST = "uoft-cs/cifar10/plain_text/test-00000-of-00001.parquet"
MNIST_TEST = "ylecun/mnist/mnist/test-00000-of-00001.parquet"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """Everything this machine may hold is out of reach: three empty folders instead."""
    monkeypatch.setenv("VICREG_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("VICREG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def pictures(count=12, side=32, channels=3, seed=0) -> np.ndarray:
    shape = (count, side, side, channels) if channels > 1 else (count, side, side)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def encoded(pixels: np.ndarray, *, form="PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form, quality=90, subsampling=0)
    return stream.getvalue()


def cells(images) -> list[dict]:
    return [{"bytes": image if isinstance(image, bytes) else encoded(image), "path": None} for image in images]


def write(file: Path, images, labels=None, *, column="img") -> Path:
    labels = [row % 10 for row in range(len(images))] if labels is None else labels
    return write_table(file, {column: cells(images), "label": labels})


def write_table(file: Path, columns: dict) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)
    return file


def entries(tmp_path: Path) -> list[Path]:
    """All that lies in the cache, half-written folders included."""
    return sorted((tmp_path / "cache" / "datasets-v1").glob("*"))


def no_decoding(*_, **__):
    raise AssertionError("decoded again")


# What load returns


def test_a_lossless_file_comes_back_pixel_by_pixel(tmp_path):
    images = pictures()
    file = write(tmp_path / "data" / CIFAR10_TEST, images)
    image_set = load("cifar10", "test")
    assert np.array_equal(image_set.images, images)
    assert image_set.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert image_set.labels.dtype == np.int64
    assert not image_set.images.flags.writeable
    assert not image_set.labels.flags.writeable
    assert len(image_set) == 12
    assert (image_set.name, image_set.split) == ("cifar10", "test")
    assert image_set.classes == class_names("cifar10")
    assert image_set.classes[6] == "frog"
    assert image_set.source.file == CIFAR10_TEST
    assert image_set.source.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_the_source_says_how_pictures_were_stored_and_nothing_of_this_machine(tmp_path, form):
    write(tmp_path / "data" / CIFAR10_TEST, [encoded(image, form=form) for image in pictures()])
    description = load("cifar10", "test").source.description
    assert f"12 pictures stored as {form}" in description
    assert "folder" in description
    assert str(tmp_path) not in description


@pytest.mark.parametrize("channels", [1, 3])
def test_mnist_is_padded_by_two_and_has_three_equal_channels(tmp_path, channels):
    grey = pictures(side=28, channels=1)
    stored = grey if channels == 1 else np.repeat(grey[..., None], 3, axis=3)
    write(tmp_path / "data" / MNIST_TEST, stored, column="image")
    images = load("mnist", "test").images
    assert images.shape == (12, 32, 32, 3)
    assert all(np.array_equal(images[:, 2:30, 2:30, channel], grey) for channel in range(3))
    assert images.sum() == 3 * grey.sum(dtype=int)  # so the margin is black


def test_progress_counts_up_to_the_total(tmp_path):
    write(tmp_path / "data" / CIFAR10_TEST, pictures(600, side=32))
    calls = []
    load("cifar10", "test", on_progress=lambda done, total: calls.append((done, total)))
    assert calls == [(256, 600), (512, 600), (600, 600)]


def test_unknown_names_are_told_the_known_ones():
    with pytest.raises(ValueError, match=r"mnist, photo-crops.*'svhn'"):
        load("svhn", "test")
    with pytest.raises(ValueError, match=r"train, test.*'validation'"):
        available("cifar10", "validation")


# What is decoded once


def test_reopening_maps_memory_and_decodes_nothing(tmp_path, monkeypatch):
    write(tmp_path / "data" / CIFAR10_TEST, pictures())
    first = load("cifar10", "test")
    monkeypatch.setattr(loading, "_decode", no_decoding)
    again = load("cifar10", "test")
    assert isinstance(again.images, np.memmap)
    assert np.array_equal(again.images, first.images)
    assert again.source == first.source


def test_a_changed_file_is_decoded_anew(tmp_path):
    file = tmp_path / "data" / CIFAR10_TEST
    write(file, pictures(seed=0))
    load("cifar10", "test")
    write(file, pictures(seed=1))
    assert np.array_equal(load("cifar10", "test").images, pictures(seed=1))


def cut(entry: Path) -> None:
    file = entry / "images.npy"
    file.write_bytes(file.read_bytes()[:-1])


DAMAGES = {
    "images": cut,
    "no labels": lambda entry: (entry / "labels.npy").write_bytes(b""),
    "a label too high": lambda entry: np.save(entry / "labels.npy", np.full(12, 10)),
    "a label below 0": lambda entry: np.save(entry / "labels.npy", np.full(12, -1)),
    "source": lambda entry: (entry / "source.json").write_text("["),
    "no source": lambda entry: (entry / "source.json").unlink(),
    "a source of an older version": lambda entry: (entry / "source.json").write_text(
        '{"source": {"text": "CIFAR-10"}}'
    ),
    "shape": lambda entry: np.save(entry / "images.npy", pictures(11)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.fault("a damaged or older entry in the cache of images", "it is made again")
def test_a_damaged_entry_is_rebuilt(tmp_path, monkeypatch, damage):
    write(tmp_path / "data" / CIFAR10_TEST, pictures())
    labels = load("cifar10", "test").labels.tolist()
    (entry,) = entries(tmp_path)
    damage(entry)
    rebuilt = load("cifar10", "test")
    assert np.array_equal(rebuilt.images, pictures())
    assert rebuilt.labels.tolist() == labels
    assert entries(tmp_path) == [entry]
    monkeypatch.setattr(loading, "_decode", no_decoding)
    assert np.array_equal(load("cifar10", "test").images, pictures())


@pytest.mark.fault("a process ends while it writes the cache of images", "no half entry stays")
def test_a_process_killed_while_writing_leaves_nothing(tmp_path, monkeypatch):
    write(tmp_path / "data" / CIFAR10_TEST, pictures())
    with monkeypatch.context() as patch:
        save = np.save
        patch.setattr(np, "save", lambda file, array: interrupt() if "labels" in file.name else save(file, array))
        with pytest.raises(KeyboardInterrupt):
            load("cifar10", "test")
    assert entries(tmp_path) == []
    assert np.array_equal(load("cifar10", "test").images, pictures())


@pytest.mark.fault("the power fails while the cache of images is written", "no entry with half its pixels is used")
def test_an_entry_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    write(tmp_path / "data" / CIFAR10_TEST, pictures())
    flushed, fsync, rename = set(), os.fsync, Path.rename

    def noted(descriptor: int) -> None:
        flushed.add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def named(path: Path, target: Path) -> Path:
        assert {file.name for file in path.iterdir()} == {"images.npy", "labels.npy", "source.json"}
        assert flushed == {file.stat().st_ino for file in path.iterdir()}
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(Path, "rename", named)
    load("cifar10", "test")
    assert len(entries(tmp_path)) == 1


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.fault("two processes decode the same images at once", "the entry of the faster one stays")
def test_of_two_processes_that_decode_at_once_the_faster_one_stays(tmp_path, monkeypatch):
    write(tmp_path / "data" / CIFAR10_TEST, pictures())
    decode, written = loading._decode, []

    def overtaken(*arguments, **options):
        monkeypatch.setattr(loading, "_decode", decode)
        load("cifar10", "test")  # the other process, from start to end
        written.extend(identity(entry) for entry in entries(tmp_path))
        return decode(*arguments, **options)

    monkeypatch.setattr(loading, "_decode", overtaken)
    image_set = load("cifar10", "test")
    assert isinstance(image_set.images, np.memmap)
    assert np.array_equal(image_set.images, pictures())
    assert [identity(entry) for entry in entries(tmp_path)] == written


def identity(entry: Path) -> tuple[int, int]:
    stat = (entry / "images.npy").stat()
    return stat.st_ino, stat.st_mtime_ns


@pytest.mark.fault("a cache folder that cannot be written", "images are decoded into memory")
def test_without_a_cache_folder_pictures_are_decoded_into_memory(tmp_path, monkeypatch):
    write(tmp_path / "data" / CIFAR10_TEST, pictures())
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("VICREG_CACHE", str(tmp_path / "file" / "cache"))
    assert available("cifar10", "test")
    image_set = load("cifar10", "test")
    assert np.array_equal(image_set.images, pictures())
    assert not image_set.images.flags.writeable


@pytest.mark.fault("the disk is full while images are cached", "the images are there, without a cache")
def test_a_full_disk_costs_the_cache_and_not_the_pictures(tmp_path, monkeypatch):
    write(tmp_path / "data" / CIFAR10_TEST, pictures())

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    assert np.array_equal(load("cifar10", "test").images, pictures())
    assert entries(tmp_path) == []


def test_a_user_without_a_home_gets_a_cache_folder_all_the_same(monkeypatch):
    for name in ("VICREG_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    pwd = pytest.importorskip("pwd")

    def nobody(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert paths.cache_folder() == Path(tempfile.gettempdir(), "vicreg")


# What is refused


GOOD = [encoded(image) for image in pictures(3)]
BAD_FILES = {
    "a cut picture": ([*GOOD, encoded(pictures(1)[0])[:100]], None, "row 3 "),
    "not a picture": ([*GOOD, b"GIF89a"], None, "row 3 "),
    "another size": ([*GOOD, pictures(1, side=28)[0]], None, "row 3 .*28 x 28"),
    # ten bytes of pixels: only its size can be read
    "a bomb": ([*GOOD, png(5000, 5000, (b"IDAT", bytes(10)))], None, "row 3 .*5000 x 5000"),
    "transparency": ([*GOOD, pictures(1, channels=4)[0]], None, "row 3 .*RGBA"),
    "a label too high": (GOOD, [0, 10, 1], "label in row 1 .*10"),
    "a label below 0": (GOOD, [0, 1, -1], "label in row 2 .*-1"),
    "no label": (GOOD, [0, None, 1], "label in row 1 .*None"),
}


@pytest.mark.parametrize(("images", "labels", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_row_is_named(tmp_path, images, labels, message):
    file = write(tmp_path / "data" / CIFAR10_TEST, images, labels)
    with pytest.raises(DataError, match=message) as caught:
        load("cifar10", "test")
    assert str(file.resolve()) in str(caught.value)
    assert "download=True" in str(caught.value)
    assert entries(tmp_path) == []


BAD_TABLES = {
    "no pictures column": ({"image": cells(GOOD), "label": [0, 1, 2]}, "img .*found: image, label"),
    "no labels": ({"img": cells(GOOD)}, "label .*found: img"),
    "not encoded": ({"img": [1, 2, 3], "label": [0, 1, 2]}, "img .*bytes"),
    "labels as words": ({"img": cells(GOOD), "label": ["a", "b", "c"]}, "label .*string"),
    "no bytes": (
        {"img": pa.array([{"bytes": None, "path": "a.png"}], pa.struct({"bytes": pa.binary()})), "label": [0]},
        "row 0 ",
    ),
    "no rows": (
        {"img": pa.array([], pa.struct({"bytes": pa.binary()})), "label": pa.array([], pa.int64())},
        "contains no images",
    ),
}


@pytest.mark.parametrize(("columns", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_file_with_other_columns_is_told_what_was_found(tmp_path, columns, message):
    write_table(tmp_path / "data" / CIFAR10_TEST, columns)
    with pytest.raises(DataError, match=message):
        load("cifar10", "test")


@pytest.mark.parametrize(
    "damage",
    [
        *(lambda content, left=left: content[:left] for left in (0, 100, -1)),
        lambda content: content[:4] + bytes(1996) + content[2000:],  # the first page; the footer stays whole
    ],
    ids=["empty", "cut early", "cut late", "overwritten"],
)
@pytest.mark.fault("a damaged file of images", "a sentence names it and says what to do")
def test_a_damaged_parquet_file_is_named(tmp_path, damage):
    file = write(tmp_path / "data" / CIFAR10_TEST, pictures())
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DataError, match="parquet") as caught:
        load("cifar10", "test")
    assert str(file.resolve()) in str(caught.value)


def test_a_git_lfs_pointer_in_place_of_pictures_is_named(tmp_path):
    file = write(tmp_path / "data" / CIFAR10_TEST, pictures())
    file.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n")
    with pytest.raises(DataError, match="git lfs pull"):
        load("cifar10", "test")


# Where pictures are looked for


def in_hub_cache(tmp_path: Path, images) -> Path:
    """Lay a file into the Hub client's cache as its own download would."""
    repo = tmp_path / "hub" / "datasets--uoft-cs--cifar10"
    (repo / "refs").mkdir(parents=True, exist_ok=True)
    (repo / "refs" / "main").write_text(COMMIT)
    return write(repo / "snapshots" / COMMIT / "plain_text" / "test-00000-of-00001.parquet", images)


def test_nothing_anywhere_names_the_split_and_both_ways_out(monkeypatch):
    assert not available("cifar10", "test")
    with pytest.raises(PicturesMissing) as caught:
        load("cifar10", "test")
    assert isinstance(caught.value, FileNotFoundError)
    for said in ("CIFAR-10's test split", "VICREG_DATA does not contain it", CIFAR10_TEST, "24 MB", "download=True"):
        assert said in str(caught.value)
    monkeypatch.delenv("VICREG_DATA")
    with pytest.raises(PicturesMissing, match="VICREG_DATA is not set"):
        load("cifar10", "test")


def test_the_hubs_cache_answers_and_what_was_decoded_outlives_it(tmp_path):
    in_hub_cache(tmp_path, pictures())
    assert available("cifar10", "test")
    assert not available("cifar10", "train")
    source = load("cifar10", "test").source
    assert "from the Hugging Face Hub's uoft-cs/cifar10" in source.description
    assert source.file == CIFAR10_TEST
    shutil.rmtree(tmp_path / "hub")
    assert available("cifar10", "test")
    assert np.array_equal(load("cifar10", "test").images, pictures())
    cut(entries(tmp_path)[0])
    assert not available("cifar10", "test")


def test_the_folder_comes_before_the_hub(tmp_path):
    in_hub_cache(tmp_path, pictures(seed=0))
    load("cifar10", "test")
    write(tmp_path / "data" / CIFAR10_TEST, pictures(seed=1))
    assert np.array_equal(load("cifar10", "test").images, pictures(seed=1))


def test_what_was_decoded_from_a_folder_is_not_taken_for_the_hubs(tmp_path, monkeypatch):
    write(tmp_path / "data" / CIFAR10_TEST, pictures())
    load("cifar10", "test")
    monkeypatch.delenv("VICREG_DATA")
    assert not available("cifar10", "test")
    with pytest.raises(PicturesMissing):
        load("cifar10", "test")


def test_loading_what_was_decoded_imports_no_heavy_module(tmp_path, monkeypatch):
    write(tmp_path / "data" / CIFAR10_TEST, pictures())
    load("cifar10", "test")
    in_hub_cache(tmp_path, pictures())
    with monkeypatch.context() as patch:
        patch.delenv("VICREG_DATA")
        load("cifar10", "test")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "VICREG"))}
    environment |= {"HF_HOME": str(tmp_path / "none"), "VICREG_CACHE": str(tmp_path / "cache")}
    script = (
        "import os, sys\nfrom vicreg.data import loading\n"
        f"os.environ['VICREG_DATA'] = {str(tmp_path / 'data')!r}\n"
        "assert len(loading.load('cifar10', 'test')) == 12\ndel os.environ['VICREG_DATA']\n"
        "assert loading.available('cifar10', 'test') and len(loading.load('cifar10', 'test')) == 12\n"  # the Hub's
        "print(*{'huggingface_hub', 'pyarrow', 'PIL', 'torch', 'pandas'} & set(sys.modules))"
    )
    root = Path(loading.__file__).parents[2]
    words = [sys.executable, "-c", script]
    assert subprocess.run(words, env=environment, cwd=root, capture_output=True, text=True, check=True).stdout == "\n"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub that serves twelve pictures, for this process's client."""
    with serve() as hub:
        point_client(monkeypatch, hub.url, tmp_path / "home")
        monkeypatch.delenv("VICREG_DATA")
        repository, _, path = CIFAR10_TEST.partition("/plain_text/")
        repo = hub.repos[f"datasets/{repository}"] = Repo()
        repo.commit({f"plain_text/{path}": write(tmp_path / "served.parquet", pictures()).read_bytes()})
        yield hub


def test_the_hub_is_asked_only_when_told_and_only_once(hub):
    with pytest.raises(PicturesMissing):
        load("cifar10", "test")
    assert not hub.requests
    for download in (True, False, True):
        assert np.array_equal(load("cifar10", "test", download=download).images, pictures())
        assert available("cifar10", "test")
    asked = len(hub.requests)
    assert hub.requests[0] == ("GET", "/api/datasets/uoft-cs/cifar10/revision/main")  # the probe, which waits briefly
    assert [command for command, _ in hub.asked("/resolve/")].count("GET") == 1
    load("cifar10", "test", download=True)
    assert len(hub.requests) == asked


@pytest.mark.parametrize("reason", ["no repository", "503", "HF_HUB_OFFLINE"])
def test_a_fetch_that_fails_says_why_and_names_the_other_way(hub, monkeypatch, reason):
    if reason == "no repository":
        hub.repos.clear()
    elif reason == "503":
        hub.faults["/api/"] = "503"
    else:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(PicturesMissing, match=f"{reason}.*VICREG_DATA.*{CIFAR10_TEST}"):
        load("cifar10", "test", download=True)


def test_a_damaged_download_can_be_deleted_and_fetched_again(hub):
    file = loading.fetch("cifar10", "test").resolve()
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError) as caught:
        load("cifar10", "test")
    os.remove(str(caught.value).split(" cannot be used")[0])
    assert len(load("cifar10", "test", download=True)) == 12
