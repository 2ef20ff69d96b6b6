"""Tasks: one task for many sessions, seen by all of them, stopped at once. Every test uses real threads."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from ui.background_tasks import Speed, Task, Tasks
from vicreg.data.image_set import DataError


class Stuck:
    """Work that stands still in a read until it is let go, then reports progress and returns; counts its calls."""

    def __init__(self, outcome: object = "late", total: int = 10):
        self.entered, self.release, self.left = threading.Event(), threading.Event(), threading.Event()
        self.calls = 0
        self.outcome, self.total = outcome, total

    def __call__(self, on_progress, should_stop):
        self.calls += 1
        on_progress(1, self.total)
        self.entered.set()
        assert self.release.wait(20)
        on_progress(9, self.total)
        self.left.set()
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@pytest.fixture
def stuck():
    works: list[Stuck] = []

    def make(outcome: object = "late", **options: int) -> Stuck:
        works.append(Stuck(outcome, **options))
        return works[-1]

    yield make
    for work in works:  # no thread outlives its test
        work.release.set()


def begun(work, **options) -> Task:
    task = Task("the pictures", work, **options)
    task.start()
    return task


def failed(error: BaseException) -> Task:
    def work(on_progress, should_stop):
        raise error

    task = begun(work)
    task.wait(5)
    left(task)  # the log is written last
    return task


def left(task: Task) -> None:
    """Wait until the task's thread is out of its work."""
    deadline = time.monotonic() + 5
    while task.busy() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert task.busy() is None


def test_tasks_that_wait_or_run_are_counted_by_the_beginning_of_their_key():
    tasks, gate = Tasks(), threading.Event()
    for key in ("a:1", "a:2", "b:1"):
        tasks.start(key, key, lambda on_progress, should_stop: gate.wait(10))
    tasks.start("a:3", "a:3", lambda on_progress, should_stop: None).wait(5)
    assert (tasks.busy("a:"), tasks.busy("b:"), tasks.busy("c:")) == (2, 1, 0)
    gate.set()
    for key in ("a:1", "a:2", "b:1"):
        tasks.get(key).wait(5)
    assert tasks.busy("") == 0


def test_a_task_goes_from_waiting_over_running_to_done(stuck):
    work = stuck(outcome=42)
    task = Task("the pictures", work)
    assert task.status().state == "waiting"
    task.start()
    assert work.entered.wait(5)
    running = task.status()
    assert (running.label, running.state, running.done, running.total) == ("the pictures", "running", 1, 10)
    assert not running.over
    assert running.fraction == pytest.approx(0.1)
    work.release.set()
    done = task.wait(5)
    assert (done.state, done.done, done.sentence, task.result(), done.over) == ("done", 9, "", 42, True)


def test_every_snapshot_is_consistent_while_progress_pours_in():
    def work(on_progress, should_stop):
        for i in range(20_000):
            on_progress(i, 2 * i)

    task = begun(work)
    while not (status := task.status()).over:
        assert status.total == 2 * status.done
    assert (status.done, status.total) == (19_999, 39_998)


def test_silence_is_counted_from_the_last_progress_and_stops_with_the_task(stuck):
    work = stuck()
    task = begun(work)
    assert work.entered.wait(5)
    time.sleep(0.15)
    stalled = task.status().silent
    assert stalled >= 0.15
    work.release.set()
    ended = task.wait(5)
    assert ended.silent < stalled  # it reported right before the end
    time.sleep(0.1)
    assert task.status() == ended


def test_the_result_of_a_task_that_is_not_done_is_an_error_that_says_what_to_do(stuck):
    work = stuck()
    task = begun(work)
    with pytest.raises(RuntimeError, match=r"is (waiting|running): ask again when its state is done"):
        task.result()
    task.cancel()
    with pytest.raises(RuntimeError, match="is cancelled: start it again"):
        task.result()


def test_a_task_starts_once(stuck):
    task = begun(stuck())
    with pytest.raises(RuntimeError, match="already started"):
        task.start()


# Speed


