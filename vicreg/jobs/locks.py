"""Processes and locks: check whether a process is alive, and allow one training at a time on a machine.

A process is identified by its id and start time, because the operating system reuses process ids. The locks are kernel
locks, which are released when their holder dies.
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

HOLDER_FILE = "training.json"  # next to the machine's lock: who holds it
STARTERS_LOCK = "starting.lock"  # in the cache folder, held while a job is started or discarded
WITHOUT_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK)  # such as Lustre mounted without flock
PATIENCE = 10.0  # seconds to wait for the lock of a process that is about to end


class Busy(ValueError):
    """Another process holds the lock. The message says what to do and, if known, which process it is."""


@dataclass(frozen=True)
class Holder:
    """The training that is running on this machine: run name, state folder, process id, start (seconds since 1970)."""

    name: str
    folder: str
    pid: int
    process: str
    since: float

    @property
    def sentence(self) -> str:
        """A message for anyone else who wants to train: what is running, and what to do."""
        return (
            f"{self.name} has been training on this machine since {datetime.fromtimestamp(self.since):%Y-%m-%d %H:%M} "
            f"(process {self.pid}). Wait for it, or stop it (Ctrl-C in its terminal, `kill {self.pid}` or the page Train; "
            "it saves first), or train at the same time, which slows both, with `python -m vicreg train --beside`"
        )


def identity(pid: int) -> str:
    """The start time of a running process, which distinguishes it from a later one with the same id; empty if dead.

    In seconds. On Linux it is relative to the boot time, because the clock may be changed in the meantime.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return ""
        return f"{process.create_time() - (psutil.boot_time() if psutil.LINUX else 0):.2f}"
    except (psutil.Error, ValueError):  # ValueError: a negative id
        return ""


def alive(pid: int, process: str, lock: Path) -> bool:
    """Whether the process described by `identity` is alive on this machine, or any process holds its lock.

    A process on another host or in another container that shares the folder can only be recognised by the lock.
    """
    return here(pid, process) or _held(lock)


def here(pid: int, process: str) -> bool:
    """Whether this id still belongs to that process on this machine, so that a signal reaches the right process."""
    return bool(pid) and bool(process) and identity(pid) == process


def _held(lock: Path) -> bool:
    """Whether the lock is held. Checks take it in shared mode, so that they do not mistake each other for the holder."""
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
    """The training that is running on the machine with this cache folder, or None."""
    try:
        found = Holder(**json.loads((folder / HOLDER_FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if alive(found.pid, found.process, folder / LOCK_FILE) else None


@contextlib.contextmanager
def whole_machine(cache: Path, *, name: str, folder: Path, since: float) -> Iterator[None]:
    """Reserve the machine for one training. Raises Busy if another training is running.

    cache: the cache folder, which contains the lock. If it is not writable, there is no lock.
    name, folder: of the training, shown to others. since: its start, in seconds since 1970.
    """
    told = False
    with contextlib.ExitStack() as stack:
        try:
            cache.mkdir(parents=True, exist_ok=True)
            lock = FileLock(cache / LOCK_FILE, fallback_to_soft=False)
            # Report a living training at once. If it is about to end, or the lock was only checked, wait a moment.
            stack.enter_context(lock.acquire(timeout=0.5 if holder(cache) else PATIENCE))
            mine = Holder(name, str(folder), os.getpid(), identity(os.getpid()), since)
            with atomic_path(cache / HOLDER_FILE) as temporary:
                temporary.write_text(json.dumps(vars(mine)), "utf-8")
            told = True
        except Timeout as error:
            found = holder(cache)
            raise Busy(
                found.sentence if found else "another training run is in progress on this machine; try again later"
            ) from error
        except OSError:
            pass  # cache folder not writable: train without a lock
        try:
            yield
        finally:
            if told:  # otherwise it may be the holder's
                with contextlib.suppress(OSError):
                    (cache / HOLDER_FILE).unlink()


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[None]:
    """Lock a training's folder, so that only one process trains a run. Raises Busy, or OSError if there is no folder.

    Has no effect on a file system without locks.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(FileLock(folder / LOCK_FILE, timeout=PATIENCE, fallback_to_soft=False))
        except Timeout as error:
            name = run_name(folder)
            raise Busy(
                f"another process is already training {name}: wait for it, or choose another name with --name"
            ) from error
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
        yield


@contextlib.contextmanager
def only_starter(cache: Path) -> Iterator[None]:
    """Prevent others on this machine from starting or discarding jobs. Raises OSError if the cache is not writable."""
    cache.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(FileLock(cache / STARTERS_LOCK, fallback_to_soft=False))
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
        yield
