"""The sidebar's panel "Checkpoints": runs of a Hub repository, brought in with the real client from the loopback."""

import copy
import json

import pytest
import streamlit as st
from hub_server import Repo, point_client, serve, wait_for
from opened import component, opened, text
from streamlit.testing.v1 import AppTest

from ui import checkpoints, hub_bytes
from ui.progress_line import tasks
from vicreg.data import loading
from vicreg.hub.publishing import publish
from vicreg.runs.folder import open_run
from vicreg.storage import paths

pytestmark = pytest.mark.usefixtures("page_world")
REPO = "ada/runs"
RUN = "coloured-digits-vicreg"
LABEL = f"coloured-digits/vicreg@{REPO}"


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Repo:
    """A repository of two runs, as the real client publishes it."""
    with serve() as hub, pytest.MonkeyPatch.context() as patch:
        point_client(patch, hub.url, tmp_path_factory.mktemp("publisher"))
        publish(REPO, [open_run(paths.BUNDLED / name) for name in (RUN, "coloured-digits-no-variance")])
        return hub.repos[REPO]


@pytest.fixture
def hub(published, monkeypatch, tmp_path):
    """A Hub with one repository of two runs, and a machine that has fetched nothing."""
    with serve() as hub:
        hub.repos[REPO] = copy.deepcopy(published)
        point_client(monkeypatch, hub.url, tmp_path / "home")
        monkeypatch.setattr(loading, "available", lambda name, split: True)  # pictures are another test's concern
        yield hub


def page(**query: str) -> AppTest:
    return opened("maps", data="coloured-digits", **query)  # the page that is drawn fastest


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def press(app: AppTest, label: str) -> AppTest:
    """Press the button whose label begins so, wait for what it started, and draw the page anew."""
    key = next(button for button in app.button if button.label.startswith(label))
    key.click().run()
    wait_for(lambda: all(task.status().over for task in tasks()._tasks.values()), 30)
    app.run()
    assert not app.exception, app.exception
    return app


def messages(app: AppTest) -> str:
    return "\n".join(warning.value for warning in app.warning)


def come_from(monkeypatch, address: str | None, **headers: str) -> None:
    """Let the visitor's connection come from an address; None: from this machine."""
    monkeypatch.setattr(type(st.context), "ip_address", address)
    monkeypatch.setattr(type(st.context), "headers", headers)


def test_a_link_to_a_repository_asks_the_network_nothing_until_a_click(hub):
    app = page(hub=REPO)
    assert not hub.requests
    assert "Show runs" in labels(app)


def test_looking_tells_every_run_with_its_size_and_fetches_none(hub):
    app = press(page(hub=REPO), "Show runs")
    size = sum(file["bytes"] for file in open_run(paths.BUNDLED / RUN).record["files"].values()) / 1e6
    (button,) = [label for label in labels(app) if label.startswith(f"{RUN}, ")]
    assert float(button.split(", ")[1].removesuffix(" MB")) == pytest.approx(size, abs=0.1)
    assert any(label.startswith("All 2, ") for label in labels(app))
    assert "2 runs, 0 downloaded" in text(app)
    assert not hub.asked("safetensors")


def test_a_download_joins_the_runs_to_choose_from_and_stays_when_the_server_is_gone(hub, monkeypatch):
    app = press(press(page(hub=REPO), "Show runs"), f"{RUN}, ")
    assert not app.warning
    app.selectbox(key="second").set_value(LABEL).run()
    assert LABEL in "".join(panel["title"] for panel in component(app, "maps")["panels"])
    app.selectbox(key="run").set_value(LABEL).run()
    assert not app.exception
    assert app.selectbox(key="run").value == LABEL
    asked = len(hub.requests)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    app = page(hub=REPO, run=LABEL)
    assert app.selectbox(key="run").value == LABEL
    assert "only runs that were already downloaded are shown" in text(app)
    app = opened("start", data="coloured-digits", hub=REPO, run=LABEL)
    assert f">vicreg@{REPO}<" in component(app, "embeddings")["svg"]
    assert not [code for code in app.code if "evaluate" in code.value]  # only its owner can measure it
    assert len(hub.requests) == asked


@pytest.mark.parametrize(
    ("named", "told"),
    [("../../etc", "OWNER/NAME"), ("ada/none", "no repository ada/none")],
)
def test_a_repository_that_cannot_be_says_why_and_the_runs_stay(hub, named, told):
    app = page(hub=named)
    if "Show runs" in labels(app):
        press(app, "Show runs")
    assert not app.exception
    assert told in messages(app)
    assert app.selectbox(key="run").value == "coloured-digits/vicreg"