@pytest.mark.parametrize(
    ("seen", "at"),
    [
        ([(s, 100 * s if s <= 5 else 450 + 10 * s) for s in range(11)], {10: 10}),  # that of the last five seconds
        ([(0, 0), (1, 1000)], {1: 1000, 4: 250, 6: 0}),  # it falls when nothing comes
        ([(0, 1_000_000)], {0: 0, 1: 0}),  # what was there before a resumed download is not speed
        ([(0, 1_000_000), (2, 1_000_200)], {2: 100}),
        ([(0, 0), (1, 24_000_000), (2, 0), (3, 256)], {3: 256}),  # bytes, and then pictures: it begins anew
    ],
)
def test_the_speed_is_that_of_the_last_five_seconds(seen, at):
    speed = Speed()
    for moment, amount in seen:
        speed.add(float(moment), amount)
    assert {moment: speed.at(float(moment)) for moment in at} == pytest.approx(at)


def test_a_flood_of_amounts_takes_little_memory_and_keeps_the_speed():
    speed = Speed()
    for i in range(100_000):
        speed.add(i / 1000, i)
    assert len(speed._seen) < 150
    assert speed.at(99.999) == pytest.approx(1000, rel=0.02)


def test_a_running_task_says_its_speed_and_the_time_left(stuck):
    go_on = threading.Event()

    def work(on_progress, should_stop):
        for i in range(5):
            on_progress(1000 * i, 8000)
            time.sleep(0.05)
        assert go_on.wait(5)

    task = begun(work)
    time.sleep(0.4)
    status = task.status()
    assert 4000 / status.seconds < status.speed < 4000 / 0.2
    assert status.seconds_left == pytest.approx(4000 / status.speed)
    go_on.set()
    ended = task.wait(5)
    assert (ended.speed, ended.seconds_left) == (0, None)


def test_an_unknown_total_gives_no_time_left_and_no_fraction(stuck):
    work = stuck(total=0)
    task = begun(work)
    assert work.entered.wait(5)
    assert (task.status().done, task.status().seconds_left, task.status().fraction) == (1, None, 0.0)


# Cancelling


def test_cancelling_is_seen_at_once_though_the_thread_is_stuck_in_a_read(stuck):
    work = stuck()
    task = begun(work)
    assert work.entered.wait(5)
    start = time.monotonic()
    task.cancel()
    assert task.wait(5).state == task.status().state == "cancelled"
    assert time.monotonic() - start < 2  # and not when the read ends
    assert not work.left.is_set()


@pytest.mark.parametrize("outcome", ["a result", OSError("the connection was reset")])
def test_what_a_cancelled_task_brings_late_is_dropped(stuck, outcome, caplog):
    work = stuck(outcome)
    task = begun(work)
    assert work.entered.wait(5)
    task.cancel()
    cancelled = task.status()
    work.release.set()
    assert work.left.wait(5)
    left(task)
    assert task.status() == cancelled
    assert (cancelled.done, task.error, caplog.records) == (1, None, [])


def test_the_work_is_told_to_stop():
    asked = threading.Event()

    def work(on_progress, should_stop):
        while not should_stop():
            asked.set()
            time.sleep(0.01)

    task = begun(work)
    assert asked.wait(5)
    task.cancel()
    left(task)


def test_cancelling_what_is_over_changes_nothing():
    task = begun(lambda on_progress, should_stop: "here")
    task.wait(5)
    task.cancel()
    assert (task.status().state, task.result()) == ("done", "here")


# Failing


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (DataError("x.parquet cannot be used:\n delete it."), "x.parquet cannot be used: delete it."),
        (ValueError("bad\nand more"), "ValueError: bad"),
        (OSError(28, "No space left on device"), "OSError: [Errno 28] No space left on device"),
        (MemoryError(), "MemoryError"),
        (SystemExit(3), "SystemExit: 3"),
        (RuntimeError("x" * 1000), "RuntimeError: " + "x" * 285 + "…"),
    ],
)
def test_a_failure_is_one_line_and_never_a_traceback(error, sentence):
    task = failed(error)
    status = task.status()
    assert (status.state, status.sentence) == ("failed", sentence)
    assert task.error is error
    with pytest.raises(type(error)):
        task.result()


@pytest.mark.fault("a known problem, such as a Hub that is down", "one line in the log, without a traceback")
def test_the_log_has_one_line_for_an_expected_failure_and_a_traceback_for_any_other(caplog):
    with caplog.at_level(logging.WARNING, logger="vicreg"):
        failed(DataError("x.parquet is torn"))
        failed(KeyError("x"))
    expected, other = caplog.records
    assert (expected.getMessage(), expected.exc_info) == ("the pictures failed: x.parquet is torn", None)
    assert other.getMessage() == "the pictures failed"
    assert "in work" in caplog.text
    assert "KeyError: 'x'" in caplog.text


