"""The data set that pages show, and its pictures as they arrive: from a Hub on the loopback, by the real client."""

import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hub_server import Repo, point_client, serve, wait_for
from opened import component, opened, served, text, visited
from streamlit.testing.v1 import AppTest

import ui
from ui import data
from vicreg.data.catalogue import CATALOGUE

pytestmark = pytest.mark.usefixtures("page_world")
NAMES = [name for entries in ui.PAGES.values() for name, *_ in entries if name not in ("train", "lab")]
FALLBACK = "so you see coloured digits"


@pytest.fixture
def hub(hub_files, monkeypatch, tmp_path, without_pictures):
    """A Hub with the test pictures of CIFAR-10 and MNIST, and a machine that has none."""
    with serve() as hub:
        for name, (path, content) in hub_files.items():
            repo = hub.repos[f"datasets/{CATALOGUE[name].repo}"] = Repo()
            repo.commit({path: content})
        point_client(monkeypatch, hub.url, tmp_path / "home")
        yield hub
        for name in hub_files:  # no thread of one test may reach into the next
            if (task := data.task_of(name, "test")) is not None:
                task.cancel()


def over(name: str = "cifar10") -> bool:
    task = data.task_of(name, "test")
    return task is not None and task.status().over


def choice(app: AppTest) -> str:
    return app.selectbox(key="data").value


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "claims"])
def test_without_pictures_and_network_a_page_falls_to_digits_and_says_so_once(name, without_pictures):
    app = opened(name, data=None)
    assert not app.exception
    assert not app.warning
    assert choice(app) == "coloured-digits"
    assert [FALLBACK in info.value for info in app.info] == [True]
    assert "HF_HUB_OFFLINE" in app.info[0].value
    assert "coloured-digits/vicreg" in text(app)
    assert not {"Retry", "Download 24 MB"} & set(labels(app))  # offline, they could do nothing


@pytest.mark.parametrize("name", [name for name in NAMES if name != "claims"])
def test_a_page_shows_digits_when_asked_to_though_pictures_are_here(name, with_pictures):
    app = opened(name, data="coloured-digits")
    assert not app.exception
    assert not app.warning
    assert not app.info
    assert "coloured-digits/vicreg" in text(app)


def test_claims_are_about_the_studys_data_set_everywhere(without_pictures):
    app = opened("claims", data=None)
    assert not app.exception
    assert not app.info
    assert "cifar10/vicreg" in text(app)


def test_a_link_to_a_run_is_a_link_to_its_data_set(without_pictures):
    app = opened("training_curves", data=None, run="cifar10/no-variance")
    assert not app.exception
    assert (choice(app), app.selectbox(key="run").value) == ("cifar10", "cifar10/no-variance")
    app = opened("training_curves", data=None, run="coloured-digits/no-variance")
    assert (choice(app), app.selectbox(key="run").value) == ("coloured-digits", "coloured-digits/no-variance")


def test_an_unknown_data_set_in_the_url_falls_back(with_pictures):
    app = opened("maps", data="../../etc")
    assert not app.exception
    assert choice(app) == "cifar10"


def test_a_query_of_the_larger_data_set_does_not_break_the_smaller_one(with_pictures):
    app = opened("retrieval", query="9000")
    app.selectbox(key="data").set_value("coloured-digits").run()
    assert not app.exception
    assert app.number_input(key="query").value < 1000


def test_pictures_arrive_by_themselves_and_pages_draw_them(hub):
    app = opened("retrieval", data=None)
    assert not app.exception
    assert choice(app) == "cifar10"  # they are on their way
    wait_for(lambda: over("cifar10") and over("mnist"), 60)
    app.run()
    assert not app.exception
    assert not app.info
    assert not app.warning
    assert len(component(app, "Nearest")["tiles"]) == 8
    app = opened("anomalies", data=None)
    assert len(component(app, "Most anomalous_0")["tiles"]) == 10


def test_thirty_visitors_fetch_the_pictures_once(hub, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "VICREG_DATA"}
    with served(tmp_path, environment | hub.environment(tmp_path / "home")) as url:
        with ThreadPoolExecutor(30) as pool:
            pages = [pool.submit(visited, url, "maps") for _ in range(30)]
        assert all("Do the classes separate" in page.result() for page in pages)
        paths = [CATALOGUE[name].splits["test"].path for name in ("cifar10", "mnist")]
        wait_for(lambda: all(hub.asked(path) for path in paths), 60)
        wait_for(lambda: "tiles" in (page := visited(url, "anomalies")) and "cifar10/vicreg" in page, 60)
    for path in paths:
        assert [method for method, _ in hub.asked(path) if method == "GET"] == ["GET"]


