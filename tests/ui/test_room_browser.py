"""The students' page of a room in a real Chromium, at the width of a phone, without a Streamlit server."""

import socket
import threading
import time

import pytest
import uvicorn
from playwright.sync_api import expect

from ui.rooms import students_page
from ui.rooms.records import Question
from ui.rooms.store import rooms

pytestmark = pytest.mark.browser
QUESTION = Question("collapse", "Which term?", ("variance", "invariance"), right=0, why="It pays.", link="./maps")


@pytest.fixture(scope="module")
def url():
    """The address of the page on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(students_page.app(), host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = server.force_exit = True
    thread.join(10)


@pytest.fixture
def phone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    yield page
    assert errors == []


def test_a_student_follows_the_lecturer_by_keyboard_alone(phone, url):
    room = rooms().open()
    phone.goto(f"{url}/join")
    phone.get_by_label("The code of your room").fill(room.code.lower())
    phone.keyboard.press("Enter")
    status = phone.get_by_role("status")
    expect(status).to_contain_text("You are in")
    room.ask(QUESTION)
    expect(phone.get_by_role("heading", name="Which term?")).to_be_visible()
    phone.get_by_role("button", name="invariance", exact=True).press("Enter")
    expect(status).to_contain_text("You chose B")
    phone.get_by_role("button", name="variance", exact=True).press("Space")
    expect(status).to_contain_text("You chose A")
    assert room.board(hidden=True).tallies == ((1, 0),)
    room.again()
    expect(status).to_contain_text("vote again")
    room.reveal()
    expect(status).to_contain_text("The right answer is A")
    expect(phone.get_by_role("list", name="Votes")).to_contain_text("before 1 of 1")
    expect(phone.get_by_role("link", name="See it in the app")).to_have_attribute("href", "./maps")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    rooms().close(room)
    expect(status).to_contain_text("no open room")


def test_a_reload_is_the_same_browser(phone, url):
    room = rooms().open()
    room.ask(QUESTION)
    phone.goto(f"{url}/join?room={room.code}")
    phone.get_by_role("button", name="invariance", exact=True).click()
    expect(phone.get_by_role("status")).to_contain_text("You chose B")
    phone.reload()
    expect(phone.get_by_role("status")).to_contain_text("You chose B")
    assert room.board().present == 1
    rooms().close(room)


ASKED = {"room": "BDHJ", "step": "s", "text": "Which?", "options": ["one", "two"], "number": 1, "mine": [None]}


def held_requests(phone):
    """Opens the page of a room whose server answers nothing but the first question: a list of the other requests."""
    held = []

    def answer(route):
        address = route.request.url
        if "/join/state" in address and "seen" not in address:
            route.fulfill(json={**ASKED, "news": 2, "phase": "voting", "tallies": []})
        elif "/join/" in address:
            held.append(route)  # a long poll, or a vote
        else:
            route.fulfill(body=students_page._document()[0], content_type="text/html")

    phone.route("http://room.test/**", answer)
    phone.goto("http://room.test/join?room=BDHJ")
    return held


def wait_for(phone, held, name, count=1):
    """The requests for an address, once there are so many."""
    while len(found := [route for route in held if name in route.request.url]) < count:
        phone.wait_for_timeout(20)
    return found


@pytest.mark.fault("a vote that arrives when voting has just closed", "the phone keeps the result that it shows")
def test_a_refused_vote_does_not_take_back_what_the_phone_learned_meanwhile(phone):
    held = held_requests(phone)
    phone.locator("button.option").first.click()
    (poll,), (vote,) = wait_for(phone, held, "state"), wait_for(phone, held, "vote")
    poll.fulfill(json={**ASKED, "news": 3, "phase": "shown", "tallies": [[3, 5]]})
    expect(phone.locator(".result")).to_have_count(2)
    vote.fulfill(status=409, json={"error": "Voting on this question is closed."})
    phone.wait_for_timeout(200)
    expect(phone.locator(".result")).to_have_count(2)


@pytest.mark.fault("a vote that fails after a newer one was given", "the newer one is sent, shown and counted")
def test_votes_are_sent_one_after_the_other_and_the_last_one_counts(phone):
    held = held_requests(phone)
    options = phone.locator("button.option")
    for number in (0, 1, 0, 1):
        options.nth(number).click()
    (first,) = wait_for(phone, held, "vote")  # the others wait, so they cannot arrive before it
    first.abort()
    _, last = wait_for(phone, held, "vote", 2)
    assert (first.request.post_data_json["choice"], last.request.post_data_json["choice"]) == (0, 1)
    expect(phone.get_by_role("status")).to_have_text("Sending your vote.")
    last.fulfill(json={**ASKED, "mine": [1], "news": 2, "phase": "voting", "tallies": []})
    expect(phone.get_by_role("status")).to_contain_text("You chose B")
    assert len(wait_for(phone, held, "vote")) == 2
    options.first.click()
    wait_for(phone, held, "vote", 3)[-1].abort()
    expect(phone.get_by_role("status")).to_contain_text("did not arrive")
    expect(options.nth(1)).to_have_attribute("aria-pressed", "true")  # what the server has
