"""The status of a training, read from its folder. Any process can ask at any time."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np

from vicreg.config import Config
from vicreg.jobs import event_log, locks
from vicreg.jobs.event_log import Moment
from vicreg.jobs.failures import GO_ON, full_disk
from vicreg.jobs.record import DamagedRecord, Record, arguments, read_record
from vicreg.storage import paths
from vicreg.storage.json_values import JsonObject
from vicreg.storage.paths import CONFIG_FILE, EVENTS_FILE, JOB_FILE, LOCK_FILE, LOG_FILE, TRAINING, run_name

State = Literal["starting", "running", "measuring", "stopping", "stopped", "interrupted", "failed", "finished"]
TAIL_LINES, TAIL_BYTES = 20, 16_384  # of the log
SECONDS_TO_START = 60.0  # seconds; a job without any event after this time counts as dead


@dataclass(frozen=True)
class Job:
    """The status of a training at one moment.

    name: of its run. folder: of its state. command: including the interpreter. created: seconds since 1970.
    images: uses the first N train images; None for all. token: identifies the owner.
    state: "starting" until the first step, "running", "measuring" after the last step; "stopping", "stopped",
        "interrupted" (its process was killed, or the machine went down), "failed" or "finished".
    step of steps, epoch of epochs: steps is 0 until the images are loaded.
    seconds: training time over all sessions. seconds_left: None unless running. images_per_second: 0 if unknown.
    stage: (label, done, total) while it takes no steps.
    probe: when finished, the linear probe's accuracy and its 95 % interval, in percent.
    sentence: why it failed, stopped by itself or was interrupted, and what to do.
    bounded: whether it reached a limit, so that it can only resume with higher ones.
    log_tail: the last 20 lines printed in this session; empty for a training in a terminal.
    fault: what could not be read of its events, so that the rest may be out of date; empty if all could be read.
    """

    name: str
    folder: Path
    config: Config
    command: tuple[str, ...]
    created: float
    state: State
    step: int = 0
    steps: int = 0
    epoch: int = 0
    epochs: int = 0
    seconds: float = 0.0
    seconds_left: float | None = None
    device: str = ""
    images_per_second: float = 0.0
    sentence: str = ""
    log_tail: tuple[str, ...] = ()
    images: int | None = None
    token: str = ""
    stage: tuple[str, int, int] | None = None
    probe: tuple[float, float, float] | None = None
    bounded: bool = False
    fault: str = ""

    @property
    def active(self) -> bool:
        """Whether a process is working on it."""
        return self.state in ("starting", "running", "measuring", "stopping")

    @property
    def resumable(self) -> bool:
        """Whether `resume` can continue it."""
        return self.state in ("stopped", "interrupted", "failed") and not self.bounded


def find() -> list[Job]:
    """All jobs in the runs folder, newest first. Folders without a readable job.json are skipped.

    Empty if the runs folder cannot be listed: `vicreg.runs.discovery` says so.
    """
    found, files = [], list[Path]()
    with contextlib.suppress(OSError):
        files = list(paths.runs_folder().glob(f"{TRAINING}*/{JOB_FILE}"))
    for path in files:
        with contextlib.suppress(DamagedRecord, OSError):  # damaged, or removed since it was listed
            found.append(read_job(path.parent))
    return sorted(found, key=lambda job: job.created, reverse=True)


def get(name: str) -> Job | None:
    """The current status of a job; None if there is none.

    A training in a terminal removes its folder when it finishes; its status then comes from the run. Raises ValueError if
    job.json is damaged.
    """
    folder = folder_of(name)
    if (folder / JOB_FILE).exists():
        with contextlib.suppress(FileNotFoundError):  # finished or discarded just now
            return read_job(folder)
    return _of_run(folder)


def history(job: Job) -> list[JsonObject]:
    """The history so far, one row per epoch and split, as in history.csv."""
    return event_log.read(job.folder).rows


def snapshots(job: Job) -> list[Moment]:
    """The snapshots so far, by epoch."""
    return event_log.read(job.folder).moments


def labels(job: Job) -> np.ndarray | None:
    """(M,) int64: the labels of the images on the snapshots' maps; None until the images are loaded."""
    return event_log.read(job.folder).labels


def steps_seen(job: Job) -> list[JsonObject]:
    """At most 2,000 evenly spaced steps, and the newest one.

    Columns: at least step, epoch, seconds, learning_rate, images_per_second, variance, invariance, covariance and total.
    For a resumed training, only the steps that led to its present state.
    """
    story = event_log.read(job.folder)
    if story.last and story.moving and (not story.points or story.points[-1]["step"] < story.last["step"]):
        return [*story.points, story.last]
    return story.points


def told(job: Job) -> float:
    """The time of the job's last event, in seconds since 1970."""
    try:
        return (job.folder / EVENTS_FILE).stat().st_mtime
    except OSError:
        return job.created


