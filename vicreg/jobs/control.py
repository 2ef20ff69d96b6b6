"""A training as a process of its own: start it, watch it, stop it, go on with it, throw it away.

    job = jobs.start(config)              # python -m vicreg train, which outlives whoever started it
    job = jobs.get(job.name)              # how it stands now, from its folder alone: any process may ask, at any time
    jobs.stop(job)                        # after the step in progress, with its state saved
    job = jobs.resume(job)

Nothing is kept in memory: a job is its folder `.training-<name>` below the runs folder (`vicreg.jobs.session`), and so a
training that somebody began in a terminal is a job like any other. A finished job's run is an ordinary one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from vicreg.config import Config
from vicreg.jobs import event_log, locks
from vicreg.jobs.event_log import Moment
from vicreg.jobs.locks import Holder
from vicreg.jobs.session import (
    GO_ON,
    JOB_FILE,
    LOG_FILE,
    STATE_FILE,
    Limits,
    Record,
    arguments,
    full_disk,
    read_record,
    run_name,
    write_record,
)
from vicreg.storage import paths

__all__ = [
    "Job",
    "Limits",
    "Moment",
    "busy",
    "discard",
    "find",
    "free_name",
    "get",
    "history",
    "labels",
    "resume",
    "snapshots",
    "start",
    "steps_seen",
    "stop",
    "told",
]

State = Literal["starting", "running", "measuring", "stopping", "stopped", "interrupted", "failed", "finished"]
PREFIX = ".training-"
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"  # pages show it to everybody
TAIL_LINES, TAIL_BYTES = 20, 16_384  # of the log
SECONDS_TO_START = 60.0  # after which a job that never said anything is taken for dead
SECONDS_TO_DIE = 15.0  # after SIGKILL
SECONDS_TO_LET_GO = 2.0  # that a process which was killed may still have its folder's lock


@dataclass(frozen=True)
class Job:
    """A training at one moment.

    name: of its run. folder: where its state lies. command: what runs, from the interpreter on. created: seconds since
    1970. images: the first so many train images, None for all. token: whoever has the same one started it.
    state: "starting" until the first step, "running", "measuring" once all steps are made; "stopping", "stopped",
    "interrupted" (its process was killed, or the machine went down), "failed" or "finished".
    step of steps, in epoch of epochs; steps is 0 until the pictures are read. seconds: of training, over all sittings.
    seconds_left: of training; None unless it is running. images_per_second: 0 before it is known. stage: what a
    job that makes no steps is at (label, done, total). probe: of a finished one, the linear probe's accuracy and the
    ends of its 95 % interval, in per cent. sentence: why it failed, stopped by itself or was interrupted, and what to
    do. bounded: whether it met one of its limits, so that it goes on only with wider ones. log_tail: the last 20 lines
    that it printed in this sitting, none for a training in a terminal.
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

    @property
    def active(self) -> bool:
        """Whether a process is at work on it."""
        return self.state in ("starting", "running", "measuring", "stopping")

    @property
    def resumable(self) -> bool:
        """Whether `resume` goes on with it."""
        return self.state in ("stopped", "interrupted", "failed") and not self.bounded


def find() -> list[Job]:
    """Every job below the runs folder, the newest first. Folders that hold no readable job.json are left out."""
    found = []
    for path in paths.runs_folder().glob(f"{PREFIX}*/{JOB_FILE}"):
        with contextlib.suppress(ValueError, OSError):  # damaged, or gone since it was listed
            found.append(_job(path.parent))
    return sorted(found, key=lambda job: job.created, reverse=True)


def get(name: str) -> Job | None:
    """The job of that name as it stands now; None where there is none.

    A training in a terminal takes its folder away when it is finished: its job is then told from its run. Raises
    ValueError for a job whose job.json is damaged.
    """
    folder = _folder(name)
    if (folder / JOB_FILE).exists():
        with contextlib.suppress(FileNotFoundError):  # finished or discarded at this very moment
            return _job(folder)
    return _of_run(folder)


def history(job: Job) -> list[dict[str, Any]]:
    """The history so far, a row an epoch and split, as in a run's history.csv."""
    return event_log.read(job.folder).rows


def snapshots(job: Job) -> list[Moment]:
    """The snapshots so far, by epoch."""
    return event_log.read(job.folder).moments


def labels(job: Job) -> np.ndarray | None:
    """(M,) int64: the labels of the images on the snapshots' maps; None until the pictures are read."""
    return event_log.read(job.folder).labels


