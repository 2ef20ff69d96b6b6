"""One long task in a thread of the server's process, watched by any number of browser sessions.

A download of 24 MB must not hold up the page that asked for it, must not start thirty times because thirty students
opened that page, and must be seen to stop the moment somebody stops it, even while its thread is stuck in a read. So:

    tasks = Tasks()                                             # one for the whole process
    task = tasks.start("cifar10/test", "CIFAR-10", work)        # from every session; the work is done once
    task.status()                                               # a consistent snapshot, from any thread
    task.cancel()                                               # cancelled for everybody, at once

`work(on_progress, should_stop)` runs in a daemon thread, so it never keeps the process from ending. Work that writes
files must do so beside their place and rename them, as all of this package does: it can be left at any moment.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, cast

T = TypeVar("T", covariant=True)
Work = Callable[[Callable[[int, int], None], Callable[[], bool]], T]
State = Literal["waiting", "running", "done", "failed", "cancelled"]

KEEP = 32  # tasks that are over, with their results, are remembered up to this number
PATIENCE = 30.0  # seconds that a task waits for the thread of a cancelled one; one read of the Hub's client ends in 10
SPEED_SECONDS = 5.0  # the speed is that of the last so many seconds
LONGEST_SENTENCE = 300  # characters of a foreign error's message

log = logging.getLogger("vicreg")


@dataclass(frozen=True)
class Status:
    """A task at one moment. done, total: as the work last said, usually bytes; total is 0 while nobody knows it.

    seconds: since the start. silent: seconds since the last progress, or since the start before the first; both stop
    when the task is over. speed: units of `done` a second, over the last five seconds, 0 where nothing came.
    seconds_left: at that speed, None where that says nothing. sentence: of a failed task, why, in one line; else empty.
    """

    label: str
    state: State
    done: int
    total: int
    seconds: float
    silent: float
    speed: float
    seconds_left: float | None
    sentence: str

    @property
    def over(self) -> bool:
        """Whether nothing will change any more: done, failed or cancelled."""
        return self.state in ("done", "failed", "cancelled")

    @property
    def fraction(self) -> float:
        """How much is done, 0 to 1; 0 while the total is unknown."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total > 0 else 0.0


class Speed:
    """Units a second over the last `SPEED_SECONDS`, from (time, done) as they come. Not thread-safe by itself.

    The first amount is where counting begins: a resumed download starts with what was there before. An amount below
    the one before begins anew: another file, or another try.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: float, done: int) -> None:
        """Note that `done` units were there at `now`, seconds of any one clock."""
        if self._seen and done < self._seen[-1][1]:
            self._seen.clear()
        if len(self._seen) > 1 and now - self._seen[-2][0] < 0.05:  # a hundred amounts for the window are enough
            self._seen.pop()
        self._seen.append((now, done))
        # One amount from before the window stays: what was there when it opened.
        while len(self._seen) > 1 and self._seen[1][0] <= now - SPEED_SECONDS:
            self._seen.popleft()

    def at(self, now: float) -> float:
        """Units a second at `now`; 0 in the first tenth of a second, where it would be a guess."""
        if not self._seen:
            return 0.0
        opened = max(now - SPEED_SECONDS, self._seen[0][0])
        before = next(done for when, done in reversed(self._seen) if when <= opened)
        return (self._seen[-1][1] - before) / (now - opened) if now - opened >= 0.1 else 0.0


class Task(Generic[T]):
    """Work in a thread of its own, from the moment `start` is called. Every method may be called by any thread."""

    def __init__(
        self, label: str, work: Work[T], *, after: Task[object] | None = None, patience: float = PATIENCE
    ) -> None:
        """label: what a page calls it. after: a cancelled task whose thread is still busy, which this one waits for.

        It waits `patience` seconds at most, then runs beside it: a thread can be stuck for good.
        """
        self.label = label
        self._work: Work[T] | None = work
        self._after = after
        self._patience = patience
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._working = False  # whether the thread is inside the work, be the task over or not
        self._state: State = "waiting"
        self._begun = self._last = time.monotonic()
        self._ended: float | None = None
        self._done = self._total = 0
        self._speed = Speed()
        self._result: T | None = None
        self._error: BaseException | None = None
        self._sentence = ""

    def start(self) -> None:
        """Start the thread. Where the system has no thread left, the task has failed and says so."""
        work, self._work = self._work, None
        if work is None:
            raise RuntimeError(f"{self.label} was started before: make a new Task to do it again")
        try:
            threading.Thread(target=self._run, args=(work,), name=f"task: {self.label}", daemon=True).start()
        except RuntimeError as error:
            self._end("failed", error=error)

    def status(self) -> Status:
        """The task at this moment; the fields belong together."""
        with self._lock:
            now = time.monotonic() if self._ended is None else self._ended
            speed = self._speed.at(now) if self._state == "running" else 0.0
            left = max(self._total - self._done, 0) / speed if speed > 0 and self._total > 0 else None
            return Status(
                label=self.label,
                state=self._state,
                done=self._done,
                total=self._total,
                seconds=now - self._begun,
                silent=now - self._last,
                speed=speed,
                seconds_left=left,
                sentence=self._sentence,
            )

    def cancel(self) -> None:
        """Cancelled from now on, whatever the thread is doing; its late progress, result or error is dropped.

        A task that is over stays as it is. `should_stop` tells the work, which can then end early.
        """
        self._end("cancelled")

    def wait(self, seconds: float | None = None) -> Status:
        """Wait until the task is over, at most so many seconds, and return its status."""
        self._over.wait(seconds)
        return self.status()

    def result(self) -> T:
        """What the work returned. Raises the work's own error if it failed, RuntimeError if there is no result."""
        with self._lock:
            if self._state == "done":
                return cast(T, self._result)
            if self._error is not None:
                raise self._error
            way_out = "start it again" if self._state == "cancelled" else "ask again when its state is done"
            raise RuntimeError(f"{self.label} has no result, it is {self._state}: {way_out}")

    @property
    def error(self) -> BaseException | None:
        """The exception that a failed task ended with, for the log; a page shows `status().sentence`."""
        with self._lock:
            return self._error

    def busy(self) -> Task[object] | None:
        """The task whose thread is inside its work: this one, over or not, or the one it waits for; None if neither."""
        with self._lock:
            if self._working:
                return self
            after = self._after
        return after.busy() if after is not None else None

    def _run(self, work: Work[T]) -> None:
        until = time.monotonic() + self._patience
        while not self._over.is_set() and self._after is not None and self._after.busy() and time.monotonic() < until:
            self._over.wait(0.05)
        with self._lock:
            if self._state != "waiting":  # cancelled; what it waited for may be busy still, and the next one waits too
                return
            self._state, self._working, self._after = "running", True, None
            self._last = time.monotonic()
        try:
            result = work(self._progress, self._over.is_set)
        except BaseException as error:  # SystemExit too: a task that ended must not look as if it were running
            self._end("failed", error=error)
        else:
            self._end("done", result=result)
        finally:
            with self._lock:
                self._working = False

    def _progress(self, done: int, total: int) -> None:
        with self._lock:
            if self._state != "running":
                return
            self._done, self._total = int(done), int(total)
            self._last = time.monotonic()
            self._speed.add(self._last, self._done)

    def _end(self, state: State, *, result: T | None = None, error: BaseException | None = None) -> None:
        sentence = _sentence(error) if error is not None else ""
        with self._lock:
            if self._ended is not None:
                return
            self._state, self._result, self._error, self._sentence = state, result, error, sentence
            self._ended = time.monotonic()
        self._over.set()
        if error is not None:
            log.exception("%s failed", self.label, exc_info=error)


