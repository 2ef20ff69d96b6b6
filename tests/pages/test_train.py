"""The page Train: who may train, what it offers, and a whole training in a real browser."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from opened import opened, text
from streamlit.testing.v1 import AppTest

from ui import training
from vicreg import jobs
from vicreg.config import Config, presets

pytestmark = pytest.mark.usefixtures("page_world")
ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
JOB = jobs.Job("x", Path(), Config(), (), 0.0, "running", token="hers")


@pytest.fixture(autouse=True)
def _here(monkeypatch, tmp_path):
    for name in ("SPACE_ID", "VICREG_TRAINING", "VICREG_OPERATOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path / "runs"))


def page() -> AppTest:
    return opened("train", data=None)


def test_on_a_cpu_coloured_digits_and_the_smallest_encoder_are_offered_first_with_an_estimate():
    app = page()
    assert not app.exception
    assert [box.value for box in app.selectbox] == ["coloured-digits", "vicreg", "tiny"]
    assert re.search(r"About [\d.]+ (s|minutes|hours)\*\* for 480 steps of \d+ ms", text(app))
    assert "Device: CPU" in text(app)
    assert "Start" in [button.label for button in app.button]


def test_own_weights_are_three_numbers_and_the_estimate_follows_the_epochs():
    app = page()
    app.selectbox(key="train_preset_coloured-digits").set_value("own weights").run()
    assert not app.exception
    assert [number.value for number in app.number_input if number.key in ("train_lambda", "train_mu", "train_nu")] == [
        25.0,
        50.0,
        1.0,
    ]
    app.number_input(key="train_epochs_coloured-digits").set_value(100).run()
    assert "for 4,000 steps" in text(app)


def test_cifar10_without_pictures_says_so_before_anything_is_timed(without_pictures):
    app = page()
    app.selectbox(key="train_data").set_value("cifar10").run()
    assert not app.exception
    assert "train pictures are not on this machine" in app.info[0].value
    assert "Start" not in [button.label for button in app.button]


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"VICREG_TRAINING": "off"}, "VICREG_TRAINING=off"),
        ({"VICREG_TRAINING": "yes"}, "must be auto, on or off"),
        ({"SPACE_ID": "ada/demo"}, "no GPU"),
    ],
)
def test_where_training_is_off_the_page_says_why_and_gives_the_command(environment, told, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    app = page()
    assert not app.exception
    assert told in app.info[0].value
    assert not app.button
    assert any("python -m vicreg train" in code.value for code in app.code)


def test_a_hosted_instance_that_allows_it_has_bounds(monkeypatch):
    monkeypatch.setenv("SPACE_ID", "ada/demo")
    monkeypatch.setenv("VICREG_TRAINING", "on")
    app = page()
    assert not app.exception
    assert app.number_input(key="train_epochs_coloured-digits").max == 30
    assert "stops after 15 minutes" in text(app)


@pytest.mark.parametrize(
    ("environment", "mine", "key", "allowed"),
    [
        ({}, False, "", True),
        ({"SPACE_ID": "ada/demo"}, False, "", False),
        ({"SPACE_ID": "ada/demo"}, True, "", True),
        ({"VICREG_OPERATOR": "s3cret"}, False, "", False),
        ({"VICREG_OPERATOR": "s3cret"}, False, "guess", False),
        ({"VICREG_OPERATOR": "s3cret"}, False, "s3cret", True),
        ({"VICREG_OPERATOR": "s3cret", "SPACE_ID": "ada/demo"}, True, "", True),
    ],
)
def test_only_its_starter_or_the_operator_commands_a_job_where_strangers_come(
    environment, mine, key, allowed, monkeypatch
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(training, "token", lambda: "hers" if mine else "his")
    assert training.may_command(JOB, key) is allowed


def test_an_estimate_grows_with_the_steps_and_refuses_a_batch_that_is_too_large():
    from vicreg.timing import estimate

    config = presets("coloured-digits")["neighbour-views"]
    found = estimate(config, 10_376, "cpu")
    assert found.steps == 480
    assert 0 < found.seconds_a_step < 30
    assert found.seconds == pytest.approx(480 * found.seconds_a_step)
    with pytest.raises(ValueError, match="batch_size 256 needs at least as many train images, got 100"):
        estimate(config, 100, "cpu")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="drives Debian's chromium, which is not installed")
def test_a_run_is_trained_stopped_resumed_and_found_in_retrieval(tmp_path):
    from playwright.sync_api import expect, sync_playwright

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("VICREG_DATA", "SPACE_ID")},
        "VICREG_CACHE": str(tmp_path / "cache"),
        "VICREG_RUNS": str(tmp_path / "runs"),
        "HF_HUB_OFFLINE": "1",
    }
    options = ["--server.port", str(port), "--server.headless", "true", "--server.address", "127.0.0.1"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", *options],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.2)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(120_000)
            page.goto(f"{url}/train")
            page.get_by_text(re.compile("^About")).wait_for()
            epochs = page.get_by_role("spinbutton", name="Epochs")
            epochs.fill("2")
            epochs.press("Enter")
            page.get_by_text("for 80 steps").wait_for()
            page.get_by_role("button", name="Start").click()

            told = page.get_by_text(re.compile(r"Step \d+ of 80"))
            told.first.wait_for()
            first = int(re.search(r"Step (\d+)", told.first.inner_text())[1])
            chart = page.get_by_test_id("stVegaLiteChart").first
            chart.wait_for()
            deadline = time.monotonic() + 60
            while int(re.search(r"Step (\d+)", told.first.inner_text())[1]) <= first and time.monotonic() < deadline:
                page.wait_for_timeout(300)
            assert int(re.search(r"Step (\d+)", told.first.inner_text())[1]) > first  # the curve moves
            page.get_by_role("button", name="Stop and save").click()
            page.get_by_text("was stopped, and saved").wait_for()
            page.close()  # the browser may go

            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(180_000)
            page.goto(f"{url}/train")
            page.get_by_role("button", name="Resume").click()
            page.get_by_text("is trained and measured").wait_for()
            with page.expect_popup() as opened_page:
                page.get_by_role("link", name="neighbours").click()
            retrieval = opened_page.value
            retrieval.get_by_role("heading", name="Which pictures does the network find alike?").wait_for()
            retrieval.get_by_role("group", name="Nearest pictures").get_by_role("button").nth(7).wait_for()
            expect(retrieval.get_by_text("coloured-digits/vicreg-mine (own)").first).to_be_visible()
            browser.close()
    finally:
        server.terminate()
        server.wait(10)
    assert "Traceback" not in (tmp_path / "log").read_text()
