"""A training as a process of its own: start it, stop it, go on with it, throw it away.

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
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from vicreg.config import Config
from vicreg.jobs import event_log, locks
from vicreg.jobs.failures import full_disk
from vicreg.jobs.locks import Holder
from vicreg.jobs.record import Limits, Record, arguments, read_record, write_record
from vicreg.jobs.status import Job, find, folder_of, get, lives, read_job, run_folder
from vicreg.storage import paths
from vicreg.storage.paths import CONFIG_FILE, JOB_FILE, LOG_FILE, STATE_FILE

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"  # pages show it to everybody
SECONDS_TO_DIE = 15.0  # after SIGKILL
SECONDS_TO_LET_GO = 2.0  # that a process which was killed may still have its folder's lock


def busy() -> Holder | None:
    """The training that has this machine, a job of these runs or not; None where one can start."""
    return locks.holder(paths.cache_folder())


def free_name(name: str) -> str:
    """The name, or the first of name-2, name-3, ... that neither a run nor a job has."""
    number, found = 1, name
    while os.path.exists(folder_of(found)) or os.path.exists(run_folder(folder_of(found))):  # False where none may look
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
    folder = folder_of(name)
    with _alone():
        if (run_folder(folder) / CONFIG_FILE).exists():
            raise ValueError(f"a finished run {name} is there already; choose another name, or delete its folder")
        if (folder / STATE_FILE).exists() or ((folder / JOB_FILE).exists() and read_job(folder).state != "finished"):
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
    return read_job(folder)


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
        if only_idle and lives(job.folder, story):
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
    on_windows = os.name == "nt"
    group = subprocess.CREATE_NEW_PROCESS_GROUP if on_windows else 0  # type: ignore[attr-defined]  # there alone
    with (folder / LOG_FILE).open("ab") as log:
        before = log.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "vicreg", *arguments(folder, record)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"},
            creationflags=group,
            start_new_session=not on_windows,
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
    while lives(job.folder, story) and not locks.here(story.pid, story.process):
        if time.monotonic() > deadline:
            raise ValueError(f"{job.name} runs on another machine that shares this folder: stop it there")
        time.sleep(0.05)
    return lives(job.folder, story)