def folder_of(name: str) -> Path:
    if not name or Path(name).name != name or name.startswith("."):
        raise ValueError(f"the name of a run must be a plain folder name, got {name!r}")
    return paths.training_folder(paths.runs_folder() / name).absolute()


def run_folder(folder: Path) -> Path:
    return folder.with_name(run_name(folder))


def lives(folder: Path, story: event_log.Story) -> bool:
    """Whether a process is working on it. After the last event, a living process is doing something else."""
    return (
        bool(story.pid)
        and story.state not in event_log.ENDS
        and locks.alive(story.pid, story.process, folder / LOCK_FILE)
    )


def read_job(folder: Path) -> Job:
    """The job of a folder. Raises DamagedRecord if job.json is damaged, FileNotFoundError if the folder is gone."""
    if not (folder / JOB_FILE).exists():
        raise FileNotFoundError(folder)
    record, story = read_record(folder), event_log.read(folder)
    tail = _log_tail(folder / LOG_FILE, story.log)
    state = _state(folder, record, story, tail)
    probe = None
    if state == "finished" and "accuracy" in story.ending:
        probe = (story.ending["accuracy"], *story.ending["interval"])
    running = state == "running" and bool(story.last)
    return Job(
        name=record.name,
        folder=folder,
        config=record.config,
        command=(sys.executable, "-m", "vicreg", *arguments(folder, record)),
        created=record.created,
        state=state,
        step=story.last.get("step", 0),
        steps=story.steps,
        epoch=story.last.get("epoch", 0),
        epochs=record.config.epochs,
        seconds=story.last.get("seconds", 0.0),
        seconds_left=story.last["seconds_left"] if running else None,
        device=story.device,
        images_per_second=story.last.get("images_per_second", 0.0),
        sentence=_sentence(state, story, tail, folder),
        log_tail=tail,
        images=record.images,
        token=record.token,
        stage=story.stage,
        probe=probe,
        bounded=state == "stopped" and bool(story.ending.get("reason")),
        fault=story.fault,
    )


def _state(folder: Path, record: Record, story: event_log.Story, tail: tuple[str, ...]) -> State:
    if story.state in event_log.ENDS:
        return cast(State, story.state)
    if not story.state and 0 <= time.time() - record.created < SECONDS_TO_START:  # below 0: the clock was set back
        return "starting"
    if lives(folder, story):
        if story.state == "stopping":
            return "stopping"
        if story.stage and story.last and story.last["step"] == story.steps:
            return "measuring"
        return "running" if story.moving else "starting"
    with contextlib.suppress(OSError):  # killed after the last rename, before the last event
        if (run_folder(folder) / CONFIG_FILE).stat().st_mtime >= story.began > 0:
            return "finished"
    if story.state == "stopping":
        return "stopped"  # before it could log this
    return "failed" if story.state == "starting" and tail else "interrupted"  # it failed with a message, or was killed


def _sentence(state: State, story: event_log.Story, tail: tuple[str, ...], folder: Path) -> str:
    if state == "failed":
        said = story.ending.get("sentence") or (tail[-1].removeprefix("vicreg: ") if tail else "")
        return said or "The process ended without any output. Start the training in a terminal to see why."
    if state == "stopped":
        reason = story.ending.get("reason", "")
        return f"Stopped: {reason}." if reason else ""
    if state == "interrupted" and (room := full_disk(folder)):
        return room  # which is why it could not log this
    if state == "interrupted":
        return (
            "Its process ended unexpectedly: it was killed, or the machine went down. "
            f"{GO_ON}. If this happens again, memory may be short: use a smaller batch or encoder."
        )
    return ""


def _log_tail(path: Path, begin: int) -> tuple[str, ...]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, begin, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ()
    lines = [line.rstrip() for line in text.replace("\r", "\n").split("\n")]
    return tuple([line for line in lines if line][-TAIL_LINES:])


def _of_run(folder: Path) -> Job | None:
    """The job of a finished run, reconstructed from the run."""
    from vicreg.runs.errors import RunError
    from vicreg.runs.folder import open_run

    try:
        run = open_run(run_folder(folder))
        probe = run.metrics.get("probe")
    except RunError:
        return None
    epochs, images = run.config.epochs, run.record["data"]["train"]["images"]
    steps = images // run.config.batch_size * epochs
    return Job(
        name=run.name,
        folder=folder,
        config=run.config,
        command=(),
        created=math.floor((run.folder / CONFIG_FILE).stat().st_mtime),
        state="finished",
        step=steps,
        steps=steps,
        epoch=epochs,
        epochs=epochs,
        seconds=float(run.record["seconds"]),
        device=str(run.record["device"]),
        images=images,
        probe=(probe["accuracy"], *probe["interval"]) if probe else None,
    )
