"""Jobs: real processes on a small cut of coloured-digits, stopped, killed, orphaned and run out of disk."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import psutil
import pytest
import torch
from conftest import cut_cache
from safetensors import safe_open

from vicreg import jobs
from vicreg.cli.main import main
from vicreg.config import Config
from vicreg.jobs import control, event_log, locks, training_process
from vicreg.jobs.failures import why
from vicreg.jobs.record import Limits, Record, arguments, read_record, write_record
from vicreg.jobs.status import Job
from vicreg.presets import presets
from vicreg.runs.discovery import find_runs
from vicreg.runs.folder import open_run
from vicreg.storage.paths import EVENTS_FILE, JOB_FILE, LOCK_FILE, STATE_FILE

ROOT = Path(__file__).parents[2]
RECIPE = presets("coloured-digits")["vicreg"]
# 4 steps an epoch; a network so small that a step takes some hundredths of a second
SMALL = replace(RECIPE, expander=(8, 8, 8), batch_size=64, epochs=4, views=replace(RECIPE.views, size=16))
ENDLESS = replace(SMALL, epochs=2_000)
IMAGES = 256


@pytest.fixture(scope="module")
def small_cache(drawn, tmp_path_factory) -> Path:
    return cut_cache(tmp_path_factory.mktemp("cache"), drawn, train=320, test=120)


@pytest.fixture(scope="module")
def finished(small_cache, tmp_path_factory) -> tuple[Job, list[Job], Path]:
    """A job that nobody interrupted, each of its states while it was watched, and its runs folder."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        surroundings(patch, small_cache, folder)
        seen = [jobs.start(SMALL, images=IMAGES, device="cpu", token="mine", quick=True)]
        deadline = time.monotonic() + 300
        while seen[-1].active:
            assert time.monotonic() < deadline, seen[-1]
            time.sleep(0.1)
            seen.append(jobs.get(seen[0].name))
        while "linear probe" not in seen[-1].log_tail[-1]:  # its last line comes after its last event
            assert time.monotonic() < deadline, seen[-1]
            time.sleep(0.1)
            seen.append(jobs.get(seen[0].name))
    return seen[-1], seen, folder


@pytest.fixture
def here(small_cache, tmp_path, monkeypatch) -> Iterator[Path]:
    """An empty runs folder, with the small cache; no process that trains in it outlives the test."""
    surroundings(monkeypatch, small_cache, tmp_path / "runs")
    yield tmp_path / "runs"
    try:
        for job in jobs.find():
            jobs.discard(job)
    finally:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get("VICREG_RUNS") == str(tmp_path / "runs"):
                    process.kill()


def surroundings(patch: pytest.MonkeyPatch, cache: Path, folder: Path) -> None:
    patch.setenv("VICREG_CACHE", str(cache))
    patch.setenv("VICREG_RUNS", str(folder))
    patch.setenv("OMP_NUM_THREADS", "1")


def wait(job: Job, until: Callable[[Job], bool], seconds: float = 240) -> Job:
    """The job as soon as `until` holds of it."""
    deadline = time.monotonic() + seconds
    while not until(now := jobs.get(job.name)):
        assert time.monotonic() < deadline, now
        time.sleep(0.05)
    return now


def over(job: Job) -> bool:
    return not job.active


def start(config: Config = ENDLESS, **options) -> Job:
    return jobs.start(config, images=IMAGES, device="cpu", **options)


def saved_step(job: Job) -> int:
    with safe_open(job.folder / STATE_FILE, framework="pt") as file:
        return json.loads(file.metadata()["state"])["step"]


def pid_of(job: Job) -> int:
    return event_log.read(job.folder).pid


# What a job tells


