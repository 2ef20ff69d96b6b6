"""Rooms: what counts as a vote, who sees what and when, and every bound."""

import functools
import logging
import threading
from dataclasses import replace

import pytest

from ui.rooms.records import Question, RoomClosed, RoomError
from ui.rooms.room_limits import BOUNDS
from ui.rooms.store import CODE_LENGTH, LETTERS, Room, Rooms

QUESTION = Question("collapse", "Which term?", ("variance", "invariance", "covariance"), right=0, why="It pays.")
OTHER = replace(QUESTION, step="rank")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def room(clock):
    room = Room("BDHJ", clock=clock)
    room.ask(QUESTION)
    return room


def test_a_changed_vote_counts_once(room):
    room.vote("a", "collapse", 1, 0)
    room.vote("a", "collapse", 1, 2)
    room.vote("b", "collapse", 1, 2)
    assert room.board().voted == 2
    room.show()
    assert room.board().tallies == ((0, 0, 2),)


def test_the_distribution_is_hidden_until_it_is_shown(room):
    room.vote("a", "collapse", 1, 1)
    assert room.board().tallies == room.view("b").tallies == ()
    assert room.board(hidden=True).tallies == ((0, 1, 0),)
    room.show()
    assert room.view("b").tallies == ((0, 1, 0),)


def test_both_rounds_are_kept_side_by_side(room):
    room.vote("a", "collapse", 1, 1)
    room.again()
    assert room.view("a").tallies == ()  # the first round was not shown, and the second is open
    room.vote("a", "collapse", 2, 0)
    room.vote("b", "collapse", 2, 0)
    room.reveal()
    assert room.view("a").tallies == ((0, 1, 0), (2, 0, 0))
    assert room.view("a").mine == (1, 0)
    room.again()
    assert room.board().phase == "answered"


@pytest.mark.parametrize(
    ("step", "number", "choice", "sentence"),
    [
        ("rank", 1, 0, "moved on"),
        ("collapse", 2, 0, "moved on"),
        ("collapse", 1, 3, "3 options"),
        ("collapse", 1, -1, "3 options"),
    ],
)
def test_a_vote_that_does_not_fit_is_refused_in_a_sentence(room, step, number, choice, sentence):
    with pytest.raises(RoomError, match=sentence):
        room.vote("a", step, number, choice)
    assert room.board().voted == 0


def test_a_vote_after_the_distribution_was_shown_is_refused(room):
    room.show()
    with pytest.raises(RoomError, match="closed"):
        room.vote("a", "collapse", 1, 0)


def test_a_question_continues_where_it_was_left(room):
    room.vote("a", "collapse", 1, 0)
    room.show()
    room.ask(OTHER)
    assert room.board().phase == "voting"
    room.ask(QUESTION)
    assert (room.board().phase, room.board().tallies) == ("shown", ((1, 0, 0),))


def test_pages_hear_of_the_lecturers_steps_and_not_of_votes(room):
    heard = []
    stop = room.listen("a", lambda: heard.append(room.news))
    room.vote("a", "collapse", 1, 0)
    assert heard == []
    room.show()
    room.ask(QUESTION)  # is on already
    assert heard == [room.news]
    stop()
    room.reveal()
    assert len(heard) == 1


@pytest.mark.fault(
    "a browser asks a room for news again and again, and waits for no answer", "the others wait for news as before"
)
def test_a_browsers_newest_pages_wait_for_news_and_its_older_ones_are_told_at_once(room):
    heard = []
    room.listen("b", lambda: heard.append("other"))
    stops = [room.listen("a", functools.partial(heard.append, number)) for number in range(1_000)]
    assert heard == list(range(1_000 - BOUNDS.pages))
    heard.clear()
    stops[0]()  # has been replaced
    stops[-1]()
    room.show()
    assert heard == ["other", *range(1_000 - BOUNDS.pages, 999)]


def test_who_shows_no_sign_of_life_is_not_present(room, clock):
    room.view("a")
    clock.now += BOUNDS.present + 1
    room.view("b")
    assert room.board().present == 1


@pytest.mark.fault("more students or questions than a room takes", "a sentence")
def test_every_bound_of_a_room_is_told(clock):
    room = Room("BDHJ", bounds=replace(BOUNDS, members=1, questions=1), clock=clock)
    room.ask(QUESTION)
    with pytest.raises(RoomError, match="at most 1 questions"):
        room.ask(OTHER)
    room.view("a")
    with pytest.raises(RoomError, match="full \\(1 browsers\\)"):
        room.view("b")


@pytest.mark.parametrize(("options", "right"), [(("one",), 0), (("a", "b"), 2), (tuple("123456789"), 0)])
def test_a_question_without_a_choice_is_refused(options, right):
    with pytest.raises(ValueError, match=r"options, got|must be between"):
        Question("step", "text", options, right)


def test_a_code_opens_a_room_and_only_its_secret_leads_it(caplog):
    rooms = Rooms()
    with caplog.at_level(logging.INFO, logger="vicreg"):
        room = rooms.open()
    assert caplog.messages == [f"Room {room.code} opened; 1 of {BOUNDS.rooms} rooms are open"]
    assert room.secret not in caplog.text
    assert len(set(room.code)) == CODE_LENGTH
    assert set(room.code) <= set(LETTERS)
    assert rooms.get(f" {room.code.lower()} ") is room
    assert rooms.hosted(room.code, room.secret) is room
    assert rooms.hosted(room.code, room.code) is None
    assert rooms.hosted("nope", room.secret) is None


@pytest.mark.fault(
    "more rooms than a server takes", "the oldest room without students makes place; otherwise a sentence"
)
def test_a_full_server_gives_the_place_of_an_unused_room_and_of_no_other(clock):
    rooms = Rooms(bounds=replace(BOUNDS, rooms=2), clock=clock)
    used, unused = rooms.open(), rooms.open()
    with pytest.raises(RoomError, match="at most 2 rooms"):
        rooms.open()
    clock.now += BOUNDS.unused + 1
    used.view("a")
    new = rooms.open()
    assert rooms.get(unused.code) is None
    assert rooms.get(used.code) is used
    with pytest.raises(RoomClosed):
        unused.view("b")
    assert new.board().phase == "waiting"


def test_an_old_room_is_closed(clock):
    rooms = Rooms(clock=clock)
    room = rooms.open()
    clock.now += BOUNDS.seconds + 1
    assert rooms.get(room.code) is None


def test_two_hundred_threads_lose_no_vote(room):
    threads = [threading.Thread(target=room.vote, args=(f"m{i}", "collapse", 1, i % 3)) for i in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    room.show()
    assert room.board().tallies == ((67, 67, 66),)