def test_a_system_without_threads_left_is_a_failure_and_not_an_exception(monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    task = Tasks().start("a", "the pictures", lambda on_progress, should_stop: None)
    assert task.status().sentence == "RuntimeError: can't start new thread"


# Tasks


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.fault("thirty visitors ask for the same download", "it is downloaded once")
def test_thirty_sessions_that_ask_or_retry_at_once_run_the_work_once(stuck, again):
    tasks, work, found = Tasks(), stuck("here"), []
    if again:
        tasks.start("a", "the pictures", lambda on_progress, should_stop: 1 / 0).wait(5)
    together = threading.Barrier(30)

    def session():
        together.wait(5)
        task = tasks.start("a", "the pictures", work, again=again)
        found.append((task, task.wait(10).state, task.result()))

    sessions = [threading.Thread(target=session) for _ in range(30)]
    for thread in sessions:
        thread.start()
    assert work.entered.wait(5)
    work.release.set()
    for thread in sessions:
        thread.join(10)
    assert work.calls == 1
    assert found == [(tasks.get("a"), "done", "here")] * 30


@pytest.mark.parametrize("again", [False, True])
def test_what_runs_or_is_done_is_never_started_again(stuck, again):
    tasks, work = Tasks(), stuck("here")
    task = tasks.start("a", "the pictures", work)
    assert tasks.start("a", "the pictures", work, again=again) is task
    work.release.set()
    task.wait(5)
    assert tasks.start("a", "the pictures", work, again=again) is task
    assert work.calls == 1


def test_what_was_cancelled_is_started_again_only_when_asked(stuck):
    tasks, work = Tasks(), stuck()
    first = tasks.start("a", "the pictures", work)
    first.cancel()
    assert tasks.start("a", "the pictures", work) is first
    second = tasks.start("a", "the pictures", lambda on_progress, should_stop: "here", again=True)
    assert tasks.get("a") is second is not first


@pytest.mark.fault("a visitor cancels and retries again and again", "downloads do not pile up")
def test_cancel_and_retry_in_turn_pile_up_no_downloads(stuck):
    tasks, work, more = Tasks(), stuck(), []
    tasks.start("a", "the pictures", work)
    assert work.entered.wait(5)
    for _ in range(20):
        tasks.get("a").cancel()
        assert tasks.get("a").status().state == "cancelled"
        tasks.start("a", "the pictures", lambda on_progress, should_stop: more.append(1), again=True)
    time.sleep(0.15)  # the cancelled ones that waited have left
    assert sum(thread.name == "task: the pictures" for thread in threading.enumerate()) == 2
    work.release.set()
    assert tasks.get("a").wait(5).state == "done"
    assert more == [1]


def test_a_thread_that_is_stuck_for_good_holds_a_retry_up_only_for_the_patience(stuck):
    tasks, work = Tasks(patience=0.2), stuck()
    first = tasks.start("a", "the pictures", work)
    assert work.entered.wait(5)
    first.cancel()
    second = tasks.start("a", "the pictures", lambda on_progress, should_stop: "here", again=True)
    ended = second.wait(5)
    assert (ended.state, second.result()) == ("done", "here")
    assert 0.2 <= ended.seconds < 2
    assert not work.left.is_set()


def test_old_tasks_that_are_over_go_and_running_ones_stay(stuck):
    tasks, work = Tasks(keep=3), stuck()
    running = tasks.start("running", "the pictures", work)
    for i in range(10):
        tasks.start(f"{i}", "the pictures", lambda on_progress, should_stop: "here").wait(5)
    tasks.start("last", "the pictures", lambda on_progress, should_stop: "here").wait(5)
    assert tasks.get("running") is running
    assert [i for i in range(10) if tasks.get(f"{i}")] == [7, 8, 9]
    assert tasks.get("never") is None


def test_a_done_task_can_be_forgotten_and_a_running_one_cannot(stuck):
    tasks, work = Tasks(), stuck("here")
    task = tasks.start("a", "the pictures", work)
    tasks.forget("a")
    assert tasks.get("a") is task
    work.release.set()
    task.wait(5)
    tasks.forget("a")
    assert tasks.get("a") is None
    tasks.forget("a")
