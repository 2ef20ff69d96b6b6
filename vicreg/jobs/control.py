"""Run a training in a separate process: start, stop, resume or discard it.

    job = jobs.start(config)              # runs python -m vicreg train, which continues after this process ends
    job = jobs.get(job.name)              # its current status, read from its folder; any process can ask
    jobs.stop(job)                        # saves and stops after the current step
    job = jobs.resume(job)

Nothing is kept in memory. A job is the folder `.training-<name>` in the runs folder (`vicreg.jobs.training_process`), so
a training that was started in a terminal is a job as well. When a job has finished, its run is an ordinary run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
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

LOG = logging.getLogger("vicreg")

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"  # pages show it to all visitors
SECONDS_TO_DIE = 15.0  # seconds to wait after SIGKILL
SECONDS_TO_LET_GO = 2.0  # seconds that a killed process may still hold the lock of its folder


def busy() -> Holder | None:
    """The training that has locked this machine, from any runs folder; None if there is none."""
    return locks.holder(paths.cache_folder())


def free_name(name: str) -> str:
    """The name, or the first of name-2, name-3, ... that no run or job uses."""
    number, found = 1, name
    while os.path.exists(folder_of(found)) or os.path.exists(
        run_folder(folder_of(found))
    ):  # False if the folder is not readable
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
    quick: bool = False,
) -> Job:
    """Train a config in a separate process, which continues when this one ends. Returns at once, with state "starting".

    name: of the run; None means `<dataset>-<preset>`. images: use only the first N train images.
    device: auto, cpu, cuda or mps. token: any string that identifies the owner later. quick: measure only the figures that
    every run must have.

    Raises ValueError if another training is running, if the name is invalid or already used by a run or job, or if the
    config has more epochs than the limits allow. Raises OSError if the disk is full, or if its folder or the cache
    folder is not writable.
    """
    name, limits = name or config.run_name, limits or Limits()
    if limits.epochs is not None and config.epochs > limits.epochs:
        raise ValueError(f"epochs must be at most {limits.epochs} here, got {config.epochs}")
    if not re.fullmatch(NAME, name):
        raise ValueError(
            "a run name must have at most 100 letters (a to z, A to Z), digits, dots, dashes and underscores, and start "
            f"with a letter or digit, got {name[:100]!r}"
        )
    folder = folder_of(name)
    with _alone():
        if (run_folder(folder) / CONFIG_FILE).exists():
            raise ValueError(f"a finished run {name} already exists: choose another name, or delete its folder")
        if (folder / STATE_FILE).exists() or ((folder / JOB_FILE).exists() and read_job(folder).state != "finished"):
            raise ValueError(f"a training run of {name} already exists: resume it, discard it, or choose another name")
        if room := full_disk(folder):
            raise OSError(room)
        shutil.rmtree(folder, ignore_errors=True)  # remains of a finished job whose run was deleted
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise OSError(
                f"The folder for runs cannot be written ({error.strerror}): set VICREG_RUNS to a writable one; restart"
            ) from error
        more = ("--quick",) if quick else ()
        record = Record(name, config, images, device, limits, more, token, time.time(), background=True)
        try:
            write_record(folder, record)
            _begin(folder, record)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return read_job(folder)


def resume(job: Job, *, limits: Limits | None = None) -> Job:
    """Resume a stopped, failed or interrupted job from its last saved state. Other jobs are returned unchanged.

    limits: replace the old limits. Raises ValueError if another training is running, if the job was discarded, or if it
    reached a limit and there are no new limits.
    """
    with _alone(besides=job.name):
        now = get(job.name)
        if now is None:
            raise ValueError(f"{job.name} was discarded: start a new training run")
        if now.bounded and limits is None:
            raise ValueError(f"{job.name} has reached its limits; it can only resume with higher ones")
        if now.resumable or now.bounded:
            record = read_record(now.folder)
            record = dataclasses.replace(record, limits=limits or record.limits, background=True)
            write_record(now.folder, record)
            _begin(now.folder, record)
    return get(job.name) or now


def stop(job: Job) -> None:
    """Ask a job to stop. It saves after the current step; during evaluation, it keeps the trained state.

    Returns at once. Does nothing if no process is working on the job. Raises ValueError if the job runs on another
    machine or belongs to another user.
    """
    story = event_log.read(job.folder)
    if not _lives_here(job, story):
        return
    event_log.append(job.folder, "stopping")
    # On Windows a signal would kill it; Ctrl-Break in its console asks it to stop.
    _signal(story.pid, getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))


def discard(job: Job, *, only_idle: bool = False) -> None:
    """Delete a job: kill its process, if any, and remove its folder. The run of a finished job stays.

    only_idle: do nothing if a process is working on it now. Raises ValueError if the job runs on another machine,
    belongs to another user, or has not ended after 15 s, and OSError if the folder cannot be removed.
    """
    with locks.only_starter(paths.cache_folder()):  # so that nobody resumes it in the meantime
        story = event_log.read(job.folder)
        if only_idle and lives(job.folder, story):
            return
        deadline = time.monotonic() + SECONDS_TO_DIE
        while _lives_here(job, story):
            _signal(story.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
            if time.monotonic() > deadline:
                raise ValueError(
                    f"process {story.pid}, which trains {job.name}, has not ended yet: try again in a moment"
                )
            time.sleep(0.05)
            story = event_log.read(job.folder)
        with contextlib.suppress(FileNotFoundError):  # a training in a terminal may remove its folder itself
            shutil.rmtree(job.folder)


@contextlib.contextmanager
def _alone(*, besides: str = "") -> Iterator[None]:
    """Make sure that no training is running and that nobody else starts one. Raises ValueError otherwise."""
    with locks.only_starter(paths.cache_folder()):
        found = busy()
        if found is not None and found.name != besides:
            raise ValueError(found.sentence)
        for job in find():
            if job.active and job.name != besides:
                raise ValueError(f"{job.name} is {job.state} on this machine: wait for it, or stop it first")
        yield


def _begin(folder: Path, record: Record) -> None:
    """Start the process in a new session; it inherits only the log file."""
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    on_windows = os.name == "nt"
    group = subprocess.CREATE_NEW_PROCESS_GROUP if on_windows else 0  # type: ignore[attr-defined]  # there alone
    with (folder / LOG_FILE).open("ab") as output:
        before = output.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "vicreg", *arguments(folder, record)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"},
            creationflags=group,
            start_new_session=not on_windows,
        )
    event_log.append(folder, "starting", pid=process.pid, process=locks.identity(process.pid), log=before)
    LOG.info("Training %s started: %s epochs on %s", record.name, record.config.epochs, record.config.dataset)
    threading.Thread(target=_collect, args=(process, folder, record.name), daemon=True).start()


def _collect(process: subprocess.Popen[bytes], folder: Path, name: str) -> None:
    """Wait for a process, so that no zombie remains, and log how its training ended."""
    process.wait()
    try:
        job = read_job(folder)
    except (ValueError, OSError):
        LOG.info("Training %s ended: it was discarded", name)
    else:
        LOG.info("Training %s ended: %s. %s", name, job.state, job.sentence)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
    except PermissionError as error:
        raise ValueError(f"process {pid} belongs to another user, and only that user can stop it") from error


def _lives_here(job: Job, story: event_log.Story) -> bool:
    """Whether a process on this machine is working on the job. Raises ValueError if it runs on another machine."""
    deadline = time.monotonic() + SECONDS_TO_LET_GO
    while lives(job.folder, story) and not locks.here(story.pid, story.process):
        if time.monotonic() > deadline:
            raise ValueError(f"{job.name} runs on another machine that shares this folder: stop it there")
        time.sleep(0.05)
    return lives(job.folder, story)
