"""Opening a page under AppTest, and reading what is on it; and the whole app, for a browser."""

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.testing.v1 import AppTest
from websockets.sync.client import connect

ROOT = Path(__file__).parents[2]


def opened(name: str, *, data: str | None = "cifar10", **query: str) -> AppTest:
    """A page opened by a deep link to a server that nobody has visited yet; data None: the link names no data set."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    if data is not None:
        app.query_params["data"] = data
    for key, value in query.items():
        app.query_params[key] = value
    return app.switch_page(f"pages/{name}.py").run()


def text(app: AppTest) -> str:
    """Everything that is written on the page."""
    kinds = (app.title, app.subheader, app.markdown, app.caption, app.info, app.warning)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def specs(app: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in app.get("vega_lite_chart")]


def component(app: AppTest, key: str) -> dict:
    """What a component of our own, picture tiles or the diagram, is given to show."""
    for element in app.get("bidi_component"):
        if key in element.proto.id:
            return json.loads(element.proto.json)
    raise AssertionError(f"no component {key!r} on the page")


@contextlib.contextmanager
def served(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """The address of the app on a free port; caches, runs and its log, which must have no traceback, go to the folder.

    Without network, unless the environment says HF_HUB_OFFLINE=0.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"VICREG_CACHE": str(folder / "cache"), "VICREG_RUNS": str(folder / "runs")}
    options = ["--server.port", str(port), "--server.headless", "true", "--server.address", "127.0.0.1"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", *options],
            cwd=ROOT,
            env={"HF_HUB_OFFLINE": "1"} | environment | own,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)
                break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(10)
    assert "Traceback" not in (folder / "log").read_text()


def visited(url: str, name: str) -> str:
    """What a visitor of a served app is sent for a page, run to its end, as text; an exception on it is an error.

    As a browser does it, but without one: AppTest cannot play several visitors at once, since each of its runs sets and
    then takes away the one runtime of the process.
    """
    ask = BackMsg()
    ask.rerun_script.page_name = name
    found = []
    with connect(f"{url.replace('http', 'ws', 1)}/_stcore/stream", subprotocols=["streamlit"], max_size=None) as stream:
        stream.send(ask.SerializeToString())
        while True:
            message = ForwardMsg.FromString(stream.recv(timeout=120))
            kind = message.WhichOneof("type")
            if kind == "new_session":
                found.clear()
            if kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                assert message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
                return "\n".join(found)
            if kind == "delta":
                assert message.delta.new_element.WhichOneof("type") != "exception", message
                found.append(str(message.delta))
