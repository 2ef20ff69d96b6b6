"""datasets: what is found where, what is kept, what is refused. alignment: the same pictures found again."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import io
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from vicreg.data import loading
from vicreg.data.catalogue import class_names
from vicreg.data.fingerprints import align, fingerprints
from vicreg.data.image_set import DataError, ImageSet, PicturesMissing, Source
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


def test_neither_pixels_nor_labels_can_be_changed(tmp_path):
    write(tmp_path / "data" / CIFAR10_TEST, pictures())
    image_set = load("cifar10", "test")
    for array in (image_set.images, image_set.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_progress_counts_up_to_the_total(tmp_path):
    write(tmp_path / "data" / CIFAR10_TEST, pictures(600, side=32))
    calls = []
    load("cifar10", "test", on_progress=lambda done, total: calls.append((done, total)))
    assert calls == [(256, 600), (512, 600), (600, 600)]


def test_unknown_names_are_told_the_known_ones():
    with pytest.raises(ValueError, match="mnist, photo-crops, got 'svhn'"):
        load("svhn", "test")
    with pytest.raises(ValueError, match="train, test, got 'validation'"):
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


def damage_images(entry):
    file = entry / "images.npy"
    file.write_bytes(file.read_bytes()[:-1])


def damage_labels(entry):
    (entry / "labels.npy").write_bytes(b"")


def damage_label_above(entry):
    np.save(entry / "labels.npy", np.full(12, 10))


def damage_label_below(entry):
    np.save(entry / "labels.npy", np.full(12, -1))


def damage_source(entry):
    (entry / "source.json").write_text("[")


def damage_shape(entry):
    np.save(entry / "images.npy", pictures(11))


DAMAGES = [damage_images, damage_labels, damage_label_above, damage_label_below, damage_source, damage_shape]


@pytest.mark.parametrize("damage", DAMAGES)
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


def test_a_process_killed_while_writing_leaves_nothing(tmp_path, monkeypatch):
    write(tmp_path / "data" / CIFAR10_TEST, pictures())
    with monkeypatch.context() as patch:
        save = np.save
        patch.setattr(np, "save", lambda file, array: interrupt() if "labels" in file.name else save(file, array))
        with pytest.raises(KeyboardInterrupt):
            load("cifar10", "test")
    assert entries(tmp_path) == []
    assert np.array_equal(load("cifar10", "test").images, pictures())


def interrupt():
    raise KeyboardInterrupt


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


def test_without_a_cache_folder_pictures_are_decoded_into_memory(tmp_path, monkeypatch):
    write(tmp_path / "data" / CIFAR10_TEST, pictures())
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("VICREG_CACHE", str(tmp_path / "file" / "cache"))
    assert available("cifar10", "test")
    image_set = load("cifar10", "test")
    assert np.array_equal(image_set.images, pictures())
    assert not image_set.images.flags.writeable


def test_a_full_disk_costs_the_cache_and_not_the_pictures(tmp_path, monkeypatch):
    write(tmp_path / "data" / CIFAR10_TEST, pictures())

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    assert np.array_equal(load("cifar10", "test").images, pictures())
    assert entries(tmp_path) == []


def test_the_cache_folder_is_the_users(tmp_path, monkeypatch):
    assert paths.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("VICREG_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert paths.cache_folder() == tmp_path / "xdg" / "vicreg"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.cache_folder() == tmp_path / ("Library/Caches/vicreg" if sys.platform == "darwin" else ".cache/vicreg")


def test_a_user_without_a_home_gets_a_cache_folder_all_the_same(monkeypatch):
    for name in ("VICREG_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    pwd = pytest.importorskip("pwd")

    def nobody(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert paths.cache_folder() == Path(tempfile.gettempdir(), "vicreg")


# What is refused


def huge() -> bytes:
    """A PNG whose header says 5,000 x 5,000 and that holds ten bytes of pixels: only its size can be read."""
    chunks = {b"IHDR": struct.pack(">IIBBBBB", 5000, 5000, 8, 2, 0, 0, 0), b"IDAT": bytes(10)}
    packed = (struct.pack(">I", len(v)) + k + v + struct.pack(">I", zlib.crc32(k + v)) for k, v in chunks.items())
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


GOOD = [encoded(image) for image in pictures(3)]
BAD_FILES = {
    "a cut picture": ([*GOOD, encoded(pictures(1)[0])[:100]], None, "row 3 cannot be decoded"),
    "not a picture": ([*GOOD, b"GIF89a"], None, "row 3 cannot be decoded"),
    "another size": ([*GOOD, pictures(1, side=28)[0]], None, "row 3 must be 32 x 32 .* got 28 x 28"),
    "a bomb": ([*GOOD, huge()], None, "row 3 must be 32 x 32 .* got 5000 x 5000"),
    "transparency": ([*GOOD, pictures(1, channels=4)[0]], None, "row 3 must be 8-bit greyscale or RGB, got mode RGBA"),
    "a label too high": (GOOD, [0, 10, 1], "label in row 1 must be 0 to 9, got 10"),
    "a label below 0": (GOOD, [0, 1, -1], "label in row 2 must be 0 to 9, got -1"),
    "no label": (GOOD, [0, None, 1], "label in row 1 must be 0 to 9, got None"),
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
    "no pictures column": ({"image": cells(GOOD), "label": [0, 1, 2]}, "img is missing; found: image, label"),
    "no labels": ({"img": cells(GOOD)}, "label is missing; found: img"),
    "not encoded": ({"img": [1, 2, 3], "label": [0, 1, 2]}, "img must hold the bytes"),
    "labels as words": ({"img": cells(GOOD), "label": ["a", "b", "c"]}, "label must contain integers, found string"),
    "no bytes": (
        {"img": pa.array([{"bytes": None, "path": "a.png"}], pa.struct({"bytes": pa.binary()})), "label": [0]},
        "row 0 cannot be decoded",
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


@pytest.mark.parametrize("left", [0, 100, -1])
def test_a_cut_parquet_file_is_named(tmp_path, left):
    file = write(tmp_path / "data" / CIFAR10_TEST, pictures())
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(DataError, match="cannot be read as parquet") as caught:
        load("cifar10", "test")
    assert str(file.resolve()) in str(caught.value)


def test_a_parquet_file_with_overwritten_pages_is_named(tmp_path):
    file = write(tmp_path / "data" / CIFAR10_TEST, pictures())
    content = bytearray(file.read_bytes())
    content[4:2000] = bytes(1996)  # the first page, header and all; the footer stays whole
    file.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as parquet"):
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
    message = str(caught.value)
    assert isinstance(caught.value, FileNotFoundError)
    assert "CIFAR-10's test split is not on this machine" in message
    assert "VICREG_DATA does not contain it" in message
    assert f"set VICREG_DATA to a folder that contains {CIFAR10_TEST}" in message
    assert "fetch 24 MB from the Hugging Face Hub" in message
    assert 'vicreg.data.load("cifar10", "test", download=True)' in message
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
    damage_images(entries(tmp_path)[0])
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


def run(script: str, tmp_path: Path, **environment: str) -> dict:
    """Run a script in a fresh process, without proxies, and return the JSON that it prints last.

    With telemetry on, the Hub's client makes a request of its own first, which may wait 3 s.
    """
    ours = ("HF_", "HTTP", "ALL_PROXY", "VICREG")
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith(ours)}
    inherited |= {"NO_PROXY": "*", "HF_HUB_DISABLE_TELEMETRY": "1"}
    folders = {"HF_HOME": str(tmp_path / "hf"), "VICREG_CACHE": str(tmp_path / "cache")}
    root = str(Path(loading.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", "import json, sys, time\nfrom vicreg.data import loading\n" + script],
        env=inherited | folders | environment,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_asking_imports_no_heavy_module(tmp_path):
    write(tmp_path / "data" / CIFAR10_TEST, pictures())
    in_hub_cache(tmp_path, pictures())
    load("cifar10", "test")
    script = (
        "found = loading.available('cifar10', 'test'), len(loading.load('cifar10', 'test'))\n"
        "heavy = {'huggingface_hub', 'pyarrow', 'PIL', 'torch', 'pandas'} & set(sys.modules)\n"
        "print(json.dumps([found, sorted(heavy)]))"
    )
    assert run(script, tmp_path, VICREG_DATA=str(tmp_path / "data")) == [[True, 12], []]
    shutil.rmtree(tmp_path / "data")
    load("cifar10", "test")  # now from the Hub's cache
    assert run(script, tmp_path) == [[True, 12], []]


FETCH = """
def fetch():
    start = time.monotonic()
    try:
        return len(loading.load("cifar10", "test", download=True)), time.monotonic() - start
    except loading.PicturesMissing as error:
        return str(error), time.monotonic() - start