def test_a_job_goes_from_starting_to_finished_and_leaves_a_run(finished, monkeypatch):
    job, seen, folder = finished
    assert job.state == "finished", (job.sentence, job.log_tail)
    states = list(dict.fromkeys(now.state for now in seen))
    assert states == ["starting", "running", "measuring", "finished"]
    monkeypatch.setenv("VICREG_RUNS", str(folder))
    (run,) = [run for run in find_runs()[0].values() if run.folder == folder / "coloured-digits-vicreg"]
    assert run.config == SMALL
    assert run.record["data"]["train"]["images"] == IMAGES
    assert job.probe == (run.metrics["probe"]["accuracy"], *run.metrics["probe"]["interval"])
    assert (job.step, job.steps, job.epoch, job.epochs) == (16, 16, 4, 4)
    assert job.device == run.record["device"]
    assert any(now.images_per_second > 0 and now.seconds_left > 0 for now in seen if now.state == "running")
    assert "linear probe" in job.log_tail[-1]


def test_the_events_tell_the_history_and_the_snapshots_of_the_run(finished):
    job, _, folder = finished
    run = open_run(folder / job.name)
    whole = {(row.epoch, row.split): row.total for row in run.history.itertuples()}
    told = {(row["epoch"], row["split"]): row["total"] for row in jobs.history(job)}
    assert {key for key in whole if key[0] > 0} <= set(told)
    assert told == pytest.approx({key: whole[key] for key in told}, rel=1e-5)
    timeline, figures = run.results("timeline"), run.results("snapshots").set_index("epoch")
    moments = jobs.snapshots(job)
    assert moments[-1].epoch == 4
    for moment in moments:
        assert moment.knn_accuracy == figures.loc[moment.epoch, "knn_accuracy"]
        assert moment.effective_rank == figures.loc[moment.epoch, "effective_rank"]
        rows = timeline[timeline["epoch"] == moment.epoch]
        np.testing.assert_allclose(moment.tsne, rows[["tsne_x", "tsne_y"]], atol=0.02)
        np.testing.assert_allclose(moment.pca, rows[["pca_x", "pca_y"]], atol=0.02)
        np.testing.assert_array_equal(jobs.labels(job), rows["label"])
    steps = jobs.steps_seen(job)
    assert [point["step"] for point in steps] == sorted({point["step"] for point in steps})
    assert steps[-1]["step"] == 16
    assert {"variance", "invariance", "covariance", "total", "learning_rate", "seconds"} <= set(steps[0])


def test_a_finished_job_whose_folder_is_gone_is_told_from_its_run(finished, monkeypatch, tmp_path):
    job, _, folder = finished
    shutil.copytree(folder, tmp_path / "runs")
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path / "runs"))
    assert [found.name for found in jobs.find()] == [job.name]
    jobs.discard(jobs.get(job.name))
    jobs.discard(jobs.get(job.name))
    assert jobs.find() == []
    again = jobs.get(job.name)
    assert (again.state, again.step, again.steps, again.probe) == ("finished", 16, 16, job.probe)
    assert jobs.get("no-such-run") is None


def test_a_run_or_a_job_of_that_name_is_not_trained_over(finished, small_cache, monkeypatch):
    surroundings(monkeypatch, small_cache, finished[2])  # whatever else trains on this machine
    with pytest.raises(ValueError, match="a finished run coloured-digits-vicreg already exists"):
        jobs.start(SMALL)
    with pytest.raises(ValueError, match="at most 100 letters"):
        jobs.start(SMALL, name="../elsewhere")


# Stopping, killing, going on


