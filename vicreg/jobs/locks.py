"""Processes and locks: whether a process still lives, and that one training at a time has the machine.

A process is known by its number and the time it started, since the operating system reuses numbers. The locks are the
kernel's: it lets them go when their holder dies, however it dies.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from vicreg.storage.files import atomic_path
from vicreg.storage.paths import LOCK_FILE, run_name

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # as there is no such module

HOLDER_FILE = "training.json"  # beside the machine's lock: who has it
STARTERS_LOCK = "starting.lock"  # in the cache folder, while a job is started or thrown away
WITHOUT_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK)  # as on Lustre mounted without flock
PATIENCE = 10.0  # seconds that a new process waits for the lock of one that is about to end


class Busy(ValueError):
    """Another process has the lock; the message says which, since when, and what to do."""


@dataclass(frozen=True)
class Holder:
    """The training that has the machine: its run's name, its state's folder, its process, since when (from 1970)."""

    name: str
    folder: str
    pid: int
    process: str
    since: float

    @property
    def sentence(self) -> str:
        """Who it is and what to do, for whoever wants to train as well."""
        return (
            f"{self.name} is training on this machine since {datetime.fromtimestamp(self.since):%Y-%m-%d %H:%M} "
            f"(process {self.pid}). Wait for it, stop it (Ctrl-C where it runs, `kill {self.pid}` or the page Train; "
            "it saves first), or train beside it, which slows both, with `python -m vicreg train --beside`"
        )


def identity(pid: int) -> str:
    """When a living process started, which tells it from a later one with the same number; empty for a dead one.

    Seconds. On Linux since the machine started: psutil adds that moment by the clock, which somebody may set meanwhile.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return ""
        return f"{process.create_time() - (psutil.boot_time() if psutil.LINUX else 0):.2f}"
    except (psutil.Error, ValueError):  # ValueError: a negative number
        return ""


def alive(pid: int, process: str, lock: Path) -> bool:
    """Whether the process that `identity` described lives here, or any process has its lock.

    A process on another host, or in another container, that shares the folder is known by the lock alone.
    """
    return here(pid, process) or _held(lock)


def here(pid: int, process: str) -> bool:
    """Whether that number means that process on this machine, so that a signal reaches it and nobody else."""
    return bool(pid) and bool(process) and identity(pid) == process


def _held(lock: Path) -> bool:
    """Whether somebody has the lock. Those who only ask share it, so that they do not take each other for its holder."""
    if not lock.exists():
        return False
    if fcntl is not None:
        try:
            file = os.open(lock, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            os.close(file)
        return False
    try:
        with FileLock(lock, timeout=0, fallback_to_soft=False):
            return False
    except Timeout:
        return True
    except OSError as error:
        return error.errno not in WITHOUT_LOCKS


def holder(folder: Path) -> Holder | None:
    """The training that has the machine whose cache folder this is, or None."""
    try:
        found = Holder(**json.loads((folder / HOLDER_FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if alive(found.pid, found.process, folder / LOCK_FILE) else None


@contextlib.contextmanager
def whole_machine(cache: Path, *, name: str, folder: Path, since: float) -> Iterator[None]:
    """Have the machine for one training. Raises Busy where another training has it.

    cache: the cache folder, where the lock lies; where it cannot be written, nobody is kept out. name, folder: of the
    training, for those who ask who has it. since: when it began, in seconds from 1970.
    """
    with contextlib.ExitStack() as stack:
        try:
            cache.mkdir(parents=True, exist_ok=True)
            lock = FileLock(cache / LOCK_FILE, fallback_to_soft=False)
            # One that lives is named at once; one that is about to end, or was only looked at, lets go in a moment.
            stack.enter_context(lock.acquire(timeout=0.5 if holder(cache) else PATIENCE))
            mine = Holder(name, str(folder), os.getpid(), identity(os.getpid()), since)
            with atomic_path(cache / HOLDER_FILE) as temporary:
                temporary.write_text(json.dumps(vars(mine)), "utf-8")
        except Timeout as error:
            found = holder(cache)
            raise Busy(found.sentence if found else "another training has this machine; try again later") from error
        except OSError:
            pass  # no cache folder to write to: nobody is kept out
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                (cache / HOLDER_FILE).unlink()


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[None]:
    """Have a training's folder, so that no two processes train one run. Raises Busy, and OSError for no folder.

    On a file system without locks nobody is kept out.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(FileLock(folder / LOCK_FILE, timeout=PATIENCE, fallback_to_soft=False))
        except Timeout as error:
            name = run_name(folder)
            raise Busy(
                f"another process is training {name} already: wait for it, or choose another name with --name"
            ) from error
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
        yield


@contextlib.contextmanager
def only_starter(cache: Path) -> Iterator[None]:
    """Be the only one on this machine who starts a job or throws one away. Raises OSError for no cache folder."""
    cache.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(FileLock(cache / STARTERS_LOCK, fallback_to_soft=False))
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
        yield
