"""Fixtures that several test files share. Real pictures come from the folder in VICREG_DATA, never from here."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # several workers share the cores: one thread each, and each child's
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest

from vicreg.data import loading
from vicreg.data.catalogue import CATALOGUE
from vicreg.data.coloured_digits import Drawn, coloured_digits
from vicreg.data.image_set import ImageSet

PATIENCE = 180_000  # milliseconds that a browser waits for what should take less than a second: the machine may be busy

# The slowest files, slowest first: two workers take file after file, and what is begun last should be short.
SLOWEST = (
    *("pages/test_every_page.py", "jobs/test_jobs.py", "pages/test_browser.py", "pages/test_lab_browser.py"),
    *("pages/test_pages.py", "training/test_distributed.py", "pages/test_train.py", "test_style.py"),
    *("pages/test_lecture_hall.py", "cli/test_cli.py", "server/test_shared_folders.py", "pages/test_uploads.py"),
    *("server/test_running_server.py", "training/test_loop.py", "pages/test_data.py", "hub/test_hub.py"),
    *("pipeline/test_train_run.py", "runs/test_result_table_checks.py", "charts/test_charts.py"),
    *("pages/test_checkpoints.py", "storage/test_hub_client.py", "pipeline/test_baselines.py"),
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest files first; the order within a file stays."""
    places = {name: place for place, name in enumerate(SLOWEST)}
    root = Path(__file__).parent
    items.sort(key=lambda item: places.get(item.path.relative_to(root).as_posix(), len(places)))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of decoded and drawn pictures that all workers share: each split is made once."""
    folder = tmp_path_factory.getbasetemp()
    shared = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "made-once"
    shared.mkdir(exist_ok=True)
    return shared


def new_cache(folder: Path, made_once: Path) -> str:
    """A new folder for VICREG_CACHE, whose pictures are the shared ones."""
    folder.mkdir(parents=True)
    (folder / "datasets-v1").symlink_to(made_once)
    return str(folder)


@pytest.fixture(scope="session")
def pages_cache(tmp_path_factory: pytest.TempPathFactory, made_once: Path) -> str:
    return new_cache(tmp_path_factory.getbasetemp() / "pages-cache", made_once)


@pytest.fixture(scope="session")
def drawn(made_once: Path, pages_cache: str) -> Path:
    """The shared folder, once coloured-digits and the crops of photographs are in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VICREG_CACHE", pages_cache)
        for name, split in (("coloured-digits", "train"), ("coloured-digits", "test"), ("photo-crops", "test")):
            loading.load(name, split)
    return made_once


def cut_cache(folder: Path, drawn: Path, *, train: int, test: int) -> Path:
    """A folder for VICREG_CACHE whose coloured-digits are the first so many, so that to train and to measure is quick."""
    for entry in (*drawn.glob("coloured-digits-*"), *drawn.glob("photo-crops-*")):
        cut = folder / "datasets-v1" / entry.name
        shutil.copytree(entry, cut)
        for path in [] if "photo" in entry.name else cut.glob("*.npy"):
            np.save(path, np.load(path)[: train if "train" in entry.name else test])
    return folder


@pytest.fixture(scope="session")
def cifar10_test(pages_cache: str) -> ImageSet:
    """CIFAR-10's test split; skips without VICREG_DATA."""
    spec = CATALOGUE["cifar10"]
    file = os.path.join(os.environ.get("VICREG_DATA", ""), spec.repo, spec.splits["test"].path)
    if not os.environ.get("VICREG_DATA") or not os.path.isfile(file):
        pytest.skip("needs CIFAR-10's test split: set VICREG_DATA to a folder laid out as on the Hub")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VICREG_CACHE", pages_cache)
        return loading.load("cifar10", "test")


@pytest.fixture(scope="session")
def train_split() -> Drawn:
    """coloured-digits' train split, made once a session: it takes seconds."""
    return coloured_digits("train")


