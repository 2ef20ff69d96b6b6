"""The data set that pages show, and its pictures as they arrive: from a Hub on the loopback, by the real client."""

import os
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from hub_server import Repo, point_client, serve, wait_for
from opened import component, opened, served, text, visited
from streamlit.testing.v1 import AppTest

from ui import picture_arrival
from vicreg.data.catalogue import CATALOGUE

pytestmark = pytest.mark.usefixtures("page_world")


@pytest.fixture
def hub(hub_files, made_once, monkeypatch, tmp_path, without_pictures):
    """A Hub with the test pictures of CIFAR-10 and MNIST, and a machine that has none but those that it drew."""
    for drawn in (*made_once.glob("coloured-digits-*"), *made_once.glob("photo-crops-*")):
        shutil.copytree(drawn, tmp_path / "cache" / "datasets-v1" / drawn.name)
    monkeypatch.setenv("VICREG_CACHE", str(tmp_path / "cache"))
    with serve() as hub:
        for name, (path, content) in hub_files.items():
            repo = hub.repos[f"datasets/{CATALOGUE[name].repo}"] = Repo()
            repo.commit({path: content})
        point_client(monkeypatch, hub.url, tmp_path / "home")
        yield hub
        for name in hub_files:  # no thread of one test may reach into the next
            if (task := picture_arrival.task_of(name, "test")) is not None:
                task.cancel()


def over(name: str = "cifar10") -> bool:
    task = picture_arrival.task_of(name, "test")
    return task is not None and task.status().over


def choice(app: AppTest) -> str:
    return app.selectbox(key="data").value


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def test_claims_are_about_the_studys_data_set_everywhere(without_pictures):
    app = opened("claims", data=None)
    assert not app.info
    assert "cifar10/vicreg" in text(app)


def test_a_link_to_a_run_is_a_link_to_its_data_set(without_pictures):
    app = opened("training_curves", data=None, run="cifar10/no-variance")
    assert (choice(app), app.selectbox(key="run").value) == ("cifar10", "cifar10/no-variance")
    app = opened("training_curves", data=None, run="coloured-digits/no-variance")
    assert (choice(app), app.selectbox(key="run").value) == ("coloured-digits", "coloured-digits/no-variance")


def test_an_unknown_data_set_in_the_url_falls_back(with_pictures):
    app = opened("maps", data="../../etc")
    assert choice(app) == "coloured-digits"


def test_a_query_of_the_larger_data_set_does_not_break_the_smaller_one(with_pictures):
    app = opened("retrieval", query="9000")
    app.selectbox(key="data").set_value("coloured-digits").run()
    assert not app.exception
    assert app.number_input(key="query").value < 1000


def test_test_pictures_alone_arrive_by_themselves_and_pages_draw_them(hub):
    opened("lab", data=None)  # the first visitor, who looks at no picture
    wait_for(lambda: over("cifar10") and over("mnist"), 60)
    app = opened("retrieval")
    assert not app.info
    assert not app.warning
    assert len(component(app, "Nearest")["tiles"]) == 8
    app = opened("anomalies")
    assert len(component(app, "Most anomalous_0")["tiles"]) == 10
    app = opened("retrieval", gallery="train")
    assert "training pictures are not on this machine" in app.info[0].value
    assert "Download 120 MB" in labels(app)
    assert not hub.asked("train-00000")


def test_thirty_visitors_fetch_the_pictures_once(hub, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "VICREG_DATA"}
    with served(tmp_path, environment | hub.environment(tmp_path / "home")) as url:
        with ThreadPoolExecutor(30) as pool:
            pages = [pool.submit(visited, url, "lab") for _ in range(30)]
        assert all("What happens if you switch a term off?" in page.result() for page in pages)
        paths = [CATALOGUE[name].splits["test"].path for name in ("cifar10", "mnist")]
        wait_for(lambda: all(hub.asked(path) for path in paths), 60)
        wait_for(lambda: "tiles" in visited(url, "anomalies", "data=cifar10"), 120, every=2)
    for path in paths:
        assert [method for method, _ in hub.asked(path) if method == "GET"] == ["GET"]


@pytest.mark.parametrize("fault", ["refused", "stall", "503"])
@pytest.mark.fault("the network does not answer while pages open", "no page waits for it")
def test_no_page_waits_for_a_network_that_does_not_answer(fault, hub, monkeypatch, tmp_path):
    if fault == "refused":
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            point_client(monkeypatch, f"http://127.0.0.1:{closed.getsockname()[1]}", tmp_path / "home")
    else:
        hub.faults["api/datasets"] = fault
    monkeypatch.setattr("vicreg.storage.hub_client.PROBE_SECONDS", 600.0)
    app = opened("maps", data=None)
    if fault == "stall":
        assert not over()  # the page was there before an answer
        hub.closing.set()
    wait_for(over, 60)
    app.run()
    assert not app.exception
    assert not app.info
    app = opened("maps", data="cifar10")
    assert [
        ("could not be downloaded" in warning.value, "VICREG_DATA" in warning.value) for warning in app.warning
    ] == [(True, True)]
    assert "Retry" in labels(app)


def test_retry_fetches_them_when_the_hub_is_back(hub):
    hub.faults["api/datasets"] = "503"
    opened("maps")
    wait_for(over, 30)
    app = opened("maps")
    opened("maps")
    asked = len(hub.asked("api/datasets/uoft-cs"))
    assert asked == 1  # pages drawn anew do not ask again
    hub.faults.clear()
    next(button for button in app.button if button.label == "Retry").click().run()
    assert not app.exception
    wait_for(over, 60)
    assert picture_arrival.arrival("cifar10") == picture_arrival.HERE
    app.run()
    assert choice(app) == "cifar10"
    assert not app.info
    assert not app.warning


def test_while_they_arrive_a_page_says_how_far_they_are(hub):
    hub.faults["test-00000"] = "stall-body"
    app = opened("maps")
    wait_for(lambda: picture_arrival.task_of("cifar10", "test").status().done > 0, 60)
    app.run()
    assert not app.exception
    assert choice(app) == "cifar10"
    (bar,) = app.get("progress")
    size = hub.repos["datasets/uoft-cs/cifar10"].commits.popitem()[1].popitem()[1]
    assert f" of {len(size) / 1e6:.1f} MB" in bar.proto.text
    assert 0 < bar.proto.value < 100
    assert "How well the classes separate" in text(app)  # what needs no pictures is there meanwhile