@pytest.mark.fault("kill -9 of a trainer", "it resumes, and ends with the weights of an undisturbed training")
def test_a_job_that_was_killed_and_stopped_while_measured_ends_with_the_same_weights(finished, here):
    job = wait(start(SMALL, quick=True), lambda now: (now.folder / STATE_FILE).exists())  # of the first of four epochs
    assert jobs.resume(job).state in ("running", "measuring")  # it goes on, once
    os.kill(pid_of(job), signal.SIGKILL)
    job = wait(job, over)
    assert job.state == "interrupted"
    assert "memory" in job.sentence
    jobs.stop(job)  # nothing to stop
    assert jobs.get(job.name).state == "interrupted"

    saved = saved_step(job)
    assert 0 < saved < 16
    job = wait(jobs.resume(job), lambda now: now.state == "measuring")
    assert jobs.steps_seen(job)[-1]["step"] == 16
    jobs.stop(job)
    jobs.stop(job)
    job = wait(job, over)
    assert (job.state, job.sentence) == ("stopped", "")
    assert saved_step(job) == 16
    assert not (here / job.name).exists()

    job = wait(jobs.resume(job), over)
    assert job.state == "finished", (job.sentence, job.log_tail)
    assert open_run(here / job.name).weights_sha256 == open_run(finished[2] / job.name).weights_sha256
    keys = [(row["epoch"], row["split"]) for row in jobs.history(job) if row["epoch"]]
    assert sorted(keys) == sorted((epoch, split) for epoch in range(1, 5) for split in ("train", "test"))
    assert jobs.resume(job).state == "finished"


WORDS = ["train", "--dataset", "coloured-digits", "--images", "256", "--batch-size", "64", "--device", "cpu"]


@pytest.mark.fault("the program that started a training is killed", "the training goes on")
def test_a_job_outlives_its_starter_is_alone_unless_told_and_is_killed_when_discarded(here, capsys):
    code = (
        "import json, sys, time; from vicreg import jobs; from vicreg.config import Config\n"
        "job = jobs.start(Config.from_dict(json.loads(sys.argv[1])), images=256, device='cpu', token='secret')\n"
        "print(job.name, flush=True); time.sleep(600)"
    )
    words = [sys.executable, "-c", code, json.dumps(ENDLESS.to_dict())]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True) as starter:
        name = starter.stdout.readline().strip()
        os.killpg(starter.pid, signal.SIGKILL)
    reached = wait(jobs.get(name), lambda now: now.step > 0).step
    job = wait(jobs.get(name), lambda now: now.step > reached)
    assert (job.state, job.token) == ("running", "secret")

    process = pid_of(job)
    assert jobs.busy().name == job.name
    for options in ({"name": "other"}, {}):
        with pytest.raises(ValueError, match=r"coloured-digits-vicreg has been training .*process"):
            start(**options)
    assert main([*WORDS, "--name", "other"]) == 1
    said = capsys.readouterr().err
    assert "coloured-digits-vicreg has been training" in said
    assert "--beside" in said
    assert not (here / ".training-other").exists()
    assert main([*WORDS, "--name", "other", "--beside", "--max-seconds", "0.01"]) == 130
    assert "--max-seconds allows 0.01" in capsys.readouterr().out
    assert [found.name for found in jobs.find()] == ["other", job.name]

    jobs.discard(job)
    jobs.discard(job)
    assert locks.identity(process) == ""
    assert not job.folder.exists()
    assert jobs.busy() is None
    with pytest.raises(ValueError, match="was discarded"):
        jobs.resume(job)


