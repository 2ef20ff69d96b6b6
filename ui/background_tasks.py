"""Long tasks in background threads of the server, which any number of browser sessions can follow.

A download must not block the page, must not start thirty times because thirty students open the page, and must stop at
once when cancelled, even if its thread is stuck in a read. So:

    tasks = Tasks()                                             # one for the whole process
    task = tasks.start("cifar10/test", "CIFAR-10", work)        # from every session; the work is done once
    task.status()                                               # a consistent snapshot, from any thread
    task.cancel()                                               # cancelled for everybody, at once

`work(on_progress, should_stop)` runs in a daemon thread, so it does not keep the process alive. It can be abandoned at any
moment, so it must write files atomically, as all of this package does.
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

KEEP = 32  # number of finished tasks to remember, with their results
PATIENCE = 30.0  # seconds to wait for the thread of a cancelled task; a read of the Hub's client ends within 10
SPEED_SECONDS = 5.0  # time window of the speed, in seconds
LONGEST_SENTENCE = 300  # max characters of an error message from another library

log = logging.getLogger("vicreg")


@dataclass(frozen=True)
class Status:
    """A task at one moment.

    done, total: the last reported progress, usually bytes; total is 0 if unknown.
    seconds: since the start. silent: seconds since the last progress. Both stop when the task is over.
    speed: units per second over the last five seconds. seconds_left: at that speed, or None if unknown.
    sentence: why the task failed, in one line; otherwise empty.
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
        """Whether the task is done, failed or cancelled."""
        return self.state in ("done", "failed", "cancelled")

    @property
    def fraction(self) -> float:
        """The share that is done, 0 to 1; 0 if the total is unknown."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total > 0 else 0.0


class Speed:
    """The speed over the last `SPEED_SECONDS`, from a stream of (time, done). Not thread-safe.

    Counting starts at the first amount, because a resumed download starts above 0. A smaller amount than before (another
    file, or a retry) restarts the count.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: float, done: int) -> None:
        """Record that `done` units were complete at time `now`, in seconds of any fixed clock."""
        if self._seen and done < self._seen[-1][1]:
            self._seen.clear()
        if len(self._seen) > 1 and now - self._seen[-2][0] < 0.05:  # a hundred amounts per window are enough
            self._seen.pop()
        self._seen.append((now, done))
        # Keep one amount from before the window as its starting value.
        while len(self._seen) > 1 and self._seen[1][0] <= now - SPEED_SECONDS:
            self._seen.popleft()

    def at(self, now: float) -> float:
        """Units per second at `now`; 0 in the first tenth of a second, which is too short to measure."""
        if not self._seen:
            return 0.0
        opened = max(now - SPEED_SECONDS, self._seen[0][0])
        before = next(done for when, done in reversed(self._seen) if when <= opened)
        return (self._seen[-1][1] - before) / (now - opened) if now - opened >= 0.1 else 0.0