def steps_seen(job: Job) -> list[dict[str, Any]]:
    """At most 2,000 steps, evenly thinned, and the newest.

    Each has at least step, epoch, seconds, learning_rate, images_per_second and the terms: variance, invariance,
    covariance, total. Of a resumed training, those that led to where it is.
    """
    story = event_log.read(job.folder)
    if story.last and story.moving and (not story.points or story.points[-1]["step"] < story.last["step"]):
        return [*story.points, story.last]
    return story.points


def told(job: Job) -> float:
    """When the job last said something, in seconds since 1970."""
    try:
        return (job.folder / event_log.EVENTS_FILE).stat().st_mtime
    except OSError:
        return job.created


def busy() -> Holder | None:
    """The training that has this machine, a job of these runs or not; None where one can start."""
    return locks.holder(paths.cache_folder())


def free_name(name: str) -> str:
    """The name, or the first of name-2, name-3, ... that neither a run nor a job has."""
    number, found = 1, name
    while os.path.exists(_folder(found)) or os.path.exists(_run_folder(_folder(found))):  # False where none may look
        number += 1
        found = f"{name}-{number}"
    return found


def start(
    config: Config,
    *,
    name: str | None = None,
    images: int | None = None,
    device: str = "auto",
    token: str = "",
    limits: Limits | None = None,
) -> Job:
    """Train a config in a process of its own, which goes on when this one ends.

    name: of the run, `<dataset>-<preset>` if None. images: the first so many train images only. device: auto, cpu,
    cuda or mps. token: any string that shows later whose it is. Returns at once, with the job "starting".
    Raises ValueError where another training has the machine, where a run or a job of that name exists, for a name that is
    not plain, and for more epochs than the limits allow; OSError where its folder or the cache folder cannot be written.
    """
    name, limits = name or config.run_name, limits or Limits()
    if limits.epochs is not None and config.epochs > limits.epochs:
        raise ValueError(f"epochs must be at most {limits.epochs} here, got {config.epochs}")
    if not re.fullmatch(NAME, name):
        raise ValueError(
            "a run's name has at most 100 characters, of a to z, A to Z, digits, dots, dashes and underscores, and begins "
            f"with a letter or a digit: choose another than {name[:100]!r}"
        )
    folder = _folder(name)
    with _alone():
        if (_run_folder(folder) / "config.json").exists():
            raise ValueError(f"a finished run {name} is there already; choose another name, or delete its folder")
        if (folder / STATE_FILE).exists() or ((folder / JOB_FILE).exists() and _job(folder).state != "finished"):
            raise ValueError(
                f"a training of {name} was begun already: go on with it, discard it, or choose another name"
            )
        if room := full_disk(folder):
            raise OSError(room)
        shutil.rmtree(folder, ignore_errors=True)  # what a finished job left, whose run is gone
        folder.mkdir(parents=True)
        record = Record(name, config, images, device, limits, (), token, time.time(), background=True)
        try:
            write_record(folder, record)
            _begin(folder, record)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return _job(folder)


def resume(job: Job, *, limits: Limits | None = None) -> Job:
    """Go on with a job that stopped, failed or was interrupted, from its last saved state; any other is left alone.

    limits: in place of those it had. Raises ValueError where another training has the machine, where the job was
    discarded, and for one that met a limit and is given no other.
    """
    with _alone(besides=job.name):
        now = get(job.name)
        if now is None:
            raise ValueError(f"{job.name} was discarded: start it again")
        if now.bounded and limits is None:
            raise ValueError(f"{job.name} has used up what it may; only wider limits let it go on")
        if now.resumable or now.bounded:
            record = read_record(now.folder)
            record = dataclasses.replace(record, limits=limits or record.limits, background=True)
            write_record(now.folder, record)
            _begin(now.folder, record)
    return get(job.name) or now


def stop(job: Job) -> None:
    """Ask a job to stop: it saves after the step in progress. While it is being measured, its trained state is kept.

    Returns at once; does nothing to a job at which no process is at work. Raises ValueError for one that runs on another
    machine, and where the system does not let this user stop it.
    """
    story = event_log.read(job.folder)
    if not _lives_here(job, story):
        return
    event_log.append(job.folder, "stopping")
    # On Windows a signal would end it unasked; there its console's Ctrl-Break asks.
    _signal(story.pid, getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))


