"""A visitor's own picture on retrieval and anomalies: checked, shown as the network sees it, searched for and scored."""

import base64
import io
import json
import os
import re
import shutil
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from conftest import cut_cache
from opened import component, opened, text
from PIL import Image
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest

from ui import own_picture_score
from vicreg.data import loading
from vicreg.data.uploaded_picture import read_picture
from vicreg.evaluation.anomaly_score import STUDY, nearest_distances, reduce_distances
from vicreg.evaluation.encode import encode
from vicreg.pipeline.measure_run import evaluate_run
from vicreg.runs.folder import Run, open_run, update_run
from vicreg.storage import paths
from vicreg.storage.files import to_json

RUN = open_run(paths.BUNDLED / "coloured-digits-vicreg")


@pytest.fixture(scope="module")
def fewer(drawn, tmp_path_factory) -> str:
    """A cache with every test image of coloured-digits, and a fifth of the train images."""
    return str(cut_cache(tmp_path_factory.mktemp("cache"), drawn, train=2_000, test=1_000))


@pytest.fixture(autouse=True)
def digits(page_world, without_pictures, fewer, monkeypatch):
    """Pages on a machine without CIFAR-10, whose digits need no network."""
    monkeypatch.setenv("VICREG_CACHE", fewer)


def uploaded(name: str, data: bytes, *, kind: str = "image/png", file: str = "mine.png", **query: str) -> AppTest:
    """A page with a picture in its uploader."""
    app = opened(name, data=None, **query)
    app.file_uploader[0].set_value((file, data, kind)).run()
    assert not app.exception, app.exception
    return app


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


HALF = png(np.random.default_rng(0).integers(0, 255, (50, 50, 3), dtype=np.uint8))[:3_000]


def shown(app: AppTest, key: str) -> np.ndarray:
    """The sprite of some tiles, as pixels."""
    sprite = component(app, key)["sprite"].split(",")[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(sprite))).convert("RGB"))


def test_a_test_picture_uploaded_finds_itself_first():
    image = loading.load("coloured-digits", "test").images[77]
    app = uploaded("retrieval", png(image))
    assert not app.warning
    assert np.array_equal(shown(app, "query_picture"), image)
    first = component(app, "Nearest")["tiles"][0]
    assert first["id"] == 77
    assert first["lines"][-1] == "0.00"


def test_a_large_photograph_is_shown_as_the_middle_square_of_32_pixels():
    photo = np.zeros((400, 1000, 3), np.uint8)
    photo[:, 300:700] = (250, 0, 0)  # the middle square, red between black sides
    app = uploaded("retrieval", png(photo))
    square = shown(app, "query_picture")
    assert square.shape == (32, 32, 3)
    assert np.abs(square.astype(int) - (250, 0, 0)).max() <= 3
    assert "your picture" in component(app, "query_picture")["tiles"][0]["alt"]
    assert re.search(r"\*\*Nearest\*\* among 1,000 test pictures: mostly \d \(\d\)", text(app))


def test_the_train_gallery_is_searched_too():
    image = loading.load("coloured-digits", "train").images[1234]
    app = uploaded("retrieval", png(image), gallery="train")
    assert component(app, "Nearest")["tiles"][0]["id"] == 1234


def test_putting_it_away_brings_the_query_back():
    app = uploaded("retrieval", png(np.zeros((40, 40, 3), np.uint8)), query="5")
    next(button for button in app.button if button.label == "Remove picture").click().run()
    assert not app.exception
    assert component(app, "query_picture")["tiles"][0]["alt"].endswith("test picture 5")
    assert not any(button.label == "Remove picture" for button in app.button)


def test_a_server_holds_no_picture_that_was_removed_or_replaced(monkeypatch):
    held: set[str] = set()
    add, remove = MemoryUploadedFileManager.add_file, MemoryUploadedFileManager.remove_file
    monkeypatch.setattr(
        MemoryUploadedFileManager, "add_file", lambda self, s, file: held.add(file.file_id) or add(self, s, file)
    )
    monkeypatch.setattr(
        MemoryUploadedFileManager, "remove_file", lambda self, s, file: held.discard(file) or remove(self, s, file)
    )
    app = uploaded("retrieval", png(np.zeros((40, 40, 3), np.uint8)))
    assert len(held) == 1
    app.file_uploader[0].set_value(("other.png", png(np.ones((40, 40, 3), np.uint8)), "image/png")).run()
    assert len(held) == 1
    next(button for button in app.button if button.label == "Remove picture").click().run()
    assert not app.exception
    assert not held


@pytest.mark.parametrize(
    ("data", "told"),
    [(b"not a picture", "PNG or JPEG"), (b"", "empty"), (HALF, "PNG or JPEG")],
)
@pytest.mark.parametrize("name", ["retrieval", "anomalies"])
def test_what_is_no_picture_is_a_sentence_and_the_page_stays(name, data, told):
    app = uploaded(name, data)
    (warning,) = app.warning
    assert told in warning.value
    assert app.get("vega_lite_chart")


