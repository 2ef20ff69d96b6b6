"""Opening a page under AppTest, and reading what is on it; and the whole app, for a browser."""

import contextlib
import functools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from conftest import new_cache
from streamlit.testing.v1 import AppTest

from benchmarks import viewers

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]


def opened(name: str, *, data: str | None = "cifar10", **query: str) -> AppTest:
    """A page opened by a deep link to a server that nobody has visited yet; data None: the link names no data set."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    if data is not None:
        app.query_params["data"] = data
    for key, value in query.items():
        app.query_params[key] = value
    app.switch_page(f"pages/{name}.py").run()
    assert not app.exception, app.exception
    return app


def read(name: str, **query: str) -> AppTest:
    """As `opened`, for tests that only read: a page is opened once for all of them, on the same pictures."""
    return _read(name, os.environ.get("VICREG_DATA"), tuple(sorted(query.items())))


@functools.cache
def _read(name: str, pictures: str | None, query: tuple[tuple[str, str], ...]) -> AppTest:
    return opened(name, **dict(query))


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
def served(folder: Path, environment: dict[str, str], made_once: Path | None = None) -> Iterator[str]:
    """The app as `benchmarks.viewers` serves it, with the shared pictures; its log must have no traceback."""
    if made_once is not None:
        new_cache(folder / "cache", made_once)
    with viewers.served(folder, environment) as url:
        yield url
    assert "Traceback" not in (folder / "log").read_text()


def visited(url: str, name: str, query: str = "") -> str:
    """What one more visitor of a served app is sent for a page with a query in its address, as text."""
    with viewers.Visitor(url) as visitor:
        return "\n".join(str(delta) for delta in visitor.sent(name, query))


def settled(page: "Page") -> None:
    """Wait until the page is drawn: for a while nothing ran, and nothing was added or removed."""
    page.get_by_test_id("stHeading").first.wait_for()
    page.evaluate(
        """async () => { await document.fonts.ready; await new Promise((resolve) => {
          let last = 0, since = performance.now();
          const look = () => {
            const count = document.querySelectorAll("*").length;
            const busy = document.querySelector("[data-testid=stStatusWidget], [data-testid=stSkeleton], [data-stale=true]");
            if (busy || count !== last) [last, since] = [count, performance.now()];
            if (performance.now() - since > 300) resolve(); else setTimeout(look, 50);
          };
          look();
        }); }"""
    )
