"""A lecturer's room on the page Lesson: open it, ask, show, ask again, reveal; and who may lead it."""

import pytest
from opened import opened, text

from ui.rooms.store import rooms
from vicreg.lessons import bundled, read

pytestmark = pytest.mark.usefixtures("page_world", "without_pictures")
LESSON = read(bundled()["20-minutes"])
ME = "0" * 32


@pytest.fixture
def room():
    room = rooms().open()
    yield room
    rooms().close(room)


def at_step(room, step: int = 1, secret: str = ""):
    """The page Lesson at a step, opened by the private link."""
    return opened("lesson", data=None, lesson="20-minutes", step=str(step), host=f"{room.code}-{secret or room.secret}")


def words(app) -> str:
    """What is written on the page, the HTML of the bars included."""
    return text(app) + "".join(str(html.proto.body) for html in app.get("html"))


def test_a_lecturer_opens_a_room_and_closes_it():
    app = opened("lesson", data=None)
    app.button(key="room_open").click().run()
    code = app.session_state["_room_led"][0]
    assert rooms().get(code) is not None
    assert f"**Room {code}**" in text(app)
    app.button(key="room_close").click().run()
    assert not app.exception
    assert rooms().get(code) is None
    assert app.button(key="room_open")


def test_the_class_votes_twice_and_the_answer_follows_the_reveal(room):
    step = LESSON.steps[0]
    app = at_step(room)
    assert not app.radio
    assert room.board().question.right == step.answer
    assert "*" not in room.board().question.text
    room.vote(ME, room.board().question.step, 1, step.answer)
    app.run()
    assert "**1** of 1 have voted" in [bar.proto.text for bar in app.get("progress")]
    assert "of 1 (" not in words(app)
    app.button(key="room_bar_chart").click().run()
    assert "1 of 1 (100 %)" in words(app)
    assert step.choices[step.answer].because not in text(app)
    app.button(key="room_forum").click().run()
    app.button(key="room_visibility").click().run()
    assert not app.exception
    assert "before: 1 of 1 (100 %)" in words(app)
    assert "after: 0 of 0 (0 %)" in words(app)
    assert "right answer" in words(app)
    assert not [button for button in app.button if button.key in ("room_bar_chart", "room_forum", "room_visibility")]


def test_the_next_step_reaches_the_phones(room):
    app = at_step(room)
    first = room.view(ME)
    app.button(key="next").click().run()
    second = room.view(ME)
    assert second.news > first.news
    assert second.question.step.endswith(LESSON.steps[1].key)


def test_a_wrong_secret_leads_nothing_and_the_right_one_leaves_the_address(room):
    wrong = at_step(room, secret="guessed")
    assert "no longer works" in text(wrong)
    assert wrong.radio
    assert "_room_led" not in wrong.session_state
    assert "host" not in at_step(room).query_params


def test_an_unknown_address_is_refused_and_a_good_one_is_in_the_link(room):
    app = at_step(room)
    app.text_input(key="room_address").set_value("not an address").run()
    assert "An address looks like" in text(app)
    app.text_input(key="room_address").set_value("https://vicreg.example.org/app/").run()
    assert f"https://vicreg.example.org/app/join?room={room.code}" in [code.value for code in app.code]


def test_who_opens_the_lesson_with_a_code_is_shown_the_way_to_vote():
    assert "join?room=BDHJ" in text(opened("lesson", data=None, room="BDHJ"))
    assert "join?room" not in text(opened("lesson", data=None, room="<script>"))