@pytest.fixture(scope="session")
def test_split() -> Drawn:
    return coloured_digits("test")


def digit_images(count: int, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's 8 x 8 digits, four times larger and in three equal channels: (count, 32, 32, 3) uint8, labels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = (digits.images[first : first + count] * 255 / 16).astype(np.uint8)
    images = np.repeat(np.repeat(grey, 4, axis=1), 4, axis=2)
    return np.repeat(images[..., None], 3, axis=3), digits.target[first : first + count].astype(np.int64)


def write_parquet(path: Path, images: np.ndarray, labels: np.ndarray, *, column: str = "img") -> None:
    """A parquet file as the Hub has them, with CIFAR-10's columns: img{bytes, path}, label; pictures as PNG."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    cells = []
    for i, image in enumerate(images):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        cells.append({"bytes": buffer.getvalue(), "path": f"{i}.png"})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({column: cells, "label": pa.array(labels)}), path)


@pytest.fixture(scope="session")
def tiny_hub(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment variables for a machine whose CIFAR-10 is 64 + 48 handwritten digits, and whose caches are empty."""
    root = tmp_path_factory.mktemp("tiny_hub")
    spec = CATALOGUE["cifar10"]
    for split, count, first in (("train", 64, 0), ("test", 48, 1000)):
        write_parquet(root / "data" / spec.repo / spec.splits[split].path, *digit_images(count, first))
    return {
        "VICREG_DATA": str(root / "data"),
        "VICREG_CACHE": str(root / "cache"),
        "VICREG_RUNS": str(root / "runs"),
        "HF_HUB_OFFLINE": "1",
    }


@pytest.fixture
def page_world(pages_cache, monkeypatch):
    """For pages: no network, no runs of one's own, and one cache of decoded pictures for the whole session."""
    monkeypatch.setenv("VICREG_CACHE", pages_cache)
    monkeypatch.setenv("VICREG_RUNS", f"{pages_cache}/no-runs")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", f"{pages_cache}/no-hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    import streamlit as st

    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium, driven by Playwright; skips where it is not installed."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("drives Debian's chromium, which is not installed")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-gpu", *quiet]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def context(browser):
    """A browser that keeps what pages load, Streamlit's scripts above all."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    return context


@pytest.fixture
def page(context):
    """A new window; what it shows must never be an exception, and what it stores is forgotten."""
    page = context.new_page()
    page.set_viewport_size({"width": 1280, "height": 844})
    yield page
    assert page.get_by_test_id("stException").count() == 0
    if page.url.startswith("http"):
        page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
    context.clear_cookies()
    page.close()


@pytest.fixture(scope="session")
def plain_server(made_once, tmp_path_factory):
    """The address of the app on a machine without pictures and without network. Whoever asks it changes nothing there."""
    from opened import served

    environment = {name: value for name, value in os.environ.items() if name not in ("VICREG_DATA", "SPACE_ID")}
    with served(tmp_path_factory.mktemp("plain"), environment, made_once) as url:
        yield url


@pytest.fixture
def without_pictures(monkeypatch, pages_cache):
    """A machine that has no pictures but those that it draws by itself."""
    monkeypatch.delenv("VICREG_DATA", raising=False)  # what was decoded from there is then not shown
    monkeypatch.setenv("VICREG_CACHE", pages_cache)


@pytest.fixture
def with_pictures(cifar10_test):
    """Skips where CIFAR-10's test split is not on the machine."""
    return cifar10_test


@pytest.fixture(scope="session")
def hub_files(cifar10_test: ImageSet) -> dict[str, tuple[str, bytes]]:
    """The test splits of CIFAR-10 and MNIST as the Hub holds them: data set -> (path in its repository, content)."""
    root, found = Path(os.environ["VICREG_DATA"]), {}
    for name in ("cifar10", "mnist"):
        spec = CATALOGUE[name]
        path = spec.splits["test"].path
        found[name] = (path, (root / spec.repo / path).read_bytes())
    return found