@pytest.mark.parametrize("fault", ["refused", "stall", "503"])
def test_no_page_waits_for_a_network_that_does_not_answer(fault, hub, monkeypatch, tmp_path):
    if fault == "refused":
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            point_client(monkeypatch, f"http://127.0.0.1:{closed.getsockname()[1]}", tmp_path / "home")
    else:
        hub.faults["api/datasets"] = fault
    monkeypatch.setattr("vicreg.storage.hub_client.PROBE_SECONDS", 12.0)
    began = time.monotonic()
    app = opened("maps", data=None)
    opening = time.monotonic() - began
    assert not app.exception
    assert opening < 10  # about half a second, and never the time of the probe
    wait_for(over, 30)
    app.run()
    assert not app.exception
    assert choice(app) == "coloured-digits"
    assert FALLBACK in app.info[0].value
    assert "could not be downloaded" in app.info[0].value
    app = opened("maps", data="cifar10")
    assert [
        ("could not be downloaded" in warning.value, "VICREG_DATA" in warning.value) for warning in app.warning
    ] == [(True, True)]
    assert "Retry" in labels(app)


def test_retry_fetches_them_when_the_hub_is_back(hub):
    hub.faults["api/datasets"] = "503"
    opened("maps", data=None)
    wait_for(over, 30)
    app = opened("maps", data=None)
    assert choice(app) == "coloured-digits"
    opened("maps", data=None)
    asked = len(hub.asked("api/datasets/uoft-cs"))
    assert asked == 1  # pages drawn anew do not ask again
    hub.faults.clear()
    next(button for button in app.button if button.label == "Retry").click().run()
    assert not app.exception
    assert choice(app) == "coloured-digits"  # until they are here
    wait_for(over, 60)
    assert data.arrival("cifar10") == data.HERE
    app.run()
    assert choice(app) == "cifar10"
    assert not app.info
    assert not app.warning


@pytest.mark.parametrize("key", ["data", "run"])
def test_a_choice_outlives_failure_retry_and_arrival(hub, key):
    hub.faults["api/datasets"] = "503"
    opened("maps", data=None)
    wait_for(over, 30)
    app = opened("maps", data=None)
    if key == "data":  # chosen by hand what it had fallen back to
        app.selectbox(key="data").set_value("cifar10").run()
        app.selectbox(key="data").set_value("coloured-digits").run()
        chosen = ("coloured-digits", "coloured-digits/vicreg")
    else:
        app.selectbox(key="run").set_value("coloured-digits/no-variance").run()
        chosen = ("coloured-digits", "coloured-digits/no-variance")

    def kept() -> bool:
        app.run()
        assert not app.exception
        return (choice(app), app.selectbox(key="run").value) == chosen

    assert kept()
    hub.faults.clear()
    data.fetch("cifar10", again=True)  # another visitor presses Retry
    assert kept()
    wait_for(over, 60)
    assert data.arrival("cifar10") == data.HERE
    assert kept()
    assert FALLBACK not in text(app)


def test_while_they_arrive_a_page_says_how_far_they_are(hub):
    hub.faults["test-00000"] = "stall-body"
    app = opened("maps", data=None)
    wait_for(lambda: data.task_of("cifar10", "test").status().done > 0, 20)
    app.run()
    assert not app.exception
    assert choice(app) == "cifar10"
    (bar,) = app.get("progress")
    size = hub.repos["datasets/uoft-cs/cifar10"].commits.popitem()[1].popitem()[1]
    assert f" of {len(size) / 1e6:.1f} MB" in bar.proto.text
    assert 0 < bar.proto.value < 100
    assert "How much separates" in text(app)  # what needs no pictures is there meanwhile


def test_the_train_split_is_asked_for_only_where_a_page_needs_it(hub):
    opened("retrieval", data=None)
    wait_for(over, 60)
    app = opened("retrieval", data=None, gallery="train")
    assert not app.exception
    assert "train pictures are not on this machine" in app.info[0].value
    assert "Download 120 MB" in labels(app)
    assert not hub.asked("train-00000")