@pytest.mark.fault("a visitor asks for runs while the Hub is down", "one line and a button to try again")
def test_a_hub_that_is_down_is_one_line_with_retry(hub):
    hub.faults["api/models"] = "503"
    app = press(page(hub=REPO), "Show runs")
    assert "503" in messages(app)
    assert "Retry" in labels(app)
    hub.faults.clear()
    app = press(app, "Retry")
    assert not app.warning
    assert "2 runs" in text(app)


def test_a_stalled_download_is_cancelled_at_once(hub):
    app = press(page(hub=REPO), "Show runs")
    hub.faults["model.safetensors"] = "stall-body"
    next(button for button in app.button if button.label.startswith(f"{RUN}, ")).click().run()
    app.run()
    assert not app.exception
    assert app.get("progress")
    next(button for button in app.button if button.label == "Cancel").click().run()
    assert not app.exception
    assert not app.get("progress")
    assert LABEL not in app.selectbox(key="run").options
    hub.faults.clear()


def test_a_run_for_another_version_is_shown_with_the_reason_and_without_a_button(hub):
    repo = hub.repos[REPO]
    files = dict(repo.commits[repo.heads["main"]])
    index = json.loads(files["index.json"])
    index["runs"][RUN]["schema"] = 2
    index["runs"]["coloured-digits-no-variance"]["encoder"] = "vit"
    repo.commit({**files, "index.json": json.dumps(index).encode()})
    app = press(page(hub=REPO), "Show runs")
    assert "this version of the app reads schema 1" in text(app)
    assert "vit" in text(app)
    assert not any(label.startswith(RUN) for label in labels(app))


def test_a_damaged_run_in_the_cache_is_named_and_the_others_stay(hub, tmp_path):
    app = press(press(page(hub=REPO), "Show runs"), "All 2")
    (config,) = (tmp_path / "home").glob(f"hub/*/snapshots/*/{RUN}/config.json")
    target = config.resolve()
    target.write_bytes(b"{}")
    app.run()
    assert not app.exception
    assert RUN in messages(app)
    assert f"coloured-digits/no-variance@{REPO}" in app.selectbox(key="run").options


def test_the_environment_names_the_default_repository(hub, monkeypatch):
    monkeypatch.setenv("VICREG_HUB", REPO)
    app = page()
    assert app.text_input(key="hub").value == REPO
    assert "Show runs" in labels(app)
    assert not hub.requests


@pytest.mark.parametrize(
    "named", ["[free](https://evil.example) ![x](https://evil.example/p.png)", "www.evil.example/x"]
)
def test_a_name_in_a_link_cannot_bring_markdown_into_the_page(hub, named):
    app = page(hub=named)
    (warning,) = app.warning
    assert "OWNER/NAME" in warning.value
    assert not {"[", "]", "://", "www."} & {part for part in ("[", "]", "://", "www.") if part in warning.value}


def test_a_visitors_repository_is_asked_without_this_machines_token(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_owner")
    monkeypatch.setenv("SPACE_ID", "ada/vicreg")
    press(page(hub=REPO), "Show runs")
    assert hub.requests
    assert not hub.tokens
    app = press(page(hub="ada/none"), "Show runs")
    assert "only if its operator sets VICREG_HUB=ada/none" in messages(app)
    assert "hf auth login" not in messages(app)
    monkeypatch.setenv("VICREG_HUB", "ada/private")
    press(page(), "Show runs")
    assert hub.tokens == {"Bearer hf_owner"}


def test_on_ones_own_machine_a_repository_is_asked_with_ones_own_login(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    come_from(monkeypatch, None)
    app = press(page(hub="ada/none"), "Show runs")
    assert hub.tokens == {"Bearer hf_mine"}
    assert "log in with `hf auth login`" in messages(app)


@pytest.mark.parametrize(("address", "headers"), [("10.0.0.7", {}), (None, {"X-Forwarded-For": "10.0.0.7"})])
def test_a_visitor_who_comes_over_a_network_is_not_the_user_of_the_machine(monkeypatch, address, headers):
    come_from(monkeypatch, None)
    assert checkpoints._token(REPO) is None
    come_from(monkeypatch, address, **headers)
    assert checkpoints._token(REPO) is False


@pytest.mark.fault("visitors look at repositories until a hosted server is full", "a sentence; nothing is fetched")
def test_a_full_server_asks_for_no_more_runs(hub, monkeypatch):
    monkeypatch.setenv("SPACE_ID", "ada/vicreg")
    monkeypatch.setattr(hub_bytes, "HUB_BYTES", 100)
    app = press(page(hub=REPO), "Show runs")
    assert "This server is full" in messages(app)
    assert not hub.requests