def test_a_training_begun_in_a_terminal_is_a_job_and_leaves_only_its_run(here, tmp_path, capsys):
    """Its TensorBoard curves too, which are the events'."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    file = tmp_path / "settings.json"
    file.write_text(json.dumps(replace(SMALL, epochs=2).to_dict()))
    words = [sys.executable, "-m", "vicreg", "train", "--config", str(file), "--images", "256", "--device", "cpu"]
    words += ["--name", "by-hand", "--tensorboard", str(tmp_path / "board"), "--skip-evaluation"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not (here / ".training-by-hand" / JOB_FILE).exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        job = wait(jobs.get("by-hand"), lambda now: now.step > 0)
        assert job.config == replace(SMALL, epochs=2)
        assert pid_of(job) == process.pid
        told: tuple[list, list, list] = [], [], []
        while process.poll() is None:  # its folder goes at the end
            now = jobs.history(job), jobs.snapshots(job), jobs.steps_seen(job)
            told = now if now[2] else told
            time.sleep(0.02)
        rows, moments, steps = told
    assert process.returncode == 0
    assert [path.name for path in here.iterdir()] == ["by-hand"]
    assert jobs.get("by-hand").state == "finished"

    board = EventAccumulator(str(tmp_path / "board"))
    board.Reload()
    curve = {event.step: event.value for event in board.Scalars("train/total")}
    assert sorted(curve) == list(range(9))  # and the untrained network's
    for point in steps:
        assert curve[point["step"]] == pytest.approx(point["total"], rel=1e-4)
    assert {"train/variance", "train/learning_rate", "snapshot/effective_rank"} <= set(board.Tags()["scalars"])
    accuracies = [event.value for event in board.Scalars("snapshot/knn_accuracy")][: len(moments)]
    assert accuracies == pytest.approx([moment.knn_accuracy for moment in moments])
    assert steps
    assert {row["epoch"] for row in rows} >= {1}


def test_without_tensorboard_a_sentence_says_how_to_get_it(here, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    words = ["train", "--dataset", "coloured-digits", "--tensorboard", str(tmp_path / "board")]
    assert main(words) == 1
    assert "`pip install tensorboard`" in capsys.readouterr().err
    assert not here.exists()


# Bounds and failures


@pytest.mark.fault("a visitor's training takes longer than allowed", "it ends with its state saved and a reason")
def test_limits_end_a_training_with_its_state_saved_and_a_reason_and_other_images_leave_it_alone(
    here, capsys, monkeypatch
):
    with pytest.raises(ValueError, match=r"at most 3 .*4"):
        start(SMALL, limits=Limits(epochs=3))
    with pytest.raises(ValueError, match="seconds"):
        Limits(seconds=0)
    assert main([*WORDS, "--max-seconds", "1"]) == 130
    job = jobs.get("coloured-digits-vicreg")
    assert job.state == "stopped"
    assert "--max-seconds allows 1" in job.sentence
    assert saved_step(job) == job.step > 0
    assert not job.resumable

    file = job.folder / JOB_FILE
    before = file.read_text()
    assert main(["train", "--config", str(file), "--name", job.name, "--device", "cpu", "--images", "128"]) == 1
    assert "training images 256 -> 128" in capsys.readouterr().err
    assert file.read_text() == before
    assert jobs.get(job.name).state == "stopped"

    with pytest.raises(ValueError, match="limits"):
        jobs.resume(job)
    begun = []
    monkeypatch.setattr(control, "_begin", lambda folder, record: begun.append(record.limits))
    jobs.resume(job, limits=Limits(seconds=600))
    assert begun == [Limits(seconds=600)]


def test_a_bound_on_the_disk_is_held_before_anything_is_written_and_after_that(here, capsys, monkeypatch):
    assert main([*WORDS, "--name", "large", "--max-disk", "100000"]) == 1
    assert "7.86 MB, but --max-disk allows 0.1" in capsys.readouterr().err
    assert jobs.get("large") is None
    monkeypatch.setattr(training_process, "folder_bytes", lambda folder: 20_000_001)
    assert main([*WORDS, "--name", "large", "--max-disk", "20000000"]) == 130
    assert "--max-disk allows 20" in capsys.readouterr().out
    assert "--max-disk" in jobs.get("large").sentence


@pytest.mark.fault("a training is started on a full disk", "a sentence; nothing is left behind")
def test_no_job_starts_on_a_full_disk(here, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(OSError, match="full"):
        start(SMALL)
    assert jobs.find() == []


def test_a_loss_that_is_not_finite_ends_in_a_sentence(here, monkeypatch, capsys):
    monkeypatch.setattr(control, "_begin", lambda folder, record: None)  # trained in this process
    job = start(replace(SMALL, learning_rate=1e30, warmup_steps=0))
    assert main(arguments(job.folder, read_record(job.folder))) == 1
    job = jobs.get(job.name)
    assert job.state == "failed"
    assert "not finite at step" in job.sentence
    assert "1e+30" in job.sentence
    assert capsys.readouterr().err.splitlines()[-1] == f"vicreg: {job.sentence}"


@pytest.mark.fault(
    "the disk fills up while a state is saved", "the training ends with a sentence; the last state stays"
)
def test_a_disk_without_room_for_another_state_ends_in_a_sentence(here, monkeypatch, capsys):
    replace_file = os.replace

    def full(source: str | Path, target: str | Path) -> None:
        if Path(target).name == STATE_FILE and Path(target).exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        replace_file(source, target)

    monkeypatch.setattr(os, "replace", full)
    assert main([*WORDS, "--name", "small-disk"]) == 1
    job = jobs.get("small-disk")
    assert job.state == "failed"
    assert job.sentence.startswith("The disk is full")
    assert job.sentence in capsys.readouterr().err


STARTER = """
import json, sys, time
from vicreg import jobs
from vicreg.config import Config

