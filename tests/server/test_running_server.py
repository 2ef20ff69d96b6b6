"""The app as it is served, asked as a browser asks it: headers, limits, log, and addresses that nobody meant."""

import os
import re
import urllib.error
import urllib.request
from urllib.parse import quote

import pytest
from conftest import new_cache

import ui
from benchmarks import viewers
from server.server_limits import LIMITS

PAGES = [name for entries in ui.PAGES.values() for name, *_ in entries]
OWN = ("run", "second", "data", "lesson", "step", "room", "host", "present", "cell", "cluster", "draws")  # read by name
TAG = "<img src=x onerror=alert(1)>"
HOSTILE = (
    TAG,
    f"[a](javascript:alert) ![b](//evil.example/c.png) :material/home: $x$ {TAG}",
    "A" * 100_000,
    "-1",
    "nan",
    "1e400",
    "9" * 400,
    "../../etc/passwd",
    "\x00\u202e\U0001f600\ud7ff",
    "0-0",
    "",
    "cifar10-vicreg",
)
LINK = re.compile(r"\]\((javascript:|//evil)")  # as Markdown writes it
ROUNDS = 3  # in which every parameter of a page has another hostile value


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(folder, made_once):
    environment = {name: value for name, value in os.environ.items() if name != "VICREG_DATA"}
    new_cache(folder / "cache", made_once)
    with viewers.served(folder, environment) as url:
        yield url


def answer(url: str, **options) -> tuple[int, dict[str, str], str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, **options), timeout=30) as found:
            return found.status, dict(found.headers), found.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read().decode()


def test_every_answer_has_headers_that_keep_a_browser_to_this_server(server):
    status, headers, _ = answer(f"{server}/")
    headers = {name.lower(): value for name, value in headers.items()}
    assert status == 200
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["frame-ancestors"] == policy["default-src"] == "'self'"
    assert not re.search(r"https?:|\*", headers["content-security-policy"])


def test_an_address_that_is_too_long_is_refused_in_a_sentence(server):
    status, _, words = answer(f"{server}/maps?run={'a' * LIMITS.address}")
    assert (status, words) == (414, f"An address here has at most {LIMITS.address:,} bytes.")


def test_a_page_names_no_other_server_for_its_icon(server):
    with viewers.Visitor(server) as visitor:
        visitor.sent("claims")
        assert visitor.icon.startswith(("/media/", "data:image/svg"))


def test_the_log_begins_with_the_address_to_share(server, folder):
    first = (folder / "log").read_text("utf-8").splitlines()[0]
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d  The app is at {re.escape(server)}", first)


def harmful(found: list) -> list[str]:
    """What a browser would run or fetch of the hostile values."""
    wrong = []
    for delta in found:
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind in ("html", "markdown", "alert"):
            body = getattr(element, kind).body
            as_html = kind == "html" or (kind == "markdown" and element.markdown.allow_html)
            if LINK.search(body) or (as_html and "onerror" in body):
                wrong.append(f"{kind}: {body[:200]}")
    return wrong


@pytest.mark.fault(
    "an address whose parameters are long, not numbers, HTML, Markdown, paths or meant for another page",
    "the page opens on its own choices, and nothing of the address runs or is fetched",
)
@pytest.mark.parametrize("name", PAGES)
def test_a_hostile_address_opens_the_page_all_the_same(name, server):
    with viewers.Visitor(server) as visitor:
        keys = {*OWN, *re.findall(r'query_param_key: "(\w+)"', "".join(map(str, visitor.sent(name))))}
    wrong = []
    for start in range(ROUNDS):
        values = [(key, HOSTILE[(start * 3 + place) % len(HOSTILE)]) for place, key in enumerate(sorted(keys))]
        values += values[:2]  # repeated keys
        query = "&".join(f"{key}={quote(value)}" for key, value in values)
        with viewers.Visitor(server) as visitor:
            wrong += harmful(visitor.sent(name, query))  # raises where the page shows an exception
    assert not wrong


def test_no_address_left_a_traceback_in_the_log(server, folder):
    assert "Traceback" not in (folder / "log").read_text("utf-8")