class Task(Generic[T]):
    """Work that runs in its own thread after `start`. All methods are thread-safe."""

    def __init__(
        self, label: str, work: Work[T], *, after: Task[object] | None = None, patience: float = PATIENCE
    ) -> None:
        """label: its name on pages. after: a cancelled task with a busy thread, for which this task waits.

        It waits at most `patience` seconds and then runs anyway, because a thread can be stuck forever.
        """
        self.label = label
        self._work: Work[T] | None = work
        self._after = after
        self._patience = patience
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._working = False  # whether the thread is still inside the work, even if the task is over
        self._state: State = "waiting"
        self._begun = self._last = time.monotonic()
        self._ended: float | None = None
        self._done = self._total = 0
        self._speed = Speed()
        self._result: T | None = None
        self._error: BaseException | None = None
        self._sentence = ""

    def start(self) -> None:
        """Start the thread. If the system cannot start one, the task fails with a message."""
        work, self._work = self._work, None
        if work is None:
            raise RuntimeError(f"{self.label} was already started: make a new Task to repeat it")
        try:
            threading.Thread(target=self._run, args=(work,), name=f"task: {self.label}", daemon=True).start()
        except RuntimeError as error:
            self._end("failed", error=error)

    def status(self) -> Status:
        """A consistent snapshot of the task."""
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
        """Cancel the task at once, whatever its thread is doing. Later progress, results and errors are ignored.

        Has no effect if the task is over. `should_stop` tells the work to end early.
        """
        self._end("cancelled")

    def wait(self, seconds: float | None = None) -> Status:
        """Wait at most this many seconds for the task to end, and return its status."""
        self._over.wait(seconds)
        return self.status()

    def result(self) -> T:
        """The result of the work. Raises its error if it failed, or RuntimeError if there is no result."""
        with self._lock:
            if self._state == "done":
                return cast(T, self._result)
            if self._error is not None:
                raise self._error
            way_out = "start it again" if self._state == "cancelled" else "ask again when its state is done"
            raise RuntimeError(f"{self.label} has no result, it is {self._state}: {way_out}")

    @property
    def error(self) -> BaseException | None:
        """The exception of a failed task, for logs. Pages show `status().sentence`."""
        with self._lock:
            return self._error

    def busy(self) -> Task[object] | None:
        """The task whose thread is still working: this one, or the one it waits for; None if neither."""
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
            if (
                self._state != "waiting"
            ):  # cancelled; the task it waited for may still be busy, so the next one waits for it too
                return
            self._state, self._working, self._after = "running", True, None
            self._last = time.monotonic()
        try:
            result = work(self._progress, self._over.is_set)
        except BaseException as error:  # also SystemExit: an ended task must not look as if it were running
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
        if error is not None and _expected(error):
            log.warning("%s failed: %s", self.label, sentence)
        elif error is not None:
            log.error("%s failed", self.label, exc_info=error)


class Tasks:
    """The tasks of a process, by key. Use one registry for all sessions. All methods are thread-safe."""

    def __init__(self, *, keep: int = KEEP, patience: float = PATIENCE) -> None:
        """keep: number of finished tasks to remember; the oldest are dropped first. patience: see Task."""
        if keep < 1:
            raise ValueError(f"keep must be at least 1, so that sessions can see how a task ended, got {keep}")
        self._keep = keep
        self._patience = patience
        self._tasks: dict[str, Task[object]] = {}
        self._lock = threading.Lock()

    def start(self, key: str, label: str, work: Work[T], *, again: bool = False) -> Task[T]:
        """Return the task for this key, and start it if there is none. The work runs once for all sessions.

        again: replace a failed or cancelled task by a new one, for a Retry button. Without it, such a task is returned
        unchanged, so that reruns of a page do not overload a server that is down. Waiting, running and done tasks are
        returned in any case. A new task waits up to 30 s for the thread of the cancelled one, so that alternating Cancel
        and Retry does not pile up downloads.
        """
        with self._lock:
            old = self._tasks.get(key)
            if old is not None and not (again and old.status().state in ("failed", "cancelled")):
                return cast(Task[T], old)  # as the key says
            task = Task(label, work, after=old.busy() if old is not None else None, patience=self._patience)
            self._tasks.pop(key, None)  # so that the new task is the newest
            self._tasks[key] = task
            over = [name for name, kept in self._tasks.items() if kept.status().over]
            for name in over[: max(len(over) - self._keep, 0)]:
                del self._tasks[name]
            task.start()
        return task

    def get(self, key: str) -> Task[object] | None:
        """The task for this key in any state; None if there is none, or if it ended long ago."""
        with self._lock:
            return self._tasks.get(key)

    def busy(self, prefix: str) -> int:
        """The number of waiting or running tasks whose key has this prefix."""
        with self._lock:
            return sum(not task.status().over for key, task in self._tasks.items() if key.startswith(prefix))

    def forget(self, key: str) -> None:
        """Remove a task that is done, so that `start` runs it again. Other tasks are kept."""
        with self._lock:
            if (task := self._tasks.get(key)) is not None and task.status().state == "done":
                del self._tasks[key]


def _expected(error: BaseException) -> bool:
    """Whether an error is one of this package, whose message says what to do."""
    return isinstance(error, (ValueError, OSError)) and type(error).__module__.split(".")[0] == "vicreg"


def _sentence(error: BaseException) -> str:
    """The failure in one line. Errors of this package say what to do; for others, the type is added."""
    if _expected(error):
        return " ".join(str(error).split())
    lines = str(error).strip().splitlines()
    line = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return line if len(line) <= LONGEST_SENTENCE else f"{line[: LONGEST_SENTENCE - 1]}…"
