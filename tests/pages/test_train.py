"""The page Train: who may train, what it offers, and a whole training in a real browser."""

import dataclasses
import json
import os
import re
import signal
import time
from pathlib import Path

import pytest
from conftest import PATIENCE, cut_cache
from opened import opened, served, specs, text
from streamlit.testing.v1 import AppTest

import ui
from ui.live_training import next_training, training_limits, training_time, training_view
from vicreg import jobs
from vicreg.config import DATASETS, Config
from vicreg.data.catalogue import CATALOGUE
from vicreg.jobs import control, event_log, locks
from vicreg.jobs.record import Record, read_record, write_record
from vicreg.presets import QUICK_EPOCHS, QUICK_IMAGES, presets
from vicreg.runs.folder import Run, open_run
from vicreg.storage.paths import EVENTS_FILE
from vicreg.training.estimate import seconds_a_step

ROOT = Path(__file__).parents[2]
JOB = jobs.Job("x", Path(), Config(), (), 0.0, "running", token="hers")


@pytest.fixture(autouse=True)
def _here(page_world, monkeypatch, tmp_path):
    for name in ("SPACE_ID", "VICREG_TRAINING", "VICREG_OPERATOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path / "runs"))


def page() -> AppTest:
    return opened("train", data=None)


def button(app: AppTest, label: str):
    (found,) = [one for one in app.button if one.label == label]
    return found


def test_on_a_cpu_coloured_digits_and_the_smallest_encoder_are_offered_first_with_an_estimate(monkeypatch):
    timed = []
    estimate = "vicreg.training.estimate.seconds_a_step"
    monkeypatch.setattr(  # real steps, of few pictures
        estimate,
        lambda config, device: (
            timed.append(config) or seconds_a_step(dataclasses.replace(config, batch_size=8), device)
        ),
    )
    app = page()
    assert [box.value for box in app.selectbox] == ["coloured-digits", "vicreg", "tiny", ""]
    assert re.search(r"\*\*[\d.]+ to [\d.]+ (s|minutes|hours)\*\* of training on the CPU", text(app))
    assert re.search(r"480 steps of (\d+ ms|[\d.]+ s) each", text(app))
    assert not button(app, "Start training").disabled

    app.number_input(key="train_epochs_coloured-digits").set_value(100).run()
    assert "4,000 steps of" in text(app)
    assert len(timed) == 1  # its steps are as long as before
    app.selectbox(key="train_preset_coloured-digits").set_value("neighbour-views").run()
    assert not app.exception
    assert "there are no views to choose" in text(app)


def test_a_name_that_was_typed_is_kept_until_a_run_has_it(monkeypatch):
    monkeypatch.setattr(training_time, "_seconds_a_step", lambda config: 0.1)
    started = []
    monkeypatch.setattr(
        training_limits, "begin", lambda config, name, quick, token: started.append((config.preset, name))
    )
    app = page()
    assert app.text_input(key="train_name").placeholder == "coloured-digits-vicreg-mine"
    app.text_input(key="train_name").set_value(" for-monday ").run()
    app.selectbox(key="train_preset_coloured-digits").set_value("no-variance").run()
    assert app.text_input(key="train_name").value == " for-monday "
    button(app, "Start training").click().run()
    button(app, "Start training").click().run()
    assert not app.exception
    assert started == [("no-variance", "for-monday"), ("no-variance", "coloured-digits-no-variance-mine")]


def test_a_name_that_cannot_be_is_said_and_not_lost(monkeypatch):
    monkeypatch.setattr(training_time, "_seconds_a_step", lambda config: 0.1)
    app = page()
    app.text_input(key="train_name").set_value("../*up*").run()
    button(app, "Start training").click().run()
    assert not app.exception
    assert app.warning[0].value.startswith("A run name must have at most")
    assert app.warning[0].value.endswith(r"'../\*up\*'.")  # not as Markdown
    assert app.text_input(key="train_name").value == "../*up*"
    assert jobs.find() == []


def test_cifar10_without_pictures_says_so_before_anything_is_timed(without_pictures, monkeypatch):
    timed = []
    monkeypatch.setattr(training_time, "_seconds_a_step", lambda config: timed.append(config.dataset) or 0.1)
    app = page()
    app.selectbox(key="train_data").set_value("cifar10").run()
    assert timed == ["coloured-digits"]
    assert not app.exception
    assert "training pictures are not on this machine" in app.info[0].value
    assert "Start training" not in [button.label for button in app.button]


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
    assert told in app.info[0].value
    assert not app.main.button
    assert any("python -m vicreg train" in code.value for code in app.code)


@pytest.mark.parametrize("dataset", DATASETS)
def test_what_is_said_to_expect_is_what_the_bundled_runs_did(dataset):
    for preset, config in presets(dataset).items():
        history = open_run(ROOT / "checkpoints" / f"{dataset}-{preset}").history.query("split == 'train'")
        first, last = history.iloc[0], history.iloc[-1]
        words = training_view.expectation(config)
        assert words
        assert ("complete collapse" in words) == (preset == "no-variance")
        if preset == "no-variance":
            assert last["variance"] > 0.98
            assert max(last["invariance"], last["covariance"]) < 0.001
        elif preset == "no-invariance":
            assert last["invariance"] > 1.85
            assert last["variance"] < 0.05
        elif preset == "no-covariance":
            assert last["variance"] < 0.01
            assert last["covariance"] > 200
        else:
            assert history["variance"].diff().max() < 0.001  # it falls, and at the end it stays
            assert last["covariance"] > first["covariance"] > 0
    assert not training_view.expectation(dataclasses.replace(config, variance_weight=0.0, invariance_weight=0.0))


def test_a_bundled_runs_curves_are_there_before_anything_is_trained(monkeypatch):
    monkeypatch.setattr(training_time, "_seconds_a_step", lambda config: 0.1)
    app = page()
    assert "The bundled run `coloured-digits/vicreg, 12 epochs`" in text(app)
    (spec,) = specs(app)
    assert len(spec["vconcat"][0]["hconcat"]) == 4
    app.selectbox(key="train_preset_coloured-digits").set_value("no-variance").run()
    assert "The bundled run `coloured-digits/no-variance, 12 epochs`" in text(app)
    assert "complete collapse" in text(app)
    app.selectbox(key="train_preset_coloured-digits").set_value("custom weights").run()
    for term in ("variance", "invariance", "covariance"):
        app.number_input(key=f"train_{term}").set_value(0.0).run()
    assert not app.exception
    assert "will learn nothing" in app.warning[0].value
    monkeypatch.setenv("VICREG_TRAINING", "off")
    assert len(specs(page())) == 1


def test_a_machine_that_is_busy_elsewhere_is_said_before_anything_is_timed(monkeypatch):
    other = locks.Holder("theirs", "/elsewhere", 4711, "", 0.0)
    monkeypatch.setattr(locks, "holder", lambda folder: other)
    monkeypatch.setattr(training_time, "_seconds_a_step", None)
    app = page()
    assert "`theirs` is training on this machine (process 4711)" in app.info[0].value
    assert "Start training" not in [one.label for one in app.button]
    monkeypatch.setenv("SPACE_ID", "ada/demo")
    monkeypatch.setenv("VICREG_TRAINING", "on")
    assert page().info[0].value == "Another training run is in progress on this server. Try again later."


def test_an_operators_key_is_answered(monkeypatch):
    monkeypatch.setenv("VICREG_OPERATOR", "s3cret")
    monkeypatch.setenv("VICREG_TRAINING", "on")
    monkeypatch.setattr(training_time, "_seconds_a_step", lambda config: 0.1)
    app = page()
    app.text_input(key=training_view.KEY).set_value("guess").run()
    assert "This is not the operator's key." in text(app)
    app.text_input(key=training_view.KEY).set_value("s3cret").run()
    assert "You are the operator." in text(app)


def test_an_event_that_cannot_be_read_is_told_beside_the_curves(monkeypatch):
    monkeypatch.setattr(control, "_begin", lambda folder, record: None)  # starts no process
    job = jobs.start(presets("coloured-digits")["vicreg"], name="old")
    event_log.append(job.folder, "started", pid=1, process="x", step=0, epochs=3, batch=2)
    event_log.append(job.folder, "step", step=3)  # and nothing else that a step has
    event_log.append(job.folder, "stopped", reason="")
    app = page()
    assert rf"line 2 of .training-old/{EVENTS_FILE}" in app.warning[1].value
    assert "was stopped and saved" in app.warning[0].value


def test_before_the_first_step_the_bundled_run_is_there_and_another_can_be_chosen(monkeypatch):
    monkeypatch.setattr(control, "_begin", lambda folder, record: None)  # starts no process
    jobs.start(presets("coloured-digits")["no-variance"], name="new")
    app = page()
    assert "Dashed: `coloured-digits/no-variance, 12 epochs`" in text(app)
    dashed = json.dumps(specs(app)[0])
    assert "strokeDash" in dashed
    (box,) = [one for one in app.selectbox if one.label == "Dashed curves"]
    box.set_value("").run()
    assert "Dashed" not in text(app)
    assert specs(app) == []


def test_the_second_training_starts_without_a_page_and_is_drawn_over_the_first_one(monkeypatch):
    monkeypatch.setattr(control, "_begin", lambda folder, record: None)
    monkeypatch.setattr(training_time, "_seconds_a_step", lambda config: 0.1)
    app = page()
    app.segmented_control(key="train_length").set_value("Quick").run()
    app.selectbox(key="train_then_coloured-digits").set_value("no-variance").run()
    button(app, "Start training").click().run()
    (first,) = jobs.find()
    record = read_record(first.folder)
    assert (first.images, first.epochs, record.more) == (QUICK_IMAGES, QUICK_EPOCHS, ("--quick",))
    event_log.append(first.folder, "finished")
    planned = next_training.plan_after(first)
    planned.thread.join(20)
    assert planned.over
    assert not planned.problem
    app.run()
    assert not app.exception
    second = jobs.find()[0]
    assert (second.config.preset, second.name) == ("no-variance", "coloured-digits-no-variance-mine")
    assert (second.images, second.epochs) == (first.images, first.epochs)
    assert next_training.before(second) == first.name
    assert next_training.plan_after(second) is None


def test_nothing_follows_a_training_that_was_stopped(monkeypatch):
    monkeypatch.setattr(control, "_begin", lambda folder, record: None)
    monkeypatch.setattr(next_training, "EVERY", 0.01)
    first = jobs.start(presets("coloured-digits")["vicreg"], name="first")
    planned = next_training.plan(first, "no-variance", quick=True, token="")
    event_log.append(first.folder, "stopped")
    planned.thread.join(20)
    assert planned.over
    assert [job.name for job in jobs.find()] == ["first"]


def test_a_hosted_instance_that_allows_it_has_bounds_and_names_the_runs_itself(monkeypatch):
    monkeypatch.setenv("SPACE_ID", "ada/demo")
    monkeypatch.setenv("VICREG_TRAINING", "on")
    monkeypatch.setattr(training_time, "_seconds_a_step", lambda config: 2.0)
    app = page()
    assert app.number_input(key="train_epochs_coloured-digits").max == 30
    assert "Name of the run" not in [box.label for box in app.text_input]
    assert "training stops after 15 minutes" in text(app)
    assert button(app, "Start training").disabled  # 480 steps of 2 s do not fit

    monkeypatch.setattr(training_limits, "KEPT_BYTES", training_limits.HOSTED.disk_bytes - 1)
    monkeypatch.setattr(training_time, "_seconds_a_step", lambda config: 0.1)
    app.run()
    button(app, "Start training").click().run()
    assert "keeps at most" in app.warning[0].value
    assert jobs.find() == []


def test_what_was_chosen_is_trained_and_only_its_starter_commands_it(monkeypatch):
    monkeypatch.setenv("SPACE_ID", "ada/demo")
    monkeypatch.setenv("VICREG_TRAINING", "on")
    monkeypatch.setattr(training_time, "_seconds_a_step", lambda config: 0.1)
    hers = page()
    hers.selectbox(key="train_preset_coloured-digits").set_value("custom weights").run()
    hers.number_input(key="train_variance").set_value(7.0).run()
    pills = hers.button_group(key="train_switches_coloured-digits_custom weights")
    pills.set_value([name for name in pills.value if name != "jitter"]).run()
    button(hers, "Start training").click().run()
    assert not hers.exception
    (job,) = jobs.find()
    try:
        assert (job.config.preset, job.config.variance_weight, job.config.invariance_weight) == ("own", 7.0, 25.0)
        assert job.config.views == dataclasses.replace(presets("coloured-digits")["vicreg"].views, jitter=False)
        assert job.name == "coloured-digits-own-visitor"
        assert "--max-seconds" in job.command
        button(hers, "Stop and save")
        his = page()
        assert "Only the browser tab that started it" in text(his)
        assert "Stop and save" not in [one.label for one in his.button]

        deadline = time.monotonic() + 60
        while event_log.read(job.folder).state != "started" and time.monotonic() < deadline:
            time.sleep(0.1)
        os.kill(event_log.read(job.folder).pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while jobs.get(job.name).active and time.monotonic() < deadline:
            time.sleep(0.1)
        hers.run()
        assert "was interrupted" in hers.warning[0].value
        assert {"Resume", "Train another"} <= {one.label for one in hers.button}
        his.run()
        assert "was interrupted" in his.warning[0].value  # he had watched it
        assert "Resume" not in his.warning[0].value
        assert not {"Resume", "Delete permanently"} & {one.label for one in his.button}
        late = page()
        assert not late.warning
        button(his, "Start training")  # what she left does not stand in his way
        button(hers, "Train another").click().run()
        button(hers, "Start training")
        assert "1 unfinished training run" in [one.label for one in hers.expander]
        assert "Resume" not in [one.label for one in hers.button]
        button(hers, "Show").click().run()
        button(hers, "Resume")
    finally:
        jobs.discard(job)


def test_on_a_hosted_instance_a_training_that_nobody_goes_on_with_makes_room(monkeypatch):
    monkeypatch.setenv("SPACE_ID", "ada/demo")
    monkeypatch.setattr(control, "_begin", lambda folder, record: None)  # starts no process
    monkeypatch.setattr(training_limits, "token", lambda: "hers")
    old = training_limits.begin(presets("coloured-digits")["vicreg"], "old", token=training_limits.token())
    record = dataclasses.replace(read_record(old.folder), created=1.0)
    write_record(old.folder, record)
    terminal = old.folder.with_name(".training-terminal")
    terminal.mkdir()
    write_record(terminal, dataclasses.replace(record, name="terminal", token=""))
    event_log.append(old.folder, "stopped", reason="")
    with pytest.raises(ValueError, match="already exists"):
        training_limits.begin(
            presets("coloured-digits")["vicreg"], "old", token=training_limits.token()
        )  # it said something just now
    an_hour_ago = time.time() - training_limits.KEPT_SECONDS - 60
    os.utime(old.folder / EVENTS_FILE, (an_hour_ago, an_hour_ago))
    new = training_limits.begin(presets("coloured-digits")["vicreg"], "new", token=training_limits.token())
    assert {job.name for job in jobs.find()} == {"new", "terminal"}
    assert new.token == "hers"


def test_on_a_hosted_instance_visitors_oldest_finished_runs_make_room(monkeypatch, tmp_path):
    monkeypatch.setenv("SPACE_ID", "ada/demo")
    monkeypatch.setattr(control, "_begin", lambda folder, record: None)  # starts no process
    monkeypatch.setattr(training_limits, "KEPT_RUNS", 3)
    names = ["vicreg-visitor", "own-visitor-2", "vicreg-visitor-3", "vicreg-visitor-4", "vicreg-of-the-operator"]
    for age, name in enumerate(reversed(names)):
        folder = tmp_path / "runs" / f"coloured-digits-{name}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        os.utime(folder / "config.json", (1_000 - age, 1_000 - age))  # the first names are the oldest
    active = tmp_path / "runs" / ".training-coloured-digits-vicreg-visitor"  # trained again
    active.mkdir()
    config = presets("coloured-digits")["vicreg"]
    record = Record(
        "coloured-digits-vicreg-visitor", config, None, "auto", training_limits.HOSTED, (), "hers", time.time(), True
    )
    write_record(active, record)
    training_limits._delete_oldest_runs()
    left = {path.name for path in (tmp_path / "runs").iterdir()} - {active.name}
    assert left == {f"coloured-digits-{name}" for name in names if name != "own-visitor-2"}
    event_log.append(active, "stopped")
    training_limits.begin(config, "coloured-digits-vicreg-visitor-5", token="his")
    left = {path.name for path in (tmp_path / "runs").glob("[!.]*")}
    assert left == {f"coloured-digits-{name}" for name in names[2:]}


def test_a_run_is_trained_again_by_its_command_whatever_was_chosen(monkeypatch):
    plain = presets("coloured-digits")["no-variance"]

    def run(name: str, config: Config, *, images: int = 0) -> Run:
        data = {"train": {"images": images or CATALOGUE[config.dataset].train_images}}
        return Run(Path(name), config, {"data": data, "files": {}})

    few = run("coloured-digits-no-variance", dataclasses.replace(plain, epochs=3), images=2_560)
    assert ui.train_command(few).endswith("--dataset coloured-digits --epochs 3 --images 2560")
    short = run("coloured-digits-no-variance", dataclasses.replace(plain, epochs=3))
    assert ui.train_command(short) == (
        "python -m vicreg train --preset no-variance --dataset coloured-digits --epochs 3"
    )
    grey = dataclasses.replace(plain, views=dataclasses.replace(plain.views, jitter=False))
    assert ui.train_command(run("mine", grey)) == "python -m vicreg train --config mine/config.json --name mine"
    monkeypatch.setenv("SPACE_ID", "ada/demo")  # its paths are not a visitor's
    assert ui.train_command(run("mine", grey)) == (
        "python -m vicreg train --config config.json --name mine  # the config.json of this run"
    )
    own = dataclasses.replace(presets()["vicreg"], preset="own", variance_weight=7.0)
    assert ui.train_command(run("cifar10-own", own)) == (
        "python -m vicreg train --preset vicreg --variance-weight 7.0 --name cifar10-own"
    )
    assert ui.train_command(run("a; b", presets()["vicreg"])).endswith("--name 'a; b'")


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
    monkeypatch.setattr(training_limits, "token", lambda: "hers" if mine else "his")
    assert training_limits.may_command(JOB, key) is allowed


@pytest.mark.browser
def test_a_run_is_trained_stopped_resumed_and_found_in_retrieval(page, drawn, tmp_path):
    from playwright.sync_api import expect

    cut_cache(tmp_path / "cache", drawn, train=QUICK_IMAGES, test=120)
    elsewhere = {name: value for name, value in os.environ.items() if name not in ("VICREG_DATA", "SPACE_ID")}
    with served(tmp_path, elsewhere) as url:
        later, page = page, page.context.new_page()
        page.goto(f"{url}/train")
        page.get_by_text(re.compile(r"^[\d.]+ to [\d.]+ (s|minutes|hours)")).first.wait_for()
        page.get_by_text("Quick", exact=True).click()
        page.get_by_text(re.compile(r"\b60 steps of .* each")).wait_for()
        epochs = page.get_by_role("spinbutton", name="Epochs")
        epochs.fill("2")
        epochs.press("Enter")
        page.get_by_text(re.compile(r"\b20 steps of .* each")).wait_for()
        page.get_by_role("button", name="Start training").click()

        told = page.get_by_text(re.compile(r"step \d+ of 20"))
        told.first.wait_for()
        chart = page.get_by_test_id("stVegaLiteChart").first
        chart.wait_for()
        page.wait_for_timeout(1_000)
        curve = chart.locator("svg .mark-line path").last  # the live one is drawn over the one of a finished run
        drawn, deadline = curve.get_attribute("d"), time.monotonic() + 90
        while (now := curve.get_attribute("d")) == drawn and time.monotonic() < deadline:
            page.wait_for_timeout(300)
        assert now != drawn  # the curve moves
        page.get_by_role("button", name="Stop and save").click()
        page.get_by_text("was stopped and saved").wait_for()
        page.close()  # the browser may go

        page = later
        page.goto(f"{url}/train")
        page.get_by_role("button", name="Resume").click()
        page.get_by_text("is trained and evaluated").wait_for(timeout=3 * PATIENCE)
        with page.expect_popup() as opened_page:
            page.get_by_role("link", name="neighbours").click()
        retrieval = opened_page.value
        retrieval.get_by_role("heading", name="Which pictures look similar to the network?").wait_for()
        retrieval.get_by_role("group", name="Nearest pictures").get_by_role("button").nth(7).wait_for()
        expect(retrieval.get_by_text("coloured-digits/vicreg-mine (own)").first).to_be_visible()
        retrieval.close()