job = jobs.start(Config.from_dict(json.loads(sys.argv[1])), images=256, device="cpu")
while job.active:
    for path in [job.folder.parent / "filler", job.folder / "log.txt"] if job.step else []:
        try:
            with open(path, "ab", buffering=0) as file:
                while file.write(bytes(256)):
                    pass
        except OSError:
            pass
    time.sleep(0.02)
    job = jobs.get(job.name)
print(json.dumps([job.state, job.sentence]))
"""


@pytest.mark.fault("the disk is so full that a training cannot log", "the page says that the disk is full")
def test_a_disk_filled_to_the_brim_ends_in_a_sentence_though_the_training_cannot_say_it(small_cache, tmp_path):
    mount = ("unshare", "-rm", "sh", "-c", f'mount -t tmpfs -o size=1m tmpfs {tmp_path} && exec "$@"', "sh")
    if shutil.which("unshare") is None or subprocess.run([*mount, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets no test mount a small file system")
    own = {"VICREG_CACHE": str(small_cache), "VICREG_RUNS": str(tmp_path / "runs"), "OMP_NUM_THREADS": "1"}
    words = [*mount, sys.executable, "-c", STARTER, json.dumps(SMALL.to_dict())]
    out = subprocess.run(words, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, **own}, timeout=180, check=True)
    state, sentence = json.loads(out.stdout)
    assert state in ("failed", "interrupted")
    assert sentence.startswith("The disk is full: ")


def test_torchs_words_for_too_little_memory_get_a_hint(tmp_path):
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50, dtype=torch.uint8)
    assert "smaller batch" in why(caught.value, tmp_path)
    assert "smaller batch" in why(MemoryError(), tmp_path)
    assert why(KeyError("x"), tmp_path) is None


# Events


@pytest.mark.fault("an event log whose last line is cut off", "the line is left out")
def test_a_torn_last_line_is_left_out_and_the_next_one_is_whole(tmp_path):
    assert event_log.append(tmp_path, "started", pid=1, process="x", step=0, epochs=3, batch=2)
    with (tmp_path / EVENTS_FILE).open("ab") as file:
        file.write(b'{"time":1,"kind":"fini')
    assert event_log.read(tmp_path).state == "started"
    assert event_log.append(tmp_path, "failed", sentence="because", error="E")
    story = event_log.read(tmp_path)
    assert (story.state, story.ending["sentence"]) == ("failed", "because")


def test_events_that_cannot_be_written_are_no_reason_to_end(tmp_path):
    assert not event_log.append(tmp_path / "gone", "stopping")
    assert event_log.read(tmp_path / "gone") == event_log.Story()


def step_line(step: int, total: float = 1.0) -> bytes:
    terms = dict.fromkeys(("variance", "invariance", "covariance"), 0.5)
    values = {"step": step, "steps": 9_000, "epoch": 1, "terms": {**terms, "total": total}, "learning_rate": 0.1}
    more = {"seconds": 1.0, "seconds_left": 1.0, "images_per_second": 1.0}
    return json.dumps({"time": 0, "kind": "step", **values, **more}).encode() + b"\n"


def test_many_steps_are_thinned_evenly(tmp_path):
    (tmp_path / EVENTS_FILE).write_bytes(b"".join(step_line(step) for step in range(1, 9_001)))
    story = event_log.read(tmp_path)
    steps = [point["step"] for point in story.points]
    assert len(steps) <= 2_000
    assert steps[0] == 1
    assert set(np.diff(steps)) == {8}
    assert story.last["step"] == 9_000


def test_a_reader_goes_on_where_it_was_and_notices_another_file(tmp_path):
    path = tmp_path / EVENTS_FILE
    path.write_bytes(step_line(1, 1.0) + step_line(2, 2.0))
    event_log.read(tmp_path)
    with path.open("r+b") as file:
        file.seek(len(step_line(1)))
        file.write(step_line(2, 7.0))  # in what was read before: nobody reads it again
        file.write(step_line(3, 3.0))
    assert [point["total"] for point in event_log.read(tmp_path).points] == [1.0, 2.0, 3.0]
    path.write_bytes(step_line(5, 5.0))
    assert [point["total"] for point in event_log.read(tmp_path).points] == [5.0]


def test_a_resumed_training_forgets_the_steps_it_makes_again(tmp_path):
    started = {"pid": 1, "process": "x", "epochs": 4, "batch": 2}
    event_log.append(tmp_path, "started", step=0, **started)
    event_log.append(tmp_path, "planned", device="d", steps=40, images=20)
    with (tmp_path / EVENTS_FILE).open("ab") as file:
        file.write(b"".join(step_line(step) for step in range(1, 26)))
    event_log.append(tmp_path, "rows", rows=[{"epoch": epoch, "split": "train"} for epoch in (1, 2)])
    event_log.append(tmp_path, "started", step=10, **started)
    story = event_log.read(tmp_path)
    assert [point["step"] for point in story.points] == list(range(1, 11))
    assert [row["epoch"] for row in story.rows] == [1]
    (tmp_path / JOB_FILE).touch()
    job = Job("x", tmp_path, SMALL, (), 0.0, "starting")
    assert jobs.steps_seen(job)[-1] == story.points[-1]  # and shows none that was not made


# Processes


OLD = Record("old", SMALL, None, "cpu", Limits(), (), "", 1.0, background=True)


@pytest.fixture
def old(here) -> Path:
    """The folder of a training that is recorded and has no process."""
    folder = here / ".training-old"
    folder.mkdir(parents=True)
    write_record(folder, OLD)
    return folder


@pytest.mark.fault(
    "the clock is set back by a day after a training died", "the training is not shown as starting for a day"
)
def test_a_clock_that_was_set_back_keeps_no_dead_job_starting(old):
    write_record(old, replace(OLD, created=time.time() + 86_400))
    assert jobs.get("old").state == "interrupted"


@pytest.mark.fault("a training is started where the folder for runs cannot be written", "a sentence says what to set")
def test_a_folder_for_runs_that_cannot_be_written_is_a_sentence(here, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path / "file" / "runs"))
    with pytest.raises(OSError, match=r"^The folder for runs cannot be written .*VICREG_RUNS"):
        start(SMALL)
    assert jobs.find() == []


@pytest.mark.fault(
    "another process has the id of a training that ended", "it is not taken for the training, and not killed"
)
def test_a_recycled_process_number_is_not_taken_for_the_job(old):
    assert read_record(old).config == SMALL
    pid = os.getpid()
    event_log.append(old, "started", pid=pid, process=locks.identity(pid), step=0, epochs=6, batch=64)
    assert jobs.get("old").state == "starting"  # this process lives
    event_log.append(old, "started", pid=pid, process="another boot 1", step=0, epochs=6, batch=64)
    assert jobs.get("old").state == "interrupted"
    assert jobs.get("old").resumable
    jobs.stop(jobs.get("old"))  # must not reach this process


@pytest.mark.fault("two machines share a folder, and one of them trains", "the other one leaves the training alone")
def test_a_job_on_another_host_lives_while_it_has_its_folder_and_is_left_alone(old):
    with subprocess.Popen(["sleep", "60"]) as bystander:
        event_log.append(old, "started", pid=bystander.pid, process="another boot 1", step=0, epochs=6, batch=64)
        code = "import sys, time; from pathlib import Path; from vicreg.jobs.locks import whole_folder\n"
        code += "with whole_folder(Path(sys.argv[1])): print('mine', flush=True); time.sleep(600)"
        words = [sys.executable, "-c", code, str(old)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
            assert holder.stdout.readline() == "mine\n"
            job = jobs.get("old")
            assert job.active
            for act in (jobs.stop, jobs.discard):
                with pytest.raises(ValueError, match="another machine"):
                    act(job)
            holder.kill()
        assert wait(job, over).state == "interrupted"
        jobs.discard(job)
        assert not old.exists()
        assert bystander.poll() is None
        bystander.kill()


@pytest.mark.parametrize(
    "damage",
    [
        {"created": None},
        {"created": float("inf")},
        {"name": "../../x"},
        {"token": 7},
        {"more": [1]},
        {"images": "all"},
        {"limits": {"seconds": -1}},
        {"config": {"epochs": -1}},
        {"config": {"learning_rate": 10**400}},
        {"schema": 2},
    ],
)
@pytest.mark.fault("a damaged job.json", "other trainings are listed, and a sentence names it")
def test_a_damaged_job_is_left_out_and_named_when_asked_for(here, damage):
    for name in ("old", "whole"):
        (here / f".training-{name}").mkdir(parents=True)
        write_record(here / f".training-{name}", replace(OLD, name=name))
    path = here / ".training-old" / JOB_FILE
    values = json.loads(path.read_text()) | damage
    path.write_text(json.dumps(values))
    assert [job.name for job in jobs.find()] == ["whole"]
    with pytest.raises(ValueError, match=r"\.training-old/job\.json cannot be read"):
        jobs.get("old")


@pytest.mark.parametrize(
    "line",
    [
        b'{"time":1,"kind":"started","pid":Infinity,"process":"x","step":0,"epochs":3}',
        b'{"time":1,"kind":"map","labels":[99999999999999999999]}',
        b'{"time":1,"kind":"finished","accuracy":5}',
        b'{"time":1,"kind":"failed","pid":[]}',
        b'{"time":1,"kind":"step","step":3}',
        b'{"time":1,"kind":"step","step":3,"steps":9,"epoch":1,"terms":{"total":1},"learning_rate":1,"seconds":1,'
        b'"seconds_left":1,"images_per_second":1}',
    ],
)
def test_an_event_that_cannot_be_read_changes_nothing_and_is_told_and_logged(tmp_path, line, caplog):
    event_log.append(tmp_path, "started", pid=1, process="x", step=0, epochs=3, batch=2)
    before = event_log.read(tmp_path)
    with (tmp_path / EVENTS_FILE).open("ab") as file:
        file.write(line + b"\n" + line + b"\n")
    story = event_log.read(tmp_path)
    assert f"line 2 of {tmp_path.name}/{EVENTS_FILE}" in story.fault
    assert replace(story, fault="") == before
    assert [record.exc_info is not None for record in caplog.records] == [True]  # once, with its traceback


@pytest.mark.parametrize("line", [b'{"kind":"st', b"[" * 100_000, b"7", b"\xff\xfe", b'{"kind":"of a later version"}'])
def test_a_torn_or_foreign_line_changes_nothing_and_is_no_fault(tmp_path, line, caplog):
    event_log.append(tmp_path, "started", pid=1, process="x", step=0, epochs=3, batch=2)
    with (tmp_path / EVENTS_FILE).open("ab") as file:
        file.write(line + b"\n" + step_line(1))
    story = event_log.read(tmp_path)
    assert (story.state, story.last["step"], story.fault) == ("started", 1, "")
    assert not caplog.records


def test_events_that_may_not_be_read_are_told_too(tmp_path):
    (tmp_path / EVENTS_FILE).mkdir()  # whoever runs the tests could read a file without permissions
    assert EVENTS_FILE in event_log.read(tmp_path).fault


def test_a_training_that_was_not_measured_has_finished_without_a_probe(tmp_path):
    event_log.append(tmp_path, "started", pid=1, process="x", step=0, epochs=3, batch=2)
    event_log.append(tmp_path, "finished")
    story = event_log.read(tmp_path)
    assert story.state == "finished"
    assert "accuracy" not in story.ending


def test_the_end_of_a_training_is_a_line_in_the_log(old, caplog):
    with caplog.at_level(logging.INFO, logger="vicreg"):
        for _ in range(2):  # its folder is still there, then it was discarded
            control._collect(subprocess.Popen([sys.executable, "-c", ""]), old, "old")
            shutil.rmtree(old, ignore_errors=True)
    ended, discarded = caplog.messages
    assert ended.startswith("Training old ended: interrupted. Its process ended unexpectedly")
    assert discarded == "Training old ended: it was discarded"


def test_a_process_that_ended_is_dead_before_its_parent_looks():
    with subprocess.Popen(["true"]) as process:
        deadline = time.monotonic() + 10
        while locks.identity(process.pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert locks.identity(process.pid) == ""  # a zombie by now


def test_many_who_ask_do_not_take_each_other_for_a_living_process(old):
    event_log.append(old, "started", pid=1, process="another boot 1", step=0, epochs=6, batch=64)
    (old / LOCK_FILE).touch(mode=0o444)
    with ThreadPoolExecutor(8) as pool:
        assert {job.state for job in pool.map(lambda _: jobs.get("old"), range(800))} == {"interrupted"}
    with locks.whole_folder(old):
        assert jobs.get("old").active
        jobs.discard(jobs.get("old"), only_idle=True)
        assert old.exists()
    jobs.discard(jobs.get("old"), only_idle=True)
    assert not old.exists()


@pytest.mark.fault("the clock is set back or forward during a training", "the training is still recognised")
def test_setting_the_clock_does_not_make_another_process_of_a_living_one(monkeypatch):
    known = locks.identity(os.getpid())
    assert known
    created, booted = psutil.Process.create_time, psutil.boot_time
    # on Linux the kernel reports a later moment of booting once the clock was set forward, and psutil adds it
    if psutil.LINUX:
        monkeypatch.setattr(psutil.Process, "create_time", lambda process: created(process) + 3600)
        monkeypatch.setattr(psutil, "boot_time", lambda: booted() + 3600)
    assert locks.identity(os.getpid()) == known


@pytest.mark.parametrize("pid", [-1, 0, 2**22 + 1, 2**31 - 1, 2**70])
def test_a_number_that_no_process_has_is_a_dead_one(pid, tmp_path):
    assert locks.identity(pid) == ""
    assert not locks.alive(pid, "1.00", tmp_path / LOCK_FILE)


def test_a_training_that_got_no_lock_leaves_the_holders_name(tmp_path, monkeypatch):
    with locks.whole_machine(tmp_path, name="first", folder=tmp_path / "first", since=0):
        with monkeypatch.context() as patch:
            patch.setattr(locks.FileLock, "acquire", Mock(side_effect=OSError(errno.ENOLCK, "No locks available")))
            with locks.whole_machine(tmp_path, name="second", folder=tmp_path / "second", since=0):
                pass
        assert locks.holder(tmp_path).name == "first"
    assert locks.holder(tmp_path) is None
