"""A room of two hundred students on one server: how long a vote takes until it is counted, and until the lecturer sees it.

    python -m benchmarks.room [--students 200] [--seconds 20] [--visitors 0]

Every student has the students' page open, which waits for news, and the app itself in a second tab, which is a session of
Streamlit's over a websocket. The lecturer opens a room on the page Lesson, in a session that asks for the votes as often as
a browser would. Then every student votes once at a random moment. `--visitors` of them click through the app meanwhile,
each asking for a page again as soon as it is there. Clients and server share this machine's cores.
"""

import argparse
import asyncio
import contextlib
import os
import random
import re
import secrets
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import numpy as np
import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from benchmarks.viewers import Visitor, served

LESSON = "lesson"  # whose first screen opens a room
OPEN, BROWSED = "lab", "training_curves"


def main() -> None:
    """Print the median, the 95 % quantile and the maximum of every delay, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20, help="in which all of them vote")
    parser.add_argument("--visitors", type=int, default=0, help="who click through the app meanwhile")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(served(folder, dict(os.environ)))
        lecturer = stack.enter_context(Lecturer(url))
        crowd = stack.enter_context(Crowd(url, options.students, options.visitors))
        lecturer.open()
        asyncio.run(Class(url, lecturer, options.students, options.seconds).vote())
        crowd.told()


class Lecturer:
    """A session of Streamlit's that leads a room and repeats its fragments as a browser does."""

    def __init__(self, url: str) -> None:
        self._connection = connect(f"{url.replace('http', 'ws', 1)}/_stcore/stream", subprotocols=["streamlit"])
        self._lock, self._over = threading.Lock(), threading.Event()
        self._fragments: dict[str, float] = {}  # id -> seconds between two runs
        self._buttons: dict[str, str] = {}  # label -> id
        self._finished = threading.Event()
        self.code, self.seen = "", [(0.0, 0)]  # seen: (time, votes on the screen)

    def __enter__(self) -> "Lecturer":
        self._stream = self._connection.__enter__()
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._connection.__exit__(*error)

    def open(self) -> None:
        """Open a room, and start to repeat the fragments of the page."""
        self._rerun()
        self.click("Open a room")
        self._rerun("step=1")
        threading.Thread(target=self._repeat, daemon=True).start()
        deadline = time.monotonic() + 60
        while not self.code or not self._fragments:
            if time.monotonic() > deadline:
                raise RuntimeError("the page Lesson opened no room")
            time.sleep(0.1)

    def click(self, label: str) -> None:
        """Press a button, and wait until the page has run."""
        ask = BackMsg()
        ask.rerun_script.page_name = LESSON
        ask.rerun_script.widget_states.widgets.add(id=self._buttons[label], trigger_value=True)
        self._send(ask, wait=True)

    def _rerun(self, query: str = "") -> None:
        ask = BackMsg()
        ask.rerun_script.page_name, ask.rerun_script.query_string = LESSON, query
        self._send(ask, wait=True)

    def _send(self, ask: BackMsg, *, wait: bool = False) -> None:
        self._finished.clear()
        with self._lock:
            self._stream.send(ask.SerializeToString())
        if wait and not self._finished.wait(60):
            raise RuntimeError("the page Lesson did not finish")

    def _repeat(self) -> None:
        due: dict[str, float] = {}
        while not self._over.wait(0.01):
            for fragment, every in list(self._fragments.items()):
                if time.monotonic() >= due.setdefault(fragment, time.monotonic() + every):
                    due[fragment] = time.monotonic() + every
                    ask = BackMsg()
                    ask.rerun_script.page_name, ask.rerun_script.fragment_id = LESSON, fragment
                    self._send(ask)

    def _listen(self) -> None:
        for data in self._stream:
            message = ForwardMsg.FromString(data)
            kind = message.WhichOneof("type")
            if kind == "auto_rerun":
                self._fragments[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            elif kind == "new_session" and not message.metadata.run.fragment_ids:
                self._fragments.clear()
            elif kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                self._finished.set()
            elif kind == "delta":
                self._read(message)

    def _read(self, message: ForwardMsg) -> None:
        element = message.delta.new_element
        if element.WhichOneof("type") == "button":
            self._buttons[element.button.label] = element.button.id
        text = str(element)
        if found := re.search(r"Room ([A-Z]{4})\b", text):
            self.code = found[1]
        if found := re.search(r"\*\*(\d+)\*\* of \d+ have voted", text):
            self.seen.append((time.perf_counter(), int(found[1])))


class Crowd:
    """Sessions of the app that are open, and some of them busy."""

    def __init__(self, url: str, sessions: int, busy: int) -> None:
        self._visitors = [Visitor(url) for _ in range(sessions)]
        self._busy, self._over = busy, threading.Event()
        self._times: list[float] = []

    def __enter__(self) -> "Crowd":
        for visitor in self._visitors:
            visitor.__enter__().sent(OPEN)
        self._pool = ThreadPoolExecutor(max(1, self._busy))
        for visitor in self._visitors[: self._busy]:
            self._pool.submit(self._browse, visitor)
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._pool.shutdown()
        for visitor in self._visitors:
            visitor.__exit__(*error)

    def told(self) -> None:
        """Print what the busy ones waited."""
        if self._times:
            print(row(f"{BROWSED} of the {self._busy} who click", self._times))

    def _browse(self, visitor: Visitor) -> None:
        while not self._over.is_set():
            began = time.perf_counter()
            visitor.sent(BROWSED)
            self._times.append(time.perf_counter() - began)


@dataclass
class Class:
    """The students of a room, each in a task of one event loop."""

    url: str
    lecturer: Lecturer
    students: int
    seconds: float
    counted: list[tuple[float, float]] = field(default_factory=list)  # when a student clicked, when the answer came
    told: list[float] = field(default_factory=list)  # when a student's page knew that the votes are shown

    async def vote(self) -> None:
        """Play one question, and print the delays."""
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
        async with httpx2.AsyncClient(base_url=self.url, limits=limits, timeout=60) as client:
            began = time.perf_counter()
            ready = asyncio.Barrier(self.students + 1)
            tasks = [asyncio.create_task(self._student(client, ready)) for _ in range(self.students)]
            await ready.wait()
            arrived = time.perf_counter() - began
            await asyncio.sleep(self.seconds + 3)
            shown = time.perf_counter()
            await asyncio.to_thread(self.lecturer.click, "Show the votes")
            await asyncio.gather(*tasks)
        counted = [answered - clicked for clicked, answered in self.counted]
        order = sorted(self.counted, key=lambda times: times[1])
        seen = [self._visible(rank) - clicked for rank, (clicked, _) in enumerate(order, 1)]
        memory = max(one.memory_info().rss for one in psutil.Process().children(recursive=True)) / 1e6
        print(
            f"{self.students} students, each with an open page and an open session; they vote within {self.seconds:.0f} s"
        )
        print(f"{'seconds':<44}{'median':>8}{'95 %':>8}{'max':>8}")
        print(row("click -> counted, and the phone knows", counted))
        print(row("click -> on the lecturer's screen", seen))
        print(row("'Show the votes' -> on a phone", [one - shown for one in self.told]))
        print(f"all pages loaded after {arrived:.1f} s; the server uses {memory:.0f} MB")

    async def _student(self, client: httpx2.AsyncClient, ready: asyncio.Barrier) -> None:
        me, code = secrets.token_hex(16), self.lecturer.code
        (await client.get(f"/join?room={code}")).raise_for_status()
        state = (await client.get(f"/join/state?room={code}&me={me}")).raise_for_status().json()
        waiting = asyncio.create_task(self._follow(client, me, state["news"]))
        await ready.wait()
        await asyncio.sleep(random.random() * self.seconds)
        vote = {"room": code, "me": me, "step": state["step"], "number": 1, "choice": random.randrange(2)}
        clicked = time.perf_counter()
        (await client.post("/join/vote", json=vote)).raise_for_status()
        self.counted.append((clicked, time.perf_counter()))
        await waiting

    async def _follow(self, client: httpx2.AsyncClient, me: str, news: int) -> None:
        while True:
            state = (await client.get(f"/join/state?room={self.lecturer.code}&me={me}&seen={news}")).json()
            if state["phase"] == "shown":
                self.told.append(time.perf_counter())
                return
            news = state["news"]

    def _visible(self, rank: int) -> float:
        """When the lecturer's screen showed this many votes."""
        return next((when for when, votes in self.lecturer.seen if votes >= rank), float("inf"))


def row(name: str, times: list[float]) -> str:
    """A line of the table."""
    return f"{name:<44}{np.median(times):>8.2f}{np.quantile(times, 0.95):>8.2f}{max(times):>8.2f}"


if __name__ == "__main__":
    main()