class Tasks:
    """The tasks of a process, by key; keep one, for all sessions. Every method may be called by any thread."""

    def __init__(self, *, keep: int = KEEP, patience: float = PATIENCE) -> None:
        """keep: how many tasks that are over stay, with their results; the oldest go first. patience: see Task."""
        if keep < 1:
            raise ValueError(f"keep must be 1 or more, or nobody could see how a task ended, got {keep}")
        self._keep = keep
        self._patience = patience
        self._tasks: dict[str, Task[object]] = {}
        self._lock = threading.Lock()

    def start(self, key: str, label: str, work: Work[T], *, again: bool = False) -> Task[T]:
        """The task of this key, started now if there was none: however many sessions ask, the work is done once.

        again: a failed or cancelled task is replaced by a new one, for a Retry button; without it, it is returned as it
        is, so that a page that is only drawn anew does not hammer a server that is down. A task that waits, runs or is
        done is returned either way. While the thread of the cancelled one is still inside its work, the new task
        waits for it, 30 s at most: clicking Cancel and Retry in turn does not pile up downloads.
        """
        with self._lock:
            old = self._tasks.get(key)
            if old is not None and not (again and old.status().state in ("failed", "cancelled")):
                return cast(Task[T], old)  # as the key says
            task = Task(label, work, after=old.busy() if old is not None else None, patience=self._patience)
            self._tasks.pop(key, None)  # so that the new one is the youngest
            self._tasks[key] = task
            over = [name for name, kept in self._tasks.items() if kept.status().over]
            for name in over[: max(len(over) - self._keep, 0)]:
                del self._tasks[name]
            task.start()
        return task

    def get(self, key: str) -> Task[object] | None:
        """The task of this key, in whatever state; None if there was none, or it was over long ago."""
        with self._lock:
            return self._tasks.get(key)

    def busy(self, prefix: str) -> int:
        """How many tasks whose key begins so wait or run."""
        with self._lock:
            return sum(not task.status().over for key, task in self._tasks.items() if key.startswith(prefix))

    def forget(self, key: str) -> None:
        """Forget a task that is done, since what it fetched is gone: `start` then starts it anew. Others stay."""
        with self._lock:
            if (task := self._tasks.get(key)) is not None and task.status().state == "done":
                del self._tasks[key]


def _sentence(error: BaseException) -> str:
    """The failure in one line: an error of this package says what to do next, any other is named by its type."""
    ours = isinstance(error, (ValueError, OSError)) and type(error).__module__.split(".")[0] == "vicreg"
    if ours:
        return " ".join(str(error).split())
    lines = str(error).strip().splitlines()
    line = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return line if len(line) <= LONGEST_SENTENCE else f"{line[: LONGEST_SENTENCE - 1]}…"
