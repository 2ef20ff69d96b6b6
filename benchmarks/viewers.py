"""A lecture hall on one instance: how long visitors wait for a page, with this app's settings and with Streamlit's own.

    python -m benchmarks.viewers [--visitors 6] [--reruns 10] [--rounds 3] [--page retrieval]

Every visitor opens the page, as a browser does but without one, and asks for it again as soon as it is there: a harder
crowd than people. `ours` is the app as it is; `collected` runs `gc.collect` after every rerun (`runner.postScriptGC`), as
Streamlit does by default. Both are served at once and take turns, so that whatever else the machine does falls on both.
"""

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

ROOT = Path(__file__).parents[1]
SETTINGS = {"ours": (), "collected": ("--runner.postScriptGC", "true")}


def main() -> None:
    """Print the reruns a second of both, their ratio, and how long one takes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=6)
    parser.add_argument("--reruns", type=int, default=10, help="of every visitor, in every round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--page", default="retrieval")
    options = parser.parse_args()
    rates: dict[str, list[float]] = {name: [] for name in SETTINGS}
    waits: dict[str, list[float]] = {name: [] for name in SETTINGS}
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(options.visitors) as pool:
        crowds = {}
        for name, settings in SETTINGS.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = stack.enter_context(served(folder, dict(os.environ), *settings))
            crowds[name] = [stack.enter_context(Visitor(url)) for _ in range(options.visitors)]
            for visitor in (crowds[name][0], *crowds[name]):
                visitor.sent(options.page)
        for _ in range(options.rounds):
            for name, crowd in crowds.items():
                began = time.perf_counter()
                for times in pool.map(lambda visitor: timed(visitor, options.page, options.reruns), crowd):
                    waits[name] += times
                rates[name].append(options.visitors * options.reruns / (time.perf_counter() - began))
    ratios = [a / b for a, b in zip(*rates.values(), strict=True)]
    print(f"page {options.page}, {options.visitors} visitors, {options.reruns} reruns each, {options.rounds} rounds")
    print(f"{'':<12}{'reruns/s':>10}{'median s':>10}{'95 % s':>10}")
    for name in SETTINGS:
        slow = np.quantile(waits[name], 0.95)
        print(f"{name:<12}{median(rates[name]):>10.2f}{median(waits[name]):>10.2f}{slow:>10.2f}")
    print(f"ours / collected: {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def timed(visitor: "Visitor", page: str, reruns: int) -> list[float]:
    """The seconds of every rerun, one after another."""
    times = []
    for _ in range(reruns):
        began = time.perf_counter()
        visitor.sent(page)
        times.append(time.perf_counter() - began)
    return times


@contextlib.contextmanager
def served(folder: Path, environment: dict[str, str], *settings: str, root: Path = ROOT) -> Iterator[str]:
    """The address of the app on a free port of this machine; caches, runs and its log go to the folder.

    Without network, unless the environment says HF_HUB_OFFLINE=0. settings: more of Streamlit's options. root: the app's
    own folder. Raises RuntimeError with the log where the app does not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"VICREG_CACHE": str(folder / "cache"), "VICREG_RUNS": str(folder / "runs")}
    options = ["--server.port", str(port), "--server.headless", "true", "--server.address", "127.0.0.1", *settings]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", *options],
            cwd=root,
            env={"HF_HUB_OFFLINE": "1"} | environment | own,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the app did not start:\n{(folder / 'log').read_text()}")
            time.sleep(0.02)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
            return True
    except OSError:
        return False


class Visitor:
    """One visitor of a served app, who speaks with it as a browser does: a session of Streamlit's, over a websocket.

    AppTest cannot play several at once, since each of its runs sets and then takes away the one runtime of the process.
    """

    def __init__(self, url: str) -> None:
        address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
        self._connection = connect(address, subprotocols=["streamlit"], max_size=None)

    def __enter__(self) -> "Visitor":
        self._stream = self._connection.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.__exit__(*error)

    def sent(self, page: str, query: str = "") -> list[Delta]:
        """What is sent for a page, run to its end. Raises RuntimeError where the page shows an exception.

        query: what follows the question mark in its address.
        """
        ask = BackMsg()
        ask.rerun_script.page_name = page
        ask.rerun_script.query_string = query
        self._stream.send(ask.SerializeToString())
        found: list[Delta] = []
        while True:
            message = ForwardMsg.FromString(self._stream.recv(timeout=120))
            kind = message.WhichOneof("type")
            if kind == "new_session":  # also where the page asks for itself once more
                found.clear()
            elif kind == "delta":
                if message.delta.new_element.WhichOneof("type") == "exception":
                    raise RuntimeError(f"page {page}: {message.delta.new_element.exception}")
                found.append(message.delta)
            elif kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                if message.script_finished != ForwardMsg.FINISHED_SUCCESSFULLY:
                    raise RuntimeError(f"page {page} did not run: {message.script_finished}")
                return found


if __name__ == "__main__":
    main()