"""


def test_a_refused_connection_is_told_within_seconds(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    message, seconds = run(FETCH + "print(json.dumps(fetch()))", tmp_path, HF_ENDPOINT=f"http://127.0.0.1:{port}")
    assert "could not be downloaded" in message
    assert "Hub cannot be reached" in message
    assert "ConnectError" in message
    assert "set VICREG_DATA" in message
    assert seconds < 10


def test_a_network_that_never_answers_is_told_within_seconds(tmp_path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        message, seconds = run(FETCH + "print(json.dumps(fetch()))", tmp_path, HF_ENDPOINT=endpoint)
    assert "could not be downloaded" in message
    assert seconds < 15


def test_offline_mode_is_told_by_name(tmp_path):
    message, _ = run(FETCH + "print(json.dumps(fetch()))", tmp_path, HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE" in message


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub as its client needs for one file. failures: what the next requests get instead."""

    content: bytes
    failures: list[tuple[int, dict, bytes]]
    asked: list[str]

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.split("?")[0]
        self.asked.append(f"{self.command} {path}")
        etag = hashlib.sha256(self.content).hexdigest()
        if self.failures:
            status, headers, body = self.failures.pop(0)
        elif path == "/api/datasets/uoft-cs/cifar10/revision/main":
            files = [{"rfilename": "plain_text/test-00000-of-00001.parquet", "size": len(self.content)}]
            answer = {"id": "uoft-cs/cifar10", "sha": COMMIT, "siblings": files}
            status, headers, body = 200, {}, json.dumps(answer).encode()
        elif path.startswith("/datasets/uoft-cs/cifar10/resolve/") and path.endswith("test-00000-of-00001.parquet"):
            status, headers, body = 200, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}, self.content
        else:
            status, headers, body = 404, {"X-Error-Code": "EntryNotFound"}, b""
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(tmp_path):
    """A Hub on this machine that serves twelve pictures; `hub.address` is its HF_ENDPOINT."""
    content = write(tmp_path / "served.parquet", pictures()).read_bytes()
    handler = type("Served", (Hub,), {"content": content, "failures": [], "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        handler.address = f"http://127.0.0.1:{server.server_port}"
        yield handler
        server.shutdown()


def test_the_hub_is_asked_only_when_told_and_only_once(tmp_path, hub):
    script = """
seen = []
for download in (False, True, False, True):
    try:
        seen.append(len(loading.load("cifar10", "test", download=download)))
    except loading.PicturesMissing:
        seen.append(None)
    seen.append(loading.available("cifar10", "test"))
image_set = loading.load("cifar10", "test")
print(json.dumps([seen, int(image_set.images.sum()), image_set.source.sha256]))
"""
    seen, total, sha256 = run(FETCH + script, tmp_path, HF_ENDPOINT=hub.address)
    assert seen == [None, False, 12, True, 12, True, 12, True]
    assert total == pictures().sum()
    assert sha256 == hashlib.sha256(hub.content).hexdigest()
    assert [asked for asked in hub.asked if asked.startswith("GET /datasets")] == [
        "GET /datasets/uoft-cs/cifar10/resolve/" + COMMIT + "/plain_text/test-00000-of-00001.parquet"
    ]
    assert hub.asked[0] == "GET /api/datasets/uoft-cs/cifar10/revision/main"  # the probe, which does not wait for long


def test_a_hub_that_answers_wrongly_is_told_as_missing_pictures(tmp_path, hub):
    hub.failures += [
        (404, {"X-Error-Code": "RepoNotFound"}, b""),
        (503, {}, b""),
        (200, {"Content-Type": "text/html"}, b"<html>Welcome to the hotel's network</html>"),
    ]
    script = "print(json.dumps([fetch()[0] for _ in range(4)]))"
    *messages, pictures_then = run(FETCH + script, tmp_path, HF_ENDPOINT=hub.address)
    for message, reason in zip(messages, ["no repository", "503", "did not come from the Hub"], strict=True):
        assert "could not be downloaded" in message
        assert reason in message
    assert pictures_then == 12


def test_a_damaged_download_can_be_deleted_and_fetched_again(tmp_path, hub):
    script = """
import os, shutil
file = loading.fetch("cifar10", "test").resolve()
content = file.read_bytes()
file.write_bytes(content[:100])
try:
    loading.load("cifar10", "test")
    message = ""
except loading.DataError as error:
    message = str(error)
os.remove(message.split(" cannot be used")[0])
print(json.dumps([message, fetch()[0]]))
"""
    message, count = run(FETCH + script, tmp_path, HF_ENDPOINT=hub.address)
    assert "cannot be read as parquet" in message
    assert count == 12


# Alignment


def scenes(count: int, seed=0) -> np.ndarray:
    """Pictures of sixteen flat squares: as different in their block means as they can be."""
    means = np.random.default_rng(seed).integers(3, 250, (count, 4, 4, 3), dtype=np.uint8)
    return means.repeat(8, axis=1).repeat(8, axis=2)


def image_set_of(images, labels=None) -> ImageSet:
    labels = np.arange(len(images)) % 10 if labels is None else labels
    return ImageSet("cifar10", "test", images, labels, (), Source("", CIFAR10_TEST, ""))


def test_a_grey_picture_has_only_the_first_number():
    # 16 equal means m: the constant row gives 16 m / 4, every other row sums to 0; in 32nds of a grey level
    images = np.array([0, 1, 100, 255], dtype=np.uint8)[:, None, None, None].repeat(32, 1).repeat(32, 2).repeat(3, 3)
    prints = fingerprints(images)
    assert prints.dtype == np.int16
    assert prints.shape == (4, 8)
    assert prints[:, 0].tolist() == [0, 128, 12800, 32640]
    assert not prints[:, 1:].any()


def test_fingerprints_see_neither_colour_at_equal_luminance_nor_the_order_within_a_block():
    image = scenes(1)
    mirrored = image.copy()
    mirrored[:, :8, :8] = pictures(1)[:, :8, :8]
    same = mirrored.copy()
    same[:, :8, :8] = mirrored[:, :8, :8][:, ::-1]
    assert np.array_equal(fingerprints(mirrored), fingerprints(same))
    assert not np.array_equal(fingerprints(mirrored), fingerprints(image))


def test_fingerprints_are_those_of_the_written_formula():
    images = pictures(50)
    grey = images @ np.array([0.299, 0.587, 0.114])
    means = grey.reshape(50, 4, 8, 4, 8).mean(axis=(2, 4)).reshape(50, 16)
    rows = [[(-1) ** bin(row & column).count("1") for column in range(16)] for row in (0, 2, 3, 4, 8, 10, 12, 15)]
    assert np.abs(fingerprints(images) - 32 * means @ np.array(rows).T / 4).max() <= 0.5 + 1e-6


def test_fingerprints_refuse_other_shapes():
    with pytest.raises(ValueError, match=r"got \(2, 28, 28, 3\) uint8"):
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
        with pytest.raises(DataError, match="holds 0 of 20, and at least 99% are needed"):
            align(reference, labels, copy)


def test_less_than_99_percent_is_another_data_set():
    images, labels = scenes(200), np.arange(200) % 10
    copy = images.copy()
    copy[:2] = scenes(2, seed=9)
    assert (align(fingerprints(images), labels, image_set_of(copy)) == -1).sum() == 2
    copy[:3] = scenes(3, seed=9)
    with pytest.raises(DataError, match=f"{CIFAR10_TEST} .* 197 of 200"):
        align(fingerprints(images), labels, image_set_of(copy))


def test_align_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"got \(20, 16\) and \(20,\)"):
        align(np.zeros((20, 16)), np.zeros(20), image_set_of(scenes(20)))
    with pytest.raises(ValueError, match="M >= 1"):
        align(np.zeros((0, 8)), np.zeros(0), image_set_of(scenes(20)))


def test_cifar10_is_found_again_after_jpeg_noise_and_a_shuffle(cifar10_test):
    order = np.random.default_rng(0).permutation(len(cifar10_test))
    noise = np.random.default_rng(1).integers(-2, 3, cifar10_test.images.shape, dtype=np.int16)
    noisy = np.clip(cifar10_test.images + noise, 0, 255).astype(np.uint8)[order]
    copy = dataclasses.replace(cifar10_test, images=noisy, labels=cifar10_test.labels[order])
    jpeg = [Image.open(io.BytesIO(encoded(image, form="JPEG"))) for image in cifar10_test.images[:2000]]
    reference = fingerprints(np.stack([np.asarray(image) for image in jpeg]))
    rows = align(reference, cifar10_test.labels[:2000], copy)
    assert (order[rows] == np.arange(2000))[rows >= 0].all()  # never the wrong picture
    assert (rows >= 0).mean() >= 0.999


def test_other_pictures_of_cifar10_are_not_taken_for_the_same(cifar10_test):
    halves = [
        dataclasses.replace(cifar10_test, images=cifar10_test.images[s], labels=cifar10_test.labels[s])
        for s in (slice(5000), slice(5000, None))
    ]
    with pytest.raises(DataError, match="it holds 0 of 5,000"):
        align(fingerprints(halves[0].images), halves[0].labels, halves[1])
