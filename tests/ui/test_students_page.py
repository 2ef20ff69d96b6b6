"""The students' page of a room and its addresses, asked as a browser asks them."""

import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

import pytest
from starlette.testclient import TestClient

from ui.rooms import students_page
from ui.rooms.records import Question
from ui.rooms.room_limits import BOUNDS
from ui.rooms.store import rooms

ME = "0" * 31 + "a"
QUESTION = Question("collapse", "Which term?", ("variance", "invariance"), right=0, why="It pays.", link="maps")


@pytest.fixture(scope="module")
def client():
    with TestClient(students_page.app()) as client:
        yield client


@pytest.fixture
def room():
    room = rooms().open()
    room.ask(QUESTION)
    yield room
    rooms().close(room)


def vote(client, room, **changed):
    return client.post(
        "/join/vote", json={"room": room.code, "me": ME, "step": "collapse", "number": 1, "choice": 1} | changed
    )


def test_the_page_runs_its_own_script_only(client):
    answer = client.get("/join?room=ABCD")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "/* script */" not in answer.text
    assert len(answer.content) < 16_000


def test_a_vote_is_counted_and_the_answer_is_not_sent_before_the_reveal(client, room):
    told = vote(client, room).json()
    assert told["mine"] == [1]
    assert not {"right", "why", "link"} & told.keys()
    assert room.board().voted == 1
    room.reveal()
    told = client.get("/join/state", params={"room": room.code, "me": ME}).json()
    assert (told["right"], told["why"], told["link"], told["tallies"]) == (0, "It pays.", "maps", [[0, 1]])


def test_a_waiting_page_is_answered_as_soon_as_there_is_news(client, room):
    news = room.news
    threading.Timer(0.3, room.show).start()
    began = time.monotonic()
    told = client.get("/join/state", params={"room": room.code, "me": ME, "seen": str(news)}).json()
    assert told["phase"] == "shown"
    assert 0.2 < time.monotonic() - began < students_page.WAIT / 2


def test_a_page_that_missed_news_does_not_wait(client, room):
    room.show()
    told = client.get("/join/state", params={"room": room.code, "me": ME, "seen": str(room.news - 1)}).json()
    assert told["phase"] == "shown"


def test_a_browser_whose_pages_all_wait_is_answered_on_its_oldest_as_it_asks_again(client, room, monkeypatch):
    monkeypatch.setattr(students_page, "WAIT", 600)
    more, asked = 4, {"room": room.code, "me": ME, "seen": str(room.news)}
    with ThreadPoolExecutor(more + BOUNDS.pages) as pages:
        waiting = [pages.submit(client.get, "/join/state", params=asked) for _ in range(more + BOUNDS.pages)]
        answered = list(itertools.islice(as_completed(waiting), more))
        room.show()
    assert [page.result().json()["phase"] for page in answered] == ["voting"] * more
    assert [page.result().json()["phase"] for page in waiting if page not in answered] == ["shown"] * BOUNDS.pages


@pytest.mark.parametrize(
    "changed",
    [
        {"choice": "1"},
        {"choice": True},
        {"choice": 1e300},
        {"step": None},
        {"me": "x" * 32},
        {"me": ME + "\n"},
        {"number": 9},
    ],
)
def test_what_is_not_a_vote_is_refused_in_a_sentence(client, room, changed):
    answer = vote(client, room, **changed)
    assert answer.status_code == 409
    assert answer.json()["error"].endswith(".")
    assert room.board().voted == 0


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"[" * 900, json.dumps({"room": "x" * 2_000}).encode()])
@pytest.mark.fault("a vote that is no vote, or too long", "it is refused in a sentence")
def test_a_body_that_is_no_object_or_too_long_is_refused(client, body):
    answer = client.post("/join/vote", content=body)
    assert (answer.status_code, answer.json()["error"]) == (409, "This is not a vote.")


def test_a_closed_room_says_so(client, room):
    rooms().close(room)
    for answer in (vote(client, room), client.get("/join/state", params={"room": room.code, "me": ME})):
        assert answer.status_code == 404
        assert "no open room" in answer.json()["error"]