def discard(job: Job, *, only_idle: bool = False) -> None:
    """Throw a job away: kill its process if there is one, and remove its folder. A finished job's run stays.

    only_idle: leave it alone if a process is at work on it by now. Raises ValueError for one that runs on another
    machine, and where the system does not let this user kill it; OSError where the folder cannot be removed.
    """
    with locks.only_starter(paths.cache_folder()):  # so that nobody goes on with it meanwhile
        story = event_log.read(job.folder)
        if only_idle and _lives(job.folder, story):
            return
        deadline = time.monotonic() + SECONDS_TO_DIE
        while _lives_here(job, story):
            _signal(story.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
            if time.monotonic() > deadline:
                raise ValueError(f"process {story.pid}, which trains {job.name}, does not end: try again in a moment")
            time.sleep(0.05)
            story = event_log.read(job.folder)
        with contextlib.suppress(FileNotFoundError):  # a training in a terminal may take its folder away itself
            shutil.rmtree(job.folder)


def _folder(name: str) -> Path:
    if not name or Path(name).name != name or name.startswith("."):
        raise ValueError(f"a run's name must be a plain folder name, got {name!r}")
    return (paths.runs_folder() / f"{PREFIX}{name}").absolute()


def _run_folder(folder: Path) -> Path:
    return folder.with_name(run_name(folder))


@contextlib.contextmanager
def _alone(*, besides: str = "") -> Iterator[None]:
    """Be the only one who starts a training, while none has the machine. Raises ValueError where one has."""
    with locks.only_starter(paths.cache_folder()):
        found = busy()
        if found is not None and found.name != besides:
            raise ValueError(found.sentence)
        for job in find():
            if job.active and job.name != besides:
                raise ValueError(f"{job.name} is {job.state} on this machine: wait for it, or stop it first")
        yield


def _begin(folder: Path, record: Record) -> None:
    """Start the process, in a session of its own, with nothing of ours but the log."""
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    own = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if os.name == "nt" else {"start_new_session": True}
    with (folder / LOG_FILE).open("ab") as log:
        before = log.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "vicreg", *arguments(folder, record)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"},
            **own,
        )
    event_log.append(folder, "starting", pid=process.pid, process=locks.identity(process.pid), log=before)
    threading.Thread(target=process.wait, daemon=True).start()  # takes its exit status, so that it leaves no zombie


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
    except PermissionError as error:
        raise ValueError(f"process {pid} belongs to somebody else, who alone can stop it") from error


def _lives_here(job: Job, story: event_log.Story) -> bool:
    """Whether a process of this machine is at work on it. Raises ValueError for one of another machine."""
    deadline = time.monotonic() + SECONDS_TO_LET_GO
    while _lives(job.folder, story) and not locks.here(story.pid, story.process):
        if time.monotonic() > deadline:
            raise ValueError(f"{job.name} runs on another machine that shares this folder: stop it there")
        time.sleep(0.05)
    return _lives(job.folder, story)


def _lives(folder: Path, story: event_log.Story) -> bool:
    """Whether a process is at work on it; one that said its last word may live on for something else."""
    return (
        bool(story.pid)
        and story.state not in event_log.ENDS
        and locks.alive(story.pid, story.process, folder / locks.LOCK_FILE)
    )


def _job(folder: Path) -> Job:
    """The job of a folder. Raises ValueError for a damaged job.json, FileNotFoundError where the folder is gone."""
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
    )


def _state(folder: Path, record: Record, story: event_log.Story, tail: tuple[str, ...]) -> State:
    if story.state in event_log.ENDS:
        return story.state
    if not story.state and time.time() - record.created < SECONDS_TO_START:
        return "starting"
    if _lives(folder, story):
        if story.state == "stopping":
            return "stopping"
        if story.stage and story.last and story.last["step"] == story.steps:
            return "measuring"
        return "running" if story.moving else "starting"
    with contextlib.suppress(OSError):  # killed between its last rename and its last word
        if (_run_folder(folder) / "config.json").stat().st_mtime >= story.began > 0:
            return "finished"
    if story.state == "stopping":
        return "stopped"  # before it could say so
    return "failed" if story.state == "starting" and tail else "interrupted"  # it had something to say, or was killed


def _sentence(state: State, story: event_log.Story, tail: tuple[str, ...], folder: Path) -> str:
    if state == "failed":
        said = story.ending.get("sentence") or (tail[-1].removeprefix("vicreg: ") if tail else "")
        return said or "The process ended before it said anything: start it in a terminal to see why."
    if state == "stopped":
        reason = story.ending.get("reason", "")
        return f"Stopped: {reason}." if reason else ""
    if state == "interrupted" and (room := full_disk(folder)):
        return room  # and so it could not say it
    if state == "interrupted":
        return (
            "Its process ended without a word: it was killed, or the machine went down. "
            f"{GO_ON}. If it happens again, memory may be short: a smaller batch or encoder needs less."
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
    """The job that a finished run was, as far as the run tells."""
    from vicreg.runs.folder import RunError, open_run

    try:
        run = open_run(_run_folder(folder))
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
        created=math.floor((run.folder / "config.json").stat().st_mtime),
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