@pytest.fixture(scope="module")
def banked(fewer, tmp_path_factory) -> Run:
    """The run with a bank, beside no other."""
    folder = tmp_path_factory.mktemp("bundled") / RUN.name
    shutil.copytree(RUN.folder, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VICREG_CACHE", fewer)
        patch.delenv("VICREG_DATA", raising=False)
        metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
        del metrics["sources"]["train"]["images"]  # the figures of all train images stand beside a bank of fewer
        return evaluate_run(update_run(open_run(folder), {"metrics.json": to_json(metrics)}), only=["anomaly_sets"])


def test_the_score_is_that_of_the_train_images_but_for_the_error_that_is_stated(banked, monkeypatch):
    monkeypatch.setattr(paths, "BUNDLED", banked.folder.parent)
    photo = loading.load("photo-crops", "test").images[300]
    app = uploaded("anomalies", png(photo))
    assert not app.warning
    train = encode(RUN.encoder, loading.load("coloured-digits", "train").images)
    distances = nearest_distances(encode(RUN.encoder, photo[None]), train, k=STUDY.k, normalise=STUDY.normalise)
    exact = float(reduce_distances(distances, k=STUDY.k, reduction=STUDY.reduction)[0])
    score = float(re.search(r"has the score ([\d.]+)", text(app))[1])
    assert score == pytest.approx(exact, rel=0.05)
    table = RUN.results("anomaly")
    under = 100 * (table[~table["anomaly"]][STUDY.column] < score).mean()
    assert f"higher than **{under:.1f} %** of the test pictures" in text(app)
    assert (
        f"off: by {banked.metrics['anomaly_sets']['bank']['study']['place']:.0f} points for the median picture"
        in text(app)
    )


def test_a_picture_is_never_scored_by_encoding_the_train_images(monkeypatch, banked):
    monkeypatch.setattr(paths, "BUNDLED", banked.folder.parent)
    load = loading.load
    wanted = []
    monkeypatch.setattr(
        loading, "load", lambda name, split, **options: wanted.append(split) or load(name, split, **options)
    )
    assert "has the score" in text(uploaded("anomalies", png(np.zeros((40, 40, 3), np.uint8))))
    assert "train" not in wanted


def test_a_run_without_a_bank_says_what_makes_one(banked, monkeypatch, tmp_path):
    shutil.copytree(banked.folder, tmp_path / RUN.name)
    update_run(open_run(tmp_path / RUN.name), {}, without=["results/bank.parquet"])
    monkeypatch.setattr(paths, "BUNDLED", tmp_path)
    app = uploaded("anomalies", png(np.zeros((40, 40, 3), np.uint8)))
    assert f"`python -m vicreg evaluate {RUN.name} --only anomaly_sets`" in "".join(info.value for info in app.info)


@pytest.fixture
def written():
    """The files that this process opens for writing, from now on."""
    found, listening = [], [True]

    def note(event: str, arguments: tuple) -> None:
        if (
            listening
            and event == "open"
            and not isinstance(arguments[0], int)
            and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        ):
            found.append(os.fsdecode(arguments[0]))

    sys.addaudithook(note)  # for good, as Python has it
    yield found
    listening.clear()


def test_a_page_that_offers_an_upload_loads_ahead_what_the_answer_needs_and_a_failure_shows_when_it_is_used(
    banked, monkeypatch, tmp_path
):
    folder = shutil.copytree(banked.folder, tmp_path / RUN.name)
    (folder / paths.WEIGHTS_FILE).write_bytes(b"damaged")
    monkeypatch.setattr(paths, "BUNDLED", tmp_path)
    load, begun = own_picture_score.load_ahead, threading.Event()
    monkeypatch.setattr(own_picture_score, "load_ahead", lambda run: begun.set() or load(run))
    st.cache_resource.clear()  # once a server, and this process has been one before
    app = opened("anomalies", data=None)
    assert begun.wait(30)
    assert not app.exception
    app.file_uploader[0].set_value(("mine.png", png(np.zeros((40, 40, 3), np.uint8)), "image/png")).run()
    assert not app.exception
    (warning,) = app.warning
    assert paths.WEIGHTS_FILE in warning.value


def test_nothing_that_was_uploaded_is_written_to_disk(written, tmp_path):
    opened("retrieval", data=None)
    (tmp_path / "seen").write_bytes(b"")
    marked = np.random.default_rng(3).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    content = png(marked)
    uploaded("retrieval", content)
    assert str(tmp_path / "seen") in written
    seen = read_picture(content).tobytes()
    for file in filter(os.path.isfile, written):
        content_of_file = Path(file).read_bytes()
        assert not any(part in content_of_file for part in (content[-200:-20], marked[:2].tobytes(), seen[:96])), file


def test_a_baseline_without_a_network_takes_no_upload():
    assert not opened("retrieval", data="cifar10", run="cifar10/pixels").file_uploader
